"""TIFF files with more bands than gray or color: infrared, elevation, a mask, and sometimes opacity.

Programs tag other bands as opacity, or do not tag opacity at all. A band is taken for opacity only if its values look
like opacity: most pixels that are not fully transparent are fully opaque. Otherwise only the colors are used.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from automl_cnn.data import formats, tiff

OPAQUE = 0.5  # of the values above 0 that must be the highest in a band of opacity


def settled(content: bytes, pixels: int) -> tuple[bytes, int]:
    """The file, changed if a decoder would take another band for opacity, and the number of bands used if some are left out.

    The number is 0 if no band is left out: for all files except TIFF, and for most TIFF files.

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
