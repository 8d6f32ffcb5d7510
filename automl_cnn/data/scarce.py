"""The error message for classes with too few images for the splits; it names all of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automl_cnn.paths import shortened

_ADVICE = "Add images, or remove the class's folder."
_SHOWN = 10
_SHORTEST = 3  # different images that a class needs for train, val and test


@dataclass(frozen=True)
class Scarce:
    """A class without enough images: its readable images by split, and how many of them differ."""

    name: str
    counts: Mapping[str, int]
    different: int

    @property
    def total(self) -> int:
        """All its images."""
        return sum(self.counts.values())


def too_few(classes: Sequence[Scarce], carved: Sequence[str]) -> str:
    """The message that names the classes with too few images and what to do; the splits `carved` are taken from the training images."""
    if len(carved) == 2:
        needed = f"expected at least {_SHORTEST} different ones that are in no other class, one each to train, to validate and to test"
        return _listed(classes, [_all(scarce) for scarce in classes], needed)
    given = [split for split in ("train", "val", "test") if split not in carved]
    missing = [scarce for scarce in classes if any(not scarce.counts[split] for split in given)]
    short = [scarce for scarce in classes if scarce not in missing]
    texts = []
    if missing:
        holes = [f"no readable image in {' and '.join(split for split in given if not scarce.counts[split])}" for scarce in missing]
        texts.append(_listed(missing, holes, "expected at least one", "Add some there, or put all images in one folder per class."))
    if short:
        needed = f"expected at least {1 + len(carved)} different ones that are in no other class or split, since {' and '.join(carved)} is taken from them"
        texts.append(_listed(short, [f"{_images(scarce.counts['train'])} in train" for scarce in short], needed))
    return " ".join(texts)


def _all(scarce: Scarce) -> str:
    return _images(scarce.total) + (f", only {scarce.different} of them different" if scarce.different < scarce.total else "")


def _images(count: int) -> str:
    return f"{count} readable image{'' if count == 1 else 's'}"


def _listed(classes: Sequence[Scarce], haves: Sequence[str], needed: str, advice: str = "") -> str:
    if len(classes) == 1:
        return f"The class '{shortened(classes[0].name)}' has {haves[0]}: {needed}. {advice or _ADVICE}"
    listed = "; ".join(f"'{shortened(scarce.name)}' has {have}" for scarce, have in zip(classes[:_SHOWN], haves, strict=False))
    listed += f"; and {len(classes) - _SHOWN:,} more" if len(classes) > _SHOWN else ""
    return f"{len(classes)} classes have too few images: {listed}. For each: {needed}. {advice or 'Add images, or remove the folders of these classes.'}"
