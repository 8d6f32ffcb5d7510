"""One check of a folder: headers, pixels, copies, groups, labels."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.check import copies, headers, looks, names, suspects
from automl_cnn.check.features import SIDE, Read
from automl_cnn.check.features import read as read_features
from automl_cnn.check.pictures import pictures_of
from automl_cnn.check.problem import ORDER, Case, Checked, Problem, many, verb
from automl_cnn.data import Dataset, Source, dataset_of, pixels, read
from automl_cnn.data.assemble import Splitting
from automl_cnn.data.grouping import by_camera, by_name
from automl_cnn.data.groups import same_bytes
from automl_cnn.data.header import Header
from automl_cnn.data.inputs import scan_input
from automl_cnn.errors import AutomlCnnError
from automl_cnn.metrics import suited
from automl_cnn.registry import Registry
from automl_cnn.urls import Url

FEW, UNEQUAL = 20, 3.0  # images of a class below which it is small, and largest over smallest class from which on they are unequal
MOST_PAIRS = 50_000  # images up to which every image's nearest neighbors are looked for: memory and time grow with the square
Report = Callable[[str, int, int], None]  # what is being done, how many are done, of how many


def check(
    folder: Path | Url,
    cache: Path,
    registry: Registry | None,
    *,
    seed: int = 0,
    seconds: float | None = 120.0,
    max_pixels: float | None = None,
    columns: str | None = None,
    report: Report | None = None,
) -> Checked:
    """Look for what may spoil a search in `folder`: see `automl_cnn.check.problem` for what comes back.

    Decoded images and features go into `cache`, where a search finds them. Without a `registry` no network looks at the images, so that labels and
    altered copies across classes are not checked. Reading them with it takes at most about `seconds`; of a larger set a random part is looked at.

    Raises:
        DataError: the folder cannot be searched: no classes, or too few images in one.
        StoreError: `cache` cannot be written.
    """
    began = time.monotonic()
    tell = report or (lambda what, done, of: None)
    files = scan_input(folder, cache=cache, columns=columns, fetched=lambda done, of: tell("fetching the images, in megabytes", done // 10**6, of // 10**6))
    source = read(files, cache, max_pixels=max_pixels, progress=lambda done, of: tell("reading the images", done, of))
    dataset = dataset_of(source, cache, Splitting(seed))
    good = source.good
    known = [source.probes[row].header for row in good]
    header_list: list[Header] = [header for header in known if header is not None]
    given = [source.scan.files[row][2] for row in good]
    digests = [source.probes[row].digest for row in good]
    problems = [*_files(source, dataset), *_classes(dataset), *headers.problems_of(dataset.paths, dataset.labels, dataset.classes, header_list)]
    tell("looking at the pixels", 0, 1)
    problems += looks.problems_of(dataset.paths, looks.looks_of(pixels(dataset, dataset.side)))
    problems += names.problems_of(dataset.paths, [by_name(dataset.paths, dataset.labels.tolist()), by_camera(header_list)])
    unchecked: list[str] = []
    features = _features(dataset, registry, seconds, tell, unchecked)
    same, pairs = same_bytes(digests), _related(dataset)
    if features is not None:
        if len(features.rows) > MOST_PAIRS:
            unchecked.append(f"altered copies: more than {MOST_PAIRS:,} images")
        else:
            tell("comparing images", 0, 1)
            small = pixels(dataset, min(dataset.side, SIDE))
            local = copies.near(features.plain[:, features.last], features.mirrored[:, features.last], small[features.rows])
            pairs += [copies.Pair(int(features.rows[pair.one]), int(features.rows[pair.other]), pair.details, pair.mirrored) for pair in local]
        problems += _labels(dataset, features, unchecked)
    problems += copies.problems_of(dataset.paths, dataset.labels, dataset.classes, given, same=same, pairs=pairs)
    problems.sort(key=lambda problem: (ORDER.index(problem.severity), -problem.count))
    return Checked(
        dataset.folder,
        _facts(dataset, given, header_list, features),
        tuple(problems),
        tuple(unchecked),
        time.monotonic() - began,
        pictures_of(dataset, problems),
    )


def _facts(dataset: Dataset, given: Sequence[str | None], known: Sequence[Header], features: Read | None) -> dict[str, Any]:
    """The folder in figures, by name."""
    return {
        "images": len(dataset),
        "classes": {name: int(np.sum(dataset.labels == number)) for number, name in enumerate(dataset.classes)},
        "splits": {name: sum(1 for one in given if one == name) for name in ("train", "val", "test") if name in given},
        **headers.facts_of(known),
        "seen_by_network": 0 if features is None else len(features.rows),
        "network": "" if features is None else features.network,
        "notes": list(dataset.notes),
    }


def _files(source: Source, dataset: Dataset) -> list[Problem]:
    if not dataset.skipped:
        return []
    count = len(dataset.skipped)
    return [
        Problem(
            "unreadable",
            "error",
            f"{many(count, 'file')} cannot be used.",
            "It leaves them out.",
            "Replace damaged files by good copies. The reasons stand beside each.",
            count,
            tuple(Case(one.path, one.reason) for one in dataset.skipped),
        )
    ]


def _classes(dataset: Dataset) -> list[Problem]:
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
    problems = []
    small = [number for number in np.argsort(counts, kind="stable") if counts[number] < FEW]
    if small:
        problems.append(
            Problem(
                "small_class",
                "warning",
                f"{len(small):,} {verb(len(small), 'class has', 'classes have')} fewer than {FEW} images.",
                "It learns them from what there is; their scores have wide intervals.",
                "Add images. A hundred a class is a good beginning for photos.",
                int(counts[small].sum()),
                tuple(Case(dataset.classes[number], many(int(counts[number]))) for number in small),
            )
        )
    if counts.max() >= UNEQUAL * max(1, counts.min()):
        most, least = (dataset.classes[int(place)] for place in (counts.argmax(), counts.argmin()))
        problems.append(
            Problem(
                "unequal",
                "note",
                f"The classes are unequal: {counts.max():,} images of '{most}', {counts.min():,} of '{least}'.",
                f"It weights the classes in training, and chooses models by {suited(counts).replace('_', ' ')}; --metric changes that.",
                "Add images of the small classes, if you can.",
                int(counts.sum()),
            )
        )
    return problems


def _features(dataset: Dataset, registry: Registry | None, seconds: float | None, tell: Report, unchecked: list[str]) -> Read | None:
    skipped = "labels, outliers and altered copies across classes"
    if registry is None:
        unchecked.append(f"{skipped}: no network looked at the images")
        return None
    try:
        features = read_features(dataset, registry, seconds, lambda done, of: tell("looking with a frozen network", done, of))
    except AutomlCnnError as error:
        unchecked.append(f"{skipped}: {error}")
        return None
    if features is None:
        unchecked.append(f"{skipped}: no pretrained weights are on this machine")
    elif len(features.rows) < len(dataset):
        unchecked.append(f"{skipped} of {len(dataset) - len(features.rows):,} images: the time was up (--time)")
    return features


def _labels(dataset: Dataset, features: Read, unchecked: list[str]) -> list[Problem]:
    from automl_cnn.check.answers import held_out

    labels = dataset.labels[features.rows]
    probabilities = held_out(features.both, labels, len(dataset.classes), dataset.photos(features.rows))
    if probabilities is None:
        unchecked.append("labels: too few images of a class to hold some out")
        return []
    answered = suspects.Answered(features.rows, labels, probabilities, features.plain[:, features.last])
    return suspects.problems_of(dataset.paths, dataset.classes, answered)


def _related(dataset: Dataset) -> list[copies.Pair]:
    """Pairs that the split keeps together already, by name or by pixels; those with the same bytes are among them."""
    first: dict[int, int] = {}
    pairs = []
    for row, group in enumerate(dataset.groups):
        if group in first:
            pairs.append(copies.Pair(first[group], row))
        first.setdefault(group, row)
    return pairs
