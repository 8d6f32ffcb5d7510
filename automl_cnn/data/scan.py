"""List the files of a folder with their classes and splits. Reads names, but no images.

flowers/daisy/1.jpg             flowers/train/daisy/1.jpg
flowers/daisy/more/2.png        flowers/val/daisy/2.jpg
flowers/rose/3.jpg              flowers/test/rose/3.jpg
"""

from __future__ import annotations

import difflib
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from automl_cnn.data import kinds
from automl_cnn.data.labelsets import LabelSets
from automl_cnn.data.layout import Layout, Split, classes_of_splits, many, normal
from automl_cnn.data.numbers import Numbers
from automl_cnn.data.order import natural
from automl_cnn.data.walk import Folder, Listed, walk
from automl_cnn.errors import ConfigError, DataError
from automl_cnn.paths import because, shortened
from automl_cnn.tasks import words_for
from automl_cnn.text import inline, readable, several
from automl_cnn.urls import Url

VAGUE = frozenset({"train", "training", "data", "images", "dataset"})  # folder names that do not tell one set from another
_SHOWN = 3
_BESIDE = 1000  # names beside a missing folder that are compared with its own


@dataclass(frozen=True)
class Scan:
    """The result of scanning a folder: the files are (path relative to it, index of the class, split or None); `refused` are (path, reason)."""

    folder: Path
    classes: tuple[str, ...]
    files: tuple[tuple[str, int, str | None], ...]
    notes: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    source: Path | None = None  # the table that lists them, where the user named one
    groups: tuple[str, ...] = ()  # by file, what it shares with others, where a table says so
    ordered: bool = False  # whether `classes` are from the lowest to the highest
    meaning: LabelSets | Numbers | None = None  # what `classes` mean, where images have several labels or numbers
    url: Url | None = None  # where the user says that they are, if `folder` is a copy

    @property
    def shown(self) -> str:
        """The images' place as the user named it, for messages."""
        return str(self.url or self.source or self.folder)


def in_order(files: Scan, classes: Sequence[str]) -> Scan:
    """The files with their classes in the order of `classes`, from the lowest to the highest.

    Raises:
        ConfigError: `classes` does not name every class exactly once.
    """
    if files.meaning is not None:
        raise ConfigError(f"--ordered names classes from the lowest to the highest, but these images have {words_for(files.meaning.task).each}. Leave it out.")
    given = [str(name) for name in classes]
    missing, unknown = [name for name in files.classes if name not in given], [name for name in given if name not in files.classes]
    if missing or unknown or len(set(given)) < len(given):
        why = f"it lacks {several(missing)}" if missing else f"there is no class {several(unknown)}" if unknown else "a class comes twice"
        raise ConfigError(f"--ordered {','.join(given)}: {why}. Expected every class once, from the lowest to the highest: {several(files.classes)}.")
    place = {files.classes.index(name): number for number, name in enumerate(given)}
    listed = [(row, (path, place[label], split)) for row, (path, label, split) in enumerate(files.files)]
    listed.sort(key=lambda entry: entry[1][1])
    groups = tuple(files.groups[row] for row, _ in listed) if files.groups else ()
    return replace(files, classes=tuple(given), files=tuple(file for _, file in listed), groups=groups, ordered=True)


def scan(folder: Path, *, skip: Sequence[Path] = (), listed: Listed | None = None) -> Scan:
    """The images of `folder`, one subfolder per class, with or without train/val/test above the classes.

    `automl_cnn.data.walk` decides which files count, `automl_cnn.data.layout` which folders are classes. Classes and
    files are in natural order (2 before 10): the result does not depend on the file system. `skip` are
    folders to leave out; `listed` is called with the number of files from time to time.

    Raises:
        DataError: there is no such folder, it cannot be read, or its subfolders do not make at
            least two classes that are the same in every split.
    """
    folder = Path(folder)
    expected = "a folder with one subfolder of images per class"
    status = status_of(folder, "folder", expected)
    if not kinds.is_folder(status):
        raise DataError(f"{folder} is {'a file' if kinds.is_file(status) else 'neither a file nor a folder'}. Expected {expected}.")
    tree = walk(folder, skip=skip, listed=listed)
    root, notes = tree.root, tree.left.notes()
    if root.images and not root.classes:
        raise DataError(
            f"{folder} holds {many(len(root.images), 'image')} directly, without a class. Make one folder per class and move the images into them: "
            f"{shortened(folder.name)}/cat/1.jpg, {shortened(folder.name)}/dog/2.jpg. If this folder is itself one of the classes, pass the folder above it."
        )
    if root.images:
        notes.append(
            f"{many(len(root.images), 'image')} directly in {folder.name} (such as '{shortened(root.images[0])}') belong to no class and were left out."
        )
    if not root.classes:
        notes += [f"{path} was left out: {reason}." for path, reason in tree.left.refused[:_SHOWN]]
        raise DataError(f"{' '.join([f'{folder} holds no images{_what_else(root)}.', *notes])} Expected one subfolder per class with {_endings()} files.")
    layout = classes_of_splits(folder, root)
    notes += layout.notes
    classes = _classes(folder, layout, notes)
    index = {name: number for number, name in enumerate(classes)}
    files = [(path, index[branch.name], split) for split, branches in layout.splits for branch in branches if branch.name in index for path in branch.all()]
    files.sort(key=lambda file: (file[1], natural(file[0])))
    return Scan(folder, classes, tuple(files), tuple(notes), tuple(tree.left.refused))


