"""What more images would give: the learning curve over data, measured and forecast."""

from __future__ import annotations

from automl_cnn.dataset_summary import words_of
from automl_cnn.diagnosis.forecast import measured_how, sentence
from automl_cnn.facts import Facts
from automl_cnn.growth import Growth, Point
from automl_cnn.measure import Measure, column, noun, read, span, spelled
from automl_cnn.report import charts
from automl_cnn.report.numbers import network
from automl_cnn.report.parts import MoreImages


def more_images(facts: Facts) -> tuple[MoreImages, ...]:
    """What was measured, the winner first; nothing where nobody measured it."""
    best = facts.winner
    by_number = {trial.number: trial for trial in facts.trials}
    numbers = sorted((number for number in facts.growths if number in by_number), key=lambda number: (best is None or number != best.number, number))
    return tuple(_shown(facts.growths[number], facts, f"trial {number}: {network(by_number[number])}") for number in numbers)


def _shown(growth: Growth, facts: Facts, title: str) -> MoreImages:
    metric = Measure.of(facts.metric, facts.data)
    name = column(metric)
    dots = [_dot(point, metric, "measured", "validation") for point in growth.points]
    ahead = _dot(growth.twice, metric, "forecast", "winner")
    label = (
        f"{name[0].upper()}{name[1:]} by the number of images to learn from: {spelled(metric, growth.points[0].score)} with {growth.points[0].images:,}, "
        f"{spelled(metric, growth.points[-1].score)} with {growth.points[-1].images:,}, forecast {' to '.join(span(metric, growth.twice.interval))} "
        f"with {growth.twice.images:,}"
    )
    rows = (*(_row(point, metric, "measured") for point in growth.points), _row(growth.twice, metric, "forecast"))
    return MoreImages(title, sentence(growth, metric), charts.growth(label, dots, ahead, name), rows, measured_how(growth, words_of(facts.data)))


def _dot(point: Point, metric: Measure, how: str, look: str) -> charts.Dot:
    low, high = sorted(read(metric, end) for end in point.interval)
    tip = f"{point.images:,} images, {how}: {spelled(metric, point.score)} ({' to '.join(span(metric, point.interval))})"
    return charts.Dot(float(point.images), read(metric, point.score), tip, look, low if noun(metric) == "score" else max(0.0, low), high)


def _row(point: Point, metric: Measure, how: str) -> tuple[str, str, str, str]:
    return f"{point.images:,}", spelled(metric, point.score, unit=False), " to ".join(span(metric, point.interval)), how
