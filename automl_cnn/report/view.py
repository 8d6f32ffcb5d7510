"""The contents of a report: facts in, frozen data out. Nothing here contains HTML except the charts, which are finished SVG."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from automl_cnn.dataset_summary import images_in, words_of
from automl_cnn.diagnosis import certainty, shade, title, undecided
from automl_cnn.errors import StoreError
from automl_cnn.facts import Facts
from automl_cnn.judged import EVERY, HELD_OUT, is_crossed, kind, looked_at, metric_name, over, scored_splits
from automl_cnn.measure import amount, better, column, named, noun, spelled, worse
from automl_cnn.measure import span as interval_of
from automl_cnn.places import sqlite_url
from automl_cnn.quantities import clock, compact
from automl_cnn.ranking import ranked
from automl_cnn.records import State, Trial
from automl_cnn.report import charts
from automl_cnn.report.by_number import number_tiles, numbers, score_tile
from automl_cnn.report.growth import more_images
from automl_cnn.report.images import believable, confusion, images, mistakes
from automl_cnn.report.importances import importances
from automl_cnn.report.labels import per_label
from automl_cnn.report.numbers import network, percent
from automl_cnn.report.parts import Command, Page, Pairs, Row, Tile
from automl_cnn.report.training import costs, curves, differences, effect, families, front, next_best
from automl_cnn.space import Scalar
from automl_cnn.store import MLFLOW_DB
from automl_cnn.transfer import sizes_in_name
from automl_cnn.workers import Workers

BOARD = 25  # trials shown at once; the others behind a fold
STATES = {State.COMPLETE: "done", State.STOPPED: "stopped", State.PRUNED: "pruned", State.FAILED: "failed", State.RUNNING: "running"}
STOPPED_BY = {
    "budget": "no further trial fits into the budget",
    "trials": "all trials are done",
    "user": "it was stopped",
    "exhausted": "the last trials all failed",
    "disk": "the disk was full",
}


def view(facts: Facts) -> Page:
    """The contents of the report on these facts."""
    best = facts.winner
    board = _board(facts, best)
    shares, shares_note = importances(facts.trials)
    return Page(
        title=facts.name,
        state=_state(facts),
        verdict=_verdict(facts),
        why=_why(facts, best),
        tiles=_tiles(facts),
        board=board[:BOARD],
        more=board[BOARD:],
        failures=_failures(facts.trials),
        winner=None if best is None else curves(best, facts, large=True),
        others=tuple(curves(trial, facts, large=False) for trial in next_best(facts.trials, best)),
        costs=costs(facts, best),
        front=tuple(row for row in board if row.trial in {trial.number for trial in front(facts.trials, "mult_adds")}),
        important=charts.bars("How important each parameter was, as shares of one", shares),
        important_rows=shares,
        important_note=shares_note,
        effects=tuple(effect(one, facts.metric) for one in facts.effects),
        differences=differences(facts.trials, facts.metric),
        families=families(facts.trials, facts.metric),
        confusion=confusion(facts),
        labels=per_label(facts),
        cost_title=words_of(facts.data).cost_title if noun(facts.metric) == "score" else "Error and cost",
        believable=believable(facts),
        mistakes=mistakes(facts),
        evidence_note=" ".join(filter(None, (facts.without_evidence if facts.evidence is None else "", facts.evidence.note if facts.evidence else ""))),
        images=images(facts),
        configuration=_configuration(best.configuration if best else {}),
        toml=facts.toml,
        commands=_commands(facts, best),
        versions=tuple(facts.versions.items()),
        written=facts.written,
        metric=column(facts.metric),
        numbers=numbers(facts),
        shown=column(facts.metric) if noun(facts.metric) == "error" else "score",
        spoke=words_of(facts.data).spoke,
        worst=words_of(facts.data).worst,
        share=words_of(facts.data).share_right,
        changed=_changed(facts.metric),
        beside=_beside(facts),
        scoring=_scoring(facts),
        growths=more_images(facts),
    )


def _state(facts: Facts) -> str:
    ended = STOPPED_BY.get(str((facts.result or {}).get("stopped_by", "")), "")
    count = len(facts.trials)
    words = {"running": "still running", "interrupted": "interrupted"}.get(facts.state, "finished")
    return f"{words}{f': {ended}' if ended and words == 'finished' else ''}; {count} trial{'' if count == 1 else 's'} in {clock(facts.seconds)}"


def _verdict(facts: Facts) -> str:
    best = facts.best
    if best is None or best.score is None:
        reasons = _failures(facts.trials)
        return f"No network could be trained{f': {reasons[0][0]}' if reasons else ' yet'}."
    resolution = f" at {best.configuration['resolution']} px" if "resolution" in best.configuration and not sizes_in_name(best.configuration) else ""
    subject = f"{network(best)}{resolution}, with {compact(best.params)} parameters,"
    if facts.members:
        subject = f"{len(facts.members)} networks together, {facts.joined}, with {compact(best.params)} parameters in all,"
    score, span, where = _headline(facts, best)
    splits = ("test",) if where == "test" else scored_splits(best.folds)
    images = f"the {sum(images_in(facts.data, split) for split in splits):,} " if facts.data.get("splits") else ""
    chosen = f"{over(best.folds)}, {f'in the {kind(best.folds)} ' if best.folds else ''}by which it was chosen"
    tested = int((facts.result or {}).get("tested") or 1)
    unseen = "test images, which it had never seen" if tested == 1 else f"test images, {looked_at(tested)}"
    split = ("test images" if facts.copied else unseen) if where == "test" else chosen
    baseline = (facts.result or {}).get("baseline")
    if facts.metric == "accuracy":
        interval = f" (95 % interval {percent(span[0])} to {percent(span[1])})" if span else ""
        reached = f"correctly classified {percent(score)}{interval} of {images}{split}"
        always = "" if baseline is None else percent(baseline)
    else:
        interval = f" (95 % interval {' to '.join(interval_of(facts.metric, span))})" if span else ""
        reached = f"reached {named(facts.metric)} of {spelled(facts.metric, score)}{interval} on {images}{split}"
        always = "" if baseline is None else spelled(facts.metric, baseline)
    return " ".join((f"{subject} {reached}{f'; {words_of(facts.data).same} would give {always}' if always else ''}.", *facts.caveats))


def _changed(metric: str) -> str:
    """A clause about what effects measure."""
    return "what that changed" if noun(metric) == "score" else f"how that changed the {column(metric)}: {better(metric)} is better"


def _headline(facts: Facts, best: Trial) -> tuple[float, tuple[float, float] | None, str]:
    """The score that counts: of the test images where they were scored, else of the validation images."""
    result = facts.result or {}
    if result.get("test_score") is not None and result.get("trial") == best.number:
        span = result.get("test_interval")
        return float(result["test_score"]), (float(span[0]), float(span[1])) if span else None, "test"
    return best.score or 0.0, best.interval, "val"


def _why(facts: Facts, best: Trial | None) -> str:
    """The main finding about the winner, in its own words, and how certain it is if other explanations remain."""
    findings = facts.findings.get(best.number, ()) if best else ()
    if not findings:
        return ""
    doubt = f" This diagnosis is not certain ({certainty(findings[0], words_of(facts.data))})." if undecided(findings[0]) else ""
    return f"{findings[0].sentence}{doubt}"


def _beside(facts: Facts) -> tuple[str, ...]:
    """The images that the delivered model was trained on, and a trial that is ahead by chance."""
    refit = facts.refit
    measured = "" if refit is None or refit.kept else " The figures on this page come from the scored model, kept beside it as scored.keras."
    return tuple(filter(None, (f"{refit.sentence}{measured}" if refit else "", facts.ahead)))


def _scoring(facts: Facts) -> str:
    """A paragraph on the scores of the leaderboard and its order."""
    scored = [trial for trial in facts.trials if trial.score is not None]
    crossed = [trial for trial in scored if trial.folds]
    strict, metric = "", facts.metric
    figures = f"{noun(metric).capitalize()}s"
    if not crossed:
        scores = f"{figures} come from the validation images."
    elif len(crossed) == len(scored):
        scores = f"{figures} are cross-validated over the {EVERY}."
    else:
        scores = (
            f"A {crossed[0].judged} {noun(metric)} is cross-validated over the {EVERY}; the others come from the {HELD_OUT}. "
            f"{figures} of different kinds are compared on the {HELD_OUT}, corrected for how lucky the cross-validated trial was on them."
        )
        strict = " A trained network must lead a cross-validated one by two."
    return (
        f"{scores} The winner comes first. Another trial replaces it only if its {noun(metric)} is {better(metric)} by more than one standard error, or not "
        f"{worse(metric)} with fewer mult-adds, or {better(metric)} after training the winner longer.{strict} The other trials follow by {noun(metric)}, equal "
        "ones by mult-adds. Pruned and failed trials do not compete."
    )


def _tiles(facts: Facts) -> tuple[Tile, ...]:
    best = facts.best
    if best is None or best.score is None:
        return (Tile("trials", str(len(facts.trials)), "none trained"), Tile("time", clock(facts.seconds)))
    score, span, where = _headline(facts, best)
    metric, name = facts.metric, metric_name(facts.metric)
    tiles = [score_tile(metric, f"{name}, {'test' if where == 'test' else kind(best.folds)}", score, _ends(metric, span))]
    if where == "test":
        tiles.append(score_tile(metric, f"{name}, {kind(best.folds)}", best.score, _ends(metric, best.interval)))
    every = facts.cross_validation
    if every is not None and every.score is not None and every.interval is not None:
        spread = f"{_ends(metric, every.interval)}; folds ± {amount(metric, every.spread, unit=False)}"
        tiles.append(score_tile(metric, f"{name}, {len(every.scores)} folds over every image", every.score, spread))
    tiles += number_tiles(facts)
    tiles += [Tile("parameters", compact(best.params)), Tile("mult-adds", compact(best.mult_adds), "for one image")]
    failed = sum(trial.state is State.FAILED for trial in facts.trials)
    tiles += [Tile("trials", str(len(facts.trials)), f"{failed} failed" if failed else "none failed"), Tile("time", clock(facts.seconds))]
    workers = Workers.of((facts.result or {}).get("workers"))
    if workers is not None and workers.count > 1:
        tiles.append(Tile("workers", str(workers.count), f"{workers.at_once:.2f} trials at a time, idle {workers.unused:.0%} of the time"))
    return tuple(tiles)


def _ends(metric: str, interval: tuple[float, float] | None) -> str:
    """The ends of an interval; nothing where there is none."""
    return "" if interval is None else " to ".join(interval_of(metric, interval))


def _board(facts: Facts, best: Trial | None) -> tuple[Row, ...]:
    several = len({(trial.node, trial.worker) for trial in facts.trials if trial.worker is not None}) > 1
    ordered = enumerate(ranked(facts.trials, best), 1)
    return tuple(_row(trial, str(rank) if trial.scored else "–", facts, best, several=several) for rank, trial in ordered)


def _row(trial: Trial, rank: str, facts: Facts, best: Trial | None, *, several: bool) -> Row:
    findings = facts.findings.get(trial.number, ())
    return Row(
        rank=rank,
        trial=trial.number,
        network=network(trial),
        resolution=str(trial.configuration.get("resolution", "-")),
        params=compact(trial.params),
        mult_adds=compact(trial.mult_adds),
        epochs=str(len(trial.epochs)),
        score="-" if trial.score is None else spelled(facts.metric, trial.score, unit=False),
        judged=trial.judged if trial.score is not None and is_crossed(facts.trials) else "",
        margin=_ends(facts.metric, trial.interval),
        time=clock(trial.seconds),
        state="elsewhere" if trial.absent else STATES[trial.state],
        finding=title(findings[0].kind, words_of(facts.data)) + ("?" if undecided(findings[0]) else "") if findings else "",
        severity=shade(findings[0]) if findings else "",
        reason=trial.failure or trial.reason,
        winner=best is not None and trial.number == best.number,
        worker=_worker(trial) if several else "",
    )


def _worker(trial: Trial) -> str:
    """Who trained it: the number of the worker, and the node where it is not the machine of the search."""
    return "–" if trial.worker is None else f"{trial.worker} on {trial.node}" if trial.node else str(trial.worker)


def _failures(trials: Sequence[Trial]) -> tuple[tuple[str, str], ...]:
    reasons: dict[str, list[int]] = {}
    for trial in trials:
        if trial.state is State.FAILED:
            reasons.setdefault(trial.failure or "no reason given", []).append(trial.number)
    return tuple((reason, ", ".join(map(str, numbers))) for reason, numbers in sorted(reasons.items(), key=lambda item: -len(item[1])))


def _configuration(configuration: Mapping[str, Scalar]) -> Pairs:
    return tuple((name, setting(given)) for name, given in configuration.items() if not (name.startswith("regularizer.") and given is False))


def setting(value: object) -> str:
    """A configuration's value as people write it: `on`, `0.00123`, `relu`."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _commands(facts: Facts, best: Trial | None) -> tuple[Command, ...]:
    name, store = shlex.quote(facts.name), facts.store
    place = "" if store == "automl-cnn-runs" else f" --store {shlex.quote(store)}"
    commands = []
    if best is not None:
        commands += [
            Command(f"automl-cnn predict {name} photo.jpg{place}", words_of(facts.data).predicts),
            Command(f"automl-cnn export {name} --out exported{place}", "the files to deploy"),
        ]
        with contextlib.suppress(StoreError):  # MLflow cannot use this store
            tracking, champion = shlex.quote(sqlite_url(Path(store) / MLFLOW_DB)), shlex.quote(f"models:/{facts.name}@champion")
            commands.append(Command(f"MLFLOW_TRACKING_URI={tracking} mlflow models serve -m {champion} --env-manager local", "serve it over HTTP"))
    return (
        *commands,
        Command(f"automl-cnn studies resume {name} --budget 10m{place}", "ten more minutes"),
        Command(f"automl-cnn dashboard{place}", "browse every trial in MLflow"),
        Command("automl-cnn search --config study.toml --name again", "repeat it from the settings below"),
    )
