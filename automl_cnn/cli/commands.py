"""The Typer application: its commands, its version, and how it prints errors."""

from __future__ import annotations

import errno
import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import automl_cnn
from automl_cnn import foreign
from automl_cnn.cli import check, console, dashboard, demo, diagnose, doctor, export, first, plugins, predict, report, scale, search, streams, studies, study
from automl_cnn.errors import AutomlCnnError

PANEL_SEARCH = "Find a model"
PANEL_USE = "Use it"
PANEL_BEGIN = "Begin"


class _Group(TyperGroup):
    """Prints our own errors as a sentence, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except AutomlCnnError as error:
            console.say_error(str(error))
            raise typer.Exit(2) from None
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                console.say_error(f"The disk is full: {error}. Free some space and run the command again.")
            elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                console.say_error(f"{error.filename or 'A file'} cannot be used: {error.strerror}. Free the permission and run the command again.")
            else:
                raise
            raise typer.Exit(2) from None


app = typer.Typer(
    name="automl-cnn",
    cls=_Group,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"automl-cnn {automl_cnn.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    """Point it at a folder of images; get the best convolutional network for it, the evidence why, and a file to deploy."""
    if context.invoked_subcommand is None:
        first.welcome()


app.command("demo", rich_help_panel=PANEL_BEGIN)(demo.demo)
app.command("doctor", rich_help_panel=PANEL_BEGIN)(doctor.doctor)
app.command("check", cls=first.ImagesCommand, rich_help_panel=PANEL_SEARCH)(check.check)
app.command("search", cls=first.ImagesCommand, rich_help_panel=PANEL_SEARCH)(search.search)
app.command("scale", cls=first.ImagesCommand, rich_help_panel=PANEL_SEARCH)(scale.scale)
app.command("study", rich_help_panel=PANEL_SEARCH)(study.study)
app.add_typer(plugins.app, name="plugins", rich_help_panel=PANEL_SEARCH)
app.command("predict", rich_help_panel=PANEL_USE)(predict.predict)
app.command("dashboard", rich_help_panel=PANEL_USE)(dashboard.dashboard)
app.add_typer(studies.app, name="studies", rich_help_panel=PANEL_USE)
app.command("report", rich_help_panel=PANEL_USE)(report.report)
app.command("diagnose", rich_help_panel=PANEL_USE)(diagnose.command)
app.command("export", rich_help_panel=PANEL_USE)(export.export)


def main() -> None:
    """Run the command line; exits the process with the command's code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # what TensorFlow logs contains nothing that a user can act on; its errors are raised
    streams.utf8_names()
    streams.prepare()
    foreign.stuck = _leave
    app(prog_name="automl-cnn")


def _leave(what: str, seconds: float) -> None:
    """Report that a plugin hangs and ignores every interruption, and end the process."""
    console.say_error(f"{what} still runs after {seconds:.0f} s and cannot be interrupted. Remove this plugin, and run the command again.")
    foreign.end(2)
