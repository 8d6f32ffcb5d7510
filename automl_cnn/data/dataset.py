"""`Dataset`: everything a search knows about its images, beside their pixels."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np

from automl_cnn.data.fit import Fit
from automl_cnn.data.levels import CONVENTION, Levels
from automl_cnn.data.place import found_array, kept_array
from automl_cnn.data.split import SPLITS
from automl_cnn.errors import DataError

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
    labels: np.ndarray  # int32 (n,)
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

    def __len__(self) -> int:
        return len(self.paths)

    def rows(self, split: SplitName) -> np.ndarray:
        """The rows of a split, ascending."""
        return np.flatnonzero(self.splits == SPLITS[split])

    def counts(self, split: SplitName) -> np.ndarray:
        """How many images of each class a split holds, int64 (classes,)."""
        return np.bincount(self.labels[self.rows(split)], minlength=len(self.classes))

    def copied(self, split: SplitName) -> float | None:
        """The share of a split's images that have a version of themselves in the training split; None where that is not known."""
        mine, numbers = self.rows(split), np.asarray(self.groups)
        return float(np.mean(np.isin(numbers[mine], numbers[self.rows("train")]))) if len(numbers) and len(mine) else None

    def groups_of(self, split: SplitName) -> np.ndarray:
        """The group of each of a split's images; empty where no groups are known."""
        return np.asarray(self.groups)[self.rows(split)] if self.groups else np.zeros(0, int)

    def photos(self, rows: np.ndarray) -> np.ndarray | None:
        """The group of each image in `rows`: the same for versions of one photo. None where no groups are known."""
        return np.asarray(self.groups)[rows] if self.groups else None

    def independent(self, split: SplitName) -> int:
        """How many photos the split's images show: versions of one photo count once."""
        rows = self.rows(split)
        return len(np.unique(np.asarray(self.groups)[rows])) if self.groups else len(rows)

    @property
    def imbalance(self) -> float:
        """The largest class of the training split over the smallest; 1 where all are equal."""
        counts = self.counts("train")
        return float(counts.max() / max(1, counts.min()))

    def save(self, path: Path) -> None:
        """Write one JSON file; whoever reads it sees the old one or the new one, never a part."""
        own = {"labels": self.labels.tolist(), "splits": self.splits.tolist(), "levels": self.levels.as_dict(), "array": kept_array(self.array, Path(path))}
        values = {**asdict(self), **own}
        write_atomically(Path(path), json.dumps(values).encode())

    @classmethod
    def load(cls, path: Path) -> Dataset:
        """What `save` wrote.

        Raises:
            DataError: the file is missing or is no saved data set.
        """
        try:
            values: dict[str, Any] = json.loads(Path(path).read_bytes())
            values["levels"] = Levels.from_dict(values.get("levels"))  # an older file does not state them
            values = {"fit": "squash", "groups": (), "given": (), "aside": (), "own_test": False, **values}  # files of earlier versions have none
            values = {field.name: tuple(value) if isinstance(value := values[field.name], list) else value for field in fields(cls)}
            values["labels"] = np.array(values["labels"], np.int32)
            values["splits"] = np.array(values["splits"], np.int8)
            values["aside"] = tuple((int(row), str(why)) for row, why in values["aside"])
            values["skipped"] = tuple(Skipped(**skipped) for skipped in values["skipped"])
            values["array"] = found_array(str(values["array"]), Path(path))
            return cls(**values)
        except OSError as error:
            raise DataError(f"The data set's description {path} cannot be read: {error.strerror}. Run the search again to write it again.") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, DataError):  # deeply nested JSON is no data set either
            raise DataError(f"{path} is no data set's description, as `Dataset.save` writes it. Run the search again to write it again.") from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it, so that nobody sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
