"""Make a photo square before it is resized."""

from __future__ import annotations

from typing import Literal

from PIL import Image

Fit = Literal["squash", "pad", "crop"]
FITS: tuple[Fit, ...] = ("squash", "pad", "crop")
GRAY = 128  # of the bars that pad a photo: in the middle of the range, as far from black as from white
COARSE = 3  # a photo is first shrunk to this many times the final size; otherwise the bars of a panorama would take much memory


def squared(image: Image.Image, size: int, fit: Fit) -> Image.Image:
    """A photo in mode L, RGB or RGBA, ready to be resized to `size` on both sides.

    squash: unchanged; resizing distorts its shape. pad: gray bars fill the square; nothing is lost or distorted. crop: the square in its middle.
    """
    if fit == "squash" or image.width == image.height:
        return image
    if fit == "crop":
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        return image.crop((left, top, left + side, top + side))
    factor = max(image.size) // (COARSE * size)
    image = image.reduce(factor) if factor > 1 else image
    side, bands = max(image.size), len(image.getbands())
    square = Image.new(image.mode, (side, side), GRAY if bands == 1 else (GRAY, GRAY, GRAY, 255)[:bands])
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square
