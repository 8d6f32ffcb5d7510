"""`automl-cnn studies show`: show one study in detail."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType

from automl_cnn.cli.board import SHOWN, leaderboard
from automl_cnn.cli.console import Text, console, plural, write_json
from automl_cnn.cli.dashboard import STORE, InStorage, InStore, database_option
from automl_cnn.cli.front import front_table, models_line
from automl_cnn.cli.summary import ENDED, crossed, fact, next_commands, pairs, switched_on
from automl_cnn.cli.tables import Json, StudyName
from automl_cnn.cli.words import SPLITS
from automl_cnn.dataset_summary import images_in, labels_each, ranges_in_words, words_of
from automl_cnn.judged import metric_name
from automl_cnn.measure import with_interval
from automl_cnn.quantities import bytes_, clock, compact
from automl_cnn.scored import folded
from automl_cnn.store import Store
from automl_cnn.tasks.regression import MOST_NAMED
from automl_cnn.transfer import name_of

if TYPE_CHECKING:
    from automl_cnn.study.stored.overview import Overview

COLOURS = {"running": "cyan", "finished": "green", "interrupted": "yellow", "refused": "red", "unreachable": "red"}


def show(
    name: StudyName,
    every: Annotated[bool, typer.Option("--all", help="Show every trial, not only the best.")] = False,
    store: InStore = STORE,
    storage: InStorage = None,
    as_json: Json = False,
) -> None:
    """Show a study: settings, images, winner, leaderboard, failures, files; with --json also every trial and epoch."""
    from automl_cnn.study.stored.overview import overview

    study = overview(Store(store), name, database=database_option(storage))
    if as_json:
        write_json(study.everything())
        return
    screen = console()
    for part in _parts(study, Store(store), screen.width, None if every else SHOWN):
        screen.print(part, soft_wrap=isinstance(part, Text))  # a path is never broken


def _parts(study: Overview, store: Store, width: int, shown: int | None) -> list[RenderableType]:
    from automl_cnn.diagnosis import Context

    parts: list[RenderableType] = [Text(study.name, style="bold"), *_facts(study)]
    if study.done or study.failed:
        known = Context.of(study.data, study.metric, study.trials)
        parts += [_heading("trials"), leaderboard(study.trials, width, shown, known=known, objectives=study.objectives, metric=study.metric)]
        hidden = study.done + study.failed - (shown or len(study.trials))
        if hidden > 0:
            parts.append(Text(f"and {plural(hidden, 'more trial')}: --all shows them", style="dim"))
    if study.front:
        parts += [_heading("Pareto front"), front_table(study.front, study.metric), models_line(study.folder.folder / "trials", study.front)]
    if study.failures:
        parts += [_heading("failures"), *(_failure(reason, numbers) for reason, numbers in study.failures.items())]
    if study.best is not None:
        parts += [_heading("configuration of the winner"), pairs(switched_on(study.best.configuration))]
    if study.settings:
        parts += [_heading("settings"), pairs({key: _given(value) for key, value in study.settings.items() if key not in ("name", "store", "data")})]
    return [*parts, _heading("next"), next_commands(study.name, store.root, _next(study, store))]


def _facts(study: Overview) -> list[Text]:
    by = f"process {study.pid}{f' on {study.host}' if study.host else ''}"
    state = {"running": f"running, by {by}", "interrupted": "interrupted: `studies resume` continues it"}.get(str(study.state), "")
    if not state and study.result:
        state = f"finished: {ENDED.get(study.result['stopped_by'], study.result['stopped_by'])}"
    facts = [fact("state", state, COLOURS[str(study.state)]), fact("data", _data(study))]
    if study.best is not None and study.best.score is not None:
        best = study.best
        network = f"{name_of(best.configuration)} (trial {best.number}), {compact(best.params)} parameters, {compact(best.mult_adds)} mult-adds"
        facts += [
            fact("winner", network),
            fact("validation", f"{metric_name(study.metric)} {with_interval(study.metric, best.score or 0.0, best.interval)}{crossed(best.folds)}"),
        ]
    if study.test:
        facts.append(fact("test", f"{metric_name(study.metric)} {with_interval(study.metric, *study.test)}", "bold green"))
    if study.cross_validation is not None:
        facts.append(fact("folds", folded(study.cross_validation, study.metric)))
    if study.refit is not None:
        facts.append(fact("refit", study.refit.sentence))
    facts += [fact("warning", text, "yellow") for text in study.caveats]
    facts += [fact("thresholds", line) for line in [study.cuts] if line]
    used = clock(study.seconds) + (f" of {clock(study.budget)}" if study.budget else "")
    counts = f"{plural(len(study.trials), 'trial')}, {study.done} done, {study.failed} failed"
    facts.append(fact("used", f"{used}; {counts}; last worked on {datetime.datetime.fromtimestamp(study.touched):%Y-%m-%d %H:%M}"))
    if study.folder.model.is_file():
        facts.append(fact("model", str(study.folder.model)))
    facts += [fact(label, str(path)) for label, path in (("log", study.folder.log), ("report", study.folder.report)) if path.is_file()]
    if study.folder.folder.is_dir() or not study.elsewhere:
        facts.append(fact("files", f"{study.folder.folder} ({bytes_(study.folder.size)})"))
    return [*facts, *([fact("last search", f"its files are in {study.elsewhere}", "yellow")] if study.elsewhere else [])]


def _data(study: Overview) -> str:
    place = study.data.get("folder") or study.settings.get("data", "not known")
    if study.images is None:
        return str(place)
    sizes = ", ".join(f"{images_in(study.data, split):,} {word}" for split, word in SPLITS.items())
    mean, each = labels_each(study.data)
    labels = f"; {mean:.1f} labels an image on average" if each else ""
    numbers = "".join(f"; {line}" for line in ranges_in_words(study.data)[:MOST_NAMED])
    return f"{place}: {words_of(study.data).of(plural(study.images, 'image'), len(study.data['classes']))}: {sizes}{labels}{numbers}"


def _failure(reason: str, numbers: list[int]) -> Text:
    which = ", ".join(map(str, numbers))
    return Text.assemble((f"  {len(numbers)} x ", "red"), reason, (f"  (trial{'s' if len(numbers) > 1 else ''} {which})", "dim"))


def _next(study: Overview, store: Store) -> list[tuple[str, str, str]]:
    commands = [("studies resume", "--budget 10m", "ten more minutes")]
    if study.folder.model.is_file():
        commands = [("predict", "photo.jpg", words_of(study.data).predicts), ("export", "--out exported", "the files to deploy"), *commands]
    if (store.root / "mlflow.db").is_file():
        commands.append(("dashboard", "", "browse every trial"))
    return commands


def _heading(words: str) -> Text:
    return Text(f"\n{words}", style="bold")


def _given(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value
