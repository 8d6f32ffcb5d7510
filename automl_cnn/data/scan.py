"""A folder -> which files it holds, of which class and in which split. Reads names only, no image.

flowers/daisy/1.jpg             flowers/train/daisy/1.jpg
flowers/daisy/more/2.png        flowers/val/daisy/2.jpg
flowers/rose/3.jpg              flowers/test/rose/3.jpg
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from automl_cnn.data.decode import SUFFIXES
from automl_cnn.errors import DataError

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
IGNORED = frozenset({"__MACOSX"})
VAGUE = frozenset({"train", "training", "data", "images", "dataset"})  # folder names that do not tell one set from another


@dataclass(frozen=True)
class Scan:
    """What lies in a folder: the files are (path relative to it, index of the class, split or None)."""

    folder: Path
    classes: tuple[str, ...]
    files: tuple[tuple[str, int, str | None], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Branch:
    """One folder: the images directly in it and the folders below."""

    name: str
    images: tuple[str, ...]  # paths relative to the scanned folder
    branches: tuple[_Branch, ...]

    def all(self) -> Iterator[str]:
        yield from self.images
        for branch in self.branches:
            yield from branch.all()

    @property
    def filled(self) -> bool:
        return next(self.all(), None) is not None


def scan(folder: Path) -> Scan:
    """The images of `folder`, one subfolder per class, with or without train/val/test above the classes.

    Hidden files and folders are ignored, and so are files that do not end like an image
    (.jpg .jpeg .png .gif .bmp .webp .tif .tiff, in any case). Classes and files are in natural
    order (2 before 10), so that the outcome does not depend on the file system.

    Raises:
        DataError: there is no such folder, it cannot be read, or its subfolders do not make at
            least two classes that are the same in every split.
    """
    folder = Path(folder)
    if not folder.exists():
        raise DataError(f"There is no folder {folder}. Expected a folder with one subfolder of images per class.")
    if not folder.is_dir():
        raise DataError(f"{folder} is a file. Expected a folder with one subfolder of images per class.")
    root = _walk(folder, "", ())
    notes: list[str] = []
    if root.images and not any(branch.filled for branch in root.branches):
        raise DataError(
            f"{folder} holds {_many(len(root.images), 'image')} directly, without a class. Make one folder per class and move the images into them: "
            f"{folder.name}/cat/1.jpg, {folder.name}/dog/2.jpg."
        )
    if root.images:
        notes.append(f"{_many(len(root.images), 'image')} directly in {folder.name} (such as '{root.images[0]}') belong to no class and were left out.")
    splits = _splits(root, notes)
    classes = _classes(folder, root, splits, notes)
    index = {name: number for number, name in enumerate(classes)}
    files = [(path, index[branch.name], split) for split, branches in splits for branch in branches if branch.name in index for path in branch.all()]
    files.sort(key=lambda file: (file[1], natural(file[0])))
    return Scan(folder, classes, tuple(files), tuple(notes))


def told_apart(folder: Path) -> str:
    """A name for the images in a folder: its own, with its parent's where it alone says little (`flowers-train`)."""
    path = folder.resolve()
    return f"{path.parent.name}-{path.name}" if path.name.lower() in VAGUE and path.parent.name else path.name


