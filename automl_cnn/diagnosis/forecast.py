"""What more images would give: the score with twice the images, from scores with fewer. Pure.

Errors fall as a power of the number of images, down to a part that no image takes away (Hestness et al. 2017, https://arxiv.org/abs/1712.00409):

    error(n) = floor + (error(last) - floor) * (n / last) ** -exponent

Two to five noisy points cannot fix three parameters. Every curve on a grid is weighed by how well it explains the points and by how usual its exponent and
its floor are; the forecast is the mean over all of them. Points that scatter widen the interval, and a floor takes part as far as the points ask for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from automl_cnn.diagnosis import thresholds as at
from automl_cnn.growth import Growth, How, Point, Sizes
from automl_cnn.judged import metric_name
from automl_cnn.measure import Measure, read, spelled
from automl_cnn.measure import span as ends_of
from automl_cnn.metrics import Z95
from automl_cnn.paired import unpacked
from automl_cnn.tasks import Words

USUAL, SPREAD = 0.3, 0.75  # median of exponents, and the standard deviation of their logarithm: 95 % are between 0.07 and 1.3
EXPONENTS = np.exp(np.linspace(math.log(0.01), math.log(2.0), 45))
FLOORS = np.linspace(0.0, 0.95, 20)  # as shares of the error at the last point
NO_FLOOR = 0.3  # the prior probability of the first of them
LEVELS = 81  # errors at the last point that are tried
BENT = 0.015  # by which a real curve is off such a curve, as a share of its error, a doubling away; far away, where networks only guess, by far more
SAME_IMAGES = 0.5  # of the variance of a score, common to all networks that the same images judge, where nobody measured it
TRAININGS = 1000.0  # trainings differ by as much as if each was judged by other images, this many
DRAWS = 20_000
SEED = 0


@dataclass(frozen=True)
class Measured:
    """A `score` of a recipe that learned from `images` images. `noise` is the standard deviation of what is this score's own: other images to learn from,
    another training, and its part of the chance of the images that judge."""

    images: int
    score: float
    noise: float


@dataclass(frozen=True)
class Forecast:
    """The score with twice the images and its 95 % interval; the gain is the expected rise of the score, without the chance of the images that judge."""

    images: int
    score: float
    interval: tuple[float, float]
    gain: float
    gain_interval: tuple[float, float]


def split(deviation: float, same: float = SAME_IMAGES) -> tuple[float, float]:
    """A standard deviation of scores from judging images to others, as that of one score's own part and that of the part that all scores share.

    `same` is the correlation of two scores on the same images.
    """
    same = min(1.0, max(0.0, same))
    return deviation * math.sqrt(1 - same), deviation * math.sqrt(same)


def training_noise(score: float) -> float:
    """The standard deviation of a score from one training, on one draw of as many images, to the next."""
    wrong = min(0.95, max(0.0, 1 - score))
    return math.sqrt((wrong * (1 - wrong) + 1 / TRAININGS) / TRAININGS)


def forecast(points: Sequence[Measured], shared: float = 0.0, again: float | None = None) -> Forecast | None:
    """The forecast from two points or more with different numbers of images; None from fewer, and from what are not numbers.

    `shared` is the standard deviation of the part that all scores share, `again` that from one training on twice the images to the next (default: that of
    `training_noise`). The interval is for the recipe trained once on twice the images, and judged by other images.
    """
    points = sorted(points, key=lambda point: point.images)
    if len({point.images for point in points}) < 2 or not all(math.isfinite(point.score) for point in points):
        return None
    last = points[-1]
    doublings = np.array([math.log2(point.images / last.images) for point in points])
    errors = np.array([1 - point.score for point in points])
    noises = np.array([max(point.noise, 1e-4) for point in points])
    level, exponent, floor = np.meshgrid(_levels(errors, noises), EXPONENTS, FLOORS, indexing="ij")
    likely = -0.5 * (np.log(exponent / USUAL) / SPREAD) ** 2 + np.log(np.where(floor == 0, NO_FLOOR, (1 - NO_FLOOR) / (len(FLOORS) - 1)))
    for error, noise, distance in zip(errors, noises, doublings, strict=True):
        expected = level * _share(exponent, floor, distance)
        sd = np.hypot(noise, BENT * abs(distance) ** 1.5 * expected)
        likely = likely - np.log(sd) - 0.5 * ((error - expected) / sd) ** 2
    weights = np.exp(likely - likely.max()).ravel()
    rng = np.random.default_rng(SEED)
    chosen = np.searchsorted(np.cumsum(weights) / weights.sum(), (np.arange(DRAWS) + rng.random(DRAWS)) / DRAWS).clip(max=len(weights) - 1)
    now = level.ravel()[chosen]
    then = now * _share(exponent.ravel()[chosen], floor.ravel()[chosen], 1.0) * np.exp(BENT * rng.normal(size=DRAWS))
    gains = now - then
    own = training_noise(1 - float(np.mean(then))) if again is None else again
    scores = 1 - then + math.hypot(own, shared) * rng.normal(size=DRAWS)
    low, high = np.percentile(np.minimum(scores, 1.0), [2.5, 97.5])
    fewest, most = np.percentile(gains, [2.5, 97.5])
    return Forecast(2 * last.images, float(np.mean(1 - then)), (float(low), float(high)), float(np.mean(gains)), (float(fewest), float(most)))


def _levels(errors: np.ndarray, noises: np.ndarray) -> np.ndarray:
    """Errors at the last point that are worth a try, from far below to far above the measured one."""
    reach = 5 * float(noises[-1]) + 0.1 * abs(float(errors[-1]))
    low = max(0.02 * noises[-1], errors[-1] - reach, 1e-5)
    return np.linspace(low, max(errors[-1], low) + reach, LEVELS)


def _share(exponent: np.ndarray, floor: np.ndarray, doublings: float) -> np.ndarray:
    """The error that many doublings after the last point, as a share of the error there."""
    return np.asarray(floor + (1 - floor) * 2.0 ** (-exponent * doublings))


def of_readouts(sizes: Sizes) -> Growth | None:
    """The growth of a readout, measured with several draws of the images to learn from."""
    noise, points = _draw_noise(sizes), []
    deviation = sizes.sizes[-1].deviation if sizes.sizes else 0.0
    for size in sizes.sizes:
        own = split(size.deviation, sizes.same)[0]
        points.append(Measured(size.images, sum(size.scores) / len(size.scores), math.hypot(own, noise / math.sqrt(size.images * len(size.scores)))))
    if not points:
        return None
    return growth_of(points, split(deviation, sizes.same)[1], "readout", again=noise / math.sqrt(2 * points[-1].images))


def _draw_noise(sizes: Sizes) -> float:
    """The standard deviation of a score from one draw of the images to learn from to the next, times the root of their number: all sizes tell it together."""
    squares = [(size.images * float(np.var(size.scores, ddof=1)), len(size.scores) - 1) for size in sizes.sizes if len(size.scores) > 1]
    freedom = sum(weight for _, weight in squares)
    if not freedom:
        return math.sqrt(sizes.sizes[-1].images) * training_noise(sizes.sizes[-1].scores[0]) if sizes.sizes else 0.0
    return math.sqrt(sum(square * weight for square, weight in squares) / freedom)


def of_trainings(scores: Sequence[tuple[int, float]], deviation: float, right: Sequence[str | None] = ()) -> Growth | None:
    """The growth of a trained network, from numbers of images and the score of a training on each.

    `deviation` is the standard deviation of the last score from judging images to others; `right` are the images that each answered correctly, packed, from
    which it is known how far the scores vary together.
    """
    last = max(scores, default=(0, 0.0))[1]
    own, shared = split(deviation, _same(right))
    points = [Measured(images, score, math.hypot(own * _scale(score, last), training_noise(score))) for images, score in scores]
    return growth_of(points, shared, "training")


def _same(right: Sequence[str | None]) -> float:
    """The mean correlation of which images were answered correctly, from one network to the next."""
    known = [unpacked(text).astype(float) for text in right if text]
    if len(known) < 2 or len({len(one) for one in known}) > 1 or any(one.std() == 0 for one in known):
        return SAME_IMAGES
    table = np.corrcoef(known)
    return float(np.mean(table[np.triu_indices(len(table), 1)]))


def _scale(score: float, last: float) -> float:
    """By how much the chance of judging images is larger for a score than for the last one: as for shares."""
    of, by = (min(0.98, max(0.02, one)) for one in (score, last))
    return math.sqrt(of * (1 - of) / (by * (1 - by)))


def growth_of(points: Sequence[Measured], shared: float, how: How, again: float | None = None) -> Growth | None:
    """The measured points with their intervals, and the forecast; None where there is none."""
    ahead = forecast(points, shared, again)
    if ahead is None:
        return None
    shown = tuple(_point(one, shared) for one in sorted(points, key=lambda point: point.images))
    return Growth(shown, Point(ahead.images, ahead.score, ahead.interval), ahead.gain, ahead.gain_interval, how)


def _point(one: Measured, shared: float) -> Point:
    half = Z95 * math.hypot(one.noise, shared)
    return Point(one.images, one.score, (one.score - half, min(1.0, one.score + half)))


def verdict(growth: Growth) -> str:
    """`help` where that is certain, `may help`, or `hardly help` where a gain that is worth it is not expected."""
    if growth.gain < at.FORECAST:
        return "hardly help"
    return "help" if growth.gain_interval[0] >= at.FORECAST / 2 else "may help"


def sentence(growth: Growth, metric: Measure) -> str:
    """What more images would give, in words: `More images would help: from 500 to 1,000 images its accuracy rose from 0.812 to 0.851; …`."""
    before, now, then = growth.points[-2], growth.points[-1], growth.twice
    kind = verdict(growth)
    opening = "More images may help" if kind == "may help" else f"More images would {kind}"
    low, high = ends_of(metric, then.interval)
    unit = f" {metric.unit}" if metric.scale is not None and metric.unit else ""
    return f"{opening}: from {before.images:,} to {now.images:,} images {_course(before, now, metric)}; {then.images:,} should give {low} to {high}{unit}."


def _course(before: Point, now: Point, metric: Measure) -> str:
    """`its accuracy rose from 0.812 to 0.851`, or `its RMSE fell from 3.2 years to 2.9 years`."""
    old, new = spelled(metric, before.score), spelled(metric, now.score)
    subject = f"its {metric_name(metric)}"
    if old == new:
        return f"{subject} stayed at {new}"
    up = (now.score > before.score) == (metric.scale is None)
    return f"{subject} {'rose' if up else 'fell'} from {old} to {new}"


def measured_how(growth: Growth, words: Words) -> str:
    """What was done to measure it, in a sentence or two."""
    if growth.how == "readout":
        return f"It is {words.readout} on pretrained features, fitted on random parts of the images, and judged by images that it had not learned from."
    return "The network was trained on parts of the images for as many steps, and judged by the validation images."


def bars(growth: Growth, metric: Measure, width: int = 30) -> list[tuple[str, str, str]]:
    """The curve for a terminal: images, the score with its interval, and a bar for each point, the forecast last."""
    every = (*growth.points, growth.twice)
    figures = [read(metric, point.score) for point in every]
    low, high = min(figures), max(figures)
    base = max(0.0, low - 0.5 * (high - low))  # the bars begin below the smallest figure, so that their differences show
    rows = []
    for point, figure in zip(every, figures, strict=True):
        share = (figure - base) / (high - base) if high > base else 1.0
        ahead = point is growth.twice
        text = f"{spelled(metric, point.score, unit=False)} ({' to '.join(ends_of(metric, point.interval))})"
        rows.append((f"{point.images:,}", f"{text}{', forecast' if ahead else ''}", ("-" if ahead else "=") * max(1, round(share * width))))
    return rows
