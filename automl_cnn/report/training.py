"""Results of training: learning curves with findings, scores against costs, settings that go with better scores."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from automl_cnn.dataset_summary import images_in, words_of
from automl_cnn.diagnosis import story, title
from automl_cnn.facts import Effect, Facts
from automl_cnn.lineage import continued, lineage
from automl_cnn.measure import change, changes, column, noun, read, spelled
from automl_cnn.quantities import compact
from automl_cnn.records import Epoch, Trial
from automl_cnn.report import charts
from automl_cnn.report.numbers import network
from automl_cnn.report.parts import Cost, Curves, Difference

OTHERS = 6  # trials whose curves are shown beside the winner's
VALIDATION = "validation"
SIDES = 3  # trials on each side that a difference needs to be reported


def curves(trial: Trial, facts: Facts, *, large: bool) -> Curves:
    """A trial's learning curves, after those of the trials it continued; `large` adds the loss and labels on the marks."""
    heading = f"trial {trial.number}: {network(trial)}"
    findings = facts.findings.get(trial.number, ())
    paragraph = story(trial, findings, facts.effects, metric=facts.metric, words=words_of(facts.data), doubted=_doubted(trial, facts)) if large else ""
    points, marks, offset = _joined(trial, facts.trials, large=large)
    if len(points) < 2:
        read = "It was fitted to pretrained features in one pass, or trained for one epoch: there is no curve."
        return Curves(heading, (), findings, read if trial.epochs else "It has no epochs.", story=paragraph)
    if trial.best_epoch is not None:
        marks.append(charts.Mark(offset + trial.best_epoch, "best" if large else "", "best"))
    marks += [charts.Mark(offset + finding.epoch, title(finding.kind, words_of(facts.data)), "found") for finding in findings if finding.epoch is not None]
    onset = next((offset + finding.epoch for finding in findings if finding.kind.startswith("overfit") and finding.epoch is not None), None)
    drawn = []
    share, loss = words_of(facts.data).share_right, words_of(facts.data).loss
    for words, fields in {
        share: ("clean_accuracy", "accuracy", "val_accuracy"),
        **({loss: ("clean_loss", "loss", "val_loss")} if large else {}),
    }.items():
        lines = _lines(points, fields, large=large)
        name = f"{words[0].upper()}{words[1:]}"
        label = f"{name} of trial {trial.number} over {len(points)} epochs; validation ends at {_last(lines[-1])}, training at {_last(lines[0])}"
        gap = (lines[0].name, VALIDATION, float(onset)) if onset is not None else None
        drawn.append(charts.curves(label, lines, "epoch", words, marks, gap, unit=words == share))
    return Curves(heading, tuple(drawn), findings, story=paragraph, clean=any(epoch.clean_accuracy is not None for _, epoch in points))


def _doubted(trial: Trial, facts: Facts) -> tuple[int, int] | None:
    """The labels of validation images that a trial contradicts, and the number of these images; None if that was not counted for this trial."""
    evidence = facts.evidence
    if evidence is None or evidence.suspects is None or evidence.trial != trial.number:
        return None
    return len(evidence.suspects), images_in(facts.data, "val")


def _joined(trial: Trial, trials: Sequence[Trial], *, large: bool) -> tuple[list[tuple[float, Epoch]], list[charts.Mark], int]:
    """The epochs of a trial after those of its ancestors, each up to its best epoch; marks where trials meet; the number of epochs before the last trial."""
    points: list[tuple[float, Epoch]] = []
    marks: list[charts.Mark] = []
    offset = 0
    *earlier, last = lineage(trial, trials)
    for part in earlier:
        kept = continued(part)
        points += [(offset + epoch.number, epoch) for epoch in kept]
        offset += kept[-1].number if kept else 0
        marks.append(charts.Mark(offset + 0.5, "trained on" if large else ""))
    return [*points, *((offset + epoch.number, epoch) for epoch in last.epochs)], marks, offset


def _lines(points: Sequence[tuple[float, Epoch]], fields: tuple[str, str, str], *, large: bool) -> list[charts.Line]:
    """Training first, validation last. Unchanged training images come first if they were measured: augmentation and dropout make the batches harder."""
    clean, own, held = (_points(points, name) for name in fields)
    lines = [charts.Line("training images, unaugmented", "training", clean)] if clean else []
    if len(clean) < 2 or large:
        lines.append(charts.Line("training batches", "batches" if clean else "training", own))
    return [*lines, charts.Line(VALIDATION, "validation", held)]


def _points(points: Sequence[tuple[float, Epoch]], name: str) -> tuple[tuple[float, float], ...]:
    return tuple((x, float(value)) for x, epoch in points if (value := getattr(epoch, name)) is not None)


def _last(line: charts.Line) -> str:
    return f"{line.points[-1][1]:.3f}" if line.points else "nothing"


