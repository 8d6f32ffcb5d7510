"""Find images that show the same photo by comparing pixels, in bounded time: mirrored, slightly rotated or shifted, cropped, brightened, recompressed.

Three steps, each on fewer pairs:

1. the nearest images of the same class, by thumbnails of a few pixels, also mirrored and shifted (correlations, one matrix product a variant)
2. each pair brought to cover one another by an affine map (inverse compositional Lucas-Kanade, Baker and Matthews 2004), at 16 px
3. pairs that then look alike are compared again at 32 px; they show one photo if their fine details agree as well

Details decide: two photos of a thing may agree in every large shape, but edges and texture agree to the pixel only in copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from automl_cnn.data import arrays
from automl_cnn.data.decode import resize_array
from automl_cnn.data.names import Components
from automl_cnn.data.passes import Passes, Report

LEAST_SIDE = 32  # px; smaller pictures have no details that distinguish two of a kind
MOST = 4000  # images; comparing this number takes about ten seconds on one core. Larger sets are not compared.
NEAREST = 3  # images that each is compared with closely
THUMB, WINDOW = 10, 8  # px of a thumbnail, and of the part of it that is compared
COARSE, FINE = 16, 32  # px of the two alignments
STEPS = {COARSE: 8, FINE: 6}
ROUGHLY = 0.88  # correlation at 16 px from which a pair is looked at more closely: nine of ten other pairs stay below
WHOLE = 0.92  # correlation at 32 px of one photo
BOUNDS = (0.8, 0.85, 0.9, 0.95)  # correlations of the details from which on it is one photo; of 10,000 pairs of other photos three have 0.8
CROWDS = ((0.1, 2), (0.2, 10))  # widths below the bound in which at most this multiple of the pairs above it may lie
SAMPLE, STRANGERS = 256, 0.2  # images compared with other classes, and how many may be alike there, as a share of those alike within their class
SCENE = 20  # images of one class that may be one photo, even if they are most of the class
CONTRAST = 3.0  # gray levels' deviation of the details, below which there are none
OVERLAP = 0.6  # share of the one image that the other must cover, or of the other: a crop shows a part of its photo
LEAST_OVERLAP = 0.3  # share that must be covered in any case
BLOCK = 256

_Group = tuple[np.ndarray, np.ndarray, np.ndarray | None]  # rows, those they are compared with, and all labels if only other classes count
Near = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # rows, other rows, whether mirrored, by how much shifted (of half a side)


def too_many(images: int) -> bool:
    """Whether comparing this number of images would take a noticeable share of a short budget."""
    return images > MOST


def pairs(images: np.ndarray, labels: np.ndarray, report: Report | None = None) -> list[tuple[int, int]]:
    """Pairs of rows of `images`, uint8 (n, side, side, channels), that show the same photo. Only images of one class are compared.

    Returns [] if the images are smaller than `LEAST_SIDE` px, or if images that are not copies look as similar (see `_bound`). Check `too_many` first.
    """
    if len(images) < 2 or images.shape[1] < LEAST_SIDE:
        return []
    labels = np.asarray(labels)
    every = np.arange(len(images))
    sample = every[:: -(-len(every) // SAMPLE)]
    passes = Passes(report, len(images), [len(images), len(sample)])
    gray = grays(images)
    thumbs = shrunk(gray, THUMB)
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    one, other, details = _matched(gray, thumbs, [(rows, rows, None) for rows in classes], passes.part)
    passes.done()
    strange, _, unlike = _matched(gray, thumbs, [(sample, every, labels)], passes.part)
    passes.done()
    bound = _bound((one, details, len(every)), (strange, unlike, len(sample)))
    same = details >= bound
    return _plausible(sorted({(min(pair), max(pair)) for pair in zip(one[same].tolist(), other[same].tolist(), strict=True)}), labels)


def grays(images: np.ndarray) -> np.ndarray:
    """Convert images, uint8 (n, side, side, channels), to gray, float32 (n, FINE, FINE)."""
    return np.concatenate(list(arrays.in_threads(lambda start: _gray(images[start : start + BLOCK]), range(0, len(images), BLOCK))))


def _bound(own: tuple[np.ndarray, np.ndarray, int], strange: tuple[np.ndarray, np.ndarray, int]) -> float:
    """The least correlation of details at which two images count as one photo; above 1 where no correlation shows it.

    The bound separates copies from other pairs: few pairs lie just below it, and images of different classes, which are not copies, do not reach it. If all
    images are similar (one object in front of one background), no bound does both, and no image is taken for a copy. `own` are pairs within a class,
    `strange` pairs across classes: the first image's row, the correlation, and the number of images compared.
    """
    _, details, _ = own
    for bound in BOUNDS:
        above = int(np.sum(details >= bound))
        apart = all(np.sum((details >= bound - width) & (details < bound)) <= most * above for width, most in CROWDS)
        alike, strangers = (len(np.unique(rows[match >= bound])) for rows, match, _ in (own, strange))
        if above and apart and strangers <= 1 + STRANGERS * alike * strange[2] / own[2]:  # one may be labeled wrongly
            return bound
    return np.inf


def _plausible(matches: list[tuple[int, int]], labels: np.ndarray) -> list[tuple[int, int]]:
    """The matches, except those of classes in which most images would be one photo: that is a fixed camera in front of one scene."""
    joined = Components(sorted({row for pair in matches for row in pair}))
    for pair in matches:
        joined.join(pair)
    sizes = np.bincount(labels)
    scenes = {int(labels[family[0]]) for family in joined.families() if len(family) > max(SCENE, sizes[labels[family[0]]] / 2)}
    return [pair for pair in matches if int(labels[pair[0]]) not in scenes]


def _gray(images: np.ndarray) -> np.ndarray:
    small = resize_array(np.asarray(images), FINE) if images.shape[1] != FINE else np.asarray(images)
    return np.asarray(small.mean(axis=3, dtype=np.float32))


def _matched(gray: np.ndarray, thumbs: np.ndarray, groups: Sequence[_Group], report: Report) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs that look alike at `FINE` px, as rows and other rows, and the correlation of their details."""
    near: list[Near] = []
    of = 2 * sum(len(rows) for rows, _, _ in groups)  # each is looked up, and then compared
    done = 0
    for group in groups:
        for pairs in _near(thumbs, *group):
            near.append(pairs)
            report(min(of // 2, done := done + BLOCK), of)
    matches = []
    for match in arrays.in_threads(lambda pairs: _compare(gray, pairs), near):
        matches.append(match)
        report(of // 2 + of // 2 * len(matches) // len(near), of)
    rows, others, details = zip(*matches, strict=True) if matches else ([np.zeros(0, int)], [np.zeros(0, int)], [np.zeros(0)])
    return np.concatenate(rows), np.concatenate(others), np.concatenate(details)


def _near(thumbs: np.ndarray, rows: np.ndarray, others: np.ndarray, labels: np.ndarray | None) -> Iterator[Near]:
    """For each of `rows` the nearest of `others`, in blocks. With `labels`, those of other classes."""
    most, margin = min(NEAREST, len(others) - 1), THUMB - WINDOW
    if most < 1:
        return
    variants = [(flip, y, x) for flip in (False, True) for y in range(margin + 1) for x in range(margin + 1)]
    mine = thumbs[others]
    shifted = [_unit((mine[:, :, ::-1] if flip else mine)[:, y : y + WINDOW, x : x + WINDOW]) for flip, y, x in variants]
    inner = slice(margin // 2, margin // 2 + WINDOW)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        middle = _unit(thumbs[block][:, inner, inner])
        best = np.full((len(block), len(others)), -1.0, np.float32)
        which = np.zeros(best.shape, np.uint8)
        for number, other in enumerate(shifted):
            match = middle @ other.T
            better = match > best
            best[better], which[better] = match[better], number
        best[block[:, None] == others if labels is None else labels[block][:, None] == labels[others]] = -2.0
        near = np.argpartition(-best, most - 1, axis=1)[:, :most]
        one, other = np.repeat(np.arange(len(block)), most), near.ravel()
        real = best[one, other] > 0
        one, other = one[real], other[real]
        moved = np.array(variants)[which[one, other]]
        shift = (moved[:, [2, 1]] - margin / 2) / (THUMB / 2)
        yield block[one], others[other], moved[:, 0].astype(bool), shift.astype(np.float32)


def _compare(gray: np.ndarray, near: Near) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, others, _, _ = near
    places, details, _ = kept(gray, near)
    return rows[places], others[places], details


def kept(gray: np.ndarray, near: Near) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The places of the pairs that look alike, the correlation of their details, and the affine maps by which the other covers the first."""
    rows, others, flip, shift = near
    given, other = gray[rows], gray[others]
    other = np.where(flip[:, None, None], other[:, :, ::-1], other)
    maps = np.tile(np.eye(3, dtype=np.float32), (len(rows), 1, 1))
    maps[:, :2, 2] = shift
    low, other_low = shrunk(given, COARSE), shrunk(other, COARSE)
    maps = _aligned(smoothed(low), smoothed(other_low), maps)
    match, cover, _ = _compared(low, other_low, maps)
    left = (match >= ROUGHLY) & (_shared(cover, maps) >= OVERLAP)
    given, other = given[left], other[left]
    maps = _aligned(smoothed(given), smoothed(other), maps[left])
    match, cover, _ = _compared(given, other, maps)
    details, _, contrast = _compared(given - smoothed(smoothed(given)), other - smoothed(smoothed(other)), maps)
    same = (match >= WHOLE) & (contrast >= CONTRAST) & (_shared(cover, maps) >= OVERLAP)
    return np.flatnonzero(left)[same], details[same], maps[same]


def _aligned(given: np.ndarray, other: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """The affine maps after which `other` covers `given`; coordinates run from -1 to 1."""
    side = given.shape[1]
    grid = _grid(side)
    flat, _ = _standard(_flat(given), np.ones((len(given), side * side), bool))
    down, across = np.gradient(flat.reshape(given.shape), axis=(1, 2))
    down, across = (_flat(slope) * (side / 2) for slope in (down, across))
    slopes = np.stack([across * grid[0], across * grid[1], across, down * grid[0], down * grid[1], down], axis=1)  # pairs, 6, pixels
    square = slopes @ slopes.transpose(0, 2, 1) + np.eye(6, dtype=np.float32) * (0.01 * side * side)
    solve = np.linalg.solve(square, slopes)
    for _ in range(STEPS[side]):
        seen, within = _seen(other, maps, grid)
        seen, _ = _standard(seen, within)
        step = np.einsum("pij,pj->pi", solve, (seen - flat) * within)
        moved = np.tile(np.eye(3, dtype=np.float32), (len(maps), 1, 1))
        moved[:, :2] += np.clip(step, -0.2, 0.2).reshape(-1, 2, 3)
        maps = maps @ np.linalg.inv(moved)
    return maps


def _compared(given: np.ndarray, other: np.ndarray, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each pair the correlation where they cover one another, the share of `given` that is covered, and the lower deviation."""
    seen, within = _seen(other, maps, _grid(given.shape[1]))
    seen, deviation = _standard(seen, within)
    flat, own = _standard(_flat(given), within)
    covered = np.maximum(within.sum(axis=1), 1)
    return (seen * flat).sum(axis=1) / covered, within.mean(axis=1), np.minimum(deviation, own)


def _shared(cover: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """The share of the one image or of the other that both show, whichever is larger; `cover` is that of the first."""
    return np.where(cover >= LEAST_OVERLAP, cover * np.maximum(1.0, np.abs(np.linalg.det(maps))), 0.0)


def _grid(side: int) -> np.ndarray:
    line = (np.arange(side, dtype=np.float32) - (side - 1) / 2) / (side / 2)
    across, down = np.meshgrid(line, line)
    return np.stack([across.ravel(), down.ravel(), np.ones(side * side, np.float32)])


def _seen(other: np.ndarray, maps: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`other` at the mapped coordinates, between its pixels, (pairs, pixels); and where that is within it."""
    side = other.shape[1]
    place = (maps[:, :2] @ grid) * (side / 2) + (side - 1) / 2
    x, y = place[:, 0], place[:, 1]
    within = (x >= 0) & (x <= side - 1) & (y >= 0) & (y <= side - 1)
    left, top = (np.clip(np.nan_to_num(value), 0, side - 1.001).astype(np.int32) for value in (x, y))
    right, below = np.clip(x - left, 0, 1), np.clip(y - top, 0, 1)
    flat, first = _flat(other), top * side + left
    corners = [np.take_along_axis(flat, first + step, axis=1) for step in (0, 1, side, side + 1)]
    upper, lower = corners[0] + (corners[1] - corners[0]) * right, corners[2] + (corners[3] - corners[2]) * right
    return upper + (lower - upper) * below, within


def _standard(values: np.ndarray, within: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of mean 0 and deviation 1 where they count, 0 elsewhere; and the deviation."""
    count = np.maximum(within.sum(axis=1, keepdims=True), 1).astype(np.float32)
    centered = (values - (values * within).sum(axis=1, keepdims=True) / count) * within
    deviation = np.sqrt((centered**2).sum(axis=1, keepdims=True) / count)
    return centered / np.maximum(deviation, 1e-3), deviation[:, 0]


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), images.shape[1] * images.shape[2])


def smoothed(images: np.ndarray) -> np.ndarray:
    """Blurred by about a pixel."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    return np.asarray((rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 16, np.float32)


def shrunk(images: np.ndarray, side: int) -> np.ndarray:
    """Square images at fewer pixels, by areas."""
    edges = np.linspace(0, images.shape[1], side + 1)
    weights = np.clip(np.minimum(edges[1:, None], np.arange(1, images.shape[1] + 1)) - np.maximum(edges[:-1, None], np.arange(images.shape[1])), 0, None)
    weights = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return np.asarray(weights @ images @ weights.T, np.float32)


def _unit(images: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Rows of mean 0 and length 1, whose product is a correlation; constant rows become 0."""
    flat = np.asarray(images, np.float32).reshape(len(images), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(length >= np.sqrt(flat.shape[1]), flat / np.maximum(length, 1e-9), 0.0)
