"""Images to be checked, with what is known of their files, and what follows from counting them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from automl_cnn.check import copies, headers, names, values
from automl_cnn.data import Dataset, Source, pixels
from automl_cnn.data.grouping import by_camera, by_name
from automl_cnn.data.groups import same_bytes
from automl_cnn.data.header import Header
from automl_cnn.data.split import SPLITS
from automl_cnn.dataset_summary import LABELS_EACH, RANGES, TASK
from automl_cnn.judged import metric_name
from automl_cnn.problems import Case, Problem, many, verb
from automl_cnn.tasks.regression import TARGETS

FEW, UNEQUAL = 20, 3.0  # images of a class below which it is small, and largest over smallest class from which on they are unequal


@dataclass(frozen=True)
class Material:
    """`headers`, `digests` and `given` (the split that the user chose) belong to the data set's rows; the first two are empty for images in memory.

    `grouped` says that the user named the groups, so that the data set's groups are not versions of one photo.
    """

    dataset: Dataset
    headers: tuple[Header, ...]
    digests: tuple[str, ...]
    given: tuple[str | None, ...]
    grouped: bool = False

    @classmethod
    def of(cls, source: Source, dataset: Dataset, group_by: str | None = None) -> Material:
        """Of files that were read."""
        probes = [source.probes[row] for row in source.good]
        known = tuple(probe.header for probe in probes if probe.header is not None)
        given = tuple(source.scan.files[row][2] for row in source.good)
        digests = tuple(probe.digest for probe in probes)
        return cls(dataset, known if len(known) == len(probes) else (), digests, given, group_by is not None or bool(source.scan.groups))

    @classmethod
    def in_memory(cls, dataset: Dataset) -> Material:
        """Of images that came without files."""
        name = {number: split for split, number in SPLITS.items()}
        given = (name.get(int(number)) for number in dataset.splits)
        return cls(dataset, (), (), tuple(split if split in dataset.given else None for split in given))

    def with_dataset(self, dataset: Dataset) -> Material:
        """The same images, split otherwise."""
        return dataclasses.replace(self, dataset=dataset)

    @property
    def facts(self) -> dict[str, Any]:
        """The images in figures, by name."""
        dataset, given = self.dataset, self.given
        return {
            "images": len(dataset),
            "classes": dict(zip(dataset.classes, dataset.of_each(np.arange(len(dataset))).tolist(), strict=True)),
            "splits": {name: sum(1 for one in given if one == name) for name in ("train", "val", "test") if name in given},
            **({} if dataset.task.exclusive else {TASK: dataset.task.name, LABELS_EACH: list(dataset.labels_each), **_ranges(dataset)}),
            **headers.facts_of(self.headers),
            "notes": list(dataset.notes),
        }

    @property
    def beyond(self) -> tuple[str, ...]:
        """What no check covers for such images."""
        return tuple(filter(None, (self.dataset.task.words.doubted,)))

    def counted(self) -> list[Problem]:
        """Files that cannot be used; small classes and unequal ones, or odd numbers."""
        return [*_files(self.dataset), *(_classes(self.dataset) if self.dataset.task.probable else values.problems_of(self.dataset))]

    def of_headers(self) -> list[Problem]:
        """What the headers of the files show."""
        dataset = self.dataset
        labels, names = _guessable(dataset)
        return headers.problems_of(dataset.paths, labels, names, self.headers, dataset.fit, words=dataset.task.words)

    def of_names(self) -> list[Problem]:
        """Groups that names and times in the files show; none where the user named the groups."""
        if self.grouped:
            return []
        return names.problems_of(self.dataset.paths, [by_name(self.dataset.paths, self.dataset.labels.tolist()), by_camera(self.headers)])

    @property
    def knows_versions(self) -> bool:
        """Whether the data set's groups are versions of one photo."""
        return bool(self.digests) and not self.grouped

    def of_copies(self, more: Sequence[copies.Pair] = ()) -> list[Problem]:
        """What copies do: the exact ones, the altered ones that the split keeps together already, and `more`."""
        dataset = self.dataset
        return copies.problems_of(
            dataset.paths,
            dataset.labels,
            dataset.label_names,
            self.given,
            same=same_bytes(self.digests) if self.digests else _same_pixels(dataset),
            pairs=[*(_related(dataset) if self.knows_versions else ()), *more],
            aside={row for row, _ in dataset.aside},
            words=dataset.task.words,
        )


