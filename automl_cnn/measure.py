"""How scores read: as they are, or, where they stand for the error of numbers, as that error in the user's unit. Pure.

A search ranks by scores that are higher the better. Of numbers, RMSE and MAE count as `1 - error / standard deviation` there (see
`automl_cnn.tasks.regression`). People want the error itself, `RMSE 3.2 years`. A `Measure` is the name of a metric that knows how to write it, and can be
handed on wherever a name is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from automl_cnn.dataset_summary import task_of
from automl_cnn.judged import NAMES, metric_name
from automl_cnn.tasks import Regression
from automl_cnn.tasks.regression import TARGETS

if TYPE_CHECKING:
    from automl_cnn.records import StudyResult

ERRORS = ("rmse", "mae")
SPREADS = "standard deviations"  # the unit of several numbers together


class Measure(str):
    """A metric's name. `scale` is the error that a score of 0 stands for, in `unit`; None where scores read as they are. `digits` follow the point."""

    scale: float | None = None
    unit: str = ""
    digits: int = 3

    @classmethod
    def of(cls, metric: str, data: Mapping[str, Any]) -> Measure:
        """The metric as it reads for a data set in figures, or a model's card."""
        measure, task = cls(metric), task_of(data)
        if metric not in ERRORS or not isinstance(task, Regression):
            return measure
        if task.outputs == 1:
            target = task.named_targets[0]
            return cls.reading(metric, target.sd, target.unit, target.digits)
        return cls.reading(metric, 1.0, SPREADS, cls.digits)

    @classmethod
    def reading(cls, metric: str, scale: float | None, unit: str, digits: int) -> Measure:
        """The metric with its scale, unit and digits."""
        measure = cls(metric)
        measure.scale, measure.unit, measure.digits = scale, unit, digits
        return measure


PLAIN = Measure()  # of scores that read as they are


def _known(metric: str) -> Measure:
    """How a metric reads; one that is known by its name alone reads as it is."""
    return metric if isinstance(metric, Measure) else Measure(metric)


def heading(metric: str) -> str:
    """The head of a column of scores: `score`, or `RMSE (years)`, since errors are not scores."""
    if _known(metric).scale is None:
        return "score"
    unit = _known(metric).unit
    return f"{metric_name(metric)} ({unit})" if unit else metric_name(metric)


def column(metric: str) -> str:
    """The head of a column with a metric by its name: `accuracy`, or `RMSE (years)`."""
    return metric_name(metric) if _known(metric).scale is None else heading(metric)


def read(metric: str, score: float) -> float:
    """The figure that people read instead of a score: the error in its unit, or the score."""
    scale = _known(metric).scale
    return score if scale is None else (1 - score) * scale


def spelled(metric: str, score: float, *, unit: bool = True) -> str:
    """`0.823`, or `3.2 years`."""
    digits, name = _known(metric).digits, _known(metric).unit
    return f"{read(metric, score):,.{digits}f}{f' {name}' if name and unit else ''}"


def span(metric: str, interval: tuple[float, float], digits: int | None = None) -> tuple[str, str]:
    """The ends of an interval, the lower one first, without a unit."""
    low, high = sorted(read(metric, score) for score in interval)
    places = _known(metric).digits if digits is None or _known(metric).scale is not None else digits
    return f"{low:,.{places}f}", f"{high:,.{places}f}"


def with_margin(metric: str, score: float | None, interval: tuple[float, float] | None, digits: int = 3, *, unit: bool = True) -> str:
    """A score and half the width of its 95 % interval: `0.823 ± 0.041`, or `3.2 ± 0.1 years`; `-` where there is none."""
    if score is None:
        return "-"
    if interval is None:
        return spelled(metric, score, unit=unit)
    scale, name = _known(metric).scale, _known(metric).unit
    half = (interval[1] - interval[0]) / 2 * (1.0 if scale is None else scale)
    places = digits if scale is None else _known(metric).digits
    return f"{spelled(metric, score, unit=False)} ± {half:.{places}f}{f' {name}' if name and unit else ''}"


