"""Write a rule as a function of the plugin under test that raises `Broken`.

Its name is the name of the rule, the first line of its docstring the rule's sentence:

    @rule(after=("builds_its_default",))
    def every_kernel_is_penalized(subject):
        ...
        broken("a kernel without the penalty", "net.penalty() on every kernel", "Build with automl_cnn.blocks.")
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

from automl_cnn import foreign
from automl_cnn.plugin import Plugin
from automl_cnn.space import Choice, Scalar

RANDOM_POINTS = 4
Point = dict[str, Scalar]


class Broken(AssertionError):
    """A plugin breaks a rule; the message gives the observation, the expectation and what to do."""


def broken(observation: object, expected: str, do: str) -> NoReturn:
    """Report that the rule is broken.

    Raises:
        Broken: always.
    """
    raise Broken(f"Found {plainly(observation)}. Expected {expected}. {do}")


def plainly(text: object) -> str:
    """An error's message in one line, without its last period and what Keras adds."""
    return foreign.plainly(text).rstrip(".")


@dataclass
class Subject:
    """A plugin under test, shared by its checks. `memory` caches objects that are expensive to make."""

    plugin: type[Any]
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(getattr(self.plugin, "name", self.plugin.__name__))

    @property
    def domains(self) -> dict[str, Any]:
        return self.plugin.domains() if issubclass(self.plugin, Plugin) else {}

    @cached_property
    def edges(self) -> list[Point]:
        """The default, and each edge of each parameter with the other parameters at their defaults."""
        points: list[Point] = [{}]
        for key, domain in self.domains.items():
            points += [{key: edge} for edge in domain.edges() if edge != domain.default or type(edge) is not type(domain.default)]
        return points

    @cached_property
    def mixed(self) -> list[Point]:
        """Some random points, always the same: they reveal defects that need a combination of parameters."""
        rng = random.Random(0)
        return [{key: domain.sample(rng) for key, domain in self.domains.items()} for _ in range(RANDOM_POINTS if len(self.domains) > 1 else 0)]

    @cached_property
    def far(self) -> list[Point]:
        """The default, and the point with every parameter at its upper end or last choice."""
        return [{}, {key: domain.edges()[-1] for key, domain in self.domains.items()}] if self.domains else [{}]

    def at(self, point: Point) -> str:
        """`resnet(variant=50)`, for messages."""
        return f"{self.name}({', '.join(f'{key}={value!r}' for key, value in point.items())})"

    def once(self, key: str, make: Callable[[], Any]) -> Any:
        """The result of `make`, which is called only the first time."""
        if key not in self.memory:
            self.memory[key] = make()
        return self.memory[key]


@dataclass(frozen=True)
class Rule:
    """One rule: `check` raises if `subject` breaks it. It is not checked while one of `after` is broken."""

    name: str
    sentence: str
    check: Callable[[Subject], None]
    after: tuple[str, ...]


def rule(after: tuple[str, ...] = ()) -> Callable[[Callable[[Subject], None]], Rule]:
    """Make a function a rule."""

    def made(check: Callable[[Subject], None]) -> Rule:
        return Rule(check.__name__, (check.__doc__ or "").strip().partition("\n")[0], check, after)

    return made


def outside(domain: Any) -> list[Any]:
    """Values that a domain must refuse."""
    if isinstance(domain, Choice):
        return ["no such choice", None]
    low, high = getattr(domain, "low", 0), getattr(domain, "high", 0)
    return [low - 1, high + 1, float("nan"), "many", None]
