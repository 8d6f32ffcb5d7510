"""`automl-cnn demo`: real handwritten digits, from a folder of images to a model that reads them."""

from __future__ import annotations

import contextlib
import csv
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from automl_cnn.cli import backend
from automl_cnn.cli.console import Text, console, say
from automl_cnn.cli.dashboard import STORE, InStore
from automl_cnn.cli.sheet import exact
from automl_cnn.errors import ConfigError
from automl_cnn.paths import address
from automl_cnn.processes import environment, python

FOLDER = Path("demo-data")
STUDY = "digits"
BUDGET = "3m"
TARGET = 0.97  # accuracy on held-out digits that the model reaches in three minutes
HELD_OUT = 0.2  # share of the images
NEXT = {
    f"automl-cnn report {STUDY} --open": "the report, in a web browser",
    f"automl-cnn export {STUDY} --format keras": "files to deploy",
    "automl-cnn search --data photos": "your own photos, a subfolder per class",
}


def demo(
    out: Annotated[Path, typer.Option(help="The folder for the images and the predictions.")] = FOLDER,
    budget: Annotated[str, typer.Option(help="Time for the search: 90s, 3m.")] = BUDGET,
    store: InStore = STORE,
) -> None:
    """See it work: write a folder of handwritten digits, search it for three minutes, and predict the held-out digits.

    The 1,797 images come with scikit-learn; nothing is downloaded. The exit code is 1 if the accuracy on the held-out digits is below 97 %.
    """
    if why := address(out):
        raise ConfigError(f"--out: the demo cannot be written: {why}.")
    backend.require()
    learned, held_out = write_images(out)
    inside = [] if store == STORE else ["--store", str(store)]
    run(["search", "--data", str(learned), "--budget", budget, "--name", STUDY, *inside])
    table = out / "predictions.csv"
    run(["predict", STUDY, str(held_out), *inside], table)
    share, images = right(table)
    screen = console()
    screen.print(Text(f"\nRight on {images} held-out digits: {share:.4f} (expected at least {TARGET})", style="bold green" if share >= TARGET else "bold red"))
    if share < TARGET:
        raise typer.Exit(1)
    screen.print(Text("\nNext:"))
    width = max(map(len, NEXT))
    for command, purpose in NEXT.items():
        of_study = shlex.join(inside) if STUDY in command else ""
        screen.print(Text.assemble("  ", (f"{command} {of_study}".strip().ljust(width), "cyan"), "  ", purpose), soft_wrap=True)


def write_images(folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """Write scikit-learn's digits as two folders with classes: one to search, and one with the fifth that is held out.

    Raises:
        ConfigError: the folder cannot be written.
    """
    with backend.loading("Writing the images"):
        import numpy as np

        from automl_cnn.data.samples import IMAGES, write_digits

        rows = np.random.default_rng(seed).permutation(IMAGES)
        out = int(HELD_OUT * IMAGES)
        try:
            return write_digits(folder / "digits", only=rows[out:]), write_digits(folder / "digits-held-out", only=rows[:out])
        except (FileExistsError, NotADirectoryError) as error:
            raise ConfigError(f"The demo cannot be written to {folder}: {error.filename} is not a folder. Name another folder with --out.") from None


def run(words: list[str], output: Path | None = None) -> None:
    """Print a command line and run it. Its output goes to the file `output`, if one is given.

    Raises:
        Exit: the command fails or is interrupted; with its exit code.
    """
    console().print(Text(f"\n$ {shlex.join(['automl-cnn', *words])}{f' > {shlex.quote(str(output))}' if output else ''}", style="bold"), soft_wrap=True)
    sys.stdout.flush()
    with contextlib.ExitStack() as stack:
        interruptions = stack.enter_context(_interrupted_alone())
        file = stack.enter_context(output.open("wb")) if output is not None else None
        code = subprocess.run([*python("-m", "automl_cnn"), *words], stdout=file, env=environment(), check=False).returncode
    if interruptions:
        say("The demo was interrupted. `automl-cnn demo` continues it.")
        raise typer.Exit(130)
    if code:
        raise typer.Exit(code if code > 0 else 128 - code)


@contextlib.contextmanager
def _interrupted_alone() -> Iterator[list[int]]:
    """Leave Ctrl-C to the running command, which ends properly. Otherwise Python would kill it a quarter of a second later.

    Yield the list of interruptions so far. A handler collects them, because the command would inherit an ignored signal.
    """
    interruptions: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield interruptions
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: interruptions.append(number))
    try:
        yield interruptions
    finally:
        signal.signal(signal.SIGINT, before)


def right(table: Path) -> tuple[float, int]:
    """The share of predictions that equal the name of the image's folder, and the number of predictions."""
    with table.open(encoding="utf-8", newline="") as file:
        hits = [Path(exact(row["path"])).parent.name == row["label"] for row in csv.DictReader(file)]
    return sum(hits) / len(hits), len(hits)
