"""Output of the command line: standard output and standard error, and the format of numbers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Self

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text as RichText

from automl_cnn.text import is_safe, visible

PLAIN_WIDTH = 120  # columns if the output is not a terminal


class Text(RichText):
    """Rich's text, with control characters escaped: names and messages are untrusted, and a terminal would execute them."""

    def __init__(self, text: str = "", *arguments: Any, **options: Any) -> None:
        super().__init__(visible(text), *arguments, **options)

    def append(self, text: RichText | str, style: Any = None) -> Self:
        super().append(visible(text) if isinstance(text, str) else text, style)
        return self

    @classmethod
    def assemble(cls, *parts: Any, **options: Any) -> Self:
        made = super().assemble(*parts, **options)
        assert isinstance(made, cls)  # it is made by calling the class
        return made


class Screen(Console):
    """A console that prints text literally: without markup such as [red], emoji codes or control characters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False, "markup": False, "emoji": False, **options})

    def render_str(self, text: str, **options: Any) -> RichText:
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The output, segment by segment. Everything passes through here, including text that no `Text` of ours has escaped."""
        for segment in super().render(renderable, options):
            yield segment if segment.control or is_safe(segment.text) else Segment(visible(segment.text), segment.style)


def console(*, stderr: bool = False) -> Console:
    """Standard output, or standard error; a file or pipe gets lines of `PLAIN_WIDTH` columns without color."""
    screen = Screen(stderr=stderr)
    return screen if screen.is_terminal else Screen(stderr=stderr, width=PLAIN_WIDTH)


def say_error(message: str) -> None:
    """Print `error: ...` to standard error, with further lines indented below."""
    text = Text.assemble(("error: ", "bold red"), re.sub(r"\n(?=[^\n])", "\n       ", message))
    console(stderr=True).print(text, soft_wrap=True)


def say(message: str) -> None:
    """Print a message to standard error; standard output is for data."""
    console(stderr=True).print(Text(message), soft_wrap=True)


def write_json(value: Mapping[str, Any] | list[Any]) -> None:
    """Print one JSON document to standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def write_path(path: object) -> None:
    """Print one path to standard output: unchanged for a program, without control characters on a terminal."""
    text = str(path)
    sys.stdout.write((visible(text) if sys.stdout.isatty() else text) + "\n")


def plural(count: int, noun: str) -> str:
    """`1 trial`, `3,210 images`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def value(given: object) -> str:
    """A configuration's value for display: `on`, `0.00123`, `relu`."""
    if isinstance(given, bool):
        return "on" if given else "off"
    return f"{given:.3g}" if isinstance(given, float) else str(given)
