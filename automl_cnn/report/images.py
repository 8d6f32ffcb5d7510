"""The winner's results on images, and the images themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from automl_cnn.dataset_summary import images_in, labels_each, ranges_in_words, ranges_of, targets_of, task_of, words_of
from automl_cnn.evidence import Matrix, Mistake
from automl_cnn.facts import Facts
from automl_cnn.metrics import wilson
from automl_cnn.report import charts
from automl_cnn.report.numbers import percent
from automl_cnn.report.parts import NOTHING, Believable, Confusion, Images, Range, Wrong
from automl_cnn.report.problems import look
from automl_cnn.tasks import Tally, Target

TABLE = 15  # classes up to which a confusion matrix is a table
LISTED = 40  # classes up to which all are listed
SKIPPED = 30
PAIRS = 8
NO_LABEL = "(no label)"
SPLITS = (("train", "training"), ("val", "validation"), ("test", "test"))


def confusion(facts: Facts) -> Confusion | None:
    """The confusion matrix: on the test images if they were counted, else on the validation images. Only classes have one."""
    matrix, split = counted(facts)
    if not matrix or not task_of(facts.data).exclusive:
        return None
    classes = names_of(facts, len(matrix))
    label = f"Confusion matrix of {len(matrix)} classes on the {split} images; squares off the diagonal are mistakes"
    pairs = [(row, column, number) for row, line in enumerate(matrix) for column, number in enumerate(line) if row != column and number]
    pairs.sort(key=lambda pair: (-pair[2], pair[:2]))
    return Confusion(
        split=split,
        classes=classes,
        rows=matrix if len(matrix) <= TABLE else (),
        chart=charts.cells(label, matrix, classes) if len(matrix) > TABLE else NOTHING,
        pairs=tuple((classes[row], classes[column], number, sum(matrix[row])) for row, column, number in pairs[:PAIRS]),
        per_class=per_class(task_of(facts.data).tallies(matrix), classes),
    )


def counted(facts: Facts) -> tuple[Matrix, str]:
    """The counts of predictions, and the split of their images."""
    evidence = facts.evidence
    if evidence is None:
        return (), ""
    return (evidence.test_confusion, "test") if evidence.test_confusion else (evidence.confusion, "validation")


def per_class(tallies: Sequence[Tally], classes: Sequence[str]) -> tuple[tuple[str, int, str, str, str], ...]:
    """(class, images, recall, its 95 % interval, precision), the worst recall first."""
    order = sorted(range(len(tallies)), key=lambda number: math.inf if (recall := tallies[number].recall) is None else recall)
    return tuple((classes[number], tallies[number].images, *recalled(tallies[number]), shown(tallies[number].precision)) for number in order)


def recalled(tally: Tally) -> tuple[str, str]:
    """The recall and its 95 % interval, as text."""
    low, high = wilson(tally.right, tally.images) if tally.images else (0.0, 1.0)
    return shown(tally.recall), f"{percent(low, 0)} to {percent(high, 0)}" if tally.images else ""


def shown(share: float | None) -> str:
    """A share in percent; a dash where there is none."""
    return "-" if share is None else percent(share, 0)


def believable(facts: Facts) -> Believable | None:
    """The reliability diagram and the calibration error; before calibration too, where that changed anything."""
    evidence = facts.evidence
    if evidence is None or not evidence.bins:
        return None
    words = words_of(facts.data)
    cooled = evidence.temperature is not None and abs(evidence.temperature - 1) > 1e-3 and bool(evidence.raw)
    now = "after calibration" if cooled else "uncalibrated"
    series = [(now, "validation", [(entry.confidence, entry.accuracy, entry.count) for entry in evidence.bins])]
    if cooled:
        series.insert(0, ("before", "batches", [(entry.confidence, entry.accuracy, entry.count) for entry in evidence.raw]))
    off = {name: percent(_error(points)) for name, _, points in series}
    if cooled:
        lower = "less" if (evidence.temperature or 1) > 1 else "more"
        sentence = (
            f"Before calibration the confidence was off by {off['before']} on average, now by {off[now]}: it is {lower} confident than the "
            f"raw network (temperature {evidence.temperature:.2f}), and {words.kept}."
        )
    else:
        reason = "it was not calibrated" if evidence.temperature is None else "scaling it did not help on images held out from the fit"
        sentence = f"The confidence is off by {off[now]} on average; {reason}."
    rows = tuple((name, count, percent(x), percent(y)) for name, _, points in series for x, y, count in points)
    sentence = " ".join(filter(None, (words.confident, sentence)))
    chart = charts.reliability(f"Reliability diagram on the validation images. {sentence}", series, words.decisions)
    return Believable(chart, sentence, rows, words.decisions, cooled)


def _error(points: Sequence[tuple[float, float, int]]) -> float:
    total = sum(count for _, _, count in points) or 1
    return sum(count * abs(x - y) for x, y, count in points) / total


def mistakes(facts: Facts) -> tuple[Wrong, ...]:
    """The worst mistakes, with the names of the classes."""
    if facts.evidence is None:
        return ()
    task = task_of(facts.data)
    if not task.probable:
        targets = targets_of(facts.data)
        return tuple(_off(one, targets) for one in facts.evidence.mistakes if len(one.wanted) == len(one.given) == len(targets))
    classes = names_of(facts, len(facts.evidence.confusion))
    return tuple(_wrong(one, classes) for one in facts.evidence.mistakes)


def _off(one: Mistake, targets: Sequence[Target]) -> Wrong:
    """An image with its true and predicted numbers; the error is the largest one."""
    named = len(targets) > 1
    truth, answer = (
        ", ".join(f"{f'{target.name} ' if named else ''}{target.shown(value)}" for target, value in zip(targets, values, strict=True))
        for values in (one.wanted, one.given)
    )
    target, off = targets[one.predicted], one.given[one.predicted] - one.wanted[one.predicted]
    error = f"{f'{target.name} is too' if named else 'too'} {'high' if off > 0 else 'low'} by {target.shown(abs(off))}"
    return Wrong(one.path, truth, target.name, "", "", one.picture, one.heat, has=truth, answered=answer, error=error)


def _wrong(one: Mistake, names: Sequence[str]) -> Wrong:
    wrong = Wrong(one.path, names[one.truth], names[one.predicted], percent(one.confidence, 0), percent(one.chance), one.picture, one.heat)
    if not one.truths and not one.answers:
        return wrong
    has, answered = (", ".join(names[label] for label in labels) or NO_LABEL for labels in (one.truths, one.answers))
    missed = one.predicted in one.truths
    error = (
        f"{names[one.predicted]} is missing, at {percent(1 - one.confidence)}" if missed else f"{names[one.predicted]} is wrong, at {percent(one.confidence)}"
    )
    return replace(wrong, has=has, answered=answered, error=error)


def _ranges(data: Mapping[str, Any]) -> tuple[Range, ...]:
    """Where the numbers of the training images lie."""
    return tuple(
        Range(f"{line} (training images)", charts.histogram(f"Histogram of {line}", known.get("counts") or (), known["low"], known["high"], target.title))
        for (target, known), line in zip(ranges_of(data), ranges_in_words(data), strict=True)
    )[:LISTED]


def names_of(facts: Facts, count: int) -> tuple[str, ...]:
    """The names of the classes or labels, or their numbers where they are not known."""
    known = tuple(map(str, facts.data.get("classes", ())))
    return known if len(known) == count else tuple(map(str, range(count)))


def images(facts: Facts) -> Images:
    """What the scan of the images found."""
    data, words = facts.data, words_of(facts.data)
    classes = tuple(map(str, data.get("classes", ())))
    splits: Mapping[str, Sequence[int]] = data.get("splits", {})
    columns = [list(map(int, splits.get(split) or [0] * len(classes))) for split, _ in SPLITS]
    rows: list[tuple[str, int, int, int]] = list(zip(classes, *columns, strict=False))
    counts = sorted(rows, key=lambda row: row[1]) if len(rows) > LISTED else rows
    training = [row[1] for row in rows] or [0]
    entries = [("folder", str(data.get("folder") or data.get("name") or facts.settings.get("data", "not known")))]
    if "images" in data:
        entries += [("images", f"{int(data['images']):,}"), (words.many, f"{len(classes):,}")]
    mean, each = labels_each(data)
    if each:
        entries.append(("labels per image", f"{mean:.1f} on average: {each} images"))
    if splits:
        entries.append(
            (
                "split",
                ", ".join(
                    f"{images_in(data, split):,} {name}"
                    for split, name in (("train", "training"), ("val", "validation"), ("test", "test"))
                    if splits.get(split)
                ),
            )
        )
        if words.imbalance:
            entries.append(("imbalance", words.imbalance.format(times=f"{max(training) / max(1, min(training)):.1f}")))
    if data.get("native"):
        entries.append(("size", f"{data['native']} px or less on the shorter side, for half of them"))
    if "channels" in data:
        entries.append(("color", "gray" if data["channels"] == 1 else "color"))
    if "duplicates" in data:
        entries.append(("exact copies", f"{int(data['duplicates']):,}"))
    unreadable = len(facts.skipped) or int(data.get("skipped", 0))
    entries.append(("unreadable", f"{unreadable:,} left out"))
    if data.get("fingerprint"):
        entries.append(("fingerprint", str(data["fingerprint"])))
    ranges = _ranges(data)
    return Images(
        facts=tuple(entries),
        counts=() if ranges or not task_of(data).probable else tuple(counts[:LISTED]),
        ranges=ranges,
        more=max(0, len(counts) - LISTED) if task_of(data).probable else 0,
        skipped=facts.skipped[:SKIPPED],
        more_skipped=max(0, len(facts.skipped) - SKIPPED),
        notes=facts.notes,
        look=look(facts),
        one=words.one,
        many=words.many,
    )
