"""Decide whether pairs of images show one photo, with more pixels than `alike` uses: warp one image onto the other, then shrink both.

A crop and its photo, each shrunk to a few pixels, have details of different sizes. Warped to one scale first, they agree to the pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from automl_cnn.data import alike, arrays
from automl_cnn.data.passes import Passes, Report

MANY = 2048  # images that are made gray at once
MIDDLE = 0.8  # of either side: what a typical crop shows
SURE = 0.85  # correlation of the details from which on a pair that is near by other evidence is one photo
LIKELY = 0.4  # correlation before they are drawn, below which none comes near to that
ROUND = 2  # pixels at the edge of what both show, whose details may come from beyond it
LEAST = 0.15  # share of the pixels that must be left to compare


@dataclass(frozen=True)
class Views:
    """Images (uint8, n x side x side x channels) and the middle of each: view n + i is the middle of image i."""

    images: np.ndarray

    def large(self, view: int, flip: bool) -> np.ndarray:
        """One view in gray, float32 (side, side)."""
        image = np.asarray(self.images[view % len(self.images)])
        gray = (image if view < len(self.images) else middles(image[None])[0]).mean(axis=2, dtype=np.float32)
        return np.ascontiguousarray(gray[:, ::-1]) if flip else gray

    def grays(self, report: Report) -> np.ndarray:
        """All views in gray, at the few pixels of `alike`."""
        count, made = len(self.images), []
        for block, view in ((MANY, np.asarray), (alike.BLOCK, middles)):
            for start in range(0, count, block):
                made.append(alike.grays(view(self.images[start : start + block])))
                report((count if view is middles else 0) + start, 2 * count)
        return np.concatenate(made)


def middles(images: np.ndarray) -> np.ndarray:
    """The middle of each image (uint8, n x side x side x channels), `MIDDLE` of either side, at the size of the whole."""
    side = images.shape[1]
    margin = side * (1 - MIDDLE) / 2
    box = (margin, margin, side - margin, side - margin)

    def one(image: np.ndarray) -> np.ndarray:
        picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).resize((side, side), Image.Resampling.BILINEAR, box=box)
        return np.asarray(picture, np.uint8).reshape(image.shape)

    return np.stack(list(arrays.in_threads(lambda row: one(np.asarray(images[row])), range(len(images)))))


def verified(
    views: Views, rows: np.ndarray, others: np.ndarray, flip: np.ndarray, report: Report | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Which of the given pairs of views show one photo, whatever their classes: rows, other rows, the correlation of their details, whether mirrored.

    `flip` marks the pairs whose other image is mirrored. The strictest bound is used, because there are no other pairs to set it by.
    """
    passes = Passes(report, len(views.images), (1.0, 4.0))
    gray = views.grays(passes.part)
    passes.done()
    blocks = [slice(start, start + alike.BLOCK) for start in range(0, len(rows), alike.BLOCK)]
    parts = []
    for part in arrays.in_threads(lambda part: _of_block(views, gray, rows[part], others[part], flip[part]), blocks):
        parts.append(part)
        passes.part(len(parts), len(blocks))
    kept = np.concatenate([part.start + places for part, (places, _) in zip(blocks, parts, strict=True)]) if parts else np.zeros(0, int)
    details = np.concatenate([match for _, match in parts]) if parts else np.zeros(0)
    return rows[kept], others[kept], details, flip[kept]


def _of_block(views: Views, gray: np.ndarray, rows: np.ndarray, others: np.ndarray, flip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places, details, maps = alike.kept(gray, (rows, others, flip, np.zeros((len(rows), 2), np.float32)))
    likely = (details >= LIKELY) & (details < SURE)
    for at in np.flatnonzero(likely):
        place = places[at]
        details[at] = _drawn(views.large(rows[place], False), views.large(others[place], bool(flip[place])), maps[at])
    sure = details >= SURE
    return places[sure], details[sure]


def _drawn(given: np.ndarray, other: np.ndarray, place: np.ndarray) -> float:
    """The correlation of the details of `given`, and of `other` drawn where the affine map `place` says it lies (coordinates from -1 to 1)."""
    side = len(given)
    move = place[:2, 2] + 1 - place[:2, :2].sum(axis=1)
    coefficients = tuple(float(value) for row, offset in zip(place[:2, :2], move * side / 2, strict=True) for value in (*row, offset))
    drawn, whole = (
        np.asarray(Image.fromarray(picture).transform((side, side), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR, fillcolor=0), np.float32)
        for picture in (other, np.ones_like(other))
    )
    one, two, both = alike.shrunk(np.stack([given, drawn, whole]), alike.FINE)
    within = _inner(both > 0.999)
    if within.mean() < LEAST:
        return 0.0
    return _correlation(_details(one)[within], _details(two)[within])


def _inner(within: np.ndarray) -> np.ndarray:
    """Without the pixels near an edge."""
    for _ in range(ROUND):
        padded = np.pad(within, 1)
        within = within & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return within


def _details(image: np.ndarray) -> np.ndarray:
    return np.asarray(image - alike.smoothed(alike.smoothed(image[None]))[0])


def _correlation(one: np.ndarray, two: np.ndarray) -> float:
    pair: Sequence[np.ndarray] = [values - values.mean() for values in (one, two)]
    spread = [float(np.sqrt(np.mean(values**2))) for values in pair]
    if min(spread) < alike.CONTRAST:
        return 0.0
    return float(np.mean(pair[0] * pair[1]) / (spread[0] * spread[1]))
