"""Problems that the headers of the files show: wrong extensions, odd sizes and shapes, mixed kinds, and properties that give the class away."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from automl_cnn.check.extremes import far, ranked
from automl_cnn.data.fit import Fit
from automl_cnn.data.header import Header
from automl_cnn.problems import Case, Problem, many, verb
from automl_cnn.tasks import Words
from automl_cnn.tasks.words import MULTICLASS

EXTENSIONS = {
    "JPEG": {"jpg", "jpeg", "jpe", "jfif"},
    "MPO": {"jpg", "jpeg", "mpo"},
    "PNG": {"png"},
    "GIF": {"gif"},
    "BMP": {"bmp", "dib"},
    "TIFF": {"tif", "tiff"},
    "WEBP": {"webp"},
    "AVIF": {"avif", "avifs"},
    "HEIF": {"heic", "heif", "hif"},
    "PPM": {"ppm", "pgm", "pbm", "pnm"},
}
SQUARE: dict[Fit, str] = {
    "squash": "It squashes {0} to a square, like all others, unless --fit keeps shapes.",
    "pad": "It puts {0} between gray bars, like all others.",
    "crop": "It crops {0} to the square in the middle, like all others.",
}  # what a search does
ASPECT, SIZE = 0.05, 0.1  # the least spread of the logarithms of width / height and of the side
TWICE = float(np.log(2))  # by which factor a shape or a size must differ at least to be odd
GIVES_AWAY = 0.5  # of the mistakes that one answer for all makes, the share that a property avoids, from which on it gives the class away
LEAST = 20  # images without which a property proves nothing
NAMED = 4  # values that are named
BATCH = 8  # images of one value without which it is not counted


def facts_of(headers: Sequence[Header]) -> dict[str, Any]:
    """Formats, modes and sizes by number."""
    if not headers:
        return {}
    sides = np.array([(header.width, header.height) for header in headers])
    return {
        "formats": dict(Counter(header.format for header in headers).most_common()),
        "modes": dict(Counter(header.mode for header in headers).most_common()),
        "width": _span(sides[:, 0]),
        "height": _span(sides[:, 1]),
    }


def problems_of(
    paths: Sequence[str], labels: np.ndarray, classes: Sequence[str], headers: Sequence[Header], fit: Fit = "squash", *, words: Words = MULTICLASS
) -> list[Problem]:
    """What is odd about the files of these images, from their headers alone. `fit` is how a search makes them square."""
    away = gives_away(labels, classes, headers, words)
    every = [_extensions(paths, headers), _shapes(paths, headers, fit), _sizes(paths, headers), _modes(paths, headers, words), away]
    return [problem for problem in every if problem is not None]


def _span(values: np.ndarray) -> dict[str, int]:
    return {"least": int(values.min()), "median": int(np.median(values)), "most": int(values.max())}


def _extensions(paths: Sequence[str], headers: Sequence[Header]) -> Problem | None:
    cases = []
    for row, (path, header) in enumerate(zip(paths, headers, strict=True)):
        suffix = os.path.splitext(path)[1].lstrip(".").lower()
        if header.format in EXTENSIONS and suffix not in EXTENSIONS[header.format]:
            cases.append(Case(path, f"{header.format} by its content", row=row))
    if not cases:
        return None
    return Problem(
        "extension",
        "note",
        f"{many(len(cases), 'file')} {verb(len(cases), 'has', 'have')} an extension of another format.",
        "They are read according to their content.",
        "Rename them if other programs read this folder too.",
        len(cases),
        tuple(cases),
    )


def _shapes(paths: Sequence[str], headers: Sequence[Header], fit: Fit) -> Problem | None:
    aspect = np.log(np.array([header.width / header.height for header in headers]))
    away = np.abs(aspect - np.median(aspect))
    odd = np.flatnonzero((far(aspect, below=False, least=ASPECT) | far(aspect, below=True, least=ASPECT)) & (away > TWICE))
    if not len(odd):
        return None
    rows = ranked(odd, away, lowest=False)
    return Problem(
        "shape",
        "warning",
        f"{many(len(rows))} {verb(len(rows), 'is', 'are')} of another shape than the rest: much wider or much taller.",
        SQUARE[fit].format(verb(len(rows), "it", "them"), verb(len(rows), "its", "their")),
        f"Crop {verb(len(rows), 'it', 'them')}, or leave {verb(len(rows), 'it out if it shows', 'them out if they show')} something else.",
        len(rows),
        _sized(paths, headers, rows),
    )


def _sizes(paths: Sequence[str], headers: Sequence[Header]) -> Problem | None:
    size = np.log(np.array([float(header.width) * header.height for header in headers])) / 2
    away = np.abs(size - np.median(size))
    small, large = (far(size, below=below, least=SIZE) & (away > TWICE) for below in (True, False))
    odd = np.flatnonzero(small | large)
    if not len(odd):
        return None
    rows = ranked(odd, away, lowest=False)
    parts = [f"{int(mask.sum()):,} much {words}" for mask, words in ((small, "smaller"), (large, "larger")) if mask.any()]
    return Problem(
        "size",
        "note",
        f"{many(len(rows))} {verb(len(rows), 'is', 'are')} of another size than the rest: {' and '.join(parts)}.",
        "All are brought to one size; the small ones are enlarged and stay blurred.",
        "See whether they come from another source, or are thumbnails.",
        len(rows),
        _sized(paths, headers, rows),
    )


def _sized(paths: Sequence[str], headers: Sequence[Header], rows: Sequence[int]) -> tuple[Case, ...]:
    return tuple(Case(paths[row], f"{headers[row].width}x{headers[row].height} px", row=row) for row in rows)


def _modes(paths: Sequence[str], headers: Sequence[Header], words: Words) -> Problem | None:
    gray = np.array([header.gray for header in headers])
    rare: list[int] = np.flatnonzero(gray if gray.mean() < 0.5 else ~gray).tolist()
    if not rare:
        return None
    kind, rest = ("gray", "in color") if gray.mean() < 0.5 else ("in color", "gray")
    return Problem(
        "mode",
        "note",
        f"{many(len(rare))} {verb(len(rare), 'is', 'are')} {kind}, the others {rest}.",
        "All are read in color.",
        f"Nothing, unless the {words.many} differ in this.",
        len(rare),
        tuple(Case(paths[row], headers[row].mode, row=row) for row in rare),
    )


def gives_away(labels: np.ndarray, classes: Sequence[str], headers: Sequence[Header], words: Words = MULTICLASS) -> Problem | None:
    """A property of the files from which the class can be guessed: a network may learn it instead of what the images show."""
    if len(labels) < LEAST:
        return None
    properties = {
        "the file format": [header.format for header in headers],
        "gray or color": [str(header.gray) for header in headers],
        "the size in pixels": [f"{header.width}x{header.height}" for header in headers],
        "the camera": [header.camera for header in headers],
    }
    tables = {name: _table(labels, values) for name, values in properties.items()}
    best, share = max(((name, _avoided(counts)) for name, (_, counts) in tables.items()), key=lambda entry: entry[1])
    if share < GIVES_AWAY:
        return None
    values, counts = tables[best]
    telling = [place for place in np.argsort(-counts.sum(axis=1), kind="stable")[:NAMED] if counts[place].sum() >= BATCH]
    shares = counts / counts.sum(axis=1, keepdims=True)
    some = "; ".join(f"{_shown(best, values[place])}: {shares[place].max():.0%} '{classes[int(shares[place].argmax())]}'" for place in telling)
    return Problem(
        "shortcut",
        "warning",
        f"{words.shortcut} from {best} alone (which avoids {share:.0%} of the mistakes of a constant prediction): {some}.",
        "It cannot tell: a network may learn this instead of what the images show, and fail on images from elsewhere.",
        "Convert all images in the same way, from the same sources, before the search.",
        len(labels),
        heading=words.shortcut_title,
    )


def _table(labels: np.ndarray, values: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The different values, and how many images of each class have each, (values, classes)."""
    different, place = np.unique(np.array(values), return_inverse=True)
    counts = np.zeros((len(different), int(labels.max()) + 1), int)
    np.add.at(counts, (place, labels), 1)
    return different.tolist(), counts


def _avoided(counts: np.ndarray) -> float:
    """How many of the mistakes of one answer for all the best answer for each value avoids, each image judged by the others; `counts` are (values, classes)."""
    whole = counts.sum(axis=0)
    mistakes = int(whole.sum() - whole.max())
    if not mistakes or len(counts) < 2:
        return 0.0
    ordered = np.sort(counts, axis=1)
    second = ordered[:, -2] if counts.shape[1] > 1 else 0
    own = np.where(ordered[:, -1] - 1 >= second, ordered[:, -1], 0)
    right = np.where(counts.sum(axis=1) < BATCH, counts[:, int(whole.argmax())], own)
    return float((right.sum() - whole.max()) / mistakes)


def _shown(name: str, value: str) -> str:
    if name == "gray or color":
        return "gray" if value == "True" else "in color"
    return value or "none"
