"""`automl-cnn plugins check`: check a plugin against every rule of the contract."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from automl_cnn import foreign, registry
from automl_cnn.cli import backend, completions
from automl_cnn.cli.console import Text, console, plural, write_json
from automl_cnn.cli.tables import Folder, Json, table
from automl_cnn.errors import AutomlCnnError, PluginError
from automl_cnn.paths import unusable
from automl_cnn.plugin import Plugin

if TYPE_CHECKING:
    from automl_cnn.testing import Report, Result

SECONDS = 1800.0  # time limit for all checks of a plugin


def check(
    *,
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE_OR_NAME",
            help="A .py file with plugins, or the name of an installed one.",
            autocompletion=completions.one_of(completions.plugins(*completions.KINDS)),
        ),
    ],
    plugins_dir: Folder = None,
    as_json: Json = False,
) -> None:
    """Check a plugin against every rule of the contract. The exit code is 1 if it breaks one."""
    backend.require()  # first, since the plugin's file may import Keras
    plugins = _plugins(what, plugins_dir)
    with backend.loading(f"Checking {', '.join(plugin.name for plugin in plugins)}"):
        reports = [_checked(plugin) for plugin in plugins]
    if as_json:
        write_json({"passed": all(report.passed for report in reports), "plugins": [_as_dict(report) for report in reports]})
    else:
        screen = console()
        for report in reports:
            _print(screen, report)
    if not all(report.passed for report in reports):
        raise typer.Exit(1)


def _plugins(what: str, plugins_dir: Path | None) -> list[type[Plugin]]:
    """The plugins in a file, or the plugin of that name.

    Raises:
        PluginError: there is no such file or plugin, or the file cannot be imported or has no plugin.
    """
    path = Path(what)
    if path.suffix != ".py":
        catalog = registry.load(plugins_dir)
        return [entries[what].plugin for entries in catalog.entries.values() if what in entries] or [catalog.find(what).plugin]
    if why := unusable(path):
        raise PluginError(f"{why}. Expected a .py file with plugins, or the name of an installed one.")
    if not path.is_file():
        raise PluginError(f"There is no file {path}. Expected a .py file with plugins, or the name of an installed one; `automl-cnn plugins new` writes one.")
    try:
        return foreign.call(lambda: registry.defined(path), str(path), seconds=registry.SECONDS)
    except foreign.ForeignError as error:
        why = foreign.placed(error)
        if isinstance(error.__cause__, PluginError):
            raise PluginError(f"{path} cannot be used: {why}.") from error
        raise PluginError(f"{path} cannot be imported: {why}. Expected a file that Python can import as it stands.") from error


def _checked(plugin: type[Plugin]) -> Report:
    """Run every check of one plugin.

    Raises:
        PluginError: the checks do not finish in time.
    """
    from automl_cnn.testing import check_plugin

    try:
        return foreign.call(lambda: check_plugin(plugin), plugin.name, seconds=SECONDS)
    except foreign.ForeignError as error:
        if isinstance(error.__cause__, AutomlCnnError):
            raise error.__cause__ from None
        raise PluginError(f"{plugin.name} cannot be checked: {error}.") from error


def _print(screen: Console, report: Report) -> None:
    screen.print(Text.assemble((report.plugin.name, "bold cyan"), f"  {report.plugin.kind}\n"))
    screen.print(table([(result.name, _outcome(result), _message(result)) for result in report.results], ("check", "outcome", "message")))
    passed = sum(result.passed for result in report.results)
    words = f"\n{passed} of {plural(len(report.results), 'check')} passed in {report.seconds:.1f} s"
    screen.print(Text(words, style="green" if report.passed else "bold red"))
    screen.print()


def _outcome(result: Result) -> Text:
    if result.failed:
        return Text("FAILED", style="bold red")
    return Text(result.outcome, style="green" if result.passed else "yellow")


def _message(result: Result) -> str:
    """The message without the check's name, which is in the row already."""
    return result.message.removeprefix(f"{result.name}: ")


def _as_dict(report: Report) -> dict[str, Any]:
    return {
        "name": report.plugin.name,
        "kind": report.plugin.kind,
        "passed": report.passed,
        "seconds": round(report.seconds, 3),
        "checks": [
            {"name": one.name, "rule": one.rule, "outcome": one.outcome, "message": _message(one), "seconds": round(one.seconds, 3)} for one in report.results
        ],
    }
