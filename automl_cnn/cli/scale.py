"""`automl-cnn scale`: flags -> plan -> one call."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl_cnn.cli import backend, completions
from automl_cnn.cli.console import Text, console, write_json
from automl_cnn.cli.settings import with_settings
from automl_cnn.cli.tables import table
from automl_cnn.config import StudyConfig, study_config
from automl_cnn.errors import ConfigError, SpaceError
from automl_cnn.judged import metric_name
from automl_cnn.measure import change_with_margin, heading, of_result, with_margin
from automl_cnn.paths import named, stored
from automl_cnn.quantities import compact
from automl_cnn.space import Choice, Scalar
from automl_cnn.text import readable

if TYPE_CHECKING:
    from automl_cnn.study.scaling.planner import Plan
    from automl_cnn.study.scaling.results import Row, ScaleReport

IMAGES, HOW_FAR, RULE, LIMITS, OUTPUT = "The images", "How far", "The rule", "How long, and where", "Output"
SHARED = (
    "data",
    "budget",
    "seed",
    "name",
    "store",
    "max_resolution",
    "metric",
    "max_latency",
    "max_params",
    "max_mult_adds",
    "max_size",
    "plugins_dir",
)  # the settings of a study that matter here
PART_HEADS = ("depth", "width", "px", "predicted", "actual", "mult-adds", "score")


@with_settings(*SHARED)
def scale(
    *,
    architecture: Annotated[
        str | None,
        typer.Option(
            help="The architecture to scale, such as resnet (required).",
            rich_help_panel=RULE,
            autocompletion=completions.one_of(completions.plugins("architecture")),
        ),
    ] = None,
    phi: Annotated[float | None, typer.Option(help="How often to double the mult-adds: 2, or 0.5 (default: 2).", rich_help_panel=HOW_FAR)] = None,
    to: Annotated[
        str | None, typer.Option(help="The target as a multiple of the baseline's mult-adds, such as 4x; instead of --phi.", rich_help_panel=HOW_FAR)
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(help="The depth coefficient. With beta and gamma, it replaces the grid search. The paper's value: 1.2.", rich_help_panel=RULE),
    ] = None,
    beta: Annotated[float | None, typer.Option(help="The width coefficient. The paper's value: 1.1.", rich_help_panel=RULE)] = None,
    gamma: Annotated[float | None, typer.Option(help="The resolution coefficient. The paper's value: 1.15.", rich_help_panel=RULE)] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="A value of the baseline: resolution=24, resnet.variant=20, optimizer=sgd. May be repeated.", rich_help_panel=RULE),
    ] = None,
    compare: Annotated[bool, typer.Option(help="Compare with scaling only depth, width or resolution to the same mult-adds.", rich_help_panel=RULE)] = False,
    seeds: Annotated[int, typer.Option(min=1, max=50, help="Trainings of each network.", rich_help_panel=LIMITS)] = 1,
    epochs: Annotated[int | None, typer.Option(min=1, help="Epochs of each training (default: what the budget affords).", rich_help_panel=LIMITS)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as one JSON object on standard output.", rich_help_panel=OUTPUT)] = False,
    mlflow: Annotated[bool, typer.Option("--mlflow/--no-mlflow", help="Keep the runs in MLflow.", rich_help_panel=OUTPUT)] = True,
    **settings: Any,
) -> None:
    """Scale a small network in depth, width and resolution together, and measure the gain of each doubling of its cost.

    A small grid search finds the scaling rule on your images. To continue after an interruption, run the same command again.

        automl-cnn scale --data ./images --architecture resnet --phi 2 --compare
    """
    from automl_cnn import registry
    from automl_cnn.study.scaling.planner import Plan

    if architecture is None:
        names = ", ".join(registry.load(settings["plugins_dir"]).names("architecture"))
        raise ConfigError(f"No architecture was named: pass --architecture NAME. Installed: {names}.")
    if phi is not None and to is not None:
        raise ConfigError(f"Both --phi {phi:g} and --to {to} say how far to scale: leave one of them out.")
    if phi is not None and not 0 < phi <= 10:
        raise ConfigError(f"--phi {phi:g}: expected a number above 0, at most 10 (each step doubles the mult-adds).")
    own = given(architecture, setting or [], settings["plugins_dir"])
    plan = Plan(architecture, phi, times(to) if to is not None else None, fixed(alpha, beta, gamma), own, compare, seeds, epochs)
    always = {"architectures": (architecture,), "pretrained": "none", "ensemble": "off", "scaling": "off", "guided": "off"}
    config = study_config({**settings, **always})
    if config.name is None:
        config = config.model_copy(update={"name": name_of(config, plan)})
    go(config, plan, as_json=as_json, mlflow=mlflow)


def go(settings: StudyConfig, plan: Plan, *, as_json: bool, mlflow: bool) -> None:
    """Run the scaling with live output, and print its results."""
    backend.require()
    from automl_cnn import elapsed, foreign
    from automl_cnn.cli.live import watch
    from automl_cnn.study import run
    from automl_cnn.study.scaling.course import Scale

    started = elapsed.process_start()
    screen = console(stderr=as_json)
    course = Scale(plan)
    with foreign.output_to_stderr() if as_json else nullcontext(), watch(screen, settings, started) as observer:
        result = run(settings, observer=observer, track=mlflow, started=started, course=course)
    for part in parts(course.report, settings, of_result(result)):
        screen.print(part, soft_wrap=isinstance(part, Text))
    screen.print(Text(f"model       {result.model_path}"), soft_wrap=True)
    if as_json:
        write_json({"study": result.study, **course.report.as_dict()})
        sys.stdout.flush()


def parts(report: ScaleReport, settings: StudyConfig, metric: str = "") -> list[Any]:
    """The results of the scaling, ready to print."""
    shown: list[Any] = [
        Text(),
        Text(f"{report.architecture}, {report.epochs or '?'} epochs each: {metric_name(metric or settings.scored_by)} on the validation images", style="bold"),
    ]
    shown += rows("baseline", (report.baseline,), metric)
    if report.grid:
        shown += rows("grid at phi 1", report.grid, metric)
    shown.append(Text(f"\ncoefficients  {report.coefficients} ({report.why})"))
    if report.steps:
        shown += rows("scaled", report.steps, metric)
    for step in report.doublings:
        bought = f"{change_with_margin(metric, step.rise, step.margin)} for each doubling"
        shown.append(Text(f"  {step.before} to {step.after}: {step.doublings:.1f} doublings of the mult-adds, {bought}"))
    if report.ways:
        shown += [*rows("for as many mult-adds", report.ways, metric), Text(f"\n{report.verdict}", style="bold")]
    shown += [Text(note, style="yellow") for note in report.notes]
    place = settings.store / "studies" / (settings.name or "")
    return [*shown, Text(), Text(f"table       {place / 'scale.csv'}")]


def rows(head: str, networks: Sequence[Row], metric: str = "") -> list[Any]:
    """One part of the study as a table, with scores in `metric`, and notes on some of its networks below."""
    cells: list[tuple[str | Text, ...]] = [
        (
            row.name,
            f"{row.depth:.3g}",
            f"{row.width:.3g}",
            str(row.resolution),
            f"{row.predicted:.2f}x",
            f"{row.actual:.2f}x",
            compact(row.mult_adds),
            with_margin(metric, row.score, row.interval),
        )
        for row in networks
    ]
    odd: dict[str, list[str]] = {}
    for row in networks:
        odd.setdefault(row.note, []).append(row.name)
    return [
        Text(),
        table(cells, (head, *PART_HEADS[:-1], heading(metric))),
        *(Text(f"  {'; '.join(names)}: {note}", style="dim") for note, names in odd.items() if note),
    ]


def times(text: str) -> float:
    """`4x` or `4` as 4.

    Raises:
        ConfigError: the value is not a number above 1.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)[xX]?", text.strip())
    if match is None or float(match.group(1)) <= 1:
        raise ConfigError(f"--to {text}: expected how many times the baseline's mult-adds, above 1, as in 4x.")
    return float(match.group(1))


