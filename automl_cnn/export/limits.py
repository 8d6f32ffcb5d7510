"""Limits on a request to a served model: a small request cannot occupy the server or its memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from automl_cnn.data import guard
from automl_cnn.data.decode import pixels_of
from automl_cnn.errors import DataError

IMAGES = 1000
CHARACTERS = 64_000_000  # of all texts and bytes: base64 of 48 MB
TIMES = 10  # the limit of one image: the pixels to decode in a request


def check_amount(items: Sequence[Any]) -> None:
    """Refuse too many images, or too much text, before anything is decoded.

    Raises:
        DataError: a limit is exceeded; the message names it.
    """
    if len(items) > IMAGES:
        raise DataError(f"The request holds {len(items):,} images: expected at most {IMAGES:,}. Send them in several requests.")
    size = sum(len(item) for item in items if isinstance(item, (str, bytes, bytearray)))
    if size > CHARACTERS:
        raise DataError(f"The request holds {size / 1e6:,.0f} MB of images: expected at most {CHARACTERS / 1e6:,.0f} MB. Send them in several requests.")


def check_pixels(images: Sequence[Any]) -> None:
    """Refuse a request with too many pixels to decode. Images that cannot be used do not count.

    Raises:
        DataError: they are too many.
    """
    allowed, pixels = guard.limit(), 0
    for image in images:
        if isinstance(image, np.ndarray):
            check_array(image)
        elif isinstance(image, bytes):
            try:
                pixels += pixels_of(image)
            except DataError:  # it is named when it is decoded
                continue
        if pixels > TIMES * allowed:
            raise DataError(
                f"The images of the request have more than {guard.millions(TIMES * allowed)} million pixels to decode. "
                f"Send fewer or smaller ones in a request, or set {guard.VARIABLE} where the model is served."
            )


def check_array(array: np.ndarray) -> None:
    """Refuse an array of more numbers than an image may have pixels.

    Raises:
        DataError: it is too large.
    """
    if array.size > guard.limit():
        raise DataError(
            f"The request holds an array of {array.size:,} numbers: expected at most {guard.limit():,}. "
            "Send image files in base64, or fewer images in a request."
        )
