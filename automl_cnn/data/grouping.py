"""Groups that must stay on one side of a split (persons, places or series), from file names, capture times, or a pattern of the user."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import PurePosixPath

import numpy as np

from automl_cnn.data.header import Header
from automl_cnn.errors import ConfigError, DataError

AUTO = "auto"
LAST = re.compile(r"^(?P<key>.*[^\W_].*?)[ _.\-]+(?P<number>(?:img|frame|view|slice|shot|photo|f|v|s)?\d{1,5}|[a-z])$", re.IGNORECASE)
LEAST_GROUPS = 3
SHARED = 0.5  # share of the files that must lie in groups of two or more
LARGEST = 0.5  # share of a class that one group may hold: a larger one is the class's own name
HOUR = 3600.0
BURST = (2.0, 60.0)  # seconds between two photos of one camera up to which they may belong together; where in between, their gaps say


@dataclass(frozen=True)
class Grouping:
    """A `key` for each image, "" where none is known, and why they are taken for groups."""

    keys: tuple[str, ...]
    why: str

    @property
    def groups(self) -> list[list[int]]:
        """The rows of each group of two or more."""
        rows = defaultdict[str, list[int]](list)
        for row, key in enumerate(self.keys):
            if key:
                rows[key].append(row)
        return [family for family in rows.values() if len(family) > 1]


def grouped(rule: str, paths: Sequence[str], labels: Sequence[int], headers: Sequence[Header | None]) -> Grouping:
    """The groups by a rule: `auto`, or a regular expression. Images with the same first group in brackets (or the same whole match) are a group.

    Raises:
        ConfigError: the rule is not a regular expression.
        DataError: it matches no name, or no two images share a group; with `auto`, neither names nor times show groups.
    """
    if rule == AUTO:
        made = by_name(paths, labels) or by_camera(headers)
        if made is None:
            raise DataError(
                "--group-by auto: neither the names of the files nor the times in them show groups. Give a pattern, such as --group-by '(person\\d+)', "
                "or leave it out."
            )
        return made
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise ConfigError(f"--group-by {rule}: it is not a regular expression ({error}). Expected auto or a pattern such as '(person\\d+)'.") from None
    matches = [pattern.search(path) for path in paths]
    keys = tuple("" if match is None else (match[1] or "") if pattern.groups else match[0] for match in matches)
    made = Grouping(keys, f"the pattern {rule}")
    if not made.groups:
        example = (
            f"the first name is '{paths[0]}'"
            if not any(keys)
            else f"in '{paths[next(row for row, key in enumerate(keys) if key)]}' it matches, but no two images share the match"
        )
        raise DataError(f"--group-by {rule}: it puts no two images together; {example}. Put what a group shares in brackets, such as '(person\\d+)'.")
    return made


def by_name(paths: Sequence[str], labels: Sequence[int]) -> Grouping | None:
    """Groups by what the names share before a last number: `person12_3.jpg` and `person12_4.jpg`; None where the names show no groups."""
    keys = []
    for path in paths:
        match = LAST.match(os.path.splitext(path.rpartition("/")[2])[0])
        keys.append(match["key"].casefold() if match else "")
    sizes = Counter(key for key in keys if key)
    several = [key for key, count in sizes.items() if count > 1]
    of_class = Counter(int(label) for label in labels)
    largest = Counter((int(label), key) for label, key in zip(labels, keys, strict=True) if key)
    together = sum(sizes[key] for key in several)
    if len(several) < LEAST_GROUPS or together < SHARED * len(paths) or any(count > LARGEST * of_class[label] for (label, _), count in largest.items()):
        return None
    example = next(path for path, key in zip(paths, keys, strict=True) if key == several[0])
    return Grouping(tuple(keys), f"{together:,} of {len(paths):,} files are named alike up to a number, such as '{PurePosixPath(example).name}'")


def by_camera(headers: Sequence[Header | None]) -> Grouping | None:
    """Groups by series: photos that one camera took without a long pause; None where the files state no times."""
    taken = defaultdict[str, list[tuple[datetime, int]]](list)
    for row, header in enumerate(headers):
        if header is not None and (moment := _moment(header.taken)) is not None:
            taken[header.camera].append((moment, row))
    keys, pauses = [""] * len(headers), []
    for camera, photos in taken.items():
        photos.sort()
        gaps = np.array([(after - before).total_seconds() for (before, _), (after, _) in pairwise(photos)])
        pause = _pause(gaps)
        pauses.append(pause)
        series = np.concatenate([[0], np.cumsum(gaps > pause)])
        for (_, row), number in zip(photos, series, strict=True):
            keys[row] = f"{camera} {number}"
    made = Grouping(tuple(keys), f"series that one camera took without a pause of more than {max(pauses, default=0):.0f} s, by the times in the files")
    enough = len(made.groups) >= LEAST_GROUPS and sum(map(len, made.groups)) >= SHARED * len(headers)
    return made if enough else None


def _pause(gaps: np.ndarray) -> float:
    """Seconds that set series apart: where the logarithms of the gaps fall into two kinds (Otsu 1979, https://doi.org/10.1109/TSMC.1979.4310076)."""
    logs = np.sort(np.log1p(gaps[gaps <= HOUR]))
    if len(logs) < 2:
        return BURST[0]
    cut = np.arange(1, len(logs))
    below = np.cumsum(logs)[:-1] / cut
    above = (logs.sum() - np.cumsum(logs)[:-1]) / (len(logs) - cut)
    between = cut * (len(logs) - cut) * (above - below) ** 2
    return float(np.clip(np.expm1(logs[int(between.argmax())]), *BURST))


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
