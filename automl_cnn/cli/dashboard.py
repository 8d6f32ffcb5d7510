"""`automl-cnn dashboard`: show every run of a store in MLflow's user interface."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automl_cnn import databases
from automl_cnn.config import StudyConfig
from automl_cnn.databases import Database
from automl_cnn.errors import ConfigError
from automl_cnn.places import store_option

InStore = Annotated[Path, typer.Option("--store", parser=store_option, metavar="FOLDER", help="The folder that holds the studies.")]
InStorage = Annotated[
    str | None, typer.Option("--storage", metavar="URL", help="A database with studies, the same as for search --storage.", show_default=False)
]
STORE = StudyConfig.model_fields["store"].default


def database_option(value: str | None) -> Database | None:
    """`--storage`, checked.

    Raises:
        ConfigError: the address is not that of a PostgreSQL database.
    """
    try:
        return None if value is None else databases.parse(value)
    except ValueError as error:
        raise ConfigError(f"--storage: received {databases.hidden(value or '')[:200]!r}; {error}.") from None


def dashboard(
    store: InStore = STORE,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to serve on; if it is busy, the next free one.")] = 5000,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the pages in a web browser.")] = True,
) -> None:
    """Browse every study, trial and learning curve in MLflow."""
    from automl_cnn.store import Store
    from automl_cnn.study.record.lock import holder
    from automl_cnn.track import serve

    study_store = Store(store)

    def ended(study: str) -> bool:
        return study in study_store.studies and holder(study_store.find(study).lock) is None

    raise typer.Exit(serve(study_store, port, browser, ended))
