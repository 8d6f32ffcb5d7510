"""Is it worth its training, and would more images help?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from automl_cnn.diagnosis import thresholds as at
from automl_cnn.diagnosis.curves import Curves, error
from automl_cnn.diagnosis.forecast import of_trainings, verdict
from automl_cnn.lineage import continued, lineage
from automl_cnn.measure import Measure, noun, spelled, verb_of
from automl_cnn.measure import points as in_points
from automl_cnn.metrics import Z95
from automl_cnn.records import Finding, Trial
from automl_cnn.transfer import is_probe

ALIKE = 1.25  # times as many passes, at most, of two trainings whose scores are compared


def worse_than_baseline(curves: Curves) -> Finding | None:
    """No better than the same answer to every image, or clearly behind a logistic regression on pretrained features."""
    score, context = curves.trial.score, curves.context
    if score is None:
        return None
    baseline = context.majority if context.baseline is None else context.baseline
    if baseline is not None and _within(curves, score, baseline):
        against, bound, severity = curves.words.blind, baseline, "high"
    elif context.probe is not None and not is_probe(curves.trial.configuration) and score < context.probe - at.Z * math.sqrt(2) * error(score, curves.images):
        against, bound, severity = f"{curves.words.readout} on pretrained features", context.probe, "medium"
    else:
        return _learned_nothing(curves, score)
    return Finding(
        "worse_than_baseline",
        severity,
        f"{_scores(curves, score)}; {against} {verb_of(context.metric)} {spelled(context.metric, bound)}"
        f"{', and chance alone may explain the difference' if score > bound else ''}.",
        {"score": score, "baseline": bound},
    )


def _scores(curves: Curves, score: float) -> str:
    """`It scores 0.812`, or `It has an RMSE of 3.2 years`."""
    metric = curves.context.metric
    return f"It {verb_of(metric)} {spelled(metric, score)}"


def _learned_nothing(curves: Curves, score: float) -> Finding | None:
    """A score above the baseline by a little, by a network whose training loss is that of a constant prediction: rankings show less than the loss does."""
    loss = float(curves.loss[-1])
    if not curves.blank:
        return None
    return Finding(
        "worse_than_baseline",
        "high",
        f"{_scores(curves, score)} but learned almost nothing: its training loss ended at {loss:.3f}; that of a constant prediction is {curves.nothing:.3f}.",
        {"score": score, "loss": loss, "nothing": curves.nothing},
    )


def _within(curves: Curves, score: float, baseline: float) -> bool:
    """Whether chance alone would bring a network that is no better than the baseline to this score; of other metrics than accuracy, their interval says it."""
    if curves.context.baseline is None or curves.context.baseline == curves.context.majority or curves.trial.interval is None:
        return score < baseline + at.Z * error(baseline, curves.images)
    return score <= baseline or curves.trial.interval[0] <= baseline


def data_limited(curves: Curves) -> Finding | None:
    """From the same network on growing shares of the images: what twice the images would give."""
    points = _sizes(curves.trial, curves.context.others, curves.context.train_images)
    growth = of_trainings(points, _deviation(curves)) if len(points) > 1 else None
    if growth is None or verdict(growth) != "help":
        return None
    (low, high), now, metric = growth.gain_interval, points[-1][1], curves.context.metric
    return Finding(
        "data_limited",
        "medium" if low >= at.FORECAST else "low",
        f"From {points[0][0]:,} to {points[-1][0]:,} images its {noun(metric)} {'rose' if metric.scale is None else 'fell'} from "
        f"{spelled(metric, points[0][1])} to {spelled(metric, now)}; twice as many would {'add' if metric.scale is None else 'take away'} about "
        f"{in_points(metric, growth.gain, 1)} ({_between(metric, low, high)}).",
        {"images": float(points[-1][0]), "gain": growth.gain, "gain_low": low, "gain_high": high},
    )


def _between(metric: Measure, low: float, high: float) -> str:
    """Two differences of scores as points, or in the unit of an error."""
    scale = 100.0 if metric.scale is None else metric.scale
    digits = 1 if metric.scale is None else metric.digits
    return f"{low * scale:.{digits}f} to {high * scale:.{digits}f}"


def _deviation(curves: Curves) -> float:
    """The standard deviation of the score from validation images to others; of shares, their number tells it."""
    span = curves.trial.interval
    if curves.context.metric.scale is None or span is None:
        return error(curves.trial.score or 0.0, curves.images)
    return (span[1] - span[0]) / (2 * Z95)


def _sizes(trial: Trial, others: Sequence[Trial], images: int | None) -> list[tuple[int, float]]:
    """Numbers of training images and the scores of the same configuration on them, the best for each, ascending, up to the trial's own.

    Trials count only if they saw about as many images in all, epochs included: otherwise a longer training would look like an effect of more images.
    """
    own = _passed(trial, others)
    if images is None or trial.score is None or own is None:
        return []
    same = [other for other in (*others, trial) if other.score is not None and other.scored and other.configuration == trial.configuration]
    best: dict[int, float] = {}
    for other in same:
        passed, count = _passed(other, others), round(images * other.fidelity.share)
        if passed is not None and max(passed / own, own / passed) <= ALIKE:
            best[count] = max(best.get(count, 0.0), other.score or 0.0)
    return sorted((count, score) for count, score in best.items() if count <= round(images * trial.fidelity.share))


def _passed(trial: Trial, others: Sequence[Trial]) -> float | None:
    """How often the whole training set was passed through the network, the trials that it continued included; None where one of them is unknown."""
    *earlier, last = lineage(trial, others)
    if (earlier or [last])[0].continue_from is not None or not last.epochs:
        return None
    return sum(part.fidelity.share * len(continued(part)) for part in earlier) + last.fidelity.share * len(last.epochs)
