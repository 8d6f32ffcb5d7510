"""`automl-cnn diagnose`: findings from the curves of a study's trials, and what may help."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType

from automl_cnn.cli import backend
from automl_cnn.cli.console import Text, console, plural, say, write_json
from automl_cnn.cli.dashboard import STORE, InStore
from automl_cnn.cli.tables import Json, StudyName, table
from automl_cnn.cli.words import short
from automl_cnn.errors import ConfigError, StoreError
from automl_cnn.growth import Growth
from automl_cnn.judged import metric_name
from automl_cnn.measure import Measure, change, changes, column, with_margin
from automl_cnn.quantities import seconds
from automl_cnn.records import Finding, State, Trial
from automl_cnn.store import Store
from automl_cnn.tasks import Words

if TYPE_CHECKING:
    from automl_cnn.diagnosis import Helped
    from automl_cnn.study.stored.overview import Overview

SHOWN = 3  # trials shown if none is named
COLOURS = {"low": "", "medium": "yellow", "high": "red"}
FITS = "green"


def command(  # noqa: PLR0917  # each is an option
    name: StudyName,
    trial: Annotated[int | None, typer.Option(min=0, help="Only this trial (default: the best ones).")] = None,
    more_images: Annotated[
        bool, typer.Option("--more-images", help="Measure what more images would give the best trial, or --trial N. It may train two networks; says how long.")
    ] = False,
    budget: Annotated[str | None, typer.Option(help="How long --more-images may take, such as 5m (default: as long as it takes).", show_default=False)] = None,
    test: Annotated[
        bool,
        typer.Option("--test", help="Test the diagnosis of the best trial, or --trial N: change its training for a few steps and see what that does."),
    ] = False,
    store: InStore = STORE,
    as_json: Json = False,
) -> None:
    """Diagnose the best trials from their curves (overfitting, training too short, learning rate too high, …) and suggest what may help.

    automl-cnn diagnose flowers --trial 7
    """
    from automl_cnn.diagnosis import Context, diagnose, helped
    from automl_cnn.study.stored.overview import overview

    study = overview(Store(store), name)
    if more_images:
        _measured(study, Store(store), trial, budget)
        study = overview(Store(store), name)
    elif budget is not None:
        raise ConfigError("--budget limits what --more-images takes: give both, or neither.")
    if test:
        _tested(study, Store(store), trial)
        study = overview(Store(store), name)
    chosen = _chosen(study, trial)
    context = Context.of(study.data, study.metric, study.trials)
    diagnoses = [(one, diagnose(one, context)) for one in chosen]
    if as_json:
        effects = [dataclasses.asdict(effect) for effect in helped(study.trials)]
        write_json({"study": study.name, "trials": [_json(one, findings, study.growth.get(one.number)) for one, findings in diagnoses], "helped": effects})
        return
    screen = console()
    for part in [
        *(part for one, findings in diagnoses for part in (*_parts(one, findings, study.metric, context.words), *_growth(study.growth.get(one.number), study))),
        *_effects(helped(study.trials), study.metric),
    ]:
        screen.print(part)


def _measured(study: Overview, store: Store, trial: int | None, budget: str | None) -> None:
    """Measure what more images would give, and keep it in the study's record.

    Raises:
        ConfigError, DataError, StoreError, TrialError: each says what to change.
    """
    from automl_cnn.study.finish.growing import measure, planned

    try:
        limit = None if budget is None else seconds(budget)
    except ValueError as error:
        raise ConfigError(f"budget: {error}.") from None
    backend.require()
    plan = planned(study, trial, limit)
    say(plan.sentence)  # before standard error is a spinner's
    with backend.loading("Measuring what more images would give") as step:
        measure(study, store, plan, step)
    say(f"Kept in the record. `automl-cnn report {study.name}` writes the report with it.")


def _tested(study: Overview, store: Store, trial: int | None) -> None:
    """Change a trial's training for a few steps, and keep in the study's record what that did.

    Raises:
        ConfigError, DataError, StoreError, TrialError: each says what to change.
    """
    from automl_cnn.study.finish.asked import intervened

    backend.require()
    with backend.loading("Training on for a few steps, at several learning rates and on 64 images alone"):
        intervened(study, store, trial)


def _growth(growth: Growth | None, study: Overview) -> list[RenderableType]:
    """What more images would give a trial, where that was measured: a sentence, and the learning curve over data."""
    from automl_cnn.diagnosis.forecast import bars, sentence

    if growth is None:
        return []
    metric = Measure.of(study.metric, study.data)
    return [Text(f"  {sentence(growth, metric)}"), table(bars(growth, metric), ("images", column(metric), "")), Text()]


def _chosen(study: Overview, number: int | None) -> list[Trial]:
    """The trial of that number, or the best ones.

    Raises:
        ConfigError: there is no such trial, or it is still running.
        StoreError: no trial has ended yet.
    """
    ended = [trial for trial in study.trials if trial.state is not State.RUNNING]
    if number is None:
        scored = sorted((trial for trial in ended if trial.scored), key=lambda trial: (-(trial.score or 0.0), trial.number))[:SHOWN]
        if not scored and not ended:
            raise StoreError(f"No trial of the study '{study.name}' has ended yet, so there is nothing to diagnose. Go on with it: automl-cnn studies resume.")
        return scored or ended[-1:]
    matches = [trial for trial in study.trials if trial.number == number]
    if not matches:
        raise ConfigError(f"The study '{study.name}' has no trial {number}: expected 0 to {len(study.trials) - 1}. `automl-cnn studies show` lists them.")
    if matches[0] not in ended:
        raise ConfigError(f"Trial {number} of the study '{study.name}' is still being trained. Ask again when it has ended.")
    return matches


def _parts(trial: Trial, findings: Sequence[Finding], metric: str, words: Words) -> list[RenderableType]:
    score = f"failed: {trial.failure}" if trial.state is State.FAILED else f"{metric_name(metric)} {with_margin(metric, trial.score, trial.interval)}"
    from automl_cnn.diagnosis import certainty, title

    parts: list[RenderableType] = [Text.assemble((f"trial {trial.number}", "bold"), f"  {short(trial.configuration)}  {score}")]
    if not findings:
        parts.append(Text("  No curves to diagnose: the trial ended before an epoch was scored.", style="dim"))
    for finding in findings:
        style = FITS if finding.kind == "good_fit" else COLOURS[finding.severity]
        where = f", from epoch {finding.epoch}" if finding.epoch is not None else ""
        grade = "" if finding.kind == "good_fit" else f" ({finding.severity}{where})"
        sure = certainty(finding, words)
        parts.append(Text.assemble("  ", (title(finding.kind, words), f"bold {style}"), grade, f"  {finding.sentence}", (f"  [{sure}]" if sure else "", "dim")))
    if findings and findings[0].actions:
        label = "to try" if findings[0].kind == "good_fit" else "may help"
        parts.append(Text.assemble("  ", (f"{label}: ", "dim"), ", ".join(findings[0].actions)))
    return [*parts, Text()]


def _effects(effects: Sequence[Helped], metric: str) -> list[RenderableType]:
    if not effects:
        return []
    rows = [(effect.action, str(effect.tried), change(metric, effect.mean), _span(effect, metric)) for effect in effects]
    tried = plural(sum(effect.tried for effect in effects), "trial")
    title = Text(f"what helped on these images, by {tried} with one thing changed", style="bold")
    return [title, table(rows, ("action", "tried", column(metric), "95 %"))]


def _span(effect: Helped, metric: str) -> str:
    return "unknown for one trial" if effect.interval is None else changes(metric, *effect.interval)


def _json(trial: Trial, findings: Sequence[Finding], growth: Growth | None) -> dict[str, Any]:
    values = [{**dataclasses.asdict(finding), "evidence": dict(finding.evidence)} for finding in findings]
    return {"trial": trial.number, "score": trial.score, "state": str(trial.state), "findings": values, "growth": growth and growth.as_dict()}
