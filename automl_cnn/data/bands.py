"""TIFF files with more bands than gray or color: infrared, elevation, a mask, and sometimes opacity.

Programs tag bands as opacity that are none, or do not tag them at all. Such a band is taken for opacity only where its
values are those of one: most of what is not fully transparent is fully opaque. Otherwise the colors alone are used.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from automl_cnn.data import formats, tiff

OPAQUE = 0.5  # of the values above 0 that must be the highest in a band of opacity


def settled(content: bytes, pixels: int) -> tuple[bytes, int]:
    """An image file in which a decoder takes no other band for opacity, and how many bands are used where others are left out.

    The second is 0 where none is left out: for every file but a TIFF, and for most of these.

    Raises:
        DataError: the file cannot be used.
        Exception: whatever Pillow raises for a damaged file.
    """
    if not content.startswith(tiff.BEGINNINGS):
        return content, 0
    structure = tiff.layout(io.BytesIO(content))
    spare = structure.samples - structure.colors if structure is not None else 0
    if structure is None or spare <= 0:
        return content, 0
    with formats.opened(io.BytesIO(content), pixels) as image:
        if not image.has_transparency_data:
            return content, structure.colors
        image.load()
        if _is_opacity(image):
            return content, structure.colors if spare > 1 else 0
    return tiff.without_opacity(content, structure), structure.colors


def _is_opacity(image: Image.Image) -> bool:
    counts = np.asarray(image.getchannel(len(image.getbands()) - 1).histogram())
    return bool(counts[255] >= OPAQUE * counts[1:].sum() > 0)
