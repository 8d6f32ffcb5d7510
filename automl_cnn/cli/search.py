"""`automl-cnn search`: flags -> settings -> one call."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from automl_cnn.cli import backend
from automl_cnn.cli.console import Text, console, write_json
from automl_cnn.cli.settings import with_settings
from automl_cnn.config import StudyConfig, study_config
from automl_cnn.flags import LIMITS, OUTPUT

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on standard output.", rich_help_panel=OUTPUT)]
Mlflow = Annotated[bool, typer.Option("--mlflow/--no-mlflow", help="Keep the runs in MLflow.", rich_help_panel=OUTPUT)]
Config = Annotated[Path | None, typer.Option(help="A study.toml with any of these settings; flags override it.", rich_help_panel=LIMITS)]


@with_settings()
def search(*, config: Config = None, as_json: AsJson = False, mlflow: Mlflow = True, **settings: Any) -> None:
    """Find the best network for a folder of images, and keep it.

    From the first trial on, the best model so far is on disk. Ctrl-C ends the search properly; the same
    command continues it.

        automl-cnn search --data ./images --budget 10m
    """
    go(study_config(settings, config), as_json=as_json, mlflow=mlflow)


def go(settings: StudyConfig, *, as_json: bool, mlflow: bool) -> None:
    """Search with live output, and print the result."""
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
    print_summary(screen, news, settings.store, mlflow=mlflow and settings.mlflow_uri is None, known=observer.view.known)
    if mlflow and settings.mlflow_uri is not None:
        screen.print(Text(f"  {settings.mlflow_uri} shows every trial in MLflow: experiment {settings.name or result.study}"), soft_wrap=True)
    if as_json:
        write_json(result.as_dict())
        sys.stdout.flush()
