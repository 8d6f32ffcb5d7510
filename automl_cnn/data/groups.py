"""Group images that show one photo, which must stay on one side of a split: exact copies, versions by name, versions by their pixels."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from automl_cnn.data import alike
from automl_cnn.data.dataset import write_atomically
from automl_cnn.data.names import Components, families
from automl_cnn.data.passes import Passes, Report

VERSION = 2  # of the rules, in the name of what is kept
WEIGHTS, COMPARING = (1.0, 5.0), 50.0  # how long the steps take, relative to one another: contents, names; and pixels


@dataclass(frozen=True)
class Groups:
    """`keys` holds a text for each image, the same for all images of one photo; it follows from their contents alone. `notes` are for the user."""

    keys: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def numbers(self) -> tuple[int, ...]:
        """The keys as numbers, counted in the order of the images."""
        known: dict[str, int] = {}
        return tuple(known.setdefault(key, len(known)) for key in self.keys)


def groups_of(
    paths: Sequence[str],
    labels: np.ndarray,
    digests: Sequence[str],
    images: np.ndarray | None,
    *,
    kept: Path | None = None,
    more: Sequence[Sequence[int]] = (),
    progress: Report | None = None,
) -> Groups:
    """The groups of these images. `images` are their pixels; without them, or of too many, only names and contents are compared.

    `more` are rows that belong together for another reason. Pairs of similar pixels are cached in the file `kept`, because computing them takes longest.
    """
    compared = images is not None and not alike.too_many(len(labels))
    passes = Passes(progress, len(paths), [*WEIGHTS, COMPARING if compared else 0.0])
    joined = Components(range(len(paths)))
    for rows in same_bytes(digests):
        joined.join(rows)
    passes.done()
    for family in families(paths, [int(label) for label in labels], digests, passes.part):
        joined.join(family)
    passes.done()
    notes: tuple[str, ...] = ()
    if images is not None and alike.too_many(len(labels)):
        notes = (f"{len(paths):,} images are too many to look for altered copies among them: only file names and exact copies were compared.",)
    elif images is not None:
        for pair in _pairs(images, labels, kept, passes.part):
            joined.join(pair)
    passes.done()
    versions = _keys(joined, digests)
    related = len(paths) - len(set(versions)) - (len(paths) - len(set(digests)))
    for related_rows in more:
        joined.join(list(related_rows))
    keys = _keys(joined, digests) if more else versions
    if related:
        notes = (*notes, f"{related:,} image{'s look' if related != 1 else ' looks'} like an altered version of another, by name or by its pixels.")
    return Groups(tuple(keys), notes)


def same_bytes(digests: Sequence[str]) -> list[list[int]]:
    """The rows of files with the same digest, two or more each."""
    rows = defaultdict[str, list[int]](list)
    for row, digest in enumerate(digests):
        rows[digest].append(row)
    return [family for family in rows.values() if len(family) > 1]


def _keys(joined: Components, digests: Sequence[str]) -> list[str]:
    keys = list(digests)
    for family in joined.families():
        first = min(digests[row] for row in family)
        for row in family:
            keys[row] = first
    return keys


def _pairs(images: np.ndarray, labels: np.ndarray, kept: Path | None, report: Report) -> list[list[int]]:
    try:
        if kept is not None:
            return [[int(one), int(other)] for one, other in json.loads(kept.read_bytes())]
    except (OSError, ValueError, TypeError, RecursionError):
        pass
    matches = [list(pair) for pair in alike.pairs(images, labels, report)]
    if kept is not None:
        write_atomically(kept, json.dumps(matches).encode())
    return matches
