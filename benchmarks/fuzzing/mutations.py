"""Ways to damage a file, the same for the same generator."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable

import numpy as np

EXTREMES = (0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 10**6, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
MOST = 2_000_000  # bytes that a mutated file has

_BOXES = re.compile(rb"ftyp|meta|hdlr|pitm|iloc|iinf|infe|iprp|ipco|ispe|pixi|av1C|hvcC|colr|auxC|ipma|iref|idat|mdat|moov|stbl")


def mutated(rng: np.random.Generator, content: bytes, other: bytes) -> bytes:
    """The file, damaged in one to four ways; sometimes with a part of the `other` one."""
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 4]))):
        content = WAYS[int(rng.integers(len(WAYS)))](rng, content, other)[:MOST] or b"\0"
    return _with_checksums(content) if content.startswith(b"\x89PNG") and rng.random() < 0.7 else content


def _flip(rng: np.random.Generator, content: bytes, other: bytes) -> bytes:
    out = bytearray(content)
    for _ in range(int(rng.integers(1, 12))):
        out[int(rng.integers(len(out)))] ^= 1 << int(rng.integers(8))
    return bytes(out)


def _noise(rng: np.random.Generator, content: bytes, other: bytes) -> bytes:
    out = bytearray(content)
    at = int(rng.integers(len(out)))
    out[at : at + 16] = rng.bytes(min(16, len(out) - at))
    return bytes(out)


def _cut(rng: np.random.Generator, content: bytes, other: bytes) -> bytes:
    return content[: int(rng.integers(1, len(content) + 1))]


def _splice(rng: np.random.Generator, content: bytes, other: bytes) -> bytes:
    return content[: int(rng.integers(1, len(content) + 1))] + other[int(rng.integers(len(other))) :]


def _field(rng: np.random.Generator, content: bytes, other: bytes) -> bytes:
    """A number of 1, 2, 4 or 8 bytes, mostly in the header, becomes an extreme one."""
    out = bytearray(content)
    size, order = int(rng.choice([1, 2, 4, 8])), rng.choice(["<", ">"])
    at = int(rng.integers(min(len(out), 64 if rng.random() < 0.6 else len(out))))
    value = int(rng.choice(EXTREMES)) & ((1 << 8 * size) - 1)
    out[at : at + size] = struct.pack(f"{order}{'BHIQ'[(1, 2, 4, 8).index(size)]}", value)[: len(out) - at]
    return bytes(out)


def _dimension(rng: np.random.Generator, content: bytes, other: bytes) -> bytes:
    """Another width or height, where this format keeps it."""
    out = bytearray(content)
    value = int(rng.choice([0, 1, 3, 4, 5, 255, 4000, 6000, 16383, 30000, 65535, 2**31 - 1, 2**32 - 1, int(rng.integers(1, 9000))]))
    second = int(rng.integers(2))
    if content.startswith(b"\x89PNG"):
        out[16 + 4 * second : 20 + 4 * second] = struct.pack(">I", value)
    elif content.startswith(b"GIF"):
        at = int(rng.choice([6, max(6, content.find(b",", 13) + 5)])) + 2 * second
        out[at : at + 2] = struct.pack("<H", value & 0xFFFF)
    elif content.startswith(b"BM"):
        out[18 + 4 * second : 22 + 4 * second] = struct.pack("<I", value)
    elif content.startswith(b"\xff\xd8") and (frame := re.search(rb"\xff[\xc0-\xc2]", content)):
        out[frame.start() + 5 + 2 * second : frame.start() + 7 + 2 * second] = struct.pack(">H", value & 0xFFFF)
    elif content.startswith(b"RIFF"):
        at = 24 + 3 * second if content[12:16] == b"VP8X" else 26 + 2 * second
        out[at : at + 2] = struct.pack("<H", value & 0xFFFF)
    elif content[4:8] == b"ftyp" and (at := content.find(b"ispe")) > 0:
        out[at + 8 + 4 * second : at + 12 + 4 * second] = struct.pack(">I", value)
    elif content[:2] in (b"II", b"MM"):
        return _tag(rng, content, only=(256, 257))
    elif re.match(rb"P[1-6]\s+\d+", content):
        return re.sub(rb"\d+", str(value).encode(), content[:20], count=1, flags=0) + content[20:]
    return bytes(out)


def _tag(rng: np.random.Generator, content: bytes, other: bytes = b"", only: tuple[int, ...] = ()) -> bytes:
    """One entry of a TIFF's first directory: its type, count or value."""
    if content[:2] not in (b"II", b"MM") or len(content) < 40:
        return _field(rng, content, other)
    order, big = "<" if content[:2] == b"II" else ">", 43 in content[2:4]
    at = struct.unpack_from(f"{order}{'Q' if big else 'I'}", content, 8 if big else 4)[0] + (8 if big else 2)
    size = 20 if big else 12
    places = list(range(at, min(at + 20 * size, len(content) - size), size))
    places = [place for place in places if not only or struct.unpack_from(f"{order}H", content, place)[0] in only]
    if not places:
        return _field(rng, content, other)
    place, part = places[int(rng.integers(len(places)))], 2 if only else int(rng.integers(4))
    out, value = bytearray(content), int(rng.choice([*EXTREMES, *rng.integers(1, 9000, 6).tolist()]))
    if part == 3:
        struct.pack_into(f"{order}H", out, place + 2, int(rng.integers(0, 20)))
    else:
        offset, letter = (place + 4, "Q" if big else "I") if part == 1 else (place + (12 if big else 8), "I")
        short = part == 2 and struct.unpack_from(f"{order}H", content, place + 2)[0] == 3
        struct.pack_into(f"{order}{'H' if short else letter}", out, offset, value & 0xFFFF if short else value)
    return bytes(out)


