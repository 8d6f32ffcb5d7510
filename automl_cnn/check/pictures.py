"""Thumbnails of the images that show a problem."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from automl_cnn.data import Dataset, pixels, resize_array
from automl_cnn.problems import Problem

SIDE = 96  # px
SHOWN = 24  # cases of each problem that are shown
OTHERS = 3  # of the images that a case is compared with
QUALITY = 75


@dataclass(frozen=True)
class Album:
    """How many pictures there are: of each problem the first `shown` cases, each with that many `others`, at most `most` in all, `side` px large."""

    shown: int = SHOWN
    others: int = OTHERS
    side: int = SIDE
    most: int | None = None


def pictures_of(dataset: Dataset, problems: Sequence[Problem], album: Album = Album()) -> Mapping[str, str]:
    """By path, JPEG in base64, of the first cases of each problem and of what they are compared with. The first of every problem come first.

    Raises:
        ImagesGone: the decoded images were deleted.
    """
    wanted: dict[str, None] = {}
    for place in range(album.shown):
        for problem in problems:
            for case in problem.cases[place : place + 1]:
                wanted |= dict.fromkeys((case.path, *case.others[: album.others])) if case.row is not None else {}
    row_of = {path: row for row, path in enumerate(dataset.paths) if path in wanted}
    paths = [path for path in wanted if path in row_of][: album.most]
    return dict(zip(paths, thumbnails(dataset, [row_of[path] for path in paths], album.side), strict=True))


def thumbnails(dataset: Dataset, rows: Sequence[int], side: int) -> list[str]:
    """JPEG in base64 of the images in `rows`, no side longer than `side` px.

    Raises:
        ImagesGone: the decoded images were deleted.
    """
    images = pixels(dataset, dataset.side)
    return [_jpeg(resize_array(np.asarray(images[row : row + 1]), min(side, dataset.side))[0]) for row in rows]


def _jpeg(image: np.ndarray) -> str:
    out = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(out, "JPEG", quality=QUALITY)
    return base64.b64encode(out.getvalue()).decode("ascii")
