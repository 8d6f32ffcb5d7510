"""Classify files by name: images that can be decoded, clutter to ignore, and other files to count and report."""

from __future__ import annotations

import functools
import importlib.util
import os
import stat
from pathlib import Path

from PIL import features

from automl_cnn.paths import because

AVIF = bool(features.check("avif"))  # whether Pillow was built with its decoder
HEIF = importlib.util.find_spec("pillow_heif") is not None  # whether the package with the decoder is installed
_OPTIONAL = frozenset({*((".avif", ".avifs") if AVIF else ()), *((".heic", ".heif", ".hif") if HEIF else ())})
SUFFIXES = _OPTIONAL | frozenset({
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".jfi", ".pjpeg", ".pjp", ".mpo"),
    *(".png", ".apng", ".gif", ".bmp", ".dib", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
})  # fmt: skip
COMMON = (".jpg", ".png", ".gif", ".bmp", ".webp", ".tif", ".ppm")  # one of each format, for messages
LARGEST_FILE = 10**9  # bytes; a larger file is left out
NO_SUFFIX = "no extension"
MISSING = "there is no such file"
_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a FIFO (named pipe)", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
_LONGEST_SUFFIX = 12

CLUTTER = frozenset({
    *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r"),
    *("__macosx", "__pycache__", "@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"),
})  # fmt: skip

CONVERT = "convert them to JPEG or PNG"
DEVELOP = "camera raw: develop them to JPEG or TIFF"
FRAMES = "videos: save their frames as JPEG or PNG"
UNPACK = "archives: unpack them first"
_UNREAD = {
    CONVERT: """heic heif hif heics avif avifs jxl jp2 j2k jpf jpx jpc j2c jpm psd psb xcf svg eps ai exr hdr pfm
                dcm dicom nii ico icns tga pcx dds fits qoi bpg""",
    DEVELOP: """raw cr2 cr3 crw nef nrw arw srf sr2 dng orf raf rw2 rwl pef ptx srw x3f erf mrw dcr kdc mef mos
                iiq 3fr fff gpr""",
    FRAMES: "mp4 mov m4v avi mkv webm wmv mpg mpeg mts m2ts 3gp flv ogv",
    UNPACK: "zip tar gz tgz bz2 xz 7z rar",
    "": """txt csv tsv json jsonl xml yaml yml toml md rst html htm css js py ipynb pdf doc docx xls xlsx log db
           sqlite ini cfg npy npz pkl h5 hdf5 parquet tfrecord""",
}
HINTS = {f".{suffix}": hint for hint, suffixes in _UNREAD.items() for suffix in suffixes.split() if f".{suffix}" not in _OPTIONAL}
_MISNAMED = frozenset({".heic", ".heif", ".avif"})  # phones and chat programs give these names to JPEG files too
_BITMAP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
_BEGINNING = 18  # bytes that tell a format


def suffix_of(name: str) -> str:
    """The extension in lower case with its dot, or `NO_SUFFIX`: what follows the last dot is not an extension if it is long or holds odd characters."""
    return _judged(os.path.splitext(name)[1])


@functools.lru_cache(1000)
def _judged(suffix: str) -> str:
    plain = 1 < len(suffix) <= _LONGEST_SUFFIX and suffix.isascii() and suffix[1:].replace("_", "").replace("-", "").isalnum()
    return suffix.lower() if plain else NO_SUFFIX


def is_clutter(name: str) -> bool:
    """Whether the file is clutter of an operating system or a file manager: hidden files, `Thumbs.db`, `__MACOSX` and the like."""
    return name.startswith(".") or name.lower() in CLUTTER


def may_hide_an_image(suffix: str) -> bool:
    """Whether a file of this extension is worth a look at its first bytes."""
    return suffix in _MISNAMED or suffix not in HINTS


def begins_like_an_image(path: str) -> bool:
    """Whether the first bytes of a regular file are those of a JPEG, PNG, GIF, BMP, WebP or TIFF image."""
    try:
        with open(path, "rb") as file:
            return is_beginning(file.read(_BEGINNING))
    except OSError:
        return False


def is_beginning(head: bytes) -> bool:
    """Whether these first bytes of a file are those of such an image."""
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")):
        return True
    if head.startswith(b"RIFF"):
        return head[8:12] == b"WEBP"
    return head.startswith(b"BM") and len(head) >= _BEGINNING and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS


def is_folder(status: os.stat_result) -> bool:
    """Whether it is a folder, links followed."""
    return stat.S_ISDIR(status.st_mode)


def is_file(status: os.stat_result) -> bool:
    """Whether it is a regular file, links followed."""
    return stat.S_ISREG(status.st_mode)


def refusal(status: os.stat_result) -> str:
    """Why a file must not be opened, in a clause; "" for a regular file of a reasonable size."""
    if not stat.S_ISREG(status.st_mode):
        return f"it is {_KINDS.get(stat.S_IFMT(status.st_mode), 'a special file')}, not an image file"
    return too_large(status.st_size) if status.st_size > LARGEST_FILE else ""


def too_large(size: int) -> str:
    """The reason to leave a file of this size out."""
    return f"the file is too large: {size / 1e9:,.1f} GB, expected at most {LARGEST_FILE / 1e9:g} GB"


def why_not(path: Path | str) -> str:
    """Why an image cannot be read from this path, in a clause; "" for a regular file. Opens nothing."""
    try:
        return refusal(os.stat(path))
    except FileNotFoundError:
        return "the link leads nowhere" if os.path.islink(path) else MISSING
    except (OSError, ValueError) as error:
        return because(error)