def natural(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """A sort key that puts `2` before `10`, upper and lower case together."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return tuple((0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in parts if part), name


def _walk(folder: Path, relative: str, above: tuple[tuple[int, int], ...]) -> _Branch:
    """What lies in and below a folder; a link to a folder above is not followed."""
    images: list[str] = []
    branches: list[_Branch] = []
    try:
        status = folder.stat()
        here = (status.st_dev, status.st_ino)
        entries = [] if here in above and here != (0, 0) else sorted(os.scandir(folder), key=lambda entry: natural(entry.name))
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be read: {error.strerror}. Check its permissions (ls -ld).") from None
    for entry in entries:
        if entry.name.startswith(".") or entry.name in IGNORED:
            continue
        path = f"{relative}{entry.name}"
        if entry.is_dir():
            branches.append(_walk(Path(entry.path), f"{path}/", (*above, here)))
        elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and (entry.is_file() or entry.is_symlink()):
            images.append(path)
    return _Branch(folder.name, tuple(images), tuple(branches))


def _splits(root: _Branch, notes: list[str]) -> list[tuple[str | None, Sequence[_Branch]]]:
    """The class folders of each split; of the one split None where the top folders are the classes."""
    named = [branch for branch in root.branches if branch.name.lower() in SPLIT_NAMES]
    others = [branch for branch in root.branches if branch not in named and branch.filled]
    above_classes = any(SPLIT_NAMES[branch.name.lower()] == "train" and not branch.images and branch.branches for branch in named)
    if not above_classes:
        return [(None, root.branches)]
    if others:
        notes.append(
            f"'{named[0].name}' was taken for a class because '{others[0].name}' lies beside it; "
            "if it is a split, keep only train, val and test folders at the top."
        )
        return [(None, root.branches)]
    splits: list[tuple[str | None, Sequence[_Branch]]] = []
    for branch in named:
        if not branch.filled:
            notes.append(f"The folder '{branch.name}' holds no images and was left out.")
            continue
        if branch.images:
            notes.append(
                f"{_many(len(branch.images), 'image')} directly in '{branch.name}' (such as '{branch.images[0]}') belong to no class and were left out."
            )
        splits.append((SPLIT_NAMES[branch.name.lower()], branch.branches))
    return splits


def _classes(folder: Path, root: _Branch, splits: list[tuple[str | None, Sequence[_Branch]]], notes: list[str]) -> tuple[str, ...]:
    filled = {split: {branch.name for s, branches in splits if s == split for branch in branches if branch.filled} for split, _ in splits}
    every = {branch.name for _, branches in splits for branch in branches}
    classes = tuple(sorted(set().union(*filled.values()), key=natural))
    empty = tuple(sorted(every - set(classes), key=natural))
    if not classes:
        raise DataError(f"{folder} holds no images{_what_else(root)}. Expected one subfolder per class with {_endings()} files.")
    _refuse_twins(folder, classes)
    if empty:
        notes.append(f"{_many(len(empty), 'class folder')} without any image left out: {', '.join(empty)}.")
    _refuse_gaps(folder, classes, filled)
    if len(classes) == 1:
        raise DataError(f"{folder} holds a single class, '{classes[0]}': expected at least two class folders with images.{_deeper(folder, splits, empty)}")
    return classes


def _refuse_twins(folder: Path, classes: Sequence[str]) -> None:
    known: dict[str, str] = {}
    for name in classes:
        twin = known.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        if twin != name:
            raise DataError(f"The class folders '{twin}' and '{name}' in {folder} differ only by case or accents' encoding. Merge them, or rename one.")


def _refuse_gaps(folder: Path, classes: Sequence[str], filled: dict[str | None, set[str]]) -> None:
    gaps = [f"{split} has no images of {', '.join(missing)}" for split, names in filled.items() if (missing := [name for name in classes if name not in names])]
    if gaps:
        raise DataError(
            f"The splits in {folder} do not hold the same classes: {'; '.join(gaps)}. "
            "Give every split every class, under the same name, or leave the splitting to automl-cnn: put all images in one folder per class."
        )


def _what_else(root: _Branch) -> str:
    return f" in its {_many(len(root.branches), 'subfolder')}" if root.branches else " and no subfolders"


def _endings() -> str:
    return ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))


def _deeper(folder: Path, splits: list[tuple[str | None, Sequence[_Branch]]], empty: Sequence[str]) -> str:
    only = next(branch for _, branches in splits for branch in branches if branch.filled)
    below = [branch.name for branch in only.branches if branch.filled]
    if splits[0][0] is None and len(below) > 1:
        return f" It holds {', '.join(below[:4])}{', …' if len(below) > 4 else ''}: if these are the classes, pass {folder / only.name}."
    return f" These are empty: {', '.join(empty)}." if empty else " Add images of what it is to be told apart from."


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's' if not what.endswith('s') else 'es'}"
