"""`automl-cnn predict`: a model's predictions for images, as CSV."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl_cnn.cli import backend, completions
from automl_cnn.cli.console import plural, say
from automl_cnn.cli.dashboard import STORE, InStore
from automl_cnn.cli.front import OfTrial, model_of_trial
from automl_cnn.cli.given import Given, here
from automl_cnn.cli.seen import OwnImages, Seen, own_images
from automl_cnn.cli.sheet import Sheet
from automl_cnn.errors import AutomlCnnError, ConfigError, DataError, StoreError
from automl_cnn.paths import address, unusable
from automl_cnn.text import inline

if TYPE_CHECKING:
    import numpy as np

    from automl_cnn.data.to_predict import Picture

STDIN = "-"
AT_ONCE = 8  # batches of a folder's images passed to the model at once: one is decoded while another is predicted


def predict(
    model: Annotated[
        str,
        typer.Argument(
            help="A study's name, its folder, a .keras file, or an export: its folder, or a file of any format.", autocompletion=completions.studies
        ),
    ],
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Images, folders and archives with images, and tables that list images, as paths or URLs such as s3://bucket/new; - reads "
            "paths from standard input."
        ),
    ],
    *,
    batch: Annotated[int, typer.Option(min=1, help="Images in a batch; 1 predicts each line of standard input as soon as it arrives.")] = 64,
    store: InStore = STORE,
    trial: OfTrial = None,
    max_pixels: Annotated[
        str | None,
        typer.Option(help="The largest image to decode, in pixels; larger ones are left out and listed (default: 40M).", envvar="AUTOML_CNN_MAX_PIXELS"),
    ] = None,
    columns: Annotated[str | None, typer.Option(help="The columns of a table, if they have other names: path=file,label=species.")] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run a SavedModel without checking it against model.json; its graph may read and write files.")
    ] = False,
) -> None:
    """Predict images: one CSV line for each, with the label, its confidence and the probability of every class, or with the numbers.

    If folders are named after classes, or a table has labels, the accuracy is printed to standard error. If the model's own search had some of these
    images, a warning follows, with the accuracy on the other ones. An image in an archive has its path there as its name; if the archive is at a URL,
    the URL comes first.

    With several labels for each image, the labels that reach their thresholds are joined by |, and the confidence is that of the least certain decision.

    A number has a column of its own, such as age (years); age low and age high are the ends of its 90 % interval. If a table has the true numbers, or
    folders are named after them, RMSE, MAE, R² and the coverage of the intervals are printed to standard error.

        find photos -name '*.jpg' | automl-cnn predict flowers -
    """
    if max_pixels is not None:
        from automl_cnn.data import guard

        os.environ[guard.VARIABLE] = max_pixels
        guard.limit()
    streamed = paths == [STDIN]
    with ExitStack() as stack:
        chosen = model if trial is None else str(model_of_trial(model, trial, store))
        card = described(chosen, store)
        images = listed(sys.stdin) if streamed else _images(paths, store, columns, stack, columns_of_truth(card))
        classifier = classifier_of(chosen, store, trust)
        if note := getattr(classifier, "unchecked", None):
            say(note)
        _answer(classifier, images, batch if streamed else AT_ONCE * batch, partial(own_images, chosen, card, store))


def _answer(classifier: Any, images: Iterable[Picture], at_once: int, own: Callable[[], OwnImages]) -> None:
    """Write a line for each image; then print the scores, if labels are known, and a warning if the model knows these images from its search.

    Raises:
        DataError: no image could be read.
    """
    from automl_cnn.cli.compared import compared_for

    classes, task = [str(name) for name in classifier.classes], classifier.task
    sheet, compared, seen = Sheet(sys.stdout), compared_for(task, classes), Seen(own, compared_for(task, classes))
    sheet.row(["path", *task.heads(classes)])
    done = asked = 0
    for some in chunks(images, at_once):
        asked += len(some)
        for picture, given in answers(classifier, list(usable(some))):
            sheet.row([picture.name, *task.cells(given, classes)[0]])
            if compared.add(picture, given):
                seen.add(picture, given)
            done += 1
        sys.stdout.flush()
    if not done:
        raise DataError(f"None of {plural(asked, 'image')} could be read." if asked else "No path came on standard input: expected one a line.")
    if compared.known:
        say(compared.sentence)
    if seen.caveat:
        say(seen.caveat)


def described(model: str, store: Path) -> Mapping[str, Any]:
    """The card of a model, or the model.json of an export; {} if it cannot be read. Loading the model reports why."""
    from automl_cnn.export import bundle, deployed
    from automl_cnn.modelfile.file import read_card
    from automl_cnn.store import Store

    try:
        exported = not unusable(model) and deployed.is_exported(Path(model))
        return deployed.contract_of(Path(model)) if exported else read_card(bundle.resolve(model, Store(store)))
    except AutomlCnnError:
        return {}


def columns_of_truth(card: Mapping[str, Any]) -> list[str]:
    """The columns of a table that hold the true values of what the model predicts; [] if the model does not know their names."""
    from automl_cnn.tasks import of_card

    try:
        return of_card(card).columns_of_truth() if card else []
    except AutomlCnnError:
        return []


def _images(paths: Sequence[str], store: Path, columns: str | None, stack: ExitStack, truth: Sequence[str] = ()) -> list[Picture]:
    """The images at `paths`.

    Files at a URL are copied to the store. Archives are unpacked in the store, where the next command can use them again; without a store, in a
    temporary folder that is removed when `stack` is closed. No other process deletes these files until then.
    """
    from automl_cnn.store import Store

    cache = Store(store).cache_place
    given = here(paths, cache, columns)
    return find(given, cache if store.is_dir() else Path(stack.enter_context(TemporaryDirectory(prefix="automl-cnn-"))), columns, stack, truth)


def classifier_of(model: str, store: Path, trust: bool = False) -> Any:
    """The model `model`, ready to predict (see `automl_cnn.export.answering`). The runtime of its format runs an exported file, without Keras.

    Raises:
        StoreError: there is no such model, or it cannot be read.
        BackendError: the model needs Keras, which has no backend.
    """
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


def listed(lines: Iterable[str]) -> Iterator[Picture]:
    """An image for each line that is not blank, read lazily."""
    from automl_cnn.data.to_predict import picture_of

    return (picture_of(Path(line.rstrip("\r\n"))) for line in lines if line.strip())


def chunks(images: Iterable[Picture], size: int) -> Iterator[list[Picture]]:
    """The images in chunks of `size`; the last chunk may be smaller."""
    waiting = iter(images)
    while some := list(itertools.islice(waiting, size)):
        yield some


def find(given: Given, cache: Path, columns: str | None = None, claim: ExitStack | None = None, truth: Sequence[str] = ()) -> list[Picture]:
    """The images among the given paths, and in the folders, archives and tables among them, each file once. Print to stderr which files are left out.

    Until `claim` is closed, no other process deletes the unpacked archives. `truth` are the columns of a table with the true values of what the model predicts.

    Raises:
        DataError: a path does not exist or cannot be used, or no image was found.
        ConfigError: a table lacks `columns`, or there is no table.
        StoreError: an archive cannot be unpacked to `cache`.
    """
    from automl_cnn.data.kinds import COMMON
    from automl_cnn.data.to_predict import pictures_of

    images: dict[Path, Picture] = {}
    tables = 0
    with given.naming():
        for path in given.paths:
            above = given.above(path)
            inner = pictures_of(path, cache, columns, above=above, claim=claim, truth=truth)
            tables += inner.table is not None
            for note in inner.notes:
                say(inline(given.named(note)))
            for picture in inner.images:
                whole = picture.path == Path(picture.name) or (len(given.paths) == 1 and not above)
                name = picture.name if whole else f"{path}/{picture.name}"  # two archives may hold the same names
                if picture.label or picture.path not in images:
                    images[picture.path] = replace(picture, name=given.named(name))
        if columns is not None and not tables:
            raise ConfigError(f"--columns {columns} names the columns of a table, but there is none among the paths. Leave it out.")
        if not images:
            raise DataError(f"No images were found in {', '.join(map(str, given.paths))}. Expected files ending in {', '.join(COMMON)}.")
    return list(images.values())


def usable(images: Sequence[Picture]) -> Iterator[Picture]:
    """The images that are regular files. The others are reported, not opened: opening a named pipe or a device could wait forever."""
    from automl_cnn.data.kinds import MISSING, why_not

    for one in images:
        reason = why_not(one.path)
        if reason and reason != MISSING:  # a missing file is reported when it is opened
            say(inline(f"left out {one.name}: {reason}"))
        else:
            yield one


def answers(classifier: Any, images: Sequence[Picture]) -> Iterator[tuple[Picture, np.ndarray]]:
    """Each readable image and its predictions, an array (1, outputs). If a batch fails, each half is tried alone, to isolate and report the bad images."""
    if not images:
        return
    try:
        given = classifier.answers([one.path for one in images])
        yield from ((one, given[row : row + 1]) for row, one in enumerate(images))
        return
    except StoreError:  # the model fails, not the image
        raise
    except (AutomlCnnError, OSError, ValueError, SyntaxError) as error:
        if len(images) == 1:
            name, reason = images[0].name, images[0].named(str(error))
            say(inline(f"left out {reason}" if reason.startswith(name) else f"left out {name}: {reason}"))
            return
    half = len(images) // 2
    yield from answers(classifier, images[:half])
    yield from answers(classifier, images[half:])
