"""`automl-cnn study`: run a comparison of networks from its study.toml, with live output."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from automl_cnn.cli import backend, completions
from automl_cnn.cli.console import Text, console, plural, write_json
from automl_cnn.cli.tables import table
from automl_cnn.config import StudyConfig
from automl_cnn.errors import ConfigError
from automl_cnn.places import store_option

if TYPE_CHECKING:
    from automl_cnn.comparison import Comparison, Results
    from automl_cnn.study.observer import Observer

WHAT, HOW, OUTPUT = "What", "How long, and where", "Output"


def study(
    *,
    name: Annotated[
        str | None,
        typer.Argument(
            help="A study in ./studies, or a folder with a study.toml. Default: list the studies.",
            autocompletion=completions.one_of(completions.comparisons),
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A test run of one minute: tiny networks, few images, nothing is written.")] = False,
    images: Annotated[
        list[str] | None, typer.Option("--images", metavar="NAME=FOLDER", help="The folder of an image set. May be repeated.", rich_help_panel=WHAT)
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds instead of those in study.toml: 0,1,2.", rich_help_panel=WHAT)] = None,
    budget: Annotated[
        str | None, typer.Option(help="Time for the whole command (default: no limit). The same command continues the study.", rich_help_panel=HOW)
    ] = None,
    store: Annotated[Path, typer.Option(parser=store_option, metavar="FOLDER", help="The folder that holds the studies.", rich_help_panel=HOW)] = Path(
        "automl-cnn-runs"
    ),
    mlflow: Annotated[bool, typer.Option("--mlflow/--no-mlflow", help="Keep the runs in MLflow.", rich_help_panel=HOW)] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as one JSON object on standard output.", rich_help_panel=OUTPUT)] = False,
) -> None:
    """Compare networks side by side: each with several seeds, on the same images, with 95 % intervals.

    A study is defined by a study.toml: the networks, the images and the duration. The results are written beside it.

        automl-cnn study three_small_kernels
        automl-cnn study three_small_kernels --quick
    """
    from automl_cnn.comparison import available, load

    if name is None:
        known = [load(one) for one in available()]
        if as_json:
            write_json({"studies": [{"name": one.name, "question": one.question} for one in known]})
        elif known:
            console().print(table([(one.name, one.question) for one in known]))
        else:
            raise ConfigError("There is no folder ./studies here. Pass a folder with a study.toml: automl-cnn study FOLDER.")
        return
    comparison = load(name, quick=quick, seeds=_seeds(seeds))
    results = go(comparison, images=_folders(images or []), budget=budget, store=store, mlflow=mlflow, as_json=as_json)
    if as_json:
        write_json(results.as_dict())
        sys.stdout.flush()


def go(comparison: Comparison, *, images: dict[str, Path], budget: str | None, store: Path, mlflow: bool, as_json: bool) -> Results:
    """Run the comparison and print its results."""
    backend.require()
    from automl_cnn import elapsed, foreign
    from automl_cnn.cli.live import watch
    from automl_cnn.comparison import run

    started = elapsed.process_start()
    screen = console(stderr=as_json)
    _print_head(screen, comparison)
    with ExitStack() as stack:
        if as_json:
            stack.enter_context(foreign.output_to_stderr())
        watching = stack.enter_context(ExitStack())

        def observe(config: StudyConfig) -> Observer:
            watching.close()  # the image set before this one is finished
            return watching.enter_context(watch(screen, config, elapsed.now()))

        results = run(comparison, budget=budget, store=store, images=images, track=mlflow, watch=observe, started=started)
    _print(screen, results)
    return results


def _print_head(screen: Console, comparison: Comparison) -> None:
    screen.print(Text(comparison.title, style="bold"))
    screen.print(Text(comparison.question))
    trainings = len(comparison.networks) * len(comparison.seeds)
    each = f"{plural(len(comparison.networks), 'network')}, {plural(len(comparison.seeds), 'seed')}: {plural(trainings, 'training')}"
    screen.print(Text(f"{each}, each compared with “{comparison.reference}”\n", style="dim"))


def _print(screen: Console, results: Results) -> None:
    """The table of each image set, what is missing, and where the results are."""
    from automl_cnn.comparison.words import NAMES, cell, difference, duration

    comparison, first = results.comparison, results.comparison.measures[0]
    for name in dict.fromkeys(asked.name for asked in comparison.sets):
        rows: list[tuple[str | Text, ...]] = []
        for network in comparison.networks:
            if network.images.name != name:
                continue
            where = (network.images.name, network.series, network.point)
            trained = results.of(*where)
            failed = next((row.failure for row in results.rows if row.key[:3] == network.key and row.failure), "")
            label = ", ".join(filter(None, (network.point, network.series)))
            if not trained:
                if failed:
                    rows.append((label, Text(f"failed: {failed}", style="red"), *[""] * (len(comparison.measures) + 1)))
                continue
            own = network.series == comparison.reference
            contrast = None if own else results.contrast(*where[:2], comparison.reference, network.point, first)
            changed = Text("" if own else difference(contrast, first).strip("*"), style="bold" if contrast is not None and contrast.clear else "")
            count = f"{network.images.train:,}" if network.images.train else "all"
            rows.append((label, count, *(cell(results.score(*where, measure), measure) for measure in comparison.measures), changed))
        if rows:
            screen.print(Text())
            screen.print(table(rows, (name, "images", *(NAMES[measure] for measure in comparison.measures), "difference")))
    if not results.rows:
        screen.print(Text("Nothing was trained.", style="yellow"))
    else:
        screen.print(
            Text(f"\n± is half of the 95 % interval, over seeds and held-out images. A bold difference of {NAMES[first]} leaves out zero.", style="dim")
        )
        screen.print(Text(f"{plural(len(results.rows), 'training')} took {duration(results.seconds)}.", style="dim"))
    for reason in results.left_out.values():
        screen.print(Text(reason, style="yellow"), soft_wrap=True)
    if results.stale:
        screen.print(
            Text(f"{plural(results.stale, 'row')} of results.csv belonged to an earlier study.toml and {'was' if results.stale == 1 else 'were'} left out.")
        )
    if results.missing:
        are = "is" if results.missing == 1 else "are"
        screen.print(Text(f"{plural(results.missing, 'training')} {are} still to be done: run the same command again.", style="yellow"), soft_wrap=True)
    if results.rows and not comparison.quick:
        screen.print(Text(f"\ntable       {comparison.folder / 'results.csv'}\nplot        {comparison.folder / 'results.png'}"), soft_wrap=True)


def _seeds(text: str | None) -> tuple[int, ...] | None:
    """The seeds of `--seeds 0,1,2`."""
    if text is None:
        return None
    try:
        numbers = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise ConfigError(f"--seeds {text}: expected whole numbers with commas between them, as in 0,1,2.") from None
    if any(not 0 <= seed < 2**31 for seed in numbers):
        raise ConfigError(f"--seeds {text}: expected numbers from 0 to {2**31 - 1}.")
    return numbers


def _folders(texts: list[str]) -> dict[str, Path]:
    """The folders of `--images NAME=FOLDER`."""
    folders = {}
    for text in texts:
        name, equals, folder = text.partition("=")
        if not equals or not name or not folder:
            raise ConfigError(f"--images {text}: expected NAME=FOLDER, as in sign_digits=./images/signs.")
        folders[name] = Path(folder)
    return folders
