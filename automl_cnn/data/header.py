"""The header of an image file: size, format, mode, camera and time."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from automl_cnn.text import inline

_MODEL, _DETAILS, _TAKEN, _DATE = 0x0110, 0x8769, 0x9003, 0x0132  # EXIF tags
_LONGEST = 64  # characters of a tag that are kept


@dataclass(frozen=True)
class Header:
    """`width` and `height` in pixels as stored, `format` and `mode` as Pillow names them.

    `camera` and `taken` (as in EXIF: 2024:05:31 10:22:07) are empty where the file does not state them.
    """

    width: int
    height: int
    format: str
    mode: str
    gray: bool
    camera: str = ""
    taken: str = ""


def origin(image: Image.Image) -> tuple[str, str]:
    """The camera's model and the time, from the EXIF data; empty where they are missing or damaged."""
    try:
        exif = image.getexif()
        if not exif:
            return "", ""
        return _text(exif.get(_MODEL)), _text(exif.get_ifd(_DETAILS).get(_TAKEN) or exif.get(_DATE))
    except Exception:  # damaged EXIF data do not make the picture unusable
        return "", ""


def _text(value: object) -> str:
    return inline(" ".join(value.replace("\0", " ").split()))[:_LONGEST] if isinstance(value, str) else ""
