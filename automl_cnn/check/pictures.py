"""Thumbnails of the images that show a problem, for the page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from automl_cnn.check.problem import Problem
from automl_cnn.data import Dataset, pixels

SIDE = 96  # px
SHOWN = 24  # cases of each problem that are shown
OTHERS = 3  # of the images that a case is compared with


def pictures_of(dataset: Dataset, problems: Sequence[Problem]) -> Mapping[str, str]:
    """By path, JPEG in base64, of the first cases of each problem and of what they are compared with."""
    images = pixels(dataset, min(SIDE, dataset.side))
    row_of = {path: row for row, path in enumerate(dataset.paths)}
    paths = {path for problem in problems for case in problem.cases[:SHOWN] for path in (case.path, *case.others[:OTHERS])}
    return {path: _jpeg(np.asarray(images[row_of[path]])) for path in sorted(paths) if path in row_of}


def _jpeg(image: np.ndarray) -> str:
    out = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(out, "JPEG", quality=75)
    return base64.b64encode(out.getvalue()).decode("ascii")
