"""Command-line flags generated from the settings of a study: commands need not list them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer
from pydantic_core import PydanticUndefined

from automl_cnn.cli import completions
from automl_cnn.config import StudyConfig
from automl_cnn.flags import Flag, flags, words
from automl_cnn.places import store_option

SETTINGS = tuple(flags(StudyConfig))
FOLDER = "FOLDER"
Command = Callable[..., None]


def with_settings(*only: str) -> Callable[[Command], Command]:
    """Decorate a command with a flag for each setting of `StudyConfig` (or for those named), which it receives as `**settings`.

    The default is None, which means that the flag is not given: study.toml may then set it.
    """

    def decorated(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True).parameters.values()
        kept = [parameter for parameter in own if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
        made = [_parameter(name, flag, default) for name, flag, default in SETTINGS if not only or name in only]
        command.__signature__ = inspect.Signature([*made, *kept])  # type: ignore[attr-defined]  # typer reads it
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in (*made, *kept)}
        return command

    return decorated


def _parameter(name: str, flag: Flag, default: Any) -> inspect.Parameter:
    help = words(flag, None if default is PydanticUndefined else default)
    parser: dict[str, Any] = {"parser": store_option} if flag.placeholder == FOLDER else {}
    option = typer.Option(
        *flag.names,
        help=help,
        rich_help_panel=flag.panel,
        envvar=flag.variable,
        metavar=flag.placeholder,
        autocompletion=completions.of_setting(name),
        **parser,
    )
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[flag.kind | None, option])
