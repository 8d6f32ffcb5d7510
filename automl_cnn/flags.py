"""The properties of a setting: its help on the command line, and whether it identifies a study.

    budget: Annotated[Seconds | None, Flag("Time for the whole command.", LIMITS)] = None

`automl-cnn search` makes its flags of these, and `identity` compares the settings that are marked. Neither has a list of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

DATA = "The images"
LIMITS = "How long, and where"
SPACE = "What is tried"
DEPLOY = "What the model may cost"
ENGINE = "What proposes it"
OUTPUT = "Output"


@dataclass(frozen=True)
class Flag:
    """How a setting is given as a flag.

    `kind` is the type that the command line reads. `shows` is whether its help ends with the default. `identity` marks settings that make another study
    when they change.
    """

    help: str
    panel: str
    kind: type = str
    identity: bool = False
    names: tuple[str, ...] = ()  # instead of the field's own
    variable: str | None = None  # of the environment
    placeholder: str | None = None
    shows: bool = True


def flags(model: type[BaseModel]) -> Iterator[tuple[str, Flag, Any]]:
    """The settings that have a flag, in their order: field, flag and default."""
    for name, field in model.model_fields.items():
        for one in field.metadata:
            if isinstance(one, Flag):
                yield name, one, field.default


def identity(model: type[BaseModel]) -> tuple[str, ...]:
    """The settings that identify a study."""
    return tuple(name for name, flag, _ in flags(model) if flag.identity)


def words(flag: Flag, default: Any) -> str:
    """The help of a flag, with its default."""
    return f"{flag.help} Default: {default}." if flag.shows and default is not None else flag.help
