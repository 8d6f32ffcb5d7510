"""One check of a folder: headers, pixels, copies, groups, labels."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from automl_cnn.check import copies, looks, suspects
from automl_cnn.check.early import WITHOUT_NETWORK
from automl_cnn.check.features import BLOCK, MOST, SIDE, Read
from automl_cnn.check.features import read as read_features
from automl_cnn.check.material import Material
from automl_cnn.check.pictures import pictures_of
from automl_cnn.data import Dataset, dataset_of, pixels, read, resize_array
from automl_cnn.data.assemble import Splitting
from automl_cnn.data.inputs import scan_input
from automl_cnn.data.passes import Report, Tell
from automl_cnn.errors import AutomlCnnError
from automl_cnn.problems import Checked, Problem, in_order
from automl_cnn.registry import Registry
from automl_cnn.tasks import TaskName
from automl_cnn.urls import Url


def check(
    folder: Path | Url,
    cache: Path,
    registry: Registry | None,
    *,
    seed: int = 0,
    seconds: float | None = 120.0,
    max_pixels: float | None = None,
    columns: str | None = None,
    task: TaskName | None = None,
    report: Tell | None = None,
) -> Checked:
    """Look for what may spoil a search in `folder`: see `automl_cnn.problems` for what comes back.

    Decoded images and features go into `cache`, where a search finds them. Without a `registry` no network looks at the images, so that labels and
    altered copies across classes are not checked. Reading them with it takes at most about `seconds`; of a larger set a random part is looked at.

    Raises:
        DataError: the folder cannot be searched: no classes, or too few images in one.
        StoreError: `cache` cannot be written.
    """
    began = time.monotonic()
    tell = report or (lambda what, done, of: None)
    with ExitStack() as claim:
        files = scan_input(
            folder,
            cache=cache,
            columns=columns,
            task=task,
            listed=lambda count: tell(f"listing the files, {count:,} so far", 0, 1),
            fetched=lambda done, of: tell("fetching the images, in megabytes", done // 10**6, of // 10**6),
            claim=claim,
        )
        source = read(files, cache, max_pixels=max_pixels, progress=lambda done, of: tell("reading the images", done, of))
    dataset = dataset_of(source, cache, Splitting(seed), progress=lambda done, of: tell("grouping versions of one photo", done, of))
    tell("looking at the headers", 0, 1)
    material = Material.of(source, dataset)
    problems = [*material.counted(), *material.of_headers()]
    seen = looks.looks_of(pixels(dataset, dataset.side), looks.watched(lambda: True, tell, len(dataset)))
    problems += looks.problems_of(dataset.paths, seen)
    tell("looking at the names", 0, 1)
    problems += material.of_names()
    unchecked = [*material.beyond]
    features = _features(dataset, registry, seconds, tell, unchecked)
    pairs: list[copies.Pair] = []
    if features is not None:
        pairs = _altered(dataset, features, tell, unchecked)
        if dataset.task.doubts_labels:
            problems += _labels(dataset, features, tell, unchecked)
    tell("looking for copies and leaks", 0, 1)
    problems = in_order([*problems, *material.of_copies(pairs)])
    return Checked(
        dataset.folder,
        {**material.facts, "seen_by_network": 0 if features is None else len(features.rows), "network": "" if features is None else features.network},
        tuple(problems),
        tuple(unchecked),
        time.monotonic() - began,
        pictures_of(dataset, problems),
        dataset.fingerprint,
    )


def _altered(dataset: Dataset, features: Read, tell: Tell, unchecked: list[str]) -> list[copies.Pair]:
    """Pairs of versions of one photo among the images that the network looked at."""
    if features.middles is None:
        unchecked.append("crops smaller than nine tenths: time ran out (--time)")
    plain, mirrored = features.plain[:, features.last], features.mirrored[:, features.last]
    middles = None if features.middles is None else features.middles[:, features.last]
    side, rows = min(dataset.side, SIDE), features.rows
    images = _at(dataset, side, rows, lambda done, of: tell("comparing images", done // 10, of))
    pairs = copies.near(plain, mirrored, images, middles, report=lambda done, of: tell("comparing images", of // 10 + 9 * done // 10, of))
    return [copies.Pair(int(rows[pair.one]), int(rows[pair.other]), pair.details, pair.mirrored) for pair in pairs]


def _at(dataset: Dataset, side: int, rows: np.ndarray, report: Report) -> np.ndarray:
    """The images in `rows` at a size, in memory."""
    stored = pixels(dataset, side if len(dataset) <= MOST else dataset.side)  # of more images, not all are brought to size and kept
    made = np.empty((len(rows), side, side, dataset.channels), np.uint8)
    for start in range(0, len(rows), BLOCK):
        report(start, len(rows))
        block = np.asarray(stored[rows[start : start + BLOCK]])
        made[start : start + BLOCK] = block if block.shape[1] == side else resize_array(block, side)
    return made


def _features(dataset: Dataset, registry: Registry | None, seconds: float | None, tell: Tell, unchecked: list[str]) -> Read | None:
    what = dataset.task.words.by_network
    if registry is None:
        unchecked.append(f"{what}: {WITHOUT_NETWORK}")
        return None
    try:
        features = read_features(dataset, registry, seconds, tell)
    except AutomlCnnError as error:
        unchecked.append(f"{what}: {error}")
        return None
    if features is None:
        unchecked.append(f"{what}: no pretrained weights are on this machine")
    elif len(features.rows) < len(dataset):
        limit = f", or they are more than {MOST:,}" if len(dataset) > MOST else ""
        unchecked.append(f"{what} of {len(dataset) - len(features.rows):,} images: time ran out (--time){limit}")
    return features


def _labels(dataset: Dataset, features: Read, tell: Tell, unchecked: list[str]) -> list[Problem]:
    from automl_cnn.check.answers import held_out

    truth, task = dataset.truth(features.rows), dataset.task
    probabilities = held_out(task, features.both, truth, dataset.photos(features.rows), lambda done, of: tell("comparing labels", done, of))
    if probabilities is None:
        unchecked.append(f"labels: a {task.words.one} has too few images to hold some out")
        return []
    answered = suspects.Answered(task, features.rows, truth, probabilities, features.plain[:, features.last])
    return suspects.problems_of(dataset.paths, dataset.classes, answered)