def fixed(alpha: float | None, beta: float | None, gamma: float | None) -> Any:
    """The coefficients; None if the grid search is to find them.

    Raises:
        ConfigError: a coefficient is missing, or they do not make a valid scaling rule.
    """
    from automl_cnn.scaling import Coefficients

    named = {"--alpha": alpha, "--beta": beta, "--gamma": gamma}
    if all(value is None for value in named.values()):
        return None
    if alpha is None or beta is None or gamma is None:
        raise ConfigError(f"{', '.join(name for name, value in named.items() if value is None)} missing: expected all three coefficients, or none.")
    return Coefficients(alpha, beta, gamma)


def given(architecture: str, settings: Sequence[str], plugins_dir: Path | None) -> dict[str, Scalar]:
    """The values of `--set name=value`, in the types that their parameters have.

    Raises:
        ConfigError: a value is not such a pair, or is out of range.
        PluginError: there is no such architecture.
    """
    from automl_cnn import registry

    plugins = registry.load(plugins_dir)
    plugin = plugins.get("architecture", architecture)
    values: dict[str, Scalar] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name or not value:
            raise ConfigError(f"--set {text}: expected name=value, as in resolution=24.")
        kind, _, parameter = name.partition(".")
        domain = plugin.domains().get(parameter) if kind == architecture else None
        if domain is not None:
            options = domain.options if isinstance(domain, Choice) else ()
            typed: Any = next((option for option in options if str(option).lower() == value.lower()), _number(value))
            try:
                values[name] = domain.check(typed, name)
            except SpaceError as error:
                raise ConfigError(str(error)) from None
        else:
            values[name] = {"true": True, "false": False, "on": True, "off": False}.get(value.lower(), _number(value))
    for name in values.keys() & {"resolution", "width", "depth"}:
        size, pixels = values[name], name == "resolution"
        if isinstance(size, (bool, str)) or size <= 0 or (pixels and size != int(size)):
            raise ConfigError(f"--set {name}={size}: expected {'pixels' if pixels else 'a multiplier'} above 0.")
        values[name] = int(size) if pixels else float(size)
    return values


def _number(text: str) -> Scalar:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def name_of(settings: StudyConfig, plan: Plan) -> str:
    """The default name of a scale study: the same command on the same folder gives the same study."""
    identity = {
        **plan.identity,
        "data": stored(settings.data),
        "seed": settings.seed,
        "metric": settings.scored_by,
        "px": settings.max_resolution,
    }
    limits = [settings.max_latency, settings.max_params, settings.max_mult_adds, settings.max_size]
    digest = hashlib.blake2b(json.dumps([identity, limits], sort_keys=True, default=str).encode(), digest_size=3).hexdigest()
    plain = re.sub(r"[^\w.-]+", "-", readable(named(settings.data))).strip("-.") or "study"
    return f"{plain}-{plan.architecture}-scaled-{digest}"
