"""The command reference, made of the command line itself: no flag is listed by hand."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import typer
from markup import block, described, escaped

from automl_cnn.cli import app
from automl_cnn.cli.settings import SETTINGS

HEAD = """\
# Commands

Every command explains itself: `automl-cnn COMMAND --help`. This page is made of the same text.

Results go to standard output, remarks and errors to standard error. Most commands print JSON with `--json`.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | a plugin breaks a rule (`plugins check`) |
| 2 | something must be changed first; the message says what |
| 130 | interrupted |
"""
OF_SETTINGS = {name for name, _, _ in SETTINGS}
MANY = 20  # settings of a command from which it refers to their own page


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, by the words to type after `automl-cnn`."""
    command = typer.main.get_command(app) if command is None else command
    children = getattr(command, "commands", {})
    if path and not children:
        yield path, command
    for name, child in children.items():
        yield from commands(child, (*path, name))


def page() -> str:
    """The page in Markdown."""
    return "\n".join([HEAD, *(_section(path, command) for path, command in commands())])


def _section(path: tuple[str, ...], command: Any) -> str:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    settings = [option for option in options if option.name in OF_SETTINGS]
    lines = [
        f"## {' '.join(path)}",
        "",
        block(f"automl-cnn {' '.join(path)} {_usage(arguments, options)}".strip()),
        "",
        described(inspect.cleandoc(command.help)),
    ]
    if len(settings) > MANY:
        lines += ["", "It has a flag for every [setting](settings.md), and these:"]
        options = [option for option in options if option not in settings]
    for parameter in (*arguments, *options):
        lines += ["", f"`{_name(parameter)}`", f": {_help(parameter)}"]
    return "\n".join([*lines, ""])


def _usage(arguments: list[Any], options: list[Any]) -> str:
    needed = [_name(option) for option in options if option.required]
    named = [_name(argument) if argument.required else f"[{_name(argument)}]" for argument in arguments]
    return " ".join([*named, *needed, "[OPTIONS]"])


def _name(parameter: Any) -> str:
    """`--budget TEXT`, `NAME`, `--mlflow / --no-mlflow`."""
    if parameter.param_type_name == "argument":
        kind = _placeholder(parameter)
        return f"{parameter.metavar or (kind if '|' in kind else parameter.name.upper())}{'...' if parameter.nargs == -1 else ''}"
    names = ", ".join(parameter.opts) + "".join(f" / {other}" for other in parameter.secondary_opts)
    return names if parameter.is_flag else f"{names} {parameter.metavar or _placeholder(parameter)}"


def _placeholder(parameter: Any) -> str:
    """What stands for a value: its choices where there are some, otherwise its kind."""
    annotation = parameter.type_descriptor.annotation
    kind = next((one for one in get_args(annotation) if one is not type(None)), annotation) if get_origin(annotation) is UnionType else annotation
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return "|".join(kind)
    return {int: "NUMBER", float: "NUMBER", Path: "PATH"}.get(kind, "TEXT")


def _help(parameter: Any) -> str:
    words = escaped(parameter.help or "")
    if parameter.required:
        words += " Required."
    elif not (parameter.default is None or isinstance(parameter.default, bool) or parameter.default == ()) and "efault" not in words:
        words += f" Default: `{parameter.default}`."
    if parameter.envvar:
        words += f" Environment variable: `{parameter.envvar}`."
    return words