def status_of(path: Path, what: str, expected: str) -> os.stat_result:
    """`os.stat`, links followed.

    Raises:
        DataError: the path cannot be used; the message is one sentence.
    """
    shown, near = shortened(path), ""
    try:
        return os.stat(path)
    except FileNotFoundError:
        problem = f"{shown} is a link that leads nowhere" if os.path.islink(path) else f"There is no {what} {shown}"
        near = _near(path)
    except NotADirectoryError:
        problem = f"There is no {what} {shown}: a part of this path is a file"
    except (OSError, ValueError) as error:
        problem = f"{shown} cannot be used: {because(error)}"
    raise DataError(f"{problem}. {near}Expected {expected}.")


def _near(path: Path) -> str:
    """A question that names what lies beside a missing path and is spelled almost like it; "" if nothing is."""
    try:
        with os.scandir(path.parent) as entries:
            beside = [entry.name for entry in itertools.islice(entries, _BESIDE)]
    except (OSError, ValueError):
        return ""
    near = difflib.get_close_matches(path.name, [name for name in beside if not kinds.is_clutter(name)], n=1)
    return f"Did you mean {shortened(path.parent / near[0])}? " if near else ""


def set_name(folder: Path | Url) -> str:
    """A name for the images in a folder: the folder's, with its parent's in front if it is as vague as `train` (`flowers-train`)."""
    path = folder if isinstance(folder, Url) else folder.resolve()
    above = path.above if isinstance(path, Url) else path.parent.name
    return readable(f"{above}-{path.name}" if path.name.lower() in VAGUE and above else path.name)


def _classes(folder: Path, layout: Layout, notes: list[str]) -> tuple[str, ...]:
    filled: dict[Split, set[str]] = {}
    for split, branches in layout.splits:
        filled.setdefault(split, set()).update(branch.name for branch in branches if branch.filled)
    every = {branch.name for _, branches in layout.splits for branch in branches}
    classes = tuple(sorted(set().union(*filled.values()), key=natural))
    empty = tuple(sorted(every - set(classes), key=natural))
    _refuse_twins(folder, classes)
    if empty:
        notes.append(f"{many(len(empty), 'class folder')} without any image left out: {_names(empty)}.")
    _refuse_gaps(folder, classes, filled)
    if len(classes) == 1:
        raise DataError(
            f"{folder} holds a single class, '{shortened(classes[0])}': expected at least two class folders with images."
            f"{_deeper(folder, layout, empty)}{_unlabelled(layout)}"
        )
    return classes


def _refuse_twins(folder: Path, classes: Sequence[str]) -> None:
    known: dict[str, str] = {}
    twins = [(first, name) for name in classes if (first := known.setdefault(normal(name), name)) != name]
    if twins:
        pairs = ", ".join(f"'{shortened(first)}' and '{shortened(name)}'" for first, name in twins[:_SHOWN])
        raise DataError(f"The class folders {pairs} in {folder} differ only by case or accents' encoding. Merge them, or rename one.")


def _refuse_gaps(folder: Path, classes: Sequence[str], filled: dict[Split, set[str]]) -> None:
    gaps = [f"{split} has no images of {_names(missing)}" for split, names in filled.items() if (missing := [name for name in classes if name not in names])]
    if gaps:
        raise DataError(
            f"The splits in {folder} do not hold the same classes: {'; '.join(gaps)}. "
            "Give every split every class, under the same name, or leave the splitting to automl-cnn: put all images in one folder per class."
        )


def _names(names: Sequence[str], most: int = 20) -> str:
    return ", ".join([*map(shortened, names[:most]), *(["…"] if len(names) > most else [])])


def _what_else(root: Folder) -> str:
    return f" in its {many(len(root.folders), 'subfolder')}" if root.folders else " and no subfolders"


def _endings() -> str:
    return f"{', '.join(suffix[1:] for suffix in kinds.COMMON[:-1])} or {kinds.COMMON[-1][1:]}"


def _deeper(folder: Path, layout: Layout, empty: Sequence[str]) -> str:
    only = next(branch for _, branches in layout.splits for branch in branches if branch.filled)
    while len(only.classes) == 1 and not only.images:
        only = only.classes[0]
    below = [branch.name for branch in only.classes]
    if layout.splits[0][0] is None and len(below) > 1:
        return f" It holds {_names(below, 4)}: if these are the classes, pass {inline(str(folder / only.path))}."
    return f" These are empty: {_names(empty)}." if empty else "" if layout.unlabelled else " Add images of a second class."


def _unlabelled(layout: Layout) -> str:
    if not layout.unlabelled:
        return ""
    names = " and ".join(f"'{shortened(name)}'" for name in layout.unlabelled)
    return f" {names} {'was' if len(layout.unlabelled) == 1 else 'were'} taken for images without labels; if this is a class too, rename the folder."
