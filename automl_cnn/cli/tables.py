"""Options and tables shared by the `plugins` and `studies` commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from automl_cnn.cli import completions
from automl_cnn.cli.console import Text

Folder = Annotated[Path | None, typer.Option("--plugins-dir", envvar="AUTOML_CNN_PLUGINS_DIR", help="A folder with your own plugins (.py files).")]
StudyName = Annotated[str, typer.Argument(help="A study's name, as `studies list` shows it.", show_default=False, autocompletion=completions.studies)]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]

NUMBERS = ("params", "mult-adds", "activations")


def table(rows: Sequence[tuple[str | Text, ...]], head: tuple[str, ...] | None = None) -> Table:
    """A table without rules, indented by two spaces; the first column is highlighted."""
    made = Table(box=None, show_header=head is not None, header_style="dim", padding=(0, 2), pad_edge=True)
    for index in range(len(rows[0]) if rows else 1):
        numeric = head is not None and head[index] in NUMBERS
        made.add_column(head[index] if head else "", style="cyan" if index == 0 else None, no_wrap=index == 0, justify="right" if numeric else "left")
    for row in rows or [("none",)]:
        made.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return made
