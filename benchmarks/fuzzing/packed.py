"""Archives as files: zip is written here, with fields that lie, tar in `tapes.py`."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Iterator

import numpy as np

from fuzzing.members import LINKS, ZEROS, Member
from fuzzing.tapes import tape

SUFFIXES = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz")


def packed(rng: np.random.Generator, suffix: str, members: list[Member], *, lies: int) -> bytes:
    """An archive of these members, in which `lies` fields are changed; most checksums still fit."""
    return _zip(rng, members, lies) if suffix == "zip" else tape(rng, suffix, members, lies)


def _zip(rng: np.random.Generator, members: list[Member], lies: int) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # of names that are there twice
        for one in members:
            info = zipfile.ZipInfo("x")
            info.filename = f"{one.name.rstrip('/')}/" if one.kind == "folder" else one.name
            info.external_attr = {"link": 0o120777, "fifo": 0o010644, "device": 0o020644, "block": 0o060644}.get(one.kind, 0o100644) << 16
            info.compress_type = int(rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
            info.compress_type = zipfile.ZIP_DEFLATED if one.zeros else info.compress_type
            archive.writestr(info, one.target.encode() if one.kind in LINKS else one.content + bytes(one.zeros * ZEROS))
    content = bytearray(out.getvalue())
    for _ in range(lies):
        _lie_in_zip(rng, content)
    return bytes(content)


_CENTRAL = {"method": (10, "H"), "flags": (8, "H"), "crc": (16, "I"), "packed": (20, "I"), "size": (24, "I"), "name": (28, "H"), "extra": (30, "H")}
_CENTRAL |= {"comment": (32, "H"), "disk": (34, "H"), "attributes": (38, "I"), "offset": (42, "I"), "needed": (6, "H"), "made by": (4, "H")}
_LOCAL = {"flags": (6, "H"), "method": (8, "H"), "crc": (14, "I"), "packed": (18, "I"), "size": (22, "I"), "name": (26, "H"), "extra": (28, "H")}
_END = {"disk": (4, "H"), "entries": (8, "H"), "all entries": (10, "H"), "size": (12, "I"), "offset": (16, "I"), "comment": (20, "H")}
_PARTS = ((b"PK\x01\x02", _CENTRAL), (b"PK\x01\x02", _CENTRAL), (b"PK\x03\x04", _LOCAL), (b"PK\x05\x06", _END))


def _lie_in_zip(rng: np.random.Generator, content: bytearray) -> None:
    """One field of one entry, or of the end; or the first bytes of what is packed."""
    begin, fields = _PARTS[int(rng.integers(len(_PARTS)))]
    places = [place for place in _places(content, begin) if place + (22 if begin == b"PK\x05\x06" else 46) <= len(content)]
    if not places:
        return
    place = places[int(rng.integers(len(places)))]
    if begin == b"PK\x03\x04" and rng.random() < 0.3:
        at = place + 30 + int.from_bytes(content[place + 26 : place + 28], "little")
        content[at : at + 3] = rng.bytes(3)
        return
    offset, form = fields[str(rng.choice(list(fields)))]
    (old,) = struct.unpack_from(f"<{form}", content, place + offset)
    most = (1 << 8 * struct.calcsize(form)) - 1
    choices = [
        0,
        1,
        8,
        9,
        12,
        14,
        93,
        99,
        most,
        most - 1,
        most // 2,
        old + 1,
        old - 1,
        old * 2,
        old ^ 1,
        old ^ 0x800,
        old ^ 8,
        10**6,
        0o120777 << 16,
        int(rng.integers(most)),
    ]
    struct.pack_into(f"<{form}", content, place + offset, int(choices[int(rng.integers(len(choices)))]) & most)


def _places(content: bytearray, begin: bytes) -> Iterator[int]:
    at = content.find(begin)
    while at >= 0:
        yield at
        at = content.find(begin, at + 4)
