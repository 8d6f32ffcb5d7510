"""Hostile archives, given to a search and to `predict`. Those that are refused leave no store."""

from __future__ import annotations

import io
import os
import random
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from PIL import Image

from hostile.cases import case
from hostile.files import FEW, predicted
from hostile.lab import Lab
from hostile.watch import Finding

MEGABYTES = 900.0  # of memory, for what should need no more than its size
CLASSES = ("cat", "dog")


def picture(seed: int) -> bytes:
    out = io.BytesIO()
    Image.frombytes("RGB", (24, 24), random.Random(seed).randbytes(3 * 24 * 24)).save(out, "PNG")
    return out.getvalue()


def pictures() -> dict[str, bytes]:
    """So few that a search refuses them, after it has looked at everything."""
    return {f"{name}/{number}.png": picture(10 * place + number) for place, name in enumerate(CLASSES) for number in range(2)}


def zipped(lab: Lab, more: Mapping[str, bytes], name: str = "pets.zip", mode: int = 0) -> Path:
    """Pictures, and what is added to them; `mode` is what the last entry says it is."""
    path = lab.folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in {**pictures(), **more}.items():
            info = zipfile.ZipInfo(entry)
            info.external_attr = mode << 16 if entry in more else 0
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def taped(lab: Lab, add: Callable[[tarfile.TarFile], object], name: str = "pets.tar.gz") -> Path:
    """Pictures, and whatever `add` adds to them."""
    path = lab.folder / name
    packed = name.rpartition(".")[2]
    with tarfile.open(path, f"w:{'' if packed == 'tar' else packed}") as tape:  # type: ignore[call-overload]
        for entry, content in pictures().items():
            info = tarfile.TarInfo(entry)
            info.size = len(content)
            tape.addfile(info, io.BytesIO(content))
        add(tape)
    return path


def special(kind: bytes, name: str, target: str = "") -> Callable[[tarfile.TarFile], object]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return lambda tape: tape.addfile(info)


def refused(lab: Lab, data: Path, err: str, *more: object, **expected: float) -> None:
    """A search does not take it, and leaves nothing."""
    lab.cli("search", "--data", data, "--store", lab.store, *more, code=2, err=err, megabytes=expected.pop("megabytes", MEGABYTES), **expected)
    if lab.store.exists():
        raise Finding(f"a refused search leaves a store: {sorted(path.name for path in lab.store.rglob('*'))[:5]}")


def refused_by_both(lab: Lab, data: Path, err: str) -> None:
    """A search does not take it, nor does `predict`, which leaves nothing either."""
    refused(lab, data, err)
    lab.cli("predict", lab.exported() / "model.onnx", data, "--store", lab.store, code=2, err=err)
    if lab.store.exists() or any(lab.shared.temporary.glob("automl-cnn-*")):
        raise Finding("a refused prediction leaves what it unpacked")


@case(quick=True)
def names_in_a_zip_that_lead_out(lab: Lab) -> None:
    for name in ("a/../../evil.png", "..\\evil.png", str(lab.shared.canary / "evil.png")):
        refused(lab, zipped(lab, {name: picture(0)}), "leads out of its folder")
    if list(lab.folder.rglob("evil.png")):
        raise Finding("a file was written outside of the cache")


@case()
def names_in_a_tar_that_lead_out_of_a_prediction(lab: Lab) -> None:
    for name in ("../evil.png", f"{lab.shared.canary}/evil.png"):
        refused_by_both(lab, taped(lab, special(tarfile.REGTYPE, name)), "leads out of its folder")


@case()
def links_and_devices_in_a_tar(lab: Lab) -> None:
    kinds = {"symbolic": (tarfile.SYMTYPE, str(lab.shared.canary)), "hard": (tarfile.LNKTYPE, "../../canary/file.txt")}
    kinds |= {"pipe": (tarfile.FIFOTYPE, ""), "device": (tarfile.CHRTYPE, ""), "disk": (tarfile.BLKTYPE, "")}
    for name, (kind, target) in kinds.items():
        refused(lab, taped(lab, special(kind, f"cat/{name}.png", target), "pets.tar"), "a link or a device")


@case()
def a_link_in_a_zip(lab: Lab) -> None:
    refused_by_both(lab, zipped(lab, {"cat/link.png": b"/etc/passwd"}, mode=0o120777), "a link or a device")


