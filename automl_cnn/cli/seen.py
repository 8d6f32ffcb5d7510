"""Which of the images that `automl-cnn predict` gets were part of the model's own search: its accuracy on them is not its accuracy on new photos."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl_cnn.cli.console import plural
from automl_cnn.errors import AutomlCnnError
from automl_cnn.paths import unusable

if TYPE_CHECKING:
    import numpy as np

    from automl_cnn.cli.compared import Compared
    from automl_cnn.data import Dataset
    from automl_cnn.data.dataset import SplitName
    from automl_cnn.data.to_predict import Picture

LEARNED, CHOSEN = "learned", "chosen"
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class OwnImages:
    """The images of a model's search: `parts` maps each file to `LEARNED` or `CHOSEN`. Test images are not among them, unless the model learned from them."""

    study: str = ""
    parts: Mapping[Path, str] = field(default_factory=dict)


@dataclass
class Seen:
    """Counts the images with a label that the model knows, and compares the other ones by themselves. `find` is called at the first such image."""

    find: Callable[[], OwnImages]
    others: Compared
    counts: dict[str, int] = field(default_factory=lambda: {LEARNED: 0, CHOSEN: 0})

    @cached_property
    def own(self) -> OwnImages:
        """The images of the model's search."""
        return self.find()

    def add(self, picture: Picture, answers: np.ndarray) -> None:
        """Add an image whose label is known, and its predictions (1, outputs)."""
        part = self.own.parts.get(_file(picture.path)) if self.own.parts else None
        if part is None:
            self.others.add(picture, answers)
        else:
            self.counts[part] += 1

    @property
    def caveat(self) -> str:
        """Why the scores are not those of new images, and the scores on the other ones; "" if the model knows none of them."""
        learned, chosen = self.counts[LEARNED], self.counts[CHOSEN]
        ways = [words for count, words in ((learned, f"learned from {learned:,} of them"), (chosen, f"was chosen by {chosen:,} of them")) if count]
        if not ways:
            return ""
        warning = f"The model {' and '.join(ways)}, so this does not show how good it is on new images."
        if self.others.known:
            return f"{warning}\nOn the other {plural(self.others.known, 'image')}: {self.others.sentence}"
        return f"{warning} `automl-cnn report {self.own.study}` shows its scores on test images."


def own_images(model: str, card: Mapping[str, Any], root: Path) -> OwnImages:
    """The images of the search that made the model with this card: of the study in whose folder it is, or of the card's study in the store `root`.

    There are none if no such study is here, or if it has other images.
    """
    from automl_cnn.data.dataset import Dataset
    from automl_cnn.store import Store, StudyFolder

    store, studies = Store(root), Store(root).studies
    path = None if unusable(model) or not Path(model).exists() else Path(model).resolve()
    here = [StudyFolder(folder) for folder in (path, *path.parents[:2])] if path else []  # the study's folder, its `best` or `trials`, or a file in these
    for study in (*here, *(store.find(name) for name in (model, str(card.get("study"))) if name in studies)):
        try:
            dataset = Dataset.load(study.manifest)
        except AutomlCnnError:
            continue
        if dataset.fingerprint == card.get("data_fingerprint"):
            return OwnImages(study.name, _parts(dataset, card))
    return OwnImages()


def _parts(dataset: Dataset, card: Mapping[str, Any]) -> dict[Path, str]:
    """The files that the model learned from or was chosen by."""
    learned = {"train", *(card.get("refit") or {}).get("splits", ())}
    parts: dict[Path, str] = {}
    for split in SPLITS:
        if split in learned or split == "val":
            parts.update((_file(Path(dataset.folder, dataset.paths[row])), LEARNED if split in learned else CHOSEN) for row in dataset.rows(split))
    return parts


def _file(path: Path) -> Path:
    """The path without links in its folders."""
    return _folder(str(path.parent)) / path.name


@lru_cache(maxsize=4096)
def _folder(path: str) -> Path:
    return Path(os.path.realpath(path))
