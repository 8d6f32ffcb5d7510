"""The images for a proof, and the original's predictions for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from automl_cnn.data import Dataset, pixels, resize_array
from automl_cnn.data.dataset import SplitName
from automl_cnn.data.fit import GRAY, Fit
from automl_cnn.errors import DataError, StoreError
from automl_cnn.export.proof import BATCH, Reference
from automl_cnn.export.quantize import CALIBRATION, evenly
from automl_cnn.tasks import Task

IMAGES = 300  # of the validation split, and of the test split, for the proof
NOISE = 64  # synthetic images, if there are no others
OTHER_SIZE = 4  # images that are also tried at another size


@dataclass(frozen=True, eq=False)
class Samples:
    """A study's own images at the network's size, uint8: `pixels` with their `labels` for the proof, `calibration` for int8."""

    pixels: np.ndarray
    labels: np.ndarray
    validation: np.ndarray
    calibration: np.ndarray


def samples(dataset: Dataset | None, size: int, notes: list[str], missing: str = "") -> Samples | None:
    """Images of the study: for the proof, from the validation and the test split; for calibration, from the training split.

    None if there is no data set, or its images cannot be read. A note then gives the reason; for a missing data set, this is `missing`.
    """
    if dataset is None:
        notes.append(f"Checked on synthetic images, so its quality was not measured. {missing or 'The images of the study are not available here.'}")
        return None
    try:
        stored = pixels(dataset, size)
    except (DataError, StoreError) as error:
        notes.append(f"Checked on synthetic images: {error}")
        return None

    def some(split: SplitName, count: int) -> np.ndarray:
        return evenly(dataset.strata, dataset.rows(split), count)

    val, test, train = some("val", IMAGES), some("test", IMAGES), some("train", CALIBRATION)
    rows = np.concatenate([val, test])
    return Samples(np.asarray(stored[rows]), dataset.truth(rows), np.arange(len(rows)) < len(val), np.asarray(stored[train]))


def reference_of(original: Any, size: int, channels: int, images: Samples | None, *, task: Task, fit: Fit = "squash") -> Reference:
    """The original network's answers for these images, or for synthetic ones if there are none; those of another size are made square by `fit`.

    `task` is the model's, with the thresholds of its labels or the units of its numbers.
    """
    given = images.pixels if images is not None else _made_up(size, channels)
    tall, wide = size + size // 3 + 3, 2 * size + 1
    tall += (wide - tall) % 2 if fit != "squash" else 0  # Keras pads a side by one pixel less where the bars are unequal
    sized = resize_array(given[:OTHER_SIZE], wide)[:, :tall]
    return Reference(
        images=given,
        answers=_answers(original, given),
        sized=sized,
        sized_answers=_answers(original, resized(sized, size, fit)),
        labels=None if images is None else images.labels,
        validation=None if images is None else images.validation,
        task=task,
    )


def resized(images: np.ndarray, size: int, fit: Fit = "squash") -> np.ndarray:
    """float32 (n, size, size, channels): made square by `fit`, and antialiased as Pillow does, without its rounding to whole numbers."""
    height, width = images.shape[1:3]
    if fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        images = images[:, top : top + side, left : left + side]
    elif fit == "pad":
        side = max(height, width)
        top, left = (side - height) // 2, (side - width) // 2
        bars = ((0, 0), (top, side - height - top), (left, side - width - left), (0, 0))
        images = np.pad(images, bars, constant_values=GRAY)
    tall, wide = (_shares(side, size) for side in images.shape[1:3])
    return np.asarray(np.einsum("oh,nhwc,pw->nopc", tall, images.astype(np.float64), wide, optimize=True), np.float32)


def _shares(given: int, size: int) -> np.ndarray:
    scale = given / size
    centres, places = (np.arange(size) + 0.5) * scale, np.arange(given) + 0.5
    shares = np.maximum(0, 1 - np.abs(places[None] - centres[:, None]) / max(scale, 1.0))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _made_up(size: int, channels: int) -> np.ndarray:
    """Noise, half of it smooth."""
    draw = np.random.default_rng(0)
    rough = draw.integers(0, 256, (NOISE // 2, size, size, channels), dtype=np.uint8)
    smooth = resize_array(draw.integers(0, 256, (NOISE // 2, 8, 8, channels), dtype=np.uint8), size)
    return np.concatenate([rough, smooth])


def _answers(original: Any, images: np.ndarray) -> np.ndarray:
    return np.concatenate([np.asarray(original.predict_on_batch(images[start : start + BATCH])) for start in range(0, len(images), BATCH)])
