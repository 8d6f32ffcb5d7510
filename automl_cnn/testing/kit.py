"""Apply the rules to a plugin: the checks, and the report on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from automl_cnn import backend, foreign, keras_settings
from automl_cnn.errors import BackendError, PluginError
from automl_cnn.plugin import Architecture, Optimizer, Plugin, Regularizer, keras
from automl_cnn.testing import architectures, common, optimizers, regularizers
from automl_cnn.testing.rules import Broken, Rule, Subject, plainly

__all__ = ["Broken", "Check", "Report", "Result", "check_plugin", "checks_of", "parametrize_with_checks"]

OF_KIND: tuple[tuple[type[Plugin], tuple[Rule, ...]], ...] = (
    (Architecture, architectures.RULES),
    (Optimizer, optimizers.RULES),
    (Regularizer, regularizers.RULES),
)


@dataclass(frozen=True)
class Check:
    """One rule put to one plugin. Call it: it returns nothing, or raises `Broken`, an AssertionError.

    `rule` is a sentence; a check has no meaning of its own while a check named in `after` fails.
    """

    plugin: type[Plugin]
    name: str
    rule: str
    run: Callable[[], None]
    after: tuple[str, ...] = ()

    def __call__(self) -> None:
        __tracebackhide__ = True  # pytest shows the test and the message, not the kit
        self.run()


@dataclass(frozen=True)
class Result:
    """The result of a check. `outcome` is "passed", "failed" or "not checked"; the message says why."""

    name: str
    rule: str
    outcome: str
    message: str
    seconds: float

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"

    @property
    def failed(self) -> bool:
        return self.outcome == "failed"


@dataclass(frozen=True)
class Report:
    """Every check of one plugin. `str` of it lists what failed."""

    plugin: type[Plugin]
    results: tuple[Result, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(result.passed for result in self.results)

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.failed)

    @property
    def seconds(self) -> float:
        return sum(result.seconds for result in self.results)

    def __str__(self) -> str:
        head = f"{_called(self.plugin)}: {len(self.results)} checks in {self.seconds:.1f} s, {len(self.failed)} failed"
        return "\n".join([head, *(f"  {result.message}" for result in self.failed)])


def checks_of(plugin_class: type[Plugin]) -> list[Check]:
    """The checks of a plugin, cheap ones first. Nothing runs yet; the checks share networks that are expensive to build.

    Raises:
        PluginError: the class is not an Architecture, Optimizer or Regularizer.
    """
    rules = next((rules for kind, rules in OF_KIND if isinstance(plugin_class, type) and issubclass(plugin_class, kind)), None)
    if rules is None:
        raise PluginError(f"{plugin_class!r} is not a plugin: expected a subclass of Architecture, Optimizer or Regularizer (the class, not an instance).")
    subject = Subject(plugin_class)
    return [Check(plugin_class, one.name, one.sentence, partial(_run, one, subject), one.after) for one in (*common.RULES, *rules)]


def parametrize_with_checks(plugin_classes: Iterable[type[Plugin]]) -> Any:
    """Decorate a test function with one argument, `check`: it becomes one test per plugin and rule, such as `resnet-every_kernel_is_penalized`."""
    import pytest

    checks = [check for plugin in plugin_classes for check in checks_of(plugin)]
    return pytest.mark.parametrize("check", [pytest.param(check, id=f"{_called(check.plugin)}-{check.name}") for check in checks])


def check_plugin(plugin_class: type[Plugin]) -> Report:
    """Run every check. Exceptions of the plugin become failed checks.

    Raises:
        PluginError: the class is not an Architecture, Optimizer or Regularizer.
        BackendError: Keras has no backend to compute with.
    """
    checks = checks_of(plugin_class)
    backend.require()
    keras.backend.backend()  # imported now, so that its seconds count for no check
    results: list[Result] = []
    lost: set[str] = set()
    for check in checks:
        began = time.perf_counter()
        waits = next((name for name in check.after if name in lost), None)
        if waits is not None:
            outcome, message = "not checked", f"It tells nothing while {waits} fails."
        else:
            try:
                check()
                outcome, message = "passed", ""
            except Broken as error:
                outcome, message = "failed", str(error)
        if outcome != "passed":
            lost.add(check.name)
        results.append(Result(check.name, check.rule, outcome, message, time.perf_counter() - began))
    return Report(plugin_class, tuple(results))


def _run(one: Rule, subject: Subject) -> None:
    __tracebackhide__ = True
    try:
        with nullcontext() if one in common.RULES else _in_keras():
            one.check(subject)
    except BackendError:
        raise
    except Broken as error:
        raise Broken(f"{one.name}: {error}") from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a stranger's plugin may raise anything, SystemExit included
        raise Broken(f"{one.name}: {_observed(error)} Expected: {one.sentence}") from error


@contextmanager
def _in_keras() -> Iterator[None]:
    """Run the block with a Keras backend and Keras' default settings, as in a search.

    Raises:
        BackendError: Keras has no backend to compute with.
    """
    backend.require()
    with keras_settings.standard():
        yield


def _observed(error: BaseException) -> str:
    observation = plainly(error) if isinstance(error, PluginError) else f"that it raises {type(error).__name__}: {plainly(error)}{foreign.place(error)}"
    return f"Found {observation}" if observation.endswith(("?", "!")) else f"Found {observation}."


def _called(plugin: type[Plugin]) -> str:
    return str(getattr(plugin, "name", plugin.__name__))