def _box(rng: np.random.Generator, content: bytes, other: bytes) -> bytes:
    """One box of an AVIF or HEIC file: another length, a field of its own, or the box taken out."""
    starts = [match.start() - 4 for match in _BOXES.finditer(content)] if content[4:8] == b"ftyp" else []
    if not starts:
        return _field(rng, content, other)
    out, at, way = bytearray(content), starts[int(rng.integers(len(starts)))], rng.random()
    value = struct.pack(">I", int(rng.choice([*EXTREMES, *rng.integers(1, 900, 6).tolist()])))
    if way < 0.2:
        del out[at : at + max(8, int.from_bytes(content[at : at + 4], "big"))]
    else:
        at += 0 if way < 0.4 else 8 + int(rng.integers(40))
        size = int(rng.choice([1, 2, 4]))
        out[at : at + size] = value[-size:]
    return bytes(out[: len(content)])


def _repeat(rng: np.random.Generator, content: bytes, other: bytes) -> bytes:
    """A part, at best a chunk or segment, many times."""
    starts = [match.start() for match in re.finditer(rb"\xff[\xc0-\xfe]|....(?:IDAT|tEXt|zTXt|fcTL|fdAT|iCCP)|ANMF|,", content, re.DOTALL)]
    if len(starts) >= 2 and rng.random() < 0.7:
        number = int(rng.integers(len(starts) - 1))
        start, end = starts[number], starts[number + 1]
    else:
        start = int(rng.integers(len(content)))
        end = start + int(rng.integers(1, 400))
    times = int(rng.choice([1, 2, 10, 200, 3000]))
    return content[:end] + content[start:end] * times + content[end:]


def _zeros(rng: np.random.Generator, content: bytes, other: bytes) -> bytes:
    at, length = int(rng.integers(len(content))), int(rng.integers(1, 300))
    return content[:at] + bytes(min(length, len(content) - at)) + content[at + length :]


def _drop(rng: np.random.Generator, content: bytes, other: bytes) -> bytes:
    at = int(rng.integers(len(content)))
    return content[:at] + content[at + int(rng.integers(1, 60)) :]


def _with_checksums(content: bytes) -> bytes:
    """A PNG whose chunks have the right checksums again, so that damage gets further than to these."""
    out, at = bytearray(content), 8
    while at + 12 <= len(out):
        end = at + 8 + int.from_bytes(out[at : at + 4], "big")
        if end + 4 > len(out):
            break
        struct.pack_into(">I", out, end, zlib.crc32(out[at + 4 : end]))
        at = end + 4
    return bytes(out)


WAYS: tuple[Callable[[np.random.Generator, bytes, bytes], bytes], ...] = (
    *(_flip, _noise, _cut, _splice, _field, _field, _dimension, _tag, _box, _repeat, _zeros, _drop),
)
