"""Problems that the pixels show by themselves: blank, dark, bright and blurred images, relative to the others of the set."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from automl_cnn.check.extremes import far, ranked
from automl_cnn.data import arrays
from automl_cnn.data.passes import Tell
from automl_cnn.problems import Case, Problem, Severity, many, verb

BLOCK = 64
EMPTY, BLANK = 1.0, 2.5  # gray levels' deviation below which nothing is to be seen, and below which nothing is where the other images have far more
CONTRAST = 0.1  # the least spread of the logarithm of that deviation that is counted with
DARK, BRIGHT = 64.0, 192.0  # gray levels that nearly all pixels of a dark image stay below, and of a bright one above
LEVELS, SHARP = 8.0, 0.08  # the least spreads of gray levels, and of the logarithm of sharpness, that are counted with
LIGHT = 0.15  # the least spread of the logarithm of gray levels


@dataclass(frozen=True)
class Looks:
    """Of the images in `rows`: the gray levels that 5 and 95 % of the pixels stay below, their deviation, and how fine the edges are (logarithm)."""

    rows: np.ndarray
    low: np.ndarray
    high: np.ndarray
    deviation: np.ndarray
    sharpness: np.ndarray


def looks_of(images: np.ndarray, goes_on: Callable[[], bool] = lambda: True) -> Looks:
    """Of images uint8 (n, side, side, channels), a block at a time on all cores; of some of them, drawn at random, where `goes_on` ends it."""

    def block(start: int) -> tuple[np.ndarray, ...] | None:
        return (np.arange(start, min(start + BLOCK, len(images))), *_block(np.asarray(images[start : start + BLOCK]))) if goes_on() else None

    starts = np.random.default_rng(0).permutation(np.arange(0, len(images), BLOCK))
    blocks = [made for made in arrays.in_threads(block, starts.tolist()) if made is not None]
    if not blocks:
        return Looks(np.zeros(0, int), *(np.zeros(0) for _ in range(4)))
    parts = [np.concatenate(part) for part in zip(*blocks, strict=True)]
    order = np.argsort(parts[0])
    return Looks(*(part[order] for part in parts))


def watched(goes_on: Callable[[], bool], tell: Tell | None, images: int) -> Callable[[], bool]:
    """`goes_on` for `looks_of` that also tells how many of the images were looked at."""
    blocks = itertools.count()

    def asked() -> bool:
        if tell is not None:
            tell("looking at the pixels", min(next(blocks) * BLOCK, images), images)
        return goes_on()

    return asked


def problems_of(paths: Sequence[str], looks: Looks) -> list[Problem]:
    """Blank, dark, bright and blurred images; an image is named once. `paths` are those of all images."""
    if not len(looks.rows):
        return []
    contrast = np.log(looks.deviation + 0.1)
    blank = (looks.deviation < EMPTY) | ((looks.deviation < BLANK) & far(contrast, below=True, least=CONTRAST))
    light = np.log(looks.high + 1.0)  # in scans, most of which is black, levels differ so much that none is far away, but none is a small part of the others
    dark = ~blank & (looks.high < DARK) & (far(looks.high, below=True, least=LEVELS, sure=3.0) | far(light, below=True, least=LIGHT, sure=3.0))
    bright = ~blank & (looks.low > BRIGHT) & far(looks.low, below=False, least=LEVELS, sure=3.0)
    clear = ~(blank | dark | bright)
    blurred = np.zeros(len(looks.rows), bool)
    blurred[clear] = far(looks.sharpness[clear], below=True, least=SHARP)
    high, low, deviation = looks.high, looks.low, looks.deviation
    kinds = (
        _Kind("blank", "error", "blank", "Leave {them} out: there is nothing to learn from.", blank, deviation, "gray levels differ by {:.1f}", deviation),
        _Kind(
            "dark",
            "warning",
            "much darker than the others",
            "Brighten {them}, or leave {them} out.",
            dark,
            high,
            "95 % of its pixels below {:.0f} of 255",
            high,
        ),
        _Kind(
            "bright",
            "warning",
            "much brighter than the others",
            "Leave {them} out if nothing can be seen.",
            bright,
            -low,
            "95 % of its pixels above {:.0f}",
            low,
        ),
        _Kind(
            "blurred",
            "warning",
            "blurred, or enlarged from few pixels",
            "Leave {them} out, unless photos in use will be blurred too.",
            blurred,
            looks.sharpness,
        ),
    )
    return [kind.problem(paths, looks.rows) for kind in kinds if kind.mask.any()]


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

    def problem(self, paths: Sequence[str], rows: np.ndarray) -> Problem:
        """The problem of these images. `rows` are their rows in the data set."""
        places, count = ranked(np.flatnonzero(self.mask), self.order, lowest=True), int(self.mask.sum())
        details = [self.detail.format(self.values[place]) if self.values is not None else "" for place in places]
        sentence = f"{many(count)} {verb(count, 'is', 'are')} {self.words}."
        cases = tuple(Case(paths[rows[place]], detail, row=int(rows[place])) for place, detail in zip(places, details, strict=True))
        search, advice = (text.format(them=verb(count, "it", "them")) for text in ("It uses {them} unchanged.", self.advice))
        return Problem(self.name, self.severity, sentence, search, advice, count, cases)


def _block(images: np.ndarray) -> tuple[np.ndarray, ...]:
    total = images[..., 0].astype(np.uint16)
    for channel in range(1, images.shape[3]):
        total += images[..., channel]
    gray = total / np.float32(images.shape[3])
    low, high = _percentiles(total.reshape(len(total), -1), 255 * images.shape[3]) / images.shape[3]
    down, across = np.diff(gray, axis=1)[:, :, :-1], np.diff(gray, axis=2)[:, :-1]
    edges = np.sqrt(np.mean(down**2 + across**2, axis=(1, 2)))
    fine = np.sqrt(np.mean(np.diff(gray, 2, axis=1)[:, :, :-2] ** 2 + np.diff(gray, 2, axis=2)[:, :-2] ** 2, axis=(1, 2)))
    return low, high, gray.reshape(len(gray), -1).std(axis=1), np.log((fine + 0.05) / (edges + 0.1))


def _percentiles(values: np.ndarray, most: int) -> np.ndarray:
    """The percentiles 5 and 95 of each row of whole numbers up to `most`, interpolated as NumPy does, ten times as fast: by counting."""
    places = np.array([0.05, 0.95]) * (values.shape[1] - 1)
    below = np.floor(places)
    out = np.empty((2, len(values)))
    for row, numbers in enumerate(values):
        counted = np.cumsum(np.bincount(numbers, minlength=most + 1))
        low, high = (np.searchsorted(counted, place, side="right") for place in (below, np.ceil(places)))
        out[:, row] = low + (places - below) * (high - low)
    return out
