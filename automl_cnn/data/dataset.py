"""`Dataset`: everything that a search knows about its images, except their pixels."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from automl_cnn.config import Metric
from automl_cnn.data.fit import Fit
from automl_cnn.data.labelsets import NONE, SEPARATOR, indicators
from automl_cnn.data.levels import CONVENTION, Levels
from automl_cnn.data.numbers import written
from automl_cnn.data.place import kept_array, located_array
from automl_cnn.data.split import SPLITS
from automl_cnn.errors import DataError
from automl_cnn.tasks import Multiclass, Multilabel, Regression, Target, Task

EARLIER: dict[str, Any] = {
    "fit": "squash",
    "groups": (),
    "given": (),
    "aside": (),
    "own_test": False,
    "label_sets": (),
    "ordered": False,
    "numbers": (),
    "targets": (),
}  # in a file of an earlier version
SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Skipped:
    """A file that was left out, and why, in one sentence."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images that were read, checked and split; row i of the pixel array, `paths`, `labels` and `splits` belong together.

    `side` is the size in pixels of the stored squares, `native` the median shorter side of the files;
    `array` is where the pixels lie (read them with `automl_cnn.data.pixels`); `fingerprint` changes with
    any path, label or byte; `duplicates` counts the images that are a copy of another; `notes` are for the user.
    """

    name: str
    folder: str
    classes: tuple[str, ...]
    channels: int  # 1 where every image is gray, else 3
    side: int
    paths: tuple[str, ...]
    labels: np.ndarray  # int32 (n,): the class; of several labels or numbers for an image, its place in `label_sets` or `numbers`
    splits: np.ndarray  # int8 (n,): 0 train, 1 val, 2 test
    fingerprint: str
    array: str
    skipped: tuple[Skipped, ...] = ()
    duplicates: int = 0
    notes: tuple[str, ...] = ()
    native: int = 0
    levels: Levels = CONVENTION  # black and white in the sources that the images came from
    fit: Fit = "squash"  # how photos that are not square were made so
    groups: tuple[int, ...] = ()  # a number for each image, the same for all versions of one photo; empty where that is not known
    given: tuple[str, ...] = ()  # the splits that the folder came with; the others were drawn
    aside: tuple[tuple[int, str], ...] = ()  # rows that belong to no split, and why
    own_test: bool = False  # whether the test images came as a split of their own, and were not drawn from the others
    ordered: bool = False  # whether the classes are given from the lowest to the highest
    label_sets: tuple[tuple[int, ...], ...] = ()  # where images have several labels: the different sets of them, as places in `classes`
    numbers: tuple[tuple[float, ...], ...] = ()  # where images have numbers: the different rows of them, a number for each of `classes`
    targets: tuple[Target, ...] = ()  # and what these are

    def __len__(self) -> int:
        return len(self.paths)

    def rows(self, split: SplitName) -> np.ndarray:
        """The rows of a split, ascending."""
        return np.flatnonzero(self.splits == SPLITS[split])

    @property
    def label_names(self) -> tuple[str, ...]:
        """A name for each value of `labels`: the classes, the sets of labels, such as `cat|dog`, or the numbers."""
        if self.numbers:
            return tuple(SEPARATOR.join(map(written, row)) for row in self.numbers)
        return tuple(SEPARATOR.join(self.classes[label] for label in one) or NONE for one in self.label_sets) or self.classes

    @cached_property
    def strata(self) -> np.ndarray:
        """The stratum of each image, int (images,): its class, its rarest label, or the part from low to high numbers. Splits are stratified by it."""
        return self.task.strata(self.truth(np.arange(len(self))))

    @property
    def labels_each(self) -> tuple[int, ...]:
        """If images have several labels, the number of images with no label, one, two and so on; otherwise empty."""
        if not self.label_sets:
            return ()
        return tuple(np.bincount([len(one) for one in self.label_sets], np.bincount(self.labels, minlength=len(self.label_sets))).astype(int).tolist())

    @property
    def task(self) -> Task:
        """The task of these images."""
        if self.numbers:
            return Regression(len(self.classes), self.targets)
        return Multilabel(len(self.classes)) if self.label_sets else Multiclass(len(self.classes), self.ordered)

    def truth(self, rows: np.ndarray) -> np.ndarray:
        """The true values for the images in `rows`, in the form that the task takes: classes, int (rows,); labels, uint8 (rows, labels); or numbers,
        float64 (rows, numbers)."""
        return np.asarray(self.labels[rows] if self._meaning is None else self._meaning[self.labels[rows]])

    def counts(self, split: SplitName) -> np.ndarray:
        """How many images of each class or label a split holds, int64 (classes,)."""
        return self.of_each(self.rows(split))

    @cached_property
    def _meaning(self) -> np.ndarray | None:
        """The meaning of each value of `labels` if it is not a class. Cached, because every batch of a training asks for it."""
        if self.numbers:
            return np.array(self.numbers, np.float64)
        return indicators(self.label_sets, len(self.classes)) if self.label_sets else None

    def of_each(self, rows: np.ndarray) -> np.ndarray:
        """How many of the images in `rows` have each class, label or number, int64 (classes,)."""
        return self.task.counted(self.truth(rows))

    def same_answer(self, split: SplitName, metric: Metric) -> float:
        """The score of the constant prediction for a split, chosen by the training images."""
        return self.task.baseline(metric, self.truth(self.rows("train")), self.truth(self.rows(split)))

    def copied(self, split: SplitName) -> float | None:
        """The share of a split's images with a version in the training split; None if groups are unknown."""
        mine, numbers = self.rows(split), np.asarray(self.groups)
        return float(np.mean(np.isin(numbers[mine], numbers[self.rows("train")]))) if len(numbers) and len(mine) else None

    def groups_of(self, split: SplitName) -> np.ndarray:
        """The group of each of a split's images; empty where no groups are known."""
        return np.asarray(self.groups)[self.rows(split)] if self.groups else np.zeros(0, int)

    def photos(self, rows: np.ndarray) -> np.ndarray | None:
        """The group of each image in `rows`: the same for versions of one photo. None where no groups are known."""
        return np.asarray(self.groups)[rows] if self.groups else None

    def independent(self, split: SplitName) -> int:
        """The number of different photos in a split: versions of one photo count once."""
        rows = self.rows(split)
        return len(np.unique(np.asarray(self.groups)[rows])) if self.groups else len(rows)

    @property
    def imbalance(self) -> float:
        """The size of the largest class of the training split over the smallest; 1 if all are equal."""
        counts = self.counts("train")
        return float(counts.max() / max(1, counts.min()))

    def save(self, path: Path) -> None:
        """Write one JSON file atomically: a reader sees the old file or the new one, never a part."""
        own = {"labels": self.labels.tolist(), "splits": self.splits.tolist(), "levels": self.levels.as_dict(), "array": kept_array(self.array, Path(path))}
        values = {**asdict(self), **own}
        for name in ("label_sets", "numbers", "targets", "ordered"):
            if not values[name]:
                del values[name]  # so that earlier versions can read the file
        write_atomically(Path(path), json.dumps(values).encode())

    @classmethod
    def load(cls, path: Path) -> Dataset:
        """The data set that `save` wrote.

        Raises:
            DataError: the file is missing or is not a saved data set.
        """
        try:
            values: dict[str, Any] = json.loads(Path(path).read_bytes())
            values["levels"] = Levels.from_dict(values.get("levels"))  # an older file does not state them
            values = {**EARLIER, **values}
            values = {field.name: tuple(value) if isinstance(value := values[field.name], list) else value for field in fields(cls)}
            values["labels"] = np.array(values["labels"], np.int32)
            values["splits"] = np.array(values["splits"], np.int8)
            values["label_sets"] = tuple(tuple(int(label) for label in one) for one in values["label_sets"])
            values["numbers"] = tuple(tuple(float(number) for number in one) for one in values["numbers"])
            values["targets"] = tuple(Target(**one) for one in values["targets"])
            values["aside"] = tuple((int(row), str(why)) for row, why in values["aside"])
            values["skipped"] = tuple(Skipped(**skipped) for skipped in values["skipped"])
            values["array"] = located_array(str(values["array"]), Path(path))
            return cls(**values)
        except OSError as error:
            raise DataError(f"The data set's description {path} cannot be read: {error.strerror}. Run the search again to write it again.") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, DataError):  # deeply nested JSON is not a data set either
            raise DataError(f"{path} is not a data set description written by `Dataset.save`. Run the search again to write it again.") from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it: a reader never sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
