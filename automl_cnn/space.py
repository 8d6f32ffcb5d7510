"""Search spaces as data.

    class VGG(Architecture):
        blocks = Int(1, 5, default=3)
        rate = Float(1e-4, 1e-1, default=1e-2, log=True)
        activation = Choice("relu", "gelu")          # the first is the default

A domain says which values one parameter may take. A `Space` is an ordered set of named
parameters, some of which exist only while others have a certain value. Nothing here samples
on behalf of an engine or knows Optuna, KerasTuner or Keras.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

from automl_cnn.errors import SpaceError, did_you_mean

Scalar = bool | int | float | str
Configuration = Mapping[str, Scalar]
T = TypeVar("T", bool, int, float, str)


class Domain(ABC):
    """The values that one parameter may take. Frozen; compare by value."""

    default: Any

    @abstractmethod
    def contains(self, value: object) -> bool:
        """Whether `value` may be used as it is."""

    @abstractmethod
    def describe(self) -> str:
        """The range in words, for tables and error messages: `1 to 5`."""

    @abstractmethod
    def edges(self) -> tuple[Scalar, ...]:
        """The values at which something may break: both ends, or every choice."""

    @abstractmethod
    def sample(self, rng: random.Random) -> Scalar:
        """One value at random (log-uniform where the domain is logarithmic)."""

    @abstractmethod
    def as_dict(self) -> dict[str, Any]:
        """A JSON-ready description."""

    def normal(self, value: Any) -> Any:
        """`value` in the domain's own type (an int for a float domain becomes a float)."""
        return value

    def check(self, value: object, where: str) -> Any:
        """`value` in the domain's own type.

        Raises:
            SpaceError: it lies outside; the message names `where` and the range.
        """
        if not self.contains(value):
            raise SpaceError(f"{where} = {value!r} is out of range: expected {self.describe()} (default {self.default!r}).")
        return self.normal(value)


def _check_default(domain: Domain) -> None:
    """The default lies within the range.

    Raises:
        SpaceError: it does not; the message names both.
    """
    if not domain.contains(domain.default):
        raise SpaceError(f"the default {domain.default!r} of {type(domain).__name__}(...) is out of range: expected {domain.describe()}.")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True)
class Int(Domain):
    """Whole numbers from `low` to `high`, both included, in steps of `step`."""

    low: int
    high: int
    default: Any = None  # an int; None stands for `low`
    step: int = 1
    log: bool = False

    def __post_init__(self) -> None:
        if self.low > self.high or self.step < 1:
            raise SpaceError(f"Int({self.low}, {self.high}, step={self.step}) is empty: expected low <= high and step >= 1.")
        if self.log and (self.low < 1 or self.step != 1):
            raise SpaceError(f"Int({self.low}, {self.high}, step={self.step}, log=True): a logarithmic range needs low >= 1 and step = 1.")
        if self.default is None:
            object.__setattr__(self, "default", self.low)
        _check_default(self)

    @overload
    def __get__(self, instance: None, owner: type) -> Int: ...
    @overload
    def __get__(self, instance: object, owner: type) -> int: ...
    def __get__(self, instance: object | None, owner: type) -> Int | int:
        return self  # an instance of a plugin has its value in its own __dict__, which comes first

    def contains(self, value: object) -> bool:
        return _is_number(value) and value == int(value) and self.low <= value <= self.high and (int(value) - self.low) % self.step == 0  # type: ignore[call-overload,operator]  # _is_number has narrowed it

    def normal(self, value: Any) -> int:
        return int(value)

    def describe(self) -> str:
        step = f", in steps of {self.step}" if self.step != 1 else ""
        return f"{self.low} to {self.high}{step}"

    def edges(self) -> tuple[int, ...]:
        last = self.low + (self.high - self.low) // self.step * self.step
        return tuple(dict.fromkeys((self.low, self.default, last)))

    def sample(self, rng: random.Random) -> int:
        if self.log:
            return min(max(round(math.exp(rng.uniform(math.log(self.low), math.log(self.high)))), self.low), self.high)
        return rng.randrange(self.low, self.high + 1, self.step)

    def as_dict(self) -> dict[str, Any]:
        return {"type": "int", "low": self.low, "high": self.high, "step": self.step, "log": self.log, "default": self.default}


@dataclass(frozen=True)
class Float(Domain):
    """Real numbers from `low` to `high`, both included; `log=True` where factors matter, not differences."""

    low: float
    high: float
    default: Any = None  # a float; None stands for the (geometric) middle
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low <= self.high or (self.log and self.low <= 0):
            raise SpaceError(f"Float({self.low}, {self.high}, log={self.log}) is empty: expected low <= high, and low > 0 with log.")
        if self.default is None:
            middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
            object.__setattr__(self, "default", middle)
        _check_default(self)

    @overload
    def __get__(self, instance: None, owner: type) -> Float: ...
    @overload
    def __get__(self, instance: object, owner: type) -> float: ...
    def __get__(self, instance: object | None, owner: type) -> Float | float:
        return self

    def contains(self, value: object) -> bool:
        return _is_number(value) and self.low <= value <= self.high  # type: ignore[operator]  # _is_number has narrowed it

    def normal(self, value: Any) -> float:
        return float(value)

    def describe(self) -> str:
        return f"{self.low:g} to {self.high:g}{' (log)' if self.log else ''}"

    def edges(self) -> tuple[float, ...]:
        return tuple(dict.fromkeys((float(self.low), float(self.default), float(self.high))))

    def sample(self, rng: random.Random) -> float:
        if self.log:
            return min(max(math.exp(rng.uniform(math.log(self.low), math.log(self.high))), self.low), self.high)
        return rng.uniform(self.low, self.high)

    def as_dict(self) -> dict[str, Any]:
        return {"type": "float", "low": self.low, "high": self.high, "log": self.log, "default": self.default}


