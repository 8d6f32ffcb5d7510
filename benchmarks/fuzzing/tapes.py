"""Tar archives as files: written header by header, with fields that lie."""

from __future__ import annotations

import bz2
import functools
import gzip
import lzma
import tarfile
from collections.abc import Callable, Iterator

import numpy as np

from fuzzing.members import LINKS, ZEROS, Member

_KINDS = dict(zip(("file", "folder", "sparse", *LINKS), (b"0", b"5", b"S", b"2", b"1", b"6", b"3", b"4"), strict=True))
_PRESSED: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "tar.gz": functools.partial(gzip.compress, compresslevel=6, mtime=0),
    "tar.bz2": bz2.compress,
    "tar.xz": functools.partial(lzma.compress, preset=0),
}
_NUMBERS = (
    b"",
    b"0000000",
    b"7777777",
    b"-1",
    b"99999999999",
    b"77777777777",
    b"\x80" + bytes(10) + b"\x7f",
    b"\xff" * 11,
    b"zzzz",
    b"\x80\x7f" + b"\xff" * 10,
)


def tape(rng: np.random.Generator, suffix: str, members: list[Member], lies: int) -> bytes:
    """A tar archive of these members, compressed by its suffix, in which `lies` fields are changed."""
    form = int(rng.choice([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT]))
    parts: list[bytes | int] = []
    for one in members:
        for part in _entry(one, form):
            if isinstance(part, bytes) and parts and isinstance(parts[-1], bytes):
                parts[-1] += part
            else:
                parts.append(part)
    for _ in range(lies):
        at = int(rng.integers(len(parts)))
        if isinstance(part := parts[at], bytes):
            parts[at : at + 1] = _lied_in_tar(rng, part)
    parts.append(bytes(1024))
    return b"".join(_zeros(suffix, part) if isinstance(part, int) else _PRESSED[suffix](part) for part in parts)


@functools.cache
def _zeros(suffix: str, blocks: int) -> bytes:
    """Blocks of zeros; where they would not get smaller, they are stated and missing."""
    return b"" if suffix == "tar" else _PRESSED[suffix](bytes(blocks * ZEROS))


def _entry(one: Member, form: int) -> Iterator[bytes | int]:
    info = tarfile.TarInfo(one.name)
    info.type = _KINDS[one.kind]
    info.linkname = one.target
    info.size = len(one.content) + one.zeros * ZEROS if one.kind in ("file", "sparse") else 0
    try:
        head = info.tobuf(form, "utf-8", "surrogateescape")
    except ValueError:  # too long for this form
        head = info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    if one.kind == "sparse":  # one block at the start of a file that states 4 GB
        own = head[-512:]
        own = own[:386] + b"00000000000\0" + b"%011o\0" % len(one.content) + bytes(73) + b"%011o\0" % (1 << 32) + own[495:]
        head = _fixed(head[:-512] + own)
    yield head
    if info.size:
        yield one.content
        if one.zeros:
            yield one.zeros
        yield bytes(-info.size % 512)


_FIELDS = {"name": (0, 100), "mode": (100, 8), "uid": (108, 8), "size": (124, 12), "mtime": (136, 12), "sum": (148, 8), "type": (156, 1), "link": (157, 100)}
_FIELDS |= {"magic": (257, 8), "user": (265, 32), "prefix": (345, 155), "sparse": (386, 97), "real size": (483, 12)}


def _lied_in_tar(rng: np.random.Generator, part: bytes) -> list[bytes | int]:
    """One field of one header, whose checksum fits again; or a header of extended fields put before one."""
    places = [at for at in range(0, len(part) - 511, 512) if part[at + 257 : at + 262] == b"ustar"]
    if not places:
        return [part]
    at = places[int(rng.integers(len(places)))]
    if rng.random() < 0.4:
        return [part[:at], *_extended(rng), part[at:]]
    name = str(rng.choice([*_FIELDS, "type", "type", "size", "size"]))
    offset, length = _FIELDS[name]
    if name == "type":
        value = bytes([int(rng.choice(list(b"01234567LKSVMANDxgXZ\0\xff")))])
    elif name in ("mode", "uid", "size", "mtime", "sum", "real size"):
        value = _NUMBERS[int(rng.integers(len(_NUMBERS)))]
    else:
        value = rng.bytes(length) if rng.random() < 0.5 else b"../../x.png"
    head = part[at : at + offset] + value[:length].ljust(length, b"\0") + part[at + offset + length : at + 512]
    return [part[:at], head if name == "sum" else _fixed(head), part[at + 512 :]]


def _extended(rng: np.random.Generator) -> list[bytes | int]:
    """A header in the manner of pax or GNU, whose content is odd or enormous."""
    pairs = ("path=../../x.png", "path=/x.png", "path=", "size=-1", "size=99999999999999", "size=x", "linkpath=../x", "hdrcharset=BINARY", "hdrcharset=x")
    pairs += (
        "GNU.sparse.map=0,1,x",
        "GNU.sparse.size=-5",
        "GNU.sparse.major=1",
        "GNU.sparse.name=../x",
        "GNU.sparse.realsize=99999999999",
        "mtime=nan",
        "uid=1e400",
    )
    kind = bytes([int(rng.choice(list(b"xgLKX")))])
    info = tarfile.TarInfo("extended")
    info.type = kind
    blocks = int(rng.choice([0, 0, 0, 8]))
    content = (
        b"".join(_record(pairs[int(rng.integers(len(pairs)))], rng) for _ in range(int(rng.integers(1, 4))))
        if kind in b"xgX"
        else b"../" * int(rng.integers(1, 400))
    )
    info.size = len(content) + blocks * ZEROS
    padding = bytes(-info.size % 512)
    return [info.tobuf(tarfile.USTAR_FORMAT), content, *([blocks] if blocks else []), padding]


def _record(pair: str, rng: np.random.Generator) -> bytes:
    body = f" {pair}\n"
    length = len(body) + len(str(len(body) + 2))
    length = int(rng.choice([length, length, length, length, 0, 1, 10**6, -3]))
    return f"{length}{body}".encode()


def _fixed(head: bytes) -> bytes:
    """A header with the checksum that it should have; only its last 512 bytes are the header itself."""
    before, own = head[:-512], head[-512:]
    plain = own[:148] + b" " * 8 + own[156:]
    return before + own[:148] + b"%06o\0 " % sum(plain) + own[156:]
