"""`automl-cnn report`: a study's results as one page."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automl_cnn.cli import backend, completions
from automl_cnn.cli.console import say, write_path
from automl_cnn.cli.dashboard import STORE, InStore
from automl_cnn.errors import BackendError, StoreError
from automl_cnn.paths import address
from automl_cnn.quantities import bytes_
from automl_cnn.store import Store

if TYPE_CHECKING:
    from automl_cnn.evidence import Evidence
    from automl_cnn.study.stored.overview import Overview


def report(
    name: Annotated[
        str | None, typer.Argument(help="A study's name. Default: the study last worked on.", show_default=False, autocompletion=completions.studies)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write. Default: report.html in the study's folder.", show_default=False)] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in a web browser.")] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Do not run the model: if the search saved no evidence, the report has no confusion matrix, suspect labels or mistakes."),
    ] = False,
    store: InStore = STORE,
) -> None:
    """Write a study's results as one HTML file that opens offline.

    If the search had no time to examine the winner's mistakes, this command does it, in about 20 seconds.
    """
    from automl_cnn.study.finish import reporting
    from automl_cnn.study.stored.overview import overview

    if out is not None and (why := address(out)):
        raise StoreError(f"The report cannot be written: {why}.")
    where = Store(store)
    study = overview(where, name or where.latest_study().name)
    evidence, why = reporting.kept(study), ""
    if evidence is None:
        evidence, why = (None, "The winner's mistakes were not looked at, since --quick was given.") if quick else _looked(study)
        if why:
            say(why)
    place = reporting.write(reporting.facts(study, where, evidence, why), study.folder, out)
    write_path(place)
    say(f"{bytes_(place.stat().st_size)}, one file that opens offline.")
    if open_ and not webbrowser.open(place.resolve().as_uri()):
        say("No web browser could be opened here.")


def _looked(study: Overview) -> tuple[Evidence | None, str]:
    """The winner's evidence, examined by a worker now; or None and the reason."""
    from automl_cnn.study.finish import reporting

    try:
        backend.require()
    except BackendError as error:
        return None, f"The winner's mistakes could not be looked at: {error}"
    with backend.loading("Looking at the winner's mistakes"):
        return reporting.look(study)
