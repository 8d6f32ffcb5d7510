"""What hostile archives hold: files with names that lead elsewhere, links, devices, bombs, and ways to put them among images."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np

OUTSIDE = f"{tempfile.gettempdir()}/automl-cnn-fuzz-outside"  # where absolute names lead; nothing may ever be there
ZEROS = 1 << 23  # bytes of a block of zeros in a bomb
LINKS = ("link", "hardlink", "fifo", "device", "block")
ACCENTED = "caf\N{LATIN SMALL LETTER E WITH ACUTE}"


@dataclass(frozen=True)
class Member:
    """One entry: `kind` is file, folder, sparse or one of `LINKS`, `target` where a link leads, `zeros` how many blocks of zeros follow the content."""

    name: str
    content: bytes = b""
    kind: str = "file"
    target: str = ""
    zeros: int = 0

    @property
    def hostile(self) -> bool:
        """Whether an archive with this entry must be refused."""
        parts = PurePosixPath(self.name.replace("\\", "/").partition("\0")[0]).parts
        leads = ".." in parts or parts[:1] in (("/",), ("//",)) or bool(re.match("[A-Za-z]:", self.name))
        return self.kind in LINKS or (leads and self.kind != "folder" and not self.name.endswith("/"))


def leading(rng: np.random.Generator, name: str) -> str:
    """A name that leads elsewhere, or that no file can have."""
    last = name.rpartition("/")[2]
    names = (
        *(f"../{name}", f"../../../{last}", f"a/../../{name}", f"{OUTSIDE}/{last}", f"//{last}", f"..\\{last}", f"a\\..\\..\\{last}", f"\\{last}"),
        *(f"C:\\{last}", f"c:{last}", f"C:/{last}", f"\\\\server\\share\\{last}", "..", ".", "", "/", "./", "//", "a/..", f"{name}/..", f"./{name}"),
        *(f"{name}\0", f"a\0/../../{last}", f"\0{last}", f"{name}\n", f"\x1b[2J{last}", f"\u202e{last}", f"cat/{last}\u2028", f"~/{last}", f"$HOME/{last}"),
        *(f"cat/{'x' * 251}.png", f"cat/{'x' * 300}.png", f"{'x' * 5000}.png", f"{'d/' * 60}{last}", f"{'d/' * 400}{last}", f"{'d/' * 1990}{last}"),
        *(
            f"cat//{last}",
            f"cat/./{last}",
            f" /{last}",
            f"cat /{last}",
            f"cat./{last}",
            "cat/nul",
            "cat/CON.png",
            "cat/a:b.png",
            "12:30.png",
            f".complete/{last}",
        ),
        *(".complete", "cat/.complete", "optuna.journal", "cat/.hidden.png", "__MACOSX/cat/._1.png", "Thumbs.db", "README.txt", "cat/inner.zip", "cat/1"),
    )
    return str(names[int(rng.integers(len(names)))])


def _rename(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    at = _any(rng, members)
    return [*members[:at], replace(members[at], name=leading(rng, members[at].name)), *members[at + 1 :]]


def _add_named(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    one = members[_any(rng, members)]
    return _put(rng, members, replace(one, name=leading(rng, one.name)))


def _link(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    name = str(rng.choice(["cat/link.png", "cat/link", "link", "zoo", "cat"]))
    target = str(rng.choice(["/etc/passwd", OUTSIDE, "..", "../..", ".", "link", "cat", members[_any(rng, members)].name]))
    link = Member(name, kind=str(rng.choice(LINKS)), target=target)
    return _put(rng, members, link, Member(f"{name}/through.png", members[0].content)) if rng.random() < 0.5 else _put(rng, members, link)


def _twice(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    one, other = members[_any(rng, members)], members[_any(rng, members)]
    return _put(rng, members, replace(one, content=other.content if rng.random() < 0.7 else one.content))


def _same_but_for_case(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    one = members[_any(rng, members)]
    change: Callable[[str], str] = (str.upper, str.title, str.swapcase)[int(rng.integers(3))]
    return _put(rng, members, replace(one, name=change(one.name)))


def _same_but_for_accents(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    one, folder = members[_any(rng, members)], bool(rng.random() < 0.5)
    names = [f"{form}/1.png" if folder else f"cat/{form}.png" for form in (ACCENTED, unicodedata.normalize("NFD", ACCENTED))]
    return _put(rng, members, *(replace(one, name=name) for name in names))


def _file_and_folder(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    one = members[_any(rng, members)]
    return _put(rng, members, replace(one, name=f"{one.name}/{'1.png' if rng.random() < 0.7 else 'deep/1.png'}"))


def _folder_like_a_file(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    return _put(rng, members, Member(str(rng.choice([members[_any(rng, members)].name, "dog/album.jpg/", "../up/", f"{OUTSIDE}/", "/", ""])), kind="folder"))


def _bomb(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    name = str(rng.choice(["cat/bomb.png", "bomb.bin", "metadata.csv"]))
    return _put(rng, members, Member(name, b"\x89PNG\r\n\x1a\n", zeros=int(rng.choice([1, 2, 8]))))


def _sparse(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    return _put(rng, members, Member("cat/sparse.png", members[0].content, kind="sparse"))


def _many(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    form = str(rng.choice(["cat/{}.png", "empty/{}", "{}/", "cat/same.png"]))
    kind = "folder" if form.endswith("/") else "file"
    return _put(rng, members, *(Member(form.format(number), kind=kind) for number in range(int(rng.choice([50, 500, 1500])))))


def _strange_classes(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    name = str(
        rng.choice(
            ["train", "test", "images", "...", " ", "a\nb", "\x1b[31m", "\ufeff", "x" * 250, "=1+1", "Cat", "CAT ", "\N{FULLWIDTH LATIN SMALL LETTER C}at"]
        )
    )
    old = str(rng.choice(["cat", "dog"]))
    return [replace(one, name=one.name.replace(f"{old}/", f"{name}/")) for one in members]


def _above(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    name = str(rng.choice(["pets", "train", "a/b/c", ".hidden", "__MACOSX", ".complete"]))
    return [replace(one, name=f"{name}/{one.name}") for one in members]


def _splits(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    return [replace(one, name=f"{rng.choice(['train', 'test'])}/{one.name}") for one in members]


def _lost(rng: np.random.Generator, members: list[Member]) -> list[Member]:
    return [one for one in members if rng.random() < 0.7] or members[:1]


def _any(rng: np.random.Generator, members: list[Member]) -> int:
    return int(rng.integers(len(members)))


def _put(rng: np.random.Generator, members: list[Member], *more: Member) -> list[Member]:
    at = int(rng.integers(len(members) + 1))
    return [*members[:at], *more, *members[at:]]


WAYS: tuple[Callable[[np.random.Generator, list[Member]], list[Member]], ...] = (
    *(_rename, _rename, _add_named, _add_named, _link, _twice, _same_but_for_case, _same_but_for_accents, _file_and_folder, _folder_like_a_file),
    *(_bomb, _sparse, _many, _strange_classes, _above, _splits, _lost),
)
