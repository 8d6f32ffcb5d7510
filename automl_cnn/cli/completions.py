"""Shell completion for values: names of plugins, metrics, formats and studies.

The shell runs this at each press of Tab: it imports neither Keras nor Optuna nor a plugin, and prints nothing. If it offers
nothing, the shell completes files.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer

from automl_cnn.config import COSTS, METRICS, PRUNERS, SAMPLERS, StudyConfig
from automl_cnn.store import Store

Offer = Callable[[typer.Context, str], list[str]]
KINDS = ("architecture", "optimizer", "regularizer")
PLAIN = re.compile(r"[\w.-]+")  # names that every shell takes without quotes
STUDY_TABLES = Path("studies")  # as automl_cnn.comparison, which is not imported: it knows Optuna


def one_of(names: Callable[[], Iterable[str]]) -> Offer:
    """Complete one of the names."""

    def offer(context: typer.Context, incomplete: str) -> list[str]:
        return [name for name in names() if name.startswith(incomplete)]

    return offer


def listed(names: Callable[[], Iterable[str]]) -> Offer:
    """Complete several of the names, separated by commas: after `vgg,` the names that are not used yet."""

    def offer(context: typer.Context, incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        used = before.split(",")
        return [f"{before}{comma}{name}" for name in names() if name.startswith(last) and name not in used]

    return offer


def plugins(*kinds: str) -> Callable[[], list[str]]:
    """The names of the installed plugins of these kinds, from their entry points. Plugins in a --plugins-dir are not included."""

    def names() -> list[str]:
        return sorted({point.name for kind in kinds for point in importlib.metadata.entry_points(group=f"automl_cnn.{kind}s")})

    return names


def studies(context: typer.Context, incomplete: str) -> list[str]:
    """The studies in the store given on the command line, the latest first. Names with spaces are left out: bash would split them into several words."""
    store = context.params.get("store") or StudyConfig.model_fields["store"].default
    return [name for name in Store(Path(store)).studies if name.startswith(incomplete) and PLAIN.fullmatch(name)]


def formats() -> list[str]:
    """The formats of an export, including `web`."""
    from automl_cnn.export.formats import FORMATS

    return [*FORMATS, "web"]


def precisions() -> tuple[str, ...]:
    """The quantizations of an export."""
    from automl_cnn.export.formats import QUANTIZATIONS

    return QUANTIZATIONS


def comparisons() -> list[str]:
    """The tables in ./studies."""
    return sorted(file.parent.name for file in STUDY_TABLES.glob("*/study.toml"))


def of_setting(name: str) -> Offer | None:
    """The completion for a setting's flag if it takes one of several words; None if it takes any value."""
    if name in _OFFERS:
        return _OFFERS[name]
    choices = _choices(StudyConfig.model_fields[name].annotation)
    return one_of(lambda: choices) if choices else None


def _choices(annotation: Any) -> tuple[str, ...]:
    """The words of every Literal in a type."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(word for part in get_args(annotation) for word in _choices(part))


def _objectives(context: typer.Context, incomplete: str) -> list[str]:
    """The metric, then costs."""
    return listed(lambda: COSTS if "," in incomplete else METRICS)(context, incomplete)


def _of_engine(words: dict[str, tuple[str, ...]]) -> Offer:
    """Complete the words of the engine given on the command line, by default Optuna's."""

    def offer(context: typer.Context, incomplete: str) -> list[str]:
        return one_of(lambda: words.get(context.params.get("engine") or "optuna", ()))(context, incomplete)

    return offer


_OFFERS: dict[str, Offer] = {
    **{f"{kind}s": listed(plugins(kind)) for kind in KINDS},
    "objectives": _objectives,
    "sampler": _of_engine(SAMPLERS),
    "pruner": _of_engine(PRUNERS),
    "pretrained": one_of(lambda: ("auto", "none")),
    "name": studies,
}
