"""What the pixels show by themselves: blank, dark, bright and blurred images, relative to the others of the set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automl_cnn.check.extremes import far, ranked
from automl_cnn.check.problem import Case, Problem, Severity, many, verb
from automl_cnn.data import arrays

BLOCK = 64
EMPTY, BLANK = 1.0, 2.5  # gray levels' deviation below which nothing is to be seen, and below which nothing is where the other images have far more
CONTRAST = 0.1  # the least spread of the logarithm of that deviation that is counted with
DARK, BRIGHT = 64.0, 192.0  # gray levels that nearly all pixels of a dark image stay below, and of a bright one above
LEVELS, SHARP = 8.0, 0.08  # the least spreads of gray levels, and of the logarithm of sharpness, that are counted with


@dataclass(frozen=True)
class Looks:
    """Of each image: the gray levels that 5 and 95 % of its pixels stay below, their deviation, and how fine its edges are (logarithm)."""

    low: np.ndarray
    high: np.ndarray
    deviation: np.ndarray
    sharpness: np.ndarray


def looks_of(images: np.ndarray) -> Looks:
    """Of images uint8 (n, side, side, channels), a block at a time on all cores."""
    blocks = list(arrays.in_threads(lambda start: _block(np.asarray(images[start : start + BLOCK])), range(0, len(images), BLOCK)))
    return Looks(*(np.concatenate(parts) if parts else np.zeros(0) for parts in zip(*blocks, strict=True)))


def problems_of(paths: Sequence[str], looks: Looks) -> list[Problem]:
    """Blank, dark, bright and blurred images; an image is named once."""
    contrast = np.log(looks.deviation + 0.1)
    blank = (looks.deviation < EMPTY) | ((looks.deviation < BLANK) & far(contrast, below=True, least=CONTRAST))
    dark = ~blank & (looks.high < DARK) & far(looks.high, below=True, least=LEVELS, sure=3.0)
    bright = ~blank & (looks.low > BRIGHT) & far(looks.low, below=False, least=LEVELS, sure=3.0)
    clear = ~(blank | dark | bright)
    blurred = np.zeros(len(paths), bool)
    blurred[clear] = far(looks.sharpness[clear], below=True, least=SHARP)
    high, low, deviation = looks.high, looks.low, looks.deviation
    kinds = (
        _Kind("blank", "error", "blank", "Leave them out: there is nothing to learn from.", blank, deviation, "gray levels differ by {:.1f}", deviation),
        _Kind(
            "dark", "warning", "much darker than the others", "Brighten them, or leave them out.", dark, high, "95 % of its pixels below {:.0f} of 255", high
        ),
        _Kind(
            "bright",
            "warning",
            "much brighter than the others",
            "Leave them out if nothing is to be seen.",
            bright,
            -low,
            "95 % of its pixels above {:.0f}",
            low,
        ),
        _Kind(
            "blurred",
            "warning",
            "blurred, or enlarged from few pixels",
            "Leave them out, unless photos in use will be blurred too.",
            blurred,
            looks.sharpness,
        ),
    )
    return [kind.problem(paths) for kind in kinds if kind.mask.any()]


@dataclass(frozen=True)
class _Kind:
    """One kind of odd image: the `mask` of those, the `order` in which they are shown, and the words for each one's value."""

    name: str
    severity: Severity
    words: str
    advice: str
    mask: np.ndarray
    order: np.ndarray
    detail: str = ""
    values: np.ndarray | None = None

    def problem(self, paths: Sequence[str]) -> Problem:
        """What is said of them."""
        rows, count = ranked(np.flatnonzero(self.mask), self.order, lowest=True), int(self.mask.sum())
        details = [self.detail.format(self.values[row]) if self.values is not None else "" for row in rows]
        sentence = f"{many(count)} {verb(count, 'is', 'are')} {self.words}."
        cases = tuple(Case(paths[row], detail, row=row) for row, detail in zip(rows, details, strict=True))
        return Problem(self.name, self.severity, sentence, "They are used as they are.", self.advice, count, cases)


def _block(images: np.ndarray) -> tuple[np.ndarray, ...]:
    gray = images.mean(axis=3, dtype=np.float32)
    flat = gray.reshape(len(gray), -1)
    low, high = np.percentile(flat, [5, 95], axis=1)
    down, across = np.diff(gray, axis=1)[:, :, :-1], np.diff(gray, axis=2)[:, :-1]
    edges = np.sqrt(np.mean(down**2 + across**2, axis=(1, 2)))
    fine = np.sqrt(np.mean(np.diff(gray, 2, axis=1)[:, :, :-2] ** 2 + np.diff(gray, 2, axis=2)[:, :-2] ** 2, axis=(1, 2)))
    return low, high, flat.std(axis=1), np.log((fine + 0.05) / (edges + 0.1))