def next_best(trials: Sequence[Trial], best: Trial | None) -> list[Trial]:
    """The best trials after the winner that have curves and that no other trial continued."""
    parents = {trial.continue_from for trial in trials if trial.continue_from is not None}
    eligible = [trial for trial in trials if len(trial.epochs) > 1 and (best is None or trial.number != best.number) and trial.number not in parents]
    return sorted(eligible, key=lambda trial: (not trial.scored, -(trial.score or 0.0), trial.number))[:OTHERS]


def costs(facts: Facts, best: Trial | None) -> tuple[Cost, ...]:
    """The score, or the error, against mult-adds, parameters and seconds, with the Pareto front of each."""
    entries, metric = [], facts.metric
    name = column(metric)
    for field_name, words in (("mult_adds", "mult-adds for one image"), ("params", "parameters"), ("seconds", "seconds of training")):
        usable = [trial for trial in facts.trials if trial.scored and getattr(trial, field_name)]
        best_ones = front(usable, field_name)
        numbers = {trial.number for trial in best_ones}
        dots = [
            charts.Dot(
                float(getattr(trial, field_name)),
                read(metric, trial.score or 0.0),
                f"trial {trial.number}, {network(trial)}: {spelled(metric, trial.score or 0.0)} at {compact(getattr(trial, field_name))} {words}",
                "winner" if best is not None and trial.number == best.number else "on" if trial.number in numbers else "off",
                *(sorted(read(metric, end) for end in trial.interval) if trial.interval else (None, None)),
            )
            for trial in usable
        ]
        label = f"{name[0].upper()}{name[1:]} against {words} of {len(usable)} trials; {len(best_ones)} on the Pareto front"
        stairs = [(float(getattr(trial, field_name)), read(metric, trial.score or 0.0)) for trial in best_ones]
        if chart := charts.scatter(label, dots, stairs, words, name, 1.0 if noun(metric) == "score" else math.inf):
            entries.append(Cost(words, chart))
    return tuple(entries)


def front(trials: Sequence[Trial], cost: str) -> list[Trial]:
    """The Pareto front, cheapest first: trials that none beats at the same or a lower cost."""
    frontier: list[Trial] = []
    for trial in sorted((trial for trial in trials if trial.scored and getattr(trial, cost)), key=lambda trial: (getattr(trial, cost), -(trial.score or 0.0))):
        if not frontier or (trial.score or 0.0) > (frontier[-1].score or 0.0):
            frontier.append(trial)
    return frontier


def effect(effect: Effect, metric: str = "") -> tuple[str, int, str, str]:
    """An effect in words: action, how often tried, mean, interval."""
    span = "unknown from one trial" if effect.interval is None else changes(metric, *effect.interval)
    return effect.action, effect.tried, change(metric, effect.mean), span


def differences(trials: Sequence[Trial], metric: str = "") -> tuple[Difference, ...]:
    """For every switch, how much higher trials with it scored than those without (or how their errors differ), the largest first; promoted trials are left
    out."""
    fair = [trial for trial in trials if trial.scored and trial.continue_from is None and trial.score is not None]
    names = dict.fromkeys(name for trial in fair for name, given in trial.configuration.items() if isinstance(given, bool))
    rows: list[tuple[float, Difference]] = []
    for name in names:
        sides = [[trial.score or 0.0 for trial in fair if trial.configuration.get(name) is given] for given in (True, False)]
        if min(map(len, sides)) < SIDES:
            continue
        mean, half = _welch(*sides)
        sure = abs(mean) > half
        tried = f"{len(sides[0])} with, {len(sides[1])} without"
        row = Difference(_switch(name), tried, change(metric, mean), changes(metric, mean - half, mean + half), sure)
        rows.append((mean, row))
    return tuple(row for _, row in sorted(rows, key=lambda entry: (not entry[1].sure, -abs(entry[0]))))


def _welch(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """The difference of two means and half its 95 % interval (Welch 1947)."""
    parts = [statistics.variance(side) / len(side) for side in (first, second)]
    spread = sum(parts)
    difference = statistics.fmean(first) - statistics.fmean(second)
    if spread == 0:
        return difference, 0.0 if difference else 1e-9
    freedom = spread**2 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, (first, second), strict=True))
    return difference, _student(freedom) * math.sqrt(spread)


def _student(freedom: float) -> float:
    """The 97.5 % quantile of Student's t, to two digits from 3 degrees of freedom on (Abramowitz and Stegun 26.7.5)."""
    z, v = 1.959964, max(freedom, 1.5)
    return z + (z**3 + z) / (4 * v) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2) + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)


def _switch(name: str) -> str:
    return name.removeprefix("regularizer.").replace("_", " ")


def families(trials: Sequence[Trial], metric: str = "") -> tuple[tuple[str, int, str, str], ...]:
    """(architecture, trials, best score or error, median) of every architecture that was trained, the best first."""
    scores: dict[str, list[float]] = {}
    for trial in trials:
        if trial.scored and trial.score is not None and "architecture" in trial.configuration:
            scores.setdefault(trial.architecture, []).append(trial.score)
    ordered = sorted(scores.items(), key=lambda item: -max(item[1]))
    return tuple((name, len(own), spelled(metric, max(own), unit=False), spelled(metric, statistics.median(own), unit=False)) for name, own in ordered)
