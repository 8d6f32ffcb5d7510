"""Find the class folders of each split among the folders of a walk; recognize folders without labels and leave them out.

If a folder named train, val or test is taken for a class, a note says so: see `classes_of_splits`.
"""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from automl_cnn.data.roles import Part, part_of
from automl_cnn.data.walk import Folder
from automl_cnn.errors import DataError
from automl_cnn.paths import shortened

Split = str | None  # "train", "val", "test"; None where there are no splits
_SHOWN = 4


@dataclass
class Layout:
    """The class folders of each split, and notes on the decisions."""

    splits: list[tuple[Split, Sequence[Folder]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)


def classes_of_splits(place: Path, root: Folder) -> Layout:
    """Decide which folders of `root` are classes, which are splits, and which hold images without labels.

    Raises:
        DataError: the folders are splits, but none of them holds class folders to train on.
    """
    parts = {folder.name: part for folder in root.classes if (part := part_of(folder.name)) is not None}
    trains = _training(root, parts)
    if trains:
        return _with_splits(place, root, trains, parts)
    _refuse_splits_without_classes(place, root, parts)
    return _without_training_folder(place, root, parts)


def inner(folder: Folder) -> Folder:
    """The folder that holds the class folders: `train`, or `train/images` if `train` holds nothing else."""
    while not folder.images and len(folder.classes) == 1 and len(folder.classes[0].classes) > 1 and not folder.classes[0].images:
        folder = folder.classes[0]
    return folder


def normal(name: str) -> str:
    """The name without differences of case and of how accents are encoded."""
    return unicodedata.normalize("NFC", name).casefold()


def many(count: int, what: str) -> str:
    """`1 image`, `2,000 images`, `3 classes`."""
    return f"{count:,} {what}{'' if count == 1 else 's' if not what.endswith('s') else 'es'}"


def _names(folder: Folder) -> set[str]:
    return {normal(child.name) for child in inner(folder).classes}


def _training(root: Folder, parts: dict[str, Part]) -> list[Folder]:
    """The training folders: named so, and with class folders in them."""
    named = [folder for folder in root.classes if folder.name in parts and parts[folder.name].role == "train" and folder.classes]
    sure = [folder for folder in named if parts[folder.name].sure and (len(inner(folder).classes) > 1 or not folder.images)]
    exact = [folder for folder in sure if folder.name.isalpha()]
    if exact or sure:
        return [folder for folder in exact or sure if _is_split(folder, root, exact or sure, parts)]
    for folder in named:  # `seg_train` beside `seg_test`
        others = [other for other in root.classes if other.name in parts and parts[other.name].role != "train"]
        if len(inner(folder).classes) > 1 and not folder.images and any(_names(folder) & _names(other) or len(other.classes) < 2 for other in others):
            return [folder]
    return []


def _is_split(train: Folder, root: Folder, trains: Sequence[Folder], parts: dict[str, Part]) -> bool:
    """Whether `train` is the training split, not a class among others that happens to have folders in it."""
    others = [folder for folder in root.classes if folder not in trains and not (folder.name in parts and parts[folder.name].role != "train")]
    if not others or any(folder.name in parts and parts[folder.name].sure and parts[folder.name].role in ("val", "test") for folder in root.classes):
        return True
    if any(_names(train) & _names(folder) for folder in others):
        return True
    return len(others) == 1 and not others[0].classes and len(inner(train).classes) > 1


def _with_splits(place: Path, root: Folder, trains: Sequence[Folder], parts: dict[str, Part]) -> Layout:
    """`train` with class folders, and whatever lies beside it."""
    layout = Layout()
    classes = set().union(*(_names(folder) for folder in trains))
    for folder in root.folders.values():
        part = parts.get(folder.name)
        if not folder.filled:
            layout.notes.append(f"The folder '{folder.name}' holds no images and was left out.")
        elif folder in trains:
            _add(layout, "train", folder)
        elif part is None or part.role == "train":
            layout.notes.append(f"The folder '{folder.name}' was left out: '{trains[0].name}' holds the classes, and this is not the name of a split.")
        elif _names(folder) & classes:
            _add(layout, "test" if part.role == "unlabelled" else part.role, folder)
        elif len(inner(folder).classes) > 1 and not folder.images and part.role != "unlabelled":
            _add(layout, part.role, folder)  # class folders of other names: `_refuse_gaps` names them
        else:
            _leave_out(layout, place, folder, part)
    layout.splits.sort(key=lambda given: ("train", "val", "test").index(str(given[0])))
    return layout


def _without_training_folder(place: Path, root: Folder, parts: dict[str, Part]) -> Layout:
    """Class folders at the top; a folder named like a split may lie among them."""
    layout = Layout()
    named = [folder for folder in root.classes if folder.name in parts and parts[folder.name].sure and parts[folder.name].role != "train"]
    classes = [folder for folder in root.folders.values() if folder not in named]
    filled = [folder for folder in classes if folder.filled]
    names = {normal(folder.name) for folder in filled}
    held: list[tuple[Split, Folder]] = []
    for folder in named:
        part, within = parts[folder.name], _names(folder)
        nested = len(within) > 1 and not folder.images and any(_names(other) & within for other in filled)
        if within and len(within & names) * 2 >= len(within) and len(names) > 1:
            held.append(("test" if part.role == "unlabelled" else part.role, folder))
        elif nested or not filled or (part.role == "val" and (len(filled) < 2 or normal(folder.name) == "valid")):
            _keep_as_class(layout, folder)
            classes.append(folder)
        else:
            _leave_out(layout, place, folder, part)
    for folder in filled:
        if folder.name in parts and parts[folder.name].sure:
            _keep_as_class(layout, folder, beside=next((other.name for other in filled if other is not folder), ""))
    order = list(root.folders.values())
    classes.sort(key=order.index)
    if held:
        layout.notes.append(f"The class folders directly in {place.name} were used as the train split.")
        layout.splits.append(("train", classes))
        for split, folder in held:
            layout.notes.append(f"The folder '{folder.name}' was used as the {split} split, because it holds the same class folders.")
            _add(layout, split, folder)
        return layout
    layout.splits.append((None, classes))
    _say_if_grouped(layout, filled)
    return layout


def _add(layout: Layout, split: Split, folder: Folder) -> None:
    holder = inner(folder)
    if normal(folder.name) not in _PLAIN or holder is not folder:
        layout.notes.append(f"The folder '{holder.path}' was used as the {split} split.")
    if strays := holder.images if holder is folder else [*folder.images, *holder.images]:
        layout.notes.append(f"{many(len(strays), 'image')} directly in '{holder.path}' (such as '{strays[0]}') belong to no class and were left out.")
    layout.splits.append((split, tuple(holder.folders.values())))


def _leave_out(layout: Layout, place: Path, folder: Folder, part: Part) -> None:
    """Leave out a folder without class folders: its labels are unknown, and its images can only be predicted."""
    count = sum(1 for _ in folder.all())
    layout.unlabelled.append(folder.name)
    use = "Validation images are taken from the training images instead" if part.role == "val" else "Predict them with the model"
    layout.notes.append(
        f"{many(count, 'image')} in '{folder.name}' {'has no label (no class folder) and was' if count == 1 else 'have no labels (no class folders) and were'} "
        f"left out. {use}: automl-cnn predict MODEL {shlex.quote(str(place / folder.name))}. If '{folder.name}' is a class, rename the folder."
    )


def _keep_as_class(layout: Layout, folder: Folder, beside: str = "") -> None:
    because = f" because '{beside}' is beside it" if beside else ""
    layout.notes.append(
        f"The folder '{folder.name}' was taken for a class{because}; if it is a split, keep only train, val and test folders at the top, "
        "with class folders in them."
    )


def _say_if_grouped(layout: Layout, filled: Sequence[Folder]) -> None:
    """`day/cat`, `day/dog`, `night/cat`, `night/dog` is ambiguous: add a note on the chosen reading."""
    if len(filled) < 2:
        return
    shared = set.intersection(*(_names(folder) for folder in filled))
    if len(shared) > 1:
        some = ", ".join(sorted(shared)[:_SHOWN])
        layout.notes.append(
            f"The {len(filled)} folders at the top were taken for the classes, although each holds the same folders ({some}). "
            "If those are the classes, put them at the top, or below train, val and test."
        )


def _refuse_splits_without_classes(place: Path, root: Folder, parts: dict[str, Part]) -> None:
    """Refuse folders that are all named like splits if none can be trained on: the search would learn to distinguish `train` from `test`."""
    roles = {parts[folder.name].role for folder in root.classes if folder.name in parts}
    if len(root.classes) < 2 or len(parts) < len(root.classes) or len(roles) < 2:
        return
    names = " and ".join(f"'{shortened(folder.name)}'" for folder in root.classes[:_SHOWN])
    above = [folder for folder in root.classes if _names(folder)]
    if not above:
        last = shortened(root.classes[-1].name)
        raise DataError(
            f"{names} in {place} hold images directly, without class folders. Expected one folder per class in each: {last}/cat/1.jpg, {last}/dog/2.jpg. "
            f"If {names} are the classes themselves, rename the folders."
        )
    training = "no training folder" if "train" not in roles else "a training folder without class folders"
    raise DataError(
        f"{place} holds {names}: {training}. Expected train with one folder per class in it (train/cat/1.jpg, train/dog/2.jpg). "
        f"To search in one of these alone, pass it: {place / above[0].name}."
    )


_PLAIN = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing"})  # names that need no explanation
