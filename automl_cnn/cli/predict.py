"""`automl-cnn predict`: a model's answers for images, as CSV."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from automl_cnn.cli import backend
from automl_cnn.cli.console import plural, say
from automl_cnn.cli.dashboard import STORE, InStore
from automl_cnn.cli.front import OfTrial, model_of_trial
from automl_cnn.cli.given import Given, here
from automl_cnn.cli.sheet import Sheet
from automl_cnn.errors import AutomlCnnError, ConfigError, DataError, StoreError
from automl_cnn.paths import address, unusable
from automl_cnn.text import inline, readable

STDIN = "-"
Named = Callable[[str], str]  # a text with paths as the user named them
AT_ONCE = 8  # batches of a folder's images handed over together, so that one is decoded while another is predicted


def predict(
    model: Annotated[str, typer.Argument(help="A study's name, its folder, a .keras file, or what `export` wrote: a folder, or a file of any format.")],
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Images, folders that are searched for images, and tables that list them, as paths or URLs such as s3://bucket/new; - reads paths from "
            "standard input."
        ),
    ],
    *,
    batch: Annotated[int, typer.Option(min=1, help="Images at a time; 1 answers each line of standard input at once.")] = 64,
    store: InStore = STORE,
    trial: OfTrial = None,
    max_pixels: Annotated[
        str | None,
        typer.Option(help="Pixels of the largest image that is decoded; larger ones are left out and named (default: 40M).", envvar="AUTOML_CNN_MAX_PIXELS"),
    ] = None,
    columns: Annotated[str | None, typer.Option(help="The columns of a table, where they are called otherwise: path=file,label=species.")] = None,
    trust: Annotated[bool, typer.Option("--trust", help="Run a SavedModel that no model.json vouches for; its graph may read and write files.")] = False,
) -> None:
    """Label images: one CSV line each, with the confidence and every class's probability.

    Where folders are named after classes, or a table has labels, the share of right answers goes to standard error.

        find photos -name '*.jpg' | automl-cnn predict flowers -
    """
    if max_pixels is not None:
        from automl_cnn.data import guard

        os.environ[guard.VARIABLE] = max_pixels
        guard.limit()
    from automl_cnn.data.tables import is_table
    from automl_cnn.store import Store

    streamed = paths == [STDIN]
    given = Given() if streamed else here(paths, Store(store).cache_place, columns)
    with given.naming():
        labels = {} if streamed else labels_in(given, columns)
        images = iter(()) if streamed else find([path for path in given.paths if not is_table(path)], labels, given.named)
    classifier = classifier_of(model if trial is None else str(model_of_trial(model, trial, store)), store, trust)
    if note := getattr(classifier, "unchecked", None):
        say(note)
    classes = [str(name) for name in classifier.classes]
    sheet = Sheet(sys.stdout)
    sheet.row(["path", "label", "confidence", *classes])
    folders = [path for path in given.paths if path.is_dir()]
    right = known = done = asked = 0
    for some in chunks(listed(sys.stdin) if streamed else images, batch if streamed else AT_ONCE * batch):
        asked += len(some)
        for path, row in answers(classifier, list(usable(some, given.named)), given.named):
            best = max(range(len(classes)), key=row.__getitem__)
            sheet.row([given.named(str(path)), classes[best], f"{row[best]:.4f}", *(f"{share:.4f}" for share in row)])
            done += 1
            if (label := labels.get(path) or class_of(path, folders, classes)) is not None:
                known += 1
                right += label == classes[best]
        sys.stdout.flush()
    if not done:
        raise DataError(f"None of {plural(asked, 'image')} could be read." if asked else "No path came on standard input: expected one a line.")
    if known:
        say(f"accuracy {right / known:.3f}: {right:,} of the {plural(known, 'image')} {'with a label' if labels else 'in folders named after a class'}")


def classifier_of(model: str, store: Path, trust: bool = False) -> Any:
    """The classifier for `model`: it has `classes` and `predict_proba`. An exported file is run by its own runtime, without Keras."""
    from automl_cnn.export import bundle
    from automl_cnn.store import Store

    if why := address(model) or unusable(model):
        raise StoreError(f"{why}.")
    if Path(model).exists():
        from automl_cnn.export import deployed

        if deployed.is_exported(Path(model)):
            with backend.loading("Loading the model"):
                return deployed.load(Path(model), trust=trust)
    backend.require()
    with backend.loading("Loading Keras and the model"):
        return bundle.load(bundle.resolve(model, Store(store)))


def listed(lines: Iterable[str]) -> Iterator[Path]:
    """The paths among lines, as they come."""
    return (Path(line.rstrip("\r\n")) for line in lines if line.strip())


def chunks(images: Iterable[Path], size: int) -> Iterator[list[Path]]:
    """The images in chunks of `size`; the last chunk may be smaller."""
    waiting = iter(images)
    while some := list(itertools.islice(waiting, size)):
        yield some


def labels_in(given: Given, columns: str | None) -> dict[Path, str]:
    """The images that the tables among the given paths list, with their labels; "" where one has none.

    Raises:
        DataError: a table cannot be used.
        ConfigError: `columns` are not there, or there is no table.
    """
    from automl_cnn.data.scan import status_of
    from automl_cnn.data.tables import images_in, is_table

    tables = [path for path in given.paths if is_table(path)]
    if columns is not None and not tables:
        raise ConfigError(f"--columns {columns} names the columns of a table, but there is none among the paths. Leave it out.")
    for table in tables:
        if why := address(table):
            raise DataError(f"{why}.")
        status_of(table, "file or folder", "an image, a folder of images, or a table that lists them")
    return {table.parent / path: label for table in tables for path, label in images_in(table, columns, above=given.above(table)).items()}


def find(paths: Sequence[Path], listed: Iterable[Path] = (), named: Named = str) -> list[Path]:
    """The files among `paths`, the images within the folders among them and those `listed` in tables, each once; notes on other files in a folder go to stderr.

    Raises:
        DataError: a path does not exist or is not a file or folder, or there is no image at all.
    """
    from automl_cnn.data.kinds import COMMON, is_folder, why_not
    from automl_cnn.data.scan import status_of
    from automl_cnn.data.walk import walk

    images: list[Path] = list(listed)
    for path in paths:
        if why := address(path):
            raise DataError(f"{why}.")
        if is_folder(status_of(path, "file or folder", "an image, or a folder of images")):
            walked = walk(path)
            images += [path / inner for inner in walked.images()]
            for note in walked.left.notes():
                say(inline(named(note)))
            for inner, reason in walked.left.refused:
                say(inline(named(f"left out {path / inner}: {reason}")))
        elif reason := why_not(path):
            raise DataError(f"{path} cannot be used: {reason}.")
        else:
            images.append(path)
    if not images:
        raise DataError(f"No images were found in {', '.join(map(str, paths))}. Expected files ending in {', '.join(COMMON)}.")
    return list(dict.fromkeys(images))


def usable(images: Sequence[Path], named: Named = str) -> Iterator[Path]:
    """The paths that are regular files. The others are reported, not opened: opening a named pipe or a device could wait forever."""
    from automl_cnn.data.kinds import MISSING, why_not

    for path in images:
        reason = why_not(path)
        if reason and reason != MISSING:  # whoever opens a missing file reports it
            say(inline(named(f"left out {path}: {reason}")))
        else:
            yield path


def class_of(path: Path, folders: Sequence[Path], classes: Collection[str]) -> str | None:
    """The class whose folder an image lies in: its own folder, or one between it and the searched folder; None where none is named after a class."""
    for folder in folders:
        if path.is_relative_to(folder):
            within = [readable(name) for name in (*path.relative_to(folder).parts[:-1], folder.name)]
            return next((name for name in within if name in classes), None)
    return name if (name := readable(path.parent.name)) in classes else None


def answers(classifier: Any, images: Sequence[Path], named: Named = str) -> Iterator[tuple[Path, list[float]]]:
    """Each readable image and its probabilities; where some fail, each half is tried alone, until the bad ones are named."""
    if not images:
        return
    try:
        yield from zip(images, _probabilities(classifier, images), strict=True)
        return
    except StoreError:  # it is the model's fault, whatever the image
        raise
    except (AutomlCnnError, OSError, ValueError, SyntaxError) as error:
        if len(images) == 1:
            name = str(images[0])
            say(inline(named(f"left out {error}" if str(error).startswith(name) else f"left out {name}: {error}")))
            return
    half = len(images) // 2
    yield from answers(classifier, images[:half], named)
    yield from answers(classifier, images[half:], named)


def _probabilities(classifier: Any, images: Sequence[Path]) -> list[list[float]]:
    return [[float(share) for share in row] for row in classifier.predict_proba(list(images))]
