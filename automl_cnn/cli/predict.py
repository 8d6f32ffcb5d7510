"""`automl-cnn predict`: a model's answers for images, as CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from automl_cnn.cli import backend
from automl_cnn.cli.console import plural, say
from automl_cnn.cli.dashboard import STORE
from automl_cnn.errors import AutomlCnnError, DataError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"})


def predict(
    model: Annotated[str, typer.Argument(help="A study's name, its folder, or a .keras file.")],
    paths: Annotated[list[Path], typer.Argument(help="Images, and folders that are searched for images.")],
    batch: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 64,
    store: Annotated[Path, typer.Option(help="The folder that holds the studies.")] = STORE,
) -> None:
    """Label images: one CSV line each, with the confidence and every class's probability.

    Where folders are named after classes, the share of right answers is said on standard error.
    """
    images = find(paths)
    backend.require()
    from automl_cnn.export import bundle
    from automl_cnn.store import Store

    with backend.loading("Loading Keras and the model"):
        classifier = bundle.load(bundle.resolve(model, Store(store)))
    classes = [str(name) for name in classifier.classes]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["path", "label", "confidence", *classes])
    right = known = done = 0
    for start in range(0, len(images), batch):
        for path, row in answers(classifier, images[start : start + batch]):
            best = max(range(len(classes)), key=row.__getitem__)
            writer.writerow([path, classes[best], f"{row[best]:.4f}", *(f"{share:.4f}" for share in row)])
            done += 1
            if path.parent.name in classes:
                known += 1
                right += path.parent.name == classes[best]
        sys.stdout.flush()
    if not done:
        raise DataError(f"None of {plural(len(images), 'image')} could be read.")
    if known:
        say(f"accuracy {right / known:.3f}: {right:,} of the {plural(known, 'image')} in folders named after a class")


def find(paths: Sequence[Path]) -> list[Path]:
    """The files among `paths` and the images within the folders among them, each once.

    Raises:
        DataError: a path does not exist, or there is no image at all.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(inner for inner in path.rglob("*") if inner.suffix.lower() in SUFFIXES and inner.is_file())
        elif path.is_file():
            found.append(path)
        else:
            raise DataError(f"{path} does not exist. Expected an image, or a folder of images.")
    if not found:
        raise DataError(f"No images were found in {', '.join(map(str, paths))}. Expected files ending in {', '.join(sorted(SUFFIXES))}.")
    return list(dict.fromkeys(found))


def answers(classifier: Any, images: Sequence[Path]) -> Iterator[tuple[Path, list[float]]]:
    """Each readable image and its probabilities; where a batch fails, its images are tried one by one and the bad ones named."""
    try:
        yield from zip(images, _probabilities(classifier, images), strict=True)
        return
    except (AutomlCnnError, OSError, ValueError, SyntaxError) as error:
        if len(images) == 1:
            name = str(images[0])
            say(f"left out {error}" if str(error).startswith(name) else f"left out {name}: {error}")
            return
    for image in images:
        yield from answers(classifier, [image])


def _probabilities(classifier: Any, images: Sequence[Path]) -> list[list[float]]:
    return [[float(share) for share in row] for row in classifier.predict_proba(list(images))]
