"""`automl-cnn search`: flags -> settings -> one call."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from automl_cnn.cli import backend
from automl_cnn.cli.console import console, write_json
from automl_cnn.config import AUTOMATIC, COSTS, METRICS, PRUNERS, SAMPLERS, StudyConfig, study_config
from automl_cnn.places import store_option

DATA = "The images"
LIMITS = "How long, and where"
SPACE = "What is tried"
DEPLOY = "What the model may cost"
ENGINE = "What proposes it"
OUTPUT = "Output"


def _default(field: str) -> str:
    """A default in words; the flags themselves default to None, so that a study.toml can tell what was given."""
    return f" Default: {StudyConfig.model_fields[field].default}."


def _either(by_engine: dict[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{engine}: {', '.join(names)}" for engine, names in by_engine.items()) + " (the first is the default)."


def search(
    *,
    data: Annotated[Path | None, typer.Option(help="A folder with one subfolder of images per class.", rich_help_panel=DATA)] = None,
    val_share: Annotated[float | None, typer.Option(help="Share of the images for validation." + _default("val_share"), rich_help_panel=DATA)] = None,
    test_share: Annotated[
        float | None, typer.Option(help="Share of the images scored once, at the end." + _default("test_share"), rich_help_panel=DATA)
    ] = None,
    class_weights: Annotated[str | None, typer.Option(help="auto, on or off: weigh rare classes up." + _default("class_weights"), rich_help_panel=DATA)] = None,
    metric: Annotated[str | None, typer.Option(help=f"What is best: {', '.join(METRICS)}. {AUTOMATIC}", rich_help_panel=DATA)] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            "--objective",
            "--objectives",
            help=f"Several at once give a Pareto front: the metric, then {', '.join(COSTS)}, as in accuracy,latency.",
            rich_help_panel=DATA,
        ),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(help="Time for the whole command: 90s, 10m, 1h30m (default: 10m, unless --trials is given).", rich_help_panel=LIMITS)
    ] = None,
    trials: Annotated[int | None, typer.Option(help="At most so many trials.", rich_help_panel=LIMITS)] = None,
    max_epochs: Annotated[int | None, typer.Option(help="Epochs a trial may take." + _default("max_epochs"), rich_help_panel=LIMITS)] = None,
    seed: Annotated[int | None, typer.Option(help="The seed of splits, proposals and training." + _default("seed"), rich_help_panel=LIMITS)] = None,
    name: Annotated[str | None, typer.Option(help="The study's name; the same name goes on where it ended.", rich_help_panel=LIMITS)] = None,
    store: Annotated[
        Path | None, typer.Option(parser=store_option, metavar="FOLDER", help="The folder that holds the studies." + _default("store"), rich_help_panel=LIMITS)
    ] = None,
    max_disk: Annotated[
        str | None,
        typer.Option(help="What the study keeps at most, with its share of the image cache and its MLflow artifacts: 2GB.", rich_help_panel=LIMITS),
    ] = None,
    max_pixels: Annotated[
        str | None,
        typer.Option(
            help="Pixels of the largest image that is decoded; larger ones are left out and named (default: 40M).",
            envvar="AUTOML_CNN_MAX_PIXELS",
            rich_help_panel=LIMITS,
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A study.toml with any of these settings; flags override it.", rich_help_panel=LIMITS)] = None,
    architectures: Annotated[str | None, typer.Option(help="Only these, as in vgg,resnet (default: all).", rich_help_panel=SPACE)] = None,
    optimizers: Annotated[str | None, typer.Option(help="Only these (default: all).", rich_help_panel=SPACE)] = None,
    regularizers: Annotated[str | None, typer.Option(help="Only these (default: all).", rich_help_panel=SPACE)] = None,
    pretrained: Annotated[
        str | None,
        typer.Option(
            help="Weights to begin with: auto (those on this machine), none, or a name such as lite0." + _default("pretrained"), rich_help_panel=SPACE
        ),
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="A file with the weights that --pretrained NAME names.", rich_help_panel=SPACE)] = None,
    max_resolution: Annotated[int | None, typer.Option(help="Largest input, in pixels." + _default("max_resolution"), rich_help_panel=SPACE)] = None,
    max_params: Annotated[str | None, typer.Option(help="At most so many parameters: 500k, 1.5M.", rich_help_panel=DEPLOY)] = None,
    max_mult_adds: Annotated[str | None, typer.Option(help="At most so many multiply-accumulates for an image: 300M.", rich_help_panel=DEPLOY)] = None,
    max_size: Annotated[str | None, typer.Option(help="The model file's size at most: 5MB.", rich_help_panel=DEPLOY)] = None,
    max_latency: Annotated[str | None, typer.Option(help="At most so long for one image, on this machine: 20ms.", rich_help_panel=DEPLOY)] = None,
    guided: Annotated[
        str | None, typer.Option(help="on or off: trials that the diagnosis of the best ones asks for." + _default("guided"), rich_help_panel=ENGINE)
    ] = None,
    ensemble: Annotated[
        str | None,
        typer.Option(help="auto or off: one model of up to three networks, where they are better together." + _default("ensemble"), rich_help_panel=DEPLOY),
    ] = None,
    refit: Annotated[
        str | None,
        typer.Option(
            help="After the test score, train the winner's recipe again. auto: on every image, or on training and validation images if the test images "
            "came in a folder of their own; all: on every image; train: on training and validation images; off." + _default("refit"),
            rich_help_panel=DEPLOY,
        ),
    ] = None,
    engine: Annotated[str | None, typer.Option(help=f"{' or '.join(SAMPLERS)}." + _default("engine"), rich_help_panel=ENGINE)] = None,
    sampler: Annotated[str | None, typer.Option(help=f"How configurations are chosen. {_either(SAMPLERS)}", rich_help_panel=ENGINE)] = None,
    pruner: Annotated[str | None, typer.Option(help=f"Which trials are stopped half-way. {_either(PRUNERS)}", rich_help_panel=ENGINE)] = None,
    scaling: Annotated[
        str | None,
        typer.Option(
            help="auto: scale the best network up where more capacity may help; compound: always, and search along phi; off." + _default("scaling"),
            rich_help_panel=SPACE,
        ),
    ] = None,
    plugins_dir: Annotated[
        Path | None, typer.Option(envvar="AUTOML_CNN_PLUGINS_DIR", help="A folder of plugins of your own (.py files).", rich_help_panel=SPACE)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON object on standard output.", rich_help_panel=OUTPUT)] = False,
    mlflow: Annotated[bool, typer.Option("--mlflow/--no-mlflow", help="Keep the runs in MLflow.", rich_help_panel=OUTPUT)] = True,
) -> None:
    """Find the best network for a folder of images, and keep it.

    There is a best model so far from the first trial on. Ctrl-C ends the search well; the same
    command again goes on where it ended.

        automl-cnn search --data ./images --budget 10m
    """
    settings = study_config(
        {
            "data": data,
            "budget": budget,
            "trials": trials,
            "seed": seed,
            "name": name,
            "store": store,
            "plugins_dir": plugins_dir,
            "architectures": architectures,
            "optimizers": optimizers,
            "regularizers": regularizers,
            "pretrained": pretrained,
            "weights": weights,
            "metric": metric,
            "objectives": objective,
            "class_weights": class_weights,
            "val_share": val_share,
            "test_share": test_share,
            "ensemble": ensemble,
            "refit": refit,
            "guided": guided,
            "engine": engine,
            "sampler": sampler,
            "pruner": pruner,
            "scaling": scaling,
            "max_epochs": max_epochs,
            "max_resolution": max_resolution,
            "max_params": max_params,
            "max_mult_adds": max_mult_adds,
            "max_size": max_size,
            "max_latency": max_latency,
            "max_disk": max_disk,
            "max_pixels": max_pixels,
        },
        config,
    )
    go(settings, as_json=as_json, mlflow=mlflow)


def go(settings: StudyConfig, *, as_json: bool, mlflow: bool) -> None:
    """Search before the user's eyes, and say what was found."""
    backend.require()
    from automl_cnn import elapsed, foreign
    from automl_cnn.cli.live import watch
    from automl_cnn.cli.summary import print_summary
    from automl_cnn.study import run
    from automl_cnn.study.notes import Noting

    started = elapsed.process_start()
    screen = console(stderr=as_json)
    with foreign.output_to_stderr() if as_json else nullcontext(), watch(screen, settings, started) as observer:
        shown = Noting(observer)
        result = run(settings, observer=shown, track=mlflow, started=started)
    news = dataclasses.replace(result, notes=tuple(note for note in result.notes if note not in shown.texts))
    print_summary(screen, news, settings.store, mlflow=mlflow, known=observer.view.known)
    if as_json:
        write_json(result.as_dict())
        sys.stdout.flush()
