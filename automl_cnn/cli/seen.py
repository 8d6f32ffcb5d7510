"""Which of the images that `automl-cnn predict` gets were part of the model's own search: its accuracy on them is not its accuracy on new photos."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from automl_cnn.cli.console import plural
from automl_cnn.errors import AutomlCnnError
from automl_cnn.paths import unusable

if TYPE_CHECKING:
    import numpy as np

    from automl_cnn.cli.compared import Compared
    from automl_cnn.data.to_predict import Picture

LEARNED, CHOSEN = "learned", "chosen"


@dataclass(frozen=True)
class OwnImages:
    """The images of a model's search: `parts` maps each file to `LEARNED` or `CHOSEN`. Test images are not among them, unless the model learned from them."""

    study: str = ""
    parts: Mapping[Path, str] = field(default_factory=dict)


@dataclass
class Seen:
    """Counts the images with a label that the model knows, and compares the other ones by themselves."""

    own: OwnImages
    others: Compared
    counts: dict[str, int] = field(default_factory=lambda: {LEARNED: 0, CHOSEN: 0})

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
        ways = [f"learned from {learned:,} of them"] * bool(learned) + [f"was chosen by {chosen:,} of them"] * bool(chosen)
        if not ways:
            return ""
        warning = f"The model {' and '.join(ways)}, so this does not show how good it is on new images."
        if self.others.known:
            return f"{warning}\nOn the other {plural(self.others.known, 'image')}: {self.others.sentence}"
        return f"{warning} `automl-cnn report {self.own.study}` shows its scores on test images."


def parts_of(model: str, root: Path) -> OwnImages:
    """The images of the search that made the model; none if the model is not in a study's folder, or the study's list of images cannot be read."""
    from automl_cnn.data.dataset import Dataset
    from automl_cnn.export import bundle
    from automl_cnn.modelfile.file import read_card
    from automl_cnn.store import Store, StudyFolder

    try:
        if unusable(model):
            return OwnImages()
        file = bundle.resolve(model, Store(root))
        folder = StudyFolder(file.resolve().parent.parent)
        dataset, card = Dataset.load(folder.manifest), read_card(file)
    except (AutomlCnnError, OSError):
        return OwnImages()
    if card.get("data_fingerprint") != dataset.fingerprint:
        return OwnImages()
    refitted = card.get("refit") or {}
    learned = {"train", *refitted.get("splits", ())}
    parts: dict[Path, str] = {}
    for split in ("train", "val", "test"):
        if split in learned or split == "val":
            parts.update((_file(Path(dataset.folder, dataset.paths[row])), LEARNED if split in learned else CHOSEN) for row in dataset.rows(split))
    return OwnImages(folder.name, parts)


def _file(path: Path) -> Path:
    """The path without links in its folders."""
    return _folder(str(path.parent)) / path.name


@lru_cache(maxsize=4096)
def _folder(path: str) -> Path:
    return Path(os.path.realpath(path))
