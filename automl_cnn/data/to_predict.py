"""List the images to predict: a file, a folder, an archive of one, or a table that lists them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from automl_cnn.data import archives, kinds, tables
from automl_cnn.data.inputs import called, metadata_of, renamed
from automl_cnn.data.labelsets import SEPARATOR, parts_of
from automl_cnn.data.numbers import number_of
from automl_cnn.data.scan import status_of
from automl_cnn.data.walk import walk
from automl_cnn.errors import DataError
from automl_cnn.paths import address, shortened
from automl_cnn.tasks import Task
from automl_cnn.text import readable

EXPECTED = "an image, a folder or an archive of images, or a table that lists them"


@dataclass(frozen=True)
class Picture:
    """One image: the file to open, its name in the output, its `label` if a table has one, and the folders above it, one of which may be its class."""

    path: Path
    name: str
    label: str = ""
    folders: tuple[str, ...] = ()

    def named(self, text: str) -> str:
        """A message with the file's path replaced by the image's name."""
        return text.replace(str(self.path), self.name).replace(shortened(self.path), shortened(self.name))

    def labels_among(self, classes: Collection[str], task: Task) -> tuple[str, ...] | None:
        """Its class, or all of its labels (only a table has these); None if they are unknown."""
        if task.exclusive:
            label = self.label_among(classes)
            return None if label is None else (label,)
        if not task.probable:
            label = self.label_among(classes) or next((name for name in self.folders if number_of(name) is not None), None)
            return None if label is None else tuple(label.split(SEPARATOR))
        return parts_of(self.label) if self.label else None

    def label_among(self, classes: Collection[str]) -> str | None:
        """Its label from a table, or the outermost of its folders that is named after a class; None if there is neither."""
        return self.label or next((name for name in self.folders if name in classes), None)


@dataclass(frozen=True)
class Pictures:
    """The images of an input; a note for each kind of file that was left out; and the table, if one was read."""

    images: tuple[Picture, ...]
    notes: tuple[str, ...] = ()
    table: Path | None = None


def picture_of(path: Path) -> Picture:
    """The picture of a file that the user names directly."""
    return Picture(path, str(path), folders=(readable(path.parent.name),))


def pictures_of(path: Path, cache: Path, columns: str | None = None, *, above: str = "", claim: ExitStack | None = None, truth: Sequence[str] = ()) -> Pictures:
    """The images of one input. Images within an archive or a table are written to `cache`, and named by their path there.

    `above` is the URL that paths in a table may begin with, if the input is a copy. `truth` are the columns of a table with the true values of what the model
    predicts. Until `claim` is closed, no other process deletes the written files.

    Raises:
        DataError: the input does not exist or cannot be used.
        ConfigError: a table lacks `columns`.
        StoreError: `cache` cannot be written.
    """
    if why := address(path):
        raise DataError(f"{why}.")
    status = status_of(path, "file or folder", EXPECTED)
    if kinds.is_folder(status):
        return _folder(path, columns, above, truth)
    packed, table = archives.is_archive(path), tables.is_table(path)
    reason = kinds.refusal(status)
    if reason and not (kinds.is_file(status) and (packed or table)):  # these may be larger than an image
        raise DataError(f"{path} cannot be used: {reason}.")
    if packed:
        return _archive(path, cache, columns, claim, truth)
    if not table:
        return Pictures((picture_of(path),))
    return _table(path, *tables.images_in(path, columns, cache=cache, above=above, claim=claim, numbers=truth))


def _table(table: Path, place: Path, labels: dict[str, str]) -> Pictures:
    own = place == table.parent
    listed = ((name, place / name, label) for name, label in labels.items())
    return Pictures(
        tuple(Picture(path, str(path) if own else name, label, (readable(path.parent.name),) if own else ()) for name, path, label in listed), (), table
    )


def _archive(archive: Path, cache: Path, columns: str | None, claim: ExitStack | None, truth: Sequence[str]) -> Pictures:
    inside = archives.unpacked(archive, cache, claim)
    with called(archive, inside.folder):
        pictures = _folder(inside.folder, columns, truth=truth)
    stem = readable(archive.name.partition(".")[0])
    images = tuple(replace(one, name=inside.within(one.path), folders=(*_above(inside.place, one.path), stem)) for one in pictures.images)
    return replace(pictures, images=images, notes=(*renamed(pictures.notes, inside, archive), *inside.notes))


def _folder(folder: Path, columns: str | None, above: str = "", truth: Sequence[str] = ()) -> Pictures:
    """The images of a folder, with their labels if a table in it describes them."""
    walked, table = walk(folder), metadata_of(folder, columns, numbers=truth)
    labels = tables.images_in(table, columns, above=above, numbers=truth)[1] if table is not None else {}
    names = dict.fromkeys([*walked.images(), *labels])
    images = tuple(Picture(folder / name, str(folder / name), labels.get(name, ""), (*_above(folder, folder / name), readable(folder.name))) for name in names)
    refused = (f"left out {folder / path}: {reason}" for path, reason in walked.left.refused)
    return Pictures(images, (*walked.left.notes(), *refused), table)


def _above(folder: Path, path: Path) -> tuple[str, ...]:
    """The names of the folders between an image and the folder that was searched."""
    return tuple(readable(name) for name in path.relative_to(folder).parts[:-1])
