"""Read the properties of a TIFF file's first image from its header. Pillow is not used: it would allocate any amount that the header asks for."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from automl_cnn.data import guard
from automl_cnn.errors import DataError

BEGINNINGS = (b"MM\0\x2a", b"II\x2a\0", b"MM\x2a\0", b"II\0\x2a", b"MM\0\x2b", b"II\x2b\0")  # the third and fourth are wrong and not rare
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, PLANAR = 256, 257, 258, 259, 262, 277, 284
STRIPS, ROWS, TILE_WIDTH, TILE_HEIGHT, TILES, EXTRA, FORMAT = 273, 278, 322, 323, 324, 338, 339
COLORS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}  # photometric interpretation -> bands that make up a color
NUMBERS = 2_000_000  # in all tags together: more take longer to read than an image
PIECES = 200_000  # strips or tiles
BANDS = 6  # that Pillow can read
_TEXT = frozenset((1, 2, 6, 7))  # types that are kept as bytes, whatever their count
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_READ = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q"}
_TYPE_SHORT = 3
_SHORT = 64  # numbers of one tag that are read here
_KINDS = {1: "whole numbers", 2: "signed whole numbers", 3: "floating point"}


@dataclass(frozen=True)
class Entry:
    """One tag: its number, the type and count of its values, and the values if they are few whole numbers."""

    tag: int
    type: int
    count: int
    values: tuple[int, ...]
    raw: bytes  # the entry itself


@dataclass(frozen=True)
class Layout:
    """The first directory of a TIFF file."""

    order: str  # < or >, as `struct` has it
    big: bool
    entries: tuple[Entry, ...]
    following: bytes  # the offset of the next directory

    def values(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The values of a tag."""
        return next((entry.values for entry in self.entries if entry.tag == tag and entry.values), default)

    def count(self, tag: int) -> int:
        """How many values a tag has."""
        return next((entry.count for entry in self.entries if entry.tag == tag), 0)

    @property
    def samples(self) -> int:
        """Bands."""
        return self.values(SAMPLES, (1,))[0]

    @property
    def colors(self) -> int:
        """The bands that make up a color; the others come after them."""
        return COLORS.get(self.values(PHOTOMETRIC, (0,))[0], self.samples)


def layout(file: BinaryIO) -> Layout | None:
    """The first directory of `file`, which is at its start; None if it is too damaged to be read."""
    head = file.read(16)
    if not head.startswith(BEGINNINGS):
        return None
    order, big = "<" if head[:2] == b"II" else ">", head[2] == 43 or head[3] == 43
    try:
        file.seek(struct.unpack_from(f"{order}Q", head, 8)[0] if big else struct.unpack_from(f"{order}I", head, 4)[0])
        form = f"{order}HHQ8s" if big else f"{order}HHI4s"
        (count,) = struct.unpack(f"{order}{'Q' if big else 'H'}", file.read(8 if big else 2))
        size = struct.calcsize(form)
        raws = [file.read(size) for _ in range(min(count, 4096))]
        following = file.read(8 if big else 4)
        entries = tuple(_entry(file, order, form, big, raw) for raw in raws)
    except (struct.error, OSError, ValueError, OverflowError):
        return None
    return Layout(order, big, entries, following)


def check(directory: Layout, pixels: int) -> None:
    """Refuse files that would cost too much to read, or that Pillow would misread.

    Raises:
        DataError: the file is a big-endian BigTIFF, which Pillow takes for plain TIFF; it or one of its tiles has too many pixels; or it has too many strips,
            tiles or numbers in tags.
    """
    if directory.big and directory.order == ">":
        raise DataError("a big-endian BigTIFF cannot be decoded; save it as little-endian, or as plain TIFF")
    guard.check_size(directory.values(WIDTH, (0,))[0], directory.values(HEIGHT, (0,))[0], pixels)
    width, height = directory.values(TILE_WIDTH, (0,))[0], directory.values(TILE_HEIGHT, (0,))[0]
    if directory.count(TILES) and width * height > pixels:
        raise DataError(f"the image is too large: a tile of the TIFF has {width}x{height} pixels")
    pieces = max(directory.count(STRIPS), directory.count(TILES))
    if pieces > PIECES:
        raise DataError(f"the image is a TIFF in {pieces:,} strips or tiles, which would take very long to decode: save it with larger ones")
    numbers = sum(entry.count for entry in directory.entries if entry.type not in _TEXT)
    if numbers > NUMBERS:
        raise DataError(f"the image is a TIFF with {numbers:,} numbers in its tags, which would take very long to read: save it without them")


def unsupported(directory: Layout) -> str:
    """Why the decoder does not know this kind of TIFF, in a sentence for the user."""
    bits = sorted(set(directory.values(BITS, (1,))[: max(1, directory.samples)]))[:4]
    kind = directory.values(FORMAT, (1,))[0]
    bands = f"{directory.samples} band{'' if directory.samples == 1 else 's'}"
    planar = " stored one after the other" if directory.values(PLANAR, (1,))[0] == 2 and directory.samples > 1 else ""
    return (
        f"this kind of TIFF cannot be decoded: {bands}{planar} of {' and '.join(map(str, bits))} bits ({_KINDS.get(kind, 'an unknown kind of number')}); "
        f"save it as 8-bit with at most {BANDS} bands, 16-bit with at most 4, or floating point with 1"
    )


def without_opacity(content: bytes, directory: Layout) -> bytes:
    """The same file with another directory at its end, which declares the bands after the colors as unspecified."""
    form, word = ("HHQ8s", "Q") if directory.big else ("HHI4s", "I")
    spare = directory.samples - directory.colors
    value = struct.pack(f"{directory.order}{spare}H", *[0] * spare)
    out = bytearray(content) + bytes(len(content) % 2)
    if len(value) > struct.calcsize(word):
        at, out = len(out), out + value + bytes(len(value) % 2)
        value = struct.pack(f"{directory.order}{word}", at)
    raw = struct.pack(directory.order + form, EXTRA, _TYPE_SHORT, spare, value)
    entries = [entry for entry in directory.entries if entry.tag != EXTRA] + [Entry(EXTRA, _TYPE_SHORT, spare, (), raw)]
    entries.sort(key=lambda entry: entry.tag)
    struct.pack_into(f"{directory.order}{word}", out, 8 if directory.big else 4, len(out))
    out += struct.pack(f"{directory.order}{'Q' if directory.big else 'H'}", len(entries)) + b"".join(entry.raw for entry in entries) + directory.following
    return bytes(out)


def _entry(file: BinaryIO, order: str, form: str, big: bool, raw: bytes) -> Entry:
    tag, kind, count, value = struct.unpack(form, raw)
    letter = _READ.get(kind)
    if letter is None or not count:
        return Entry(tag, kind, count, (), raw)
    taken = min(count, _SHORT)
    if count * _SIZES[kind] > len(value):
        file.seek(struct.unpack(f"{order}{'Q' if big else 'I'}", value)[0])
        value = file.read(taken * _SIZES[kind])
    return Entry(tag, kind, count, struct.unpack_from(f"{order}{taken}{letter}", value), raw)