@dataclass(frozen=True, init=False)
class Choice(Domain, Generic[T]):
    """One of the given values; the first is the default unless `default` names another."""

    options: tuple[T, ...]
    default: T

    def __init__(self, *options: T, default: T | None = None) -> None:
        if not options:
            raise SpaceError("Choice() is empty: expected at least one value.")
        if any(not isinstance(option, (bool, int, float, str)) for option in options):
            raise SpaceError(f"Choice{options} holds something else than bool, int, float or str.")
        object.__setattr__(self, "options", tuple(options))
        object.__setattr__(self, "default", options[0] if default is None else default)
        _check_default(self)

    @overload
    def __get__(self, instance: None, owner: type) -> Choice[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Choice[T] | T:
        return self

    def contains(self, value: object) -> bool:
        return any(option == value and isinstance(option, bool) == isinstance(value, bool) for option in self.options)

    def normal(self, value: Any) -> Any:
        return next(option for option in self.options if option == value)

    def describe(self) -> str:
        return "one of " + ", ".join(repr(option) for option in self.options)

    def edges(self) -> tuple[T, ...]:
        return self.options

    def sample(self, rng: random.Random) -> T:
        return rng.choice(self.options)

    def as_dict(self) -> dict[str, Any]:
        return {"type": "choice", "options": list(self.options), "default": self.default}


@dataclass(frozen=True)
class Parameter:
    """A named domain that exists only while every parameter in `when` has the given value, and none in `unless` has."""

    name: str
    domain: Domain
    when: tuple[tuple[str, Scalar], ...] = ()
    unless: tuple[tuple[str, Scalar], ...] = ()

    def active(self, configuration: Configuration) -> bool:
        needed = all(name in configuration and configuration[name] == value for name, value in self.when)
        return needed and not any(name in configuration and configuration[name] == value for name, value in self.unless)


@dataclass(frozen=True)
class Space:
    """Ordered parameters; one that depends on another comes after it."""

    parameters: tuple[Parameter, ...]
    _index: dict[str, Parameter] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index: dict[str, Parameter] = {}
        for parameter in self.parameters:
            if parameter.name in index:
                raise SpaceError(f"Parameter '{parameter.name}' is declared twice.")
            for needed, _ in (*parameter.when, *parameter.unless):
                if needed not in index:
                    raise SpaceError(f"Parameter '{parameter.name}' depends on '{needed}', which does not come before it.")
            index[parameter.name] = parameter
        object.__setattr__(self, "_index", index)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def __getitem__(self, name: str) -> Parameter:
        return self._index[name]

    def defaults(self, given: Configuration | None = None) -> dict[str, Scalar]:
        """The configuration that `given` starts and every other active parameter's default completes.

        Raises:
            SpaceError: `given` names an unknown or inactive parameter, or a value out of range.
        """
        given = given or {}
        configuration: dict[str, Scalar] = {}
        for parameter in self.parameters:
            if parameter.active(configuration):
                value = given.get(parameter.name, parameter.domain.default)
                configuration[parameter.name] = parameter.domain.check(value, parameter.name)
        self._refuse_strangers(given, configuration)
        return configuration

    def check(self, configuration: Configuration) -> dict[str, Scalar]:
        """`configuration` in the domains' own types and in the space's order.

        Raises:
            SpaceError: a parameter is missing, unknown, inactive or out of range.
        """
        checked: dict[str, Scalar] = {}
        for parameter in self.parameters:
            if parameter.active(checked):
                if parameter.name not in configuration:
                    raise SpaceError(f"'{parameter.name}' is missing: expected {parameter.domain.describe()}.")
                checked[parameter.name] = parameter.domain.check(configuration[parameter.name], parameter.name)
        self._refuse_strangers(configuration, checked)
        return checked

    def sample(self, rng: random.Random) -> dict[str, Scalar]:
        """One configuration at random."""
        configuration: dict[str, Scalar] = {}
        for parameter in self.parameters:
            if parameter.active(configuration):
                configuration[parameter.name] = parameter.domain.sample(rng)
        return configuration

    def _refuse_strangers(self, given: Configuration, accepted: Configuration) -> None:
        for name in given:
            if name not in self._index:
                raise SpaceError(f"Unknown parameter '{name}'. {did_you_mean(name, self._index)}")
            if name not in accepted:
                raise SpaceError(f"'{name}' has no effect here: {self._why_not(name, accepted)}.")

    def _why_not(self, name: str, accepted: Configuration) -> str:
        parameter = self._index[name]
        against = [f"{key} is {value!r}" for key, value in parameter.unless if key in accepted and accepted[key] == value]
        if against:
            return " and ".join(against)
        return "it needs " + " and ".join(f"{key} = {value!r}" for key, value in parameter.when)