@case()
def a_zip_that_unpacks_to_4_gb(lab: Lab) -> None:
    path = lab.folder / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for number in range(4):
            with archive.open(f"cat/{number}.png", "w") as out:
                for _ in range(64):
                    out.write(bytes(1 << 24))
    refused(lab, path, "more than 100 times its size")


@case()
def a_tar_that_unpacks_to_4_gb_of_no_images(lab: Lab) -> None:
    class Zeros(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return bytes(size)

    def add(tape: tarfile.TarFile) -> None:
        info = tarfile.TarInfo("notes.bin")
        info.size = 4 << 30
        tape.addfile(info, Zeros())

    refused(lab, taped(lab, add, "bomb.tar.gz"), "more than 100 times its size")


@case()
def a_tar_whose_header_states_half_a_gigabyte_of_names(lab: Lab) -> None:
    info = tarfile.TarInfo("extended")
    info.type, info.size = tarfile.XHDTYPE, 1 << 29
    path = lab.folder / "names.tar"
    path.write_bytes(info.tobuf(tarfile.USTAR_FORMAT))
    os.truncate(path, 1 << 30)
    refused(lab, path, "a header states a length of", megabytes=700.0)


@case()
def a_file_that_is_there_twice(lab: Lab) -> None:
    refused(lab, taped(lab, special(tarfile.REGTYPE, "cat/0.png")), "holds 'cat/0.png' twice")
    refused(lab, taped(lab, special(tarfile.REGTYPE, "cat/0.png/1.png")), "as a file and as a folder")


@case()
def names_in_a_zip_that_no_file_can_have(lab: Lab) -> None:
    for name in ("x" * 300 + ".png", "d/" * 1990 + "1.png", "cat/" + "\N{PILE OF POO}" * 100 + ".png"):
        refused(lab, zipped(lab, {name: picture(0)}), "no file can have|folders deep")


@case()
def archives_that_are_damaged_or_half_copied(lab: Lab) -> None:
    for name in ("pets.zip", "pets.tar", "pets.tar.gz", "pets.tar.bz2", "pets.tar.xz"):
        whole = (zipped(lab, {}) if name.endswith("zip") else taped(lab, lambda tape: None, name)).read_bytes()
        refused(lab, lab.file(f"half-{name}", whole[: len(whole) // 4]), "cannot be unpacked.*damaged")
        middle = len(whole) // 2
        refused(
            lab,
            lab.file(f"bad-{name}", whole[: middle // 2] + lab.rng.randbytes(600) + whole[middle // 2 + 600 :]),
            "cannot be unpacked.*damaged|no image|too few",
        )


@case()
def archives_that_are_something_else(lab: Lab) -> None:
    for name in ("pets.zip", "pets.tar", "pets.tar.gz", "pets.tar.xz"):
        for content in (b"", b"<html>not found</html>", lab.rng.randbytes(5000)):
            refused(lab, lab.file(name, content), "cannot be unpacked|no image")


@case(quick=True)
def an_encrypted_zip(lab: Lab) -> None:
    content = bytearray(zipped(lab, {}).read_bytes())
    for begin, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(begin)
        while place >= 0:
            content[place + at] |= 1
            place = content.find(begin, place + 4)
    refused(lab, lab.file("secret.zip", bytes(content)), "encrypted")


@case()
def names_with_escapes_in_an_archive(lab: Lab) -> None:
    files = {f"{name}/{number}.png": picture(number) for number in range(2) for name in ("\x1b[2J", "a\nb", "\u202ecat", "=cmd|'x'!A0")}
    lab.cli("search", "--data", zipped(lab, files), "--store", lab.store, code=2, err=FEW)


@case()
def images_in_an_archive_beside_what_is_none(lab: Lab) -> None:
    more = {
        "cat/broken.png": b"\x89PNG\r\n\x1a\nbroken",
        "cat/notes.txt": b"words",
        "cat/scan": picture(5),
        "cat/\x1b[2J.png": picture(6),
        "=1+1.png": picture(7),
    }
    answers = predicted(lab, zipped(lab, more), err="broken.*|notes", raw=True)
    names = {row["path"].lstrip("'") for row in answers}
    if names != {*pictures(), "cat/scan", "cat/\x1b[2J.png", "=1+1.png"}:
        raise Finding(f"predicted {sorted(names)}")
    if lab.store.exists() or any(lab.shared.temporary.glob("automl-cnn-*")):
        raise Finding("a prediction leaves what it unpacked")