def with_interval(metric: str, score: float, interval: tuple[float, float] | None) -> str:
    """`0.823 (95 % interval 0.78 to 0.86)`."""
    if interval is None:
        return spelled(metric, score)
    low, high = span(metric, interval, digits=2)
    return f"{spelled(metric, score)} (95 % interval {low} to {high})"


def change(metric: str, difference: float) -> str:
    """By how much a score rose, `+0.012`; of errors, by how much the error did, `-0.3`."""
    scale = _known(metric).scale
    return f"{difference:+.3f}" if scale is None else f"{-difference * scale:+,.{_known(metric).digits}f}"


def noun(metric: str) -> str:
    """What its figures are: `score`, or `error`."""
    return "score" if _known(metric).scale is None else "error"


def better(metric: str) -> str:
    """Which figures are better: `higher`, or of errors `lower`."""
    return "higher" if _known(metric).scale is None else "lower"


def worse(metric: str) -> str:
    """Which figures are worse."""
    return "lower" if _known(metric).scale is None else "higher"


def reaching(metric: str) -> str:
    """The verb for the worse end of an interval: `begins at` for scores, `ends at` for errors."""
    return "begins at" if _known(metric).scale is None else "ends at"


def verb_of(metric: str) -> str:
    """What a network does that has a score: it `scores` 0.8, or of errors it `has an RMSE of` 3.2 years."""
    return "scores" if _known(metric).scale is None else f"has {named(metric)} of"


def apart(metric: str, difference: float, half: float) -> str:
    """How far two scores are apart, without its sign, and half the width of the 95 % interval of that: `0.012 ± 0.010`, or `0.3 ± 0.1 years`."""
    if _known(metric).scale is None:
        return f"{abs(difference):.3f} ± {half:.3f}"
    return f"{amount(metric, difference, unit=False)} ± {amount(metric, half)}"


def ahead_by(metric: str, difference: float, half: float) -> str:
    """What the better of two has: `scored 0.012 ± 0.010 more`, or `had an error 0.3 ± 0.1 years lower`."""
    known = apart(metric, difference, half)
    return f"scored {known} more" if _known(metric).scale is None else f"had an error {known} lower"


def change_with_margin(metric: str, difference: float, half: float) -> str:
    """By how much a score rose, `+0.012 ± 0.010`; of errors, by how much the error did, `-0.3 ± 0.1 years`."""
    rose = difference if _known(metric).scale is None else -difference
    return f"{'-' if rose < 0 else '+'}{apart(metric, difference, half)}"


def amount(metric: str, difference: float, digits: int = 3, *, unit: bool = True) -> str:
    """A difference of two scores without its sign: `0.012`, or `0.3 years`."""
    scale, name = _known(metric).scale, _known(metric).unit
    if scale is None:
        return f"{abs(difference):.{digits}f}"
    return f"{abs(difference) * scale:,.{_known(metric).digits}f}{f' {name}' if name and unit else ''}"


def points(metric: str, difference: float, digits: int = 0) -> str:
    """The same where shares are spoken of: `5 points`, or `0.3 years`."""
    return f"{100 * difference:.{digits}f} points" if _known(metric).scale is None else amount(metric, difference)


def named(metric: str) -> str:
    """The name of a metric with its article: `an RMSE`, `a balanced accuracy`."""
    name = metric_name(metric)
    return f"{'an' if name[0] in 'aeio' or name in ('f1', *NAMES.values()) else 'a'} {name}"


def changes(metric: str, low: float, high: float) -> str:
    """An interval of such changes, the lower end first: `+0.002 to +0.022`."""
    ends = (low, high) if _known(metric).scale is None else (high, low)
    return " to ".join(change(metric, end) for end in ends)


def of_result(result: StudyResult) -> Measure:
    """The metric of a search's result, as it reads."""
    return Measure.of(result.metric, {"task": result.task, "classes": [one["name"] for one in result.targets], TARGETS: result.targets})
