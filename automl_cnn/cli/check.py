"""`automl-cnn check`: problems of the images, reported before a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from automl_cnn.cli import backend
from automl_cnn.cli.console import Text, console, plural, say, write_json
from automl_cnn.cli.dashboard import STORE, InStore
from automl_cnn.cli.tables import Folder
from automl_cnn.dataset_summary import labels_each, ranges_in_words, words_of
from automl_cnn.errors import BackendError, ConfigError
from automl_cnn.paths import address
from automl_cnn.places import images_place

if TYPE_CHECKING:
    from automl_cnn.problems import Checked, Problem

COLORS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
LISTED = 5  # cases of a problem on the terminal
HOW, OUTPUT = "How", "Output"
Task = Literal["multiclass", "multilabel", "regression"]


def check(
    *,
    data: Annotated[
        str | None,
        typer.Option(
            help="A folder with one subfolder of images per class, an archive of one, or a table with a path and a label, or several; a path, or a URL such as "
            "s3://bucket/photos.",
            metavar="PATH|URL",
            show_default=False,
        ),
    ] = None,
    columns: Annotated[str | None, typer.Option(help="The columns of a table, where they are called otherwise: path=file,label=species.")] = None,
    task: Annotated[
        Task | None,
        typer.Option(help="The task: multiclass, multilabel or regression (numbers). Default: recognized from the labels.", show_default=False),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option(
            "--quick",
            help="Skip the checks that run a network on the images: suspect labels, and altered copies across classes or labels.",
            rich_help_panel=HOW,
        ),
    ] = False,
    time: Annotated[
        str,
        typer.Option(
            help="Time limit for the checks that run a network on the images, such as 2m. If a set is too large for it, a random part is checked.",
            rich_help_panel=HOW,
        ),
    ] = "2m",
    seed: Annotated[int, typer.Option(min=0, help="The seed of the split that a search would make.", rich_help_panel=HOW)] = 0,
    plugins_dir: Folder = None,
    out: Annotated[
        Path | None, typer.Option(help="The page to write (default: checks/NAME.html in the store).", show_default=False, rich_help_panel=OUTPUT)
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option(
            help="Write a list of suspects to edit, as CSV: keep, relabel or exclude each. `search --labels FILE` applies it.",
            metavar="FILE",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    store: InStore = STORE,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as one JSON object on standard output.", rich_help_panel=OUTPUT)] = False,
) -> None:
    """Check images before a search: copies, leaks across splits, suspect labels, outliers, groups that a random split would separate.

    The folder is not changed. For each problem, the command prints what a search does about it and what you can do.

        automl-cnn check --data ./images
    """
    from automl_cnn import check as checks
    from automl_cnn import registry
    from automl_cnn.check import fixes, page
    from automl_cnn.store import Store

    for path in (out, fix):
        if path is not None and (why := address(path)):
            raise ConfigError(f"{path} cannot be written: {why}.")
    assert data is not None  # `first.ImagesCommand` refuses the command without it
    limit, places = _seconds(time), Store(store)
    plugins = None if quick or not _can_look() else registry.load(plugins_dir)
    with _progress() as report:
        checked = checks.check(images_place(data), places.cache_place, plugins, seed=seed, seconds=limit, columns=columns, task=task, report=report)
    place = page.write(checked, out or places.root / "checks" / f"{page.name_of(checked)}.html")
    if fix is not None:
        listed = fixes.write(checked, fix)
    if as_json:
        write_json({**checked.as_dict(), "page": str(place)})
    else:
        _show(checked, place, None if fix is None else f"{fix} ({plural(listed, 'image')})")


def _can_look() -> bool:
    """Whether Keras is available for the checks that run a network; if it is not, print the reason."""
    try:
        backend.require()
    except BackendError as error:
        say(f"The checks that run a network on the images are skipped: {error}")
        return False
    return True


def _show(checked: Checked, place: Path, listed: str | None) -> None:
    """Print everything; `place` is the page, `listed` the list to edit."""
    screen = console()
    for part in _parts(checked):
        screen.print(part, soft_wrap=isinstance(part, Text))
    screen.print(Text(f"page        {place}"), soft_wrap=True)
    if listed is not None:
        screen.print(Text(f"to edit     {listed}"), soft_wrap=True)


def _seconds(text: str) -> float:
    """The value of `--time` in seconds.

    Raises:
        ConfigError: the value is not a duration.
    """
    from automl_cnn.quantities import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise ConfigError(f"--time {text}: {error}.") from None


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show the current activity and its progress in a line on a terminal's standard error; show nothing elsewhere."""
    with backend.loading("Reading the images") as show:

        def report(what: str, done: int, of: int) -> None:
            show(f"{what.capitalize()}: {done:,} of {of:,}" if of > 1 else what.capitalize())

        yield report


def _parts(checked: Checked) -> Iterator[Any]:
    facts = checked.facts
    classes = facts["classes"]
    yield Text.assemble((checked.folder, "bold"))
    sizes = f", {facts['width']['median']}x{facts['height']['median']} px at the median" if "width" in facts else ""
    mean, each = labels_each(facts)
    images = words_of(facts).among(plural(facts["images"], "image"), len(classes))
    average = f", {mean:.1f} labels an image on average" if each else ""
    ranges = ranges_in_words(facts)
    counts = "" if ranges else f" ({min(classes.values()):,} to {max(classes.values()):,} {'images each' if each else 'each'})"
    yield Text(f"{images}{counts}{average}{sizes}")
    for line in ranges:
        yield Text(line)
    formats = ", ".join(f"{name} {count:,}" for name, count in facts.get("formats", {}).items())
    if formats:
        yield Text(formats, style="dim")
    for note in facts["notes"]:
        yield Text(note, style="dim")
    yield Text()
    for problem in checked.problems:
        yield from _problem(problem)
    if not checked.problems:
        yield Text("No problems were found.", style="green")
    for reason in checked.unchecked:
        yield Text(f"not checked: {reason}", style="dim")
    yield Text(f"checked in  {checked.seconds:.0f} s")


def _problem(problem: Problem) -> Iterator[Text]:
    yield Text.assemble((problem.severity, COLORS[problem.severity]), "  ", (problem.sentence, "bold"))
    for case in problem.cases[:LISTED]:
        others = f"{problem.between}{', '.join(case.others[:2])}{f' and {len(case.others) - 2} more' if len(case.others) > 2 else ''}" if case.others else ""
        yield Text.assemble("    ", f"{case.path}{others}", (f"  {case.detail}" if case.detail else "", "dim"))
    if len(problem.cases) > LISTED:
        yield Text(f"    and {len(problem.cases) - LISTED:,} more", style="dim")
    yield Text.assemble("  ", ("a search: ", "dim"), problem.search)
    yield Text.assemble("  ", ("you can:  ", "dim"), problem.advice)
    yield Text()
