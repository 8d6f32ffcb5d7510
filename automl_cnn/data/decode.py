"""One image file, or its bytes -> a square array of bytes.

Everything that turns pictures into pixels goes through here, at training and at prediction, so
that both see the same: upright, on white where transparent, squashed to a square with
antialiasing. JPEG files are decoded at the smallest scale that suffices (2-3 times faster).
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from automl_cnn.errors import DataError

VERSION = 1  # raised whenever the pixels that come out change, so that old caches are not used
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"})
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")  # no others: some of Pillow's decoders start programs
MIN_SIDE = 4
GRAY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_ORIENTATION = 0x0112  # the EXIF tag
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_image(source: Path | bytes, size: int, channels: int) -> np.ndarray:
    """The image as uint8 (size, size, channels), channels being 1 (gray) or 3 (RGB).

    The first frame of an animation; turned upright as its EXIF data say; transparent parts on white;
    16-bit gray divided by 257, floating point 0..1 or 0..255 (any other range is stretched to 0..255);
    both sides resized independently of each other.

    Raises:
        DataError: it is no image of a known format, damaged, too small (a side under 4 px) or too
            large (above 179 million pixels); the message is one sentence that tells which.
    """
    try:
        with _open(source) as image:
            return _square(image, size, channels)
    except DataError:
        raise
    except Exception as error:  # a damaged file makes decoders raise anything
        raise DataError(_reason(error)) from None


def probe(source: bytes) -> tuple[int, bool]:
    """The shorter side in pixels and whether the image is gray, read from its header alone.

    Raises:
        DataError: as `open_image`, as far as the header tells.
    """
    try:
        with _open(source) as image:
            return min(image.size), _is_gray(image)
    except DataError:
        raise
    except Exception as error:  # a damaged file makes decoders raise anything
        raise DataError(_reason(error)) from None


def resize_array(images: np.ndarray, size: int) -> np.ndarray:
    """`images`, uint8 (n, height, width, 1 or 3), as uint8 (n, size, size, channels), antialiased."""
    if images.shape[1:3] == (size, size):
        return np.ascontiguousarray(images)
    out = np.empty((len(images), size, size, images.shape[3]), np.uint8)
    for row, pixels in enumerate(images):
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else np.ascontiguousarray(pixels))
        out[row] = _array(image.resize((size, size), Image.Resampling.BILINEAR))
    return out


def as_uint8(images: np.ndarray) -> np.ndarray:
    """Images in an array of any usual kind as uint8 (n, height, width, 1 or 3).

    Accepts (n, height, width) and (n, height, width, 1, 3 or 4: with alpha, put on white); booleans,
    whole numbers within 0..255, floats within 0..255 or, where none is above 1, within 0..1.

    Raises:
        DataError: another shape or range; a value that is not finite.
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[3] not in (1, 3, 4) or min(images.shape[1:3], default=0) < MIN_SIDE:
        raise DataError(
            f"The images have the shape {images.shape}: expected (n, height, width) or (n, height, width, channels) "
            f"with 1, 3 or 4 channels and sides of at least {MIN_SIDE} px."
        )
    if images.dtype != np.uint8:
        images = _to_bytes(images)
    if images.shape[3] == 4:
        alpha = images[..., 3:].astype(np.uint16)
        images = ((images[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return images


def _to_bytes(images: np.ndarray) -> np.ndarray:
    if images.dtype == bool:
        return images.astype(np.uint8) * np.uint8(255)
    if images.dtype.kind not in "iuf":
        raise DataError(f"The images have the type {images.dtype}: expected uint8, or floats within 0..1 or 0..255.")
    low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 0.0)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise DataError("The images hold values that are not finite (NaN or infinity). Replace them, or leave those images out.")
    if low < 0 or high > 255:
        raise DataError(f"The images' values lie within {low:g}..{high:g}: expected 0..255, or 0..1 for floats. Rescale them first.")
    if images.dtype.kind == "f":
        return np.asarray(np.rint(images * (255 if high <= 1 else 1)), np.uint8)
    return images.astype(np.uint8)


def _open(source: Path | bytes) -> Image.Image:
    if (len(source) if isinstance(source, bytes) else source.stat().st_size) == 0:
        raise DataError("the file is empty (0 bytes)")
    image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
    if min(image.size) < MIN_SIDE:
        image.close()
        raise DataError(f"the image is too small: {image.width}x{image.height} px, expected at least {MIN_SIDE}x{MIN_SIDE}")
    return image


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "the file is no JPEG, PNG, GIF, BMP, WebP or TIFF image"
    if isinstance(error, Image.DecompressionBombError):
        return "the image is too large to be safe: more than 179 million pixels"
    if isinstance(error, OSError) and error.strerror:
        return f"the file cannot be read: {error.strerror}"
    return f"the image is damaged or cut short: {' '.join(str(error).split()) or type(error).__name__}"


def _is_gray(image: Image.Image) -> bool:
    if image.mode == "P":
        colors = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
        return bool((colors == colors[:, :1]).all())
    return image.mode in GRAY_MODES


def _square(image: Image.Image, size: int, channels: int) -> np.ndarray:
    image.draft(None, (size, size))  # None: keep the colors; only JPEG listens
    image.load()
    turn = _UPRIGHT.get(_orientation(image))
    plain = _plain(image)
    plain = plain.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=2.0)
    if plain.mode == "RGBA":
        white = Image.new("RGBA", plain.size, "white")
        plain = Image.alpha_composite(white, plain)
    plain = plain.convert("L" if channels == 1 else "RGB")
    return _array(plain.transpose(turn) if turn is not None else plain)


def _plain(image: Image.Image) -> Image.Image:
    """The image in one of the modes L, RGB and RGBA."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_deep_to_bytes(np.asarray(image), image.mode))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")


def _deep_to_bytes(values: np.ndarray, mode: str) -> np.ndarray:
    values = np.nan_to_num(values.astype(np.float32))
    low, high = float(values.min()), float(values.max())
    if mode.startswith("I;16") or (mode == "I" and low >= 0 and 255 < high <= 65535):
        values = values / 257
    elif mode == "F" and low >= 0 and high <= 1:
        values = values * 255
    elif low < 0 or high > 255:
        values = (values - low) * (255 / (high - low))
    return np.asarray(np.rint(values), np.uint8)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF data do not make the picture unusable
        return 1


def _array(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image, np.uint8)
    return pixels[..., None] if pixels.ndim == 2 else pixels
