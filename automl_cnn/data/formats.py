"""The supported image formats: recognize a file's format and open it with its decoder.

Pillow's `Image.open` is not used. It tries other decoders too, some of which start programs, and it refuses large JPEGs by
the size they would have if they were not decoded at a smaller scale.
"""

from __future__ import annotations

import io
from contextlib import suppress
from typing import BinaryIO

from PIL import BmpImagePlugin, GifImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin, PpmImagePlugin, TiffImagePlugin, WebPImagePlugin

from automl_cnn.data import guard, kinds, tiff
from automl_cnn.errors import DataError

NAMES = "JPEG, PNG, GIF, BMP, WebP, TIFF, AVIF or PPM"
_ARRANGED = frozenset({"unknown pixel mode", "unknown data organization", "Invalid value for samples per pixel"})  # Pillow's words
AVIF = frozenset({b"avif", b"avis"})
HEIF = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_LONGEST_BOX = 256  # bytes of the first box of an ISO media file
_HEAD = 30  # bytes, as many as a WebP file needs to tell its size
_BEGINNINGS: tuple[tuple[bytes, type[ImageFile.ImageFile]], ...] = (
    (b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"GIF87a", GifImagePlugin.GifImageFile),
    (b"GIF89a", GifImagePlugin.GifImageFile),
    (b"BM", BmpImagePlugin.BmpImageFile),
    (b"RIFF", WebPImagePlugin.WebPImageFile),
    *((b"P" + kind, PpmImagePlugin.PpmImageFile) for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"f")),
    *((bytes([size, 0, 0, 0]), BmpImagePlugin.DibImageFile) for size in (12, 40, 52, 56, 64, 108, 124)),
    *((beginning, TiffImagePlugin.TiffImageFile) for beginning in tiff.BEGINNINGS),
)


def opened(file: BinaryIO, pixels: int) -> ImageFile.ImageFile:
    """Open the image in `file`, which is at its start: the header is read and checked, no pixel decoded. The image may have at most `pixels` pixels.

    Raises:
        DataError: the file is of no known format, or the image too large.
        Exception: whatever Pillow raises for a damaged header.
    """
    head = file.read(_HEAD)
    file.seek(0)
    if head[4:8] == b"ftyp" and (brands := _brands(file, head)) & (AVIF | HEIF):
        return _iso(file, brands, pixels)
    decoder = next((decoder for beginning, decoder in _BEGINNINGS if head.startswith(beginning)), None)
    if decoder is None or (decoder is WebPImagePlugin.WebPImageFile and head[8:12] != b"WEBP"):
        raise DataError(f"the file is not a {NAMES} image")
    if decoder is WebPImagePlugin.WebPImageFile:
        guard.check_size(*_webp_size(head), pixels)  # this decoder takes the memory as soon as it is made
    if decoder is TiffImagePlugin.TiffImageFile:
        layout = tiff.layout(file)
        file.seek(0)
        if layout is None:
            raise DataError("the image is damaged or cut short: its TIFF directory cannot be read")
        tiff.check(layout, pixels)
        return _tiff(file, layout)
    return decoder(file)


def _brands(file: BinaryIO, head: bytes) -> set[bytes]:
    """The type in the first box of an ISO media file; the file is at its start again afterward."""
    box = file.read(min(int.from_bytes(head[:4], "big"), _LONGEST_BOX))
    file.seek(0)
    return {box[8:12], *(box[start : start + 4] for start in range(16, len(box) - 3, 4))}


def _iso(file: BinaryIO, brands: set[bytes], pixels: int) -> ImageFile.ImageFile:
    """An AVIF or HEIF image, where there is a decoder for it."""
    if brands & AVIF:
        if not kinds.AVIF:
            raise DataError("the file is an AVIF image, which this version of Pillow cannot decode; install a newer one, or convert it to JPEG or PNG")
        from PIL import AvifImagePlugin

        image: ImageFile.ImageFile = AvifImagePlugin.AvifImageFile(file)
    else:
        if not kinds.HEIF:
            raise DataError("the file is a HEIC image: convert it to JPEG or PNG, or install its decoder (pip install pillow-heif)")
        from pillow_heif.as_plugin import HeifImageFile  # type: ignore[import-not-found]  # an optional package

        image = HeifImageFile(file)
    guard.check_size(*image.size, pixels)
    return image


def _tiff(file: BinaryIO, layout: tiff.Layout) -> ImageFile.ImageFile:
    """Pillow knows some arrangements of bands only if those after the colors are unspecified."""
    try:
        return TiffImagePlugin.TiffImageFile(file)
    except SyntaxError as error:
        if str(error) not in _ARRANGED:
            raise
    if layout.colors < layout.samples <= tiff.BANDS:
        file.seek(0)
        with suppress(SyntaxError):
            return TiffImagePlugin.TiffImageFile(io.BytesIO(tiff.without_opacity(file.read(), layout)))
    raise DataError(tiff.unsupported(layout))


def _webp_size(head: bytes) -> tuple[int, int]:
    """Width and height, from the first chunk, which holds them in every valid file."""
    kind = head[12:16]
    if len(head) == _HEAD and kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if len(head) == _HEAD and kind == b"VP8 ":
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    if len(head) >= 25 and kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise DataError("the image is damaged or cut short: its WebP header is incomplete")