def _ranges(dataset: Dataset) -> dict[str, Any]:
    """What numbers images have, and where these lie; nothing of labels."""
    extent = dataset.task.extent(dataset.truth(np.arange(len(dataset))))
    return {TARGETS: [dataclasses.asdict(target) for target in dataset.targets], RANGES: extent} if extent else {}


def _guessable(dataset: Dataset) -> tuple[np.ndarray, tuple[str, ...]]:
    """What could be guessed from the files, and its names: classes or sets of labels, or from which of a few parts, from low to high, a number is."""
    if dataset.task.probable:
        return dataset.labels, dataset.label_names
    numbers, parts = dataset.truth(np.arange(len(dataset))), dataset.strata
    if len(dataset.targets) > 1:
        return parts, tuple(f"part {part + 1} of {int(parts.max()) + 1}" for part in range(int(parts.max()) + 1))
    shown = dataset.targets[0].brief
    ends = [(numbers[parts == part].min(), numbers[parts == part].max()) for part in range(int(parts.max()) + 1)]
    return parts, tuple(f"{shown(low)} to {shown(high)}" for low, high in ends)


def _files(dataset: Dataset) -> list[Problem]:
    if not dataset.skipped:
        return []
    count = len(dataset.skipped)
    return [
        Problem(
            "unreadable",
            "error",
            f"{many(count, 'file')} cannot be used.",
            f"It leaves {verb(count, 'it', 'them')} out.",
            "Replace damaged files with good copies.",
            count,
            tuple(Case(one.path, one.reason) for one in dataset.skipped),
        )
    ]


def _classes(dataset: Dataset) -> list[Problem]:
    counts, words = dataset.of_each(np.arange(len(dataset))), dataset.task.words
    problems = []
    small = [number for number in np.argsort(counts, kind="stable") if counts[number] < FEW]
    if small:
        problems.append(
            Problem(
                "small_class",
                "warning",
                f"{words.count(len(small))} {verb(len(small), 'has', 'have')} fewer than {FEW} images.",
                "It learns them from the images there are; their scores have wide intervals.",
                words.small,
                int(counts[small].sum()),
                tuple(Case(dataset.classes[number], many(int(counts[number]))) for number in small),
                words.small_title,
            )
        )
    if counts.max() >= UNEQUAL * max(1, counts.min()):
        most, least = (dataset.classes[int(place)] for place in (counts.argmax(), counts.argmin()))
        problems.append(
            Problem(
                "unequal",
                "note",
                words.unequal.format(most=counts.max(), frequent=most, least=counts.min(), rare=least),
                words.unequal_search.format(metric=metric_name(dataset.task.suited(counts))),
                f"Add images of the {words.scarce}, if you can.",
                len(dataset),
                heading=words.unequal_title,
            )
        )
    return problems


def _related(dataset: Dataset) -> list[copies.Pair]:
    """Pairs that the split keeps together already, by name or by pixels; those with the same bytes are among them."""
    return [copies.Pair(first, row) for first, *others in _versions(dataset) for row in others]


def _same_pixels(dataset: Dataset) -> list[list[int]]:
    """Rows of the same stored pixels, two or more each."""
    families = _versions(dataset)
    if not families:
        return []
    images, same = pixels(dataset, dataset.side), []
    for family in families:
        digests = [hashlib.blake2b(images[row].tobytes()).hexdigest() for row in family]
        same += [[family[place] for place in places] for places in same_bytes(digests)]
    return same


def _versions(dataset: Dataset) -> list[list[int]]:
    """The rows of each photo of which there are several versions."""
    rows: dict[int, list[int]] = {}
    for row, group in enumerate(dataset.groups):
        rows.setdefault(group, []).append(row)
    return [family for family in rows.values() if len(family) > 1]
