"""Charts as SVG text. Their colors come from CSS classes only, so that the page's style decides them, light and dark.

An element with `data-tip` shows it on hover and focus (script.js) and, without scripts, through its <title>.
Each chart has a role and a label that describes it, and is next to a table with the same numbers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from automl_cnn.report.numbers import figures, percent, powers, ticks

WIDTH, HEIGHT, TALL = 440, 270, 360  # drawn for a phone, scaled up on a desk
SEPARATE = 150  # points up to which each is a mark of its own, with a tooltip
LONG = 28  # signs of the upright axis' title, in one line
FAR = 25  # of more points, those that are
PARTS, A_PART = 10, 12  # of the points in a line of means, at most, and points in each of them at least
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 14, 42


@dataclass(frozen=True)
class Line:
    """A curve: its name, its look (a class of style.css) and its points."""

    name: str
    look: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Mark:
    """Something that begins or happens at one place of the x axis."""

    x: float
    words: str
    look: str = "mark"


@dataclass(frozen=True)
class Dot:
    """A point with a tooltip, `tip`; `low` and `high` are its interval."""

    x: float
    y: float
    tip: str
    look: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class _Axis:
    """Where values lie on the drawing."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        low, high, value = (math.log(number) if self.log else number for number in (self.low, self.high, value))
        share = (value - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 1)


def curves(  # noqa: PLR0917  # what is drawn, in reading order
    label: str, lines: Sequence[Line], x_words: str, y_words: str, marks: Sequence[Mark] = (), gap: tuple[str, str, float] | None = None, *, unit: bool = False
) -> Markup:
    """Lines over epochs. `gap` shades between two lines, by name, from an x on; `unit` makes the y axis end at 0 and 1."""
    shown = [line for line in lines if any(math.isfinite(y) for _, y in line.points)]
    if not shown:
        return Markup("")
    xs = [x for line in shown for x, _ in line.points]
    ys = [y for line in shown for _, y in line.points if math.isfinite(y)]
    low, high = _spread(min(ys), max(ys), 0.0, 1.0 if unit else math.inf)
    across, up = _axes(min(*xs, 1.0), max(*xs, 2.0), low, high)
    parts = [_frame(across, up, x_words, y_words)]
    if gap is not None:
        parts.append(_gap(shown, gap, across, up))
    free_above = _free_above(ys, low, high)
    for number, mark in enumerate(marks):
        x = across.at(min(max(mark.x, across.low), across.high))
        anchor = "end" if x > (LEFT + WIDTH - RIGHT) / 2 else "start"
        lower = 14 * (number % 3)
        line_y = TOP + 11 + lower if free_above else HEIGHT - BOTTOM - 6 - lower
        parts.append(Markup('<line class="{}" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(mark.look, x, x, TOP, HEIGHT - BOTTOM))
        if mark.words:
            parts.append(
                Markup('<text class="{}-words" x="{}" y="{}" text-anchor="{}">{}</text>').format(
                    mark.look, x + (-4 if anchor == "end" else 4), line_y, anchor, mark.words
                )
            )
    for line in shown:
        finite = [(x, y) for x, y in line.points if math.isfinite(y)]
        path = " ".join(f"{across.at(x)},{up.at(y)}" for x, y in finite)
        parts.append(Markup('<polyline class="line {}" points="{}"/>').format(line.look, path))
        size = 3 if len(finite) <= 12 else 2
        for x, y in finite if len(finite) <= 150 else finite[:: len(finite) // 100]:
            parts.append(_dot(across.at(x), up.at(y), size, f"{line.name}, epoch {x:g}: {y:.3f}", f"dot {line.look}"))
    return _svg(label, parts)


def _free_above(ys: Sequence[float], low: float, high: float) -> bool:
    """Whether the upper part of a chart has fewer points than the lower: words fit better there."""
    above = sum(y > high - (high - low) / 3 for y in ys)
    return above <= sum(y < low + (high - low) / 3 for y in ys)


def scatter(  # noqa: PLR0917  # what is drawn, in reading order
    label: str, dots: Sequence[Dot], front: Sequence[tuple[float, float]], x_words: str, y_words: str, ceiling: float = 1.0
) -> Markup:
    """Scores or errors, up to `ceiling`, against a cost on a logarithmic axis, with the Pareto front as stairs."""
    usable = [dot for dot in dots if dot.x > 0]
    if not usable:
        return Markup("")
    left, right = min(dot.x for dot in usable), max(dot.x for dot in usable)
    low, high = _spread(min(dot.y for dot in usable), max(dot.high or dot.y for dot in usable), 0.0, ceiling)
    across, up = _axes(left / 1.3, right * 1.3, low, high, log=True)
    parts = [_frame(across, up, x_words, y_words)]
    if front:
        stairs = [(across.at(front[0][0]), up.at(front[0][1]))]
        for x, y in front[1:]:
            stairs += [(across.at(x), stairs[-1][1]), (across.at(x), up.at(y))]
        stairs.append((WIDTH - RIGHT, stairs[-1][1]))
        parts.append(Markup('<polyline class="line front" points="{}"/>').format(" ".join(f"{x},{y}" for x, y in stairs)))
    for dot in usable:
        x, y = across.at(dot.x), up.at(dot.y)
        if dot.low is not None and dot.high is not None:
            span = up.at(max(dot.low, low)), up.at(min(dot.high, high))
            parts.append(Markup('<line class="whisker {}" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(dot.look, x, x, *span))
        parts.append(_dot(x, y, 6 if "winner" in dot.look else 4, dot.tip, f"dot {dot.look}"))
    return _svg(label, parts)


def growth(label: str, dots: Sequence[Dot], ahead: Dot, y_words: str) -> Markup:
    """Scores or errors against the number of images, which is on a logarithmic axis; the last step, to `ahead`, is a forecast."""
    every = [*dots, ahead]
    ends = [end for dot in every for end in (dot.y, dot.low, dot.high) if end is not None]
    low, high = _spread(min(ends), max(ends), 0.0 if min(ends) >= 0 else -math.inf, math.inf)
    across, up = _axes(dots[0].x / 1.15, ahead.x * 1.15, low, high, log=True)
    parts = [_frame(across, up, "images to learn from", y_words, [dot.x for dot in every])]
    for look, some in (("validation", dots), ("ahead", every[-2:])):
        parts.append(Markup('<polyline class="line {}" points="{}"/>').format(look, " ".join(f"{across.at(dot.x)},{up.at(dot.y)}" for dot in some)))
    for dot in every:
        x = across.at(dot.x)
        if dot.low is not None and dot.high is not None:
            parts.append(Markup('<line class="whisker {}" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(dot.look, x, x, up.at(dot.low), up.at(dot.high)))
        parts.append(_dot(x, up.at(dot.y), 5, dot.tip, f"dot {dot.look}"))
    return _svg(label, parts)


def agreement(label: str, pairs: Sequence[tuple[float, float]], words: tuple[str, str], half: float | None, digits: int) -> Markup:
    """Answers (up) against truths (across), `pairs` of (truth, answer): on the diagonal, both are equal; within `half` of it lies the prediction interval."""
    if not pairs:
        return Markup("")
    values = [value for pair in pairs for value in pair]
    low, high = _spread(min(values), max(values), -math.inf, math.inf)
    across, up = _axes(low, high, low, high, height=TALL)
    parts = [_frame(across, up, *words)]
    if half is not None:
        room = min(half, high - low)
        corners = ((low, low), (low, low + room), (high - room, high), (high, high), (high, high - room), (low + room, low))
        parts.append(Markup('<polygon class="band" points="{}"/>').format(" ".join(f"{across.at(x)},{up.at(y)}" for x, y in corners)))
    parts.append(Markup('<line class="diagonal" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(across.at(low), up.at(low), across.at(high), up.at(high)))
    parts += _cloud([(across.at(truth), up.at(answer)) for truth, answer in pairs], _tips(pairs, digits), [answer - truth for truth, answer in pairs])
    return _svg(label, parts, TALL)


def errors(label: str, pairs: Sequence[tuple[float, float]], words: tuple[str, str], half: float | None, digits: int) -> Markup:
    """Errors, answer less truth (up), against truths (across), with the prediction interval and the mean error of neighbors as a line."""
    if not pairs:
        return Markup("")
    off = [answer - truth for truth, answer in pairs]
    left, right = _spread(min(truth for truth, _ in pairs), max(truth for truth, _ in pairs), -math.inf, math.inf)
    most = 1.08 * max(*map(abs, off), half or 0.0) or 1.0
    across, up = _axes(left, right, -most, most, height=TALL)
    parts = [_frame(across, up, *words)]
    if half is not None:
        top, bottom = up.at(half), up.at(-half)
        parts.append(Markup('<rect class="band" x="{}" y="{}" width="{}" height="{}"/>').format(LEFT, top, WIDTH - RIGHT - LEFT, round(bottom - top, 1)))
    parts.append(Markup('<line class="diagonal" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(LEFT, WIDTH - RIGHT, up.at(0.0), up.at(0.0)))
    parts += _cloud([(across.at(truth), up.at(error)) for (truth, _), error in zip(pairs, off, strict=True)], _tips(pairs, digits), off)
    if len(means := _means([(truth, error) for (truth, _), error in zip(pairs, off, strict=True)])) > 1:
        parts.append(Markup('<polyline class="line means" points="{}"/>').format(" ".join(f"{across.at(x)},{up.at(y)}" for x, y in means)))
    return _svg(label, parts, TALL)


def histogram(label: str, counts: Sequence[int], low: float, high: float, x_words: str) -> Markup:
    """How many images lie in each of equal parts between two numbers."""
    if not counts or not high > low:
        return Markup("")
    across, up = _axes(low, high, 0.0, 1.05 * max(*counts, 1))
    width = (high - low) / len(counts)
    parts = [_frame(across, up, x_words, "images")]
    for number, count in enumerate(counts):
        start, end, top = across.at(low + number * width), across.at(low + (number + 1) * width), up.at(count)
        tip = f"{low + number * width:.4g} to {low + (number + 1) * width:.4g}: {count:,}"
        parts.append(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}" data-tip="{}"/>').format(
                start, top, round(max(0.5, end - start - 1), 1), round(up.start - top, 1), tip
            )
        )
    return _svg(label, parts)


def _tips(pairs: Sequence[tuple[float, float]], digits: int) -> list[str]:
    return [f"true {truth:,.{digits}f}, predicted {answer:,.{digits}f}, off by {answer - truth:+,.{digits}f}" for truth, answer in pairs]


def _cloud(places: Sequence[tuple[float, float]], tips: Sequence[str], off: Sequence[float]) -> list[Markup]:
    """Points: each a mark with a tooltip where they are few; else all in one path, and marks for those that are the farthest `off`."""
    if len(places) <= SEPARATE:
        return [_dot(x, y, 3.5, tip, "dot point") for (x, y), tip in zip(places, tips, strict=True)]
    farthest = sorted(range(len(places)), key=lambda number: -abs(off[number]))[:FAR]
    path = " ".join(f"M{x} {y}h0" for x, y in places)
    return [Markup('<path class="cloud" d="{}"/>').format(path), *(_dot(*places[number], 3.5, tips[number], "dot point") for number in sorted(farthest))]


def _means(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The means of parts with about equal numbers of points, from left to right."""
    ordered = sorted(points)
    parts = max(1, min(PARTS, len(ordered) // A_PART))
    cuts = [round(number * len(ordered) / parts) for number in range(parts + 1)]
    groups = [ordered[start:end] for start, end in itertools.pairwise(cuts) if end > start]
    return [(sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups]


def bars(label: str, values: Sequence[tuple[str, float]]) -> Markup:
    """Shares of one, a bar each, the name above it."""
    if not values:
        return Markup("")
    row = 34
    top = max(value for _, value in values) or 1.0
    parts = []
    for number, (name, value) in enumerate(values):
        y = number * row
        width = round((WIDTH - 60) * value / top, 1)
        parts.append(
            Markup(
                '<text x="0" y="{}">{}</text><rect class="bar" x="0" y="{}" width="{}" height="11" rx="2" data-tip="{}"/><text x="{}" y="{}">{}</text>'
            ).format(y + 13, name, y + 18, max(1.0, width), f"{name}: {percent(value)}", width + 6, y + 28, percent(value, 0))
        )
    return _svg(label, parts, row * len(values) + 2)


def reliability(label: str, series: Sequence[tuple[str, str, Sequence[tuple[float, float, int]]]], what: str = "images") -> Markup:
    """Accuracy against confidence; each series is (name, look, points of (confidence, accuracy, number of `what`)). On the diagonal, both are equal."""
    across, up = _axes(0.0, 1.0, 0.0, 1.0)
    parts = [_frame(across, up, "confidence", "share right")]
    parts.append(Markup('<line class="diagonal" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(across.at(0), up.at(0), across.at(1), up.at(1)))
    for name, look, points in series:
        parts.append(Markup('<polyline class="line {}" points="{}"/>').format(look, " ".join(f"{across.at(x)},{up.at(y)}" for x, y, _ in points)))
        most = max((count for _, _, count in points), default=1)
        for x, y, count in points:
            tip = f"{name}: {count} {what}, confidence {percent(x)}, correct {percent(y)}"
            parts.append(_dot(across.at(x), up.at(y), round(2.5 + 5 * math.sqrt(count / most), 1), tip, f"dot {look}"))
    return _svg(label, parts)


def cells(label: str, matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> Markup:
    """A confusion matrix too large for a table: a square a cell, the darker the larger its share of the row."""
    count = len(matrix)
    side = WIDTH / count
    parts = [Markup('<rect class="ground" x="0" y="0" width="{}" height="{}"/>').format(WIDTH, WIDTH)]
    for row, line in enumerate(matrix):
        total = sum(line) or 1
        for column, number in enumerate(line):
            if number:
                parts.append(
                    Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" opacity="{}" data-tip="{}"/>').format(
                        "cell right" if row == column else "cell wrong",
                        round(column * side, 2),
                        round(row * side, 2),
                        round(side, 2),
                        round(side, 2),
                        round(0.25 + 0.75 * number / total, 2),
                        f"{classes[row]} predicted as {classes[column]}: {number} of {total}",
                    )
                )
    return _svg(label, parts, WIDTH)


def _spread(low: float, high: float, floor: float, ceiling: float) -> tuple[float, float]:
    """Some room around the values, within floor and ceiling."""
    room = 0.06 * (high - low) or 0.05 * abs(high) or 0.05
    return max(floor, low - room), min(ceiling, high + room) if high <= ceiling else high


def _axes(left: float, right: float, low: float, high: float, *, log: bool = False, height: float = HEIGHT) -> tuple[_Axis, _Axis]:
    return _Axis(left, right, LEFT, WIDTH - RIGHT, log), _Axis(low, high if high > low else low + 1, height - BOTTOM, TOP)


def _frame(across: _Axis, up: _Axis, x_words: str, y_words: str, places: Sequence[float] = ()) -> Markup:
    """Axes with rules and words; `places` are what the axis across is marked at, in place of round numbers."""
    parts, bottom = [], round(up.start)
    for value in ticks(up.low, up.high):
        y = up.at(value)
        parts.append(Markup('<line class="rule" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(LEFT, WIDTH - RIGHT, y, y))
        parts.append(Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(LEFT - 6, y + 4, figures(value)))
    for value in places or (powers(across.low, across.high) if across.log else ticks(across.low, across.high, 6, whole=x_words == "epoch")):
        parts.append(Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(across.at(value), bottom + 16, figures(value)))
    parts.append(Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(LEFT, WIDTH - RIGHT, bottom, bottom))
    parts.append(Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format((LEFT + WIDTH - RIGHT) / 2, bottom + BOTTOM - 6, x_words))
    middle = (TOP + bottom) / 2
    lines = _broken(y_words)
    for number, words in enumerate(lines):
        x = 12 if len(lines) == 1 else 9 + 13 * number
        parts.append(Markup('<text x="{}" y="{}" text-anchor="middle" transform="rotate(-90 {} {})">{}</text>').format(x, middle, x, middle, words))
    return Markup("").join(parts)


def _broken(words: str) -> tuple[str, ...]:
    """The title of the upright axis in one line, or, where it is long, in two of about the same length."""
    if len(words) <= LONG:
        return (words,)
    cuts = [place for place, sign in enumerate(words) if sign == " "]
    cut = min(cuts, key=lambda place: abs(place - len(words) / 2), default=0)
    return (words[:cut], words[cut + 1 :]) if cut else (words,)


def _gap(lines: Sequence[Line], gap: tuple[str, str, float], across: _Axis, up: _Axis) -> Markup:
    first, second, start = gap
    by_name = {line.name: dict(line.points) for line in lines}
    if first not in by_name or second not in by_name:
        return Markup("")
    above, below = by_name[first], by_name[second]
    xs = sorted(x for x in above if x in below and x >= start)
    if len(xs) < 2:
        return Markup("")
    there = [f"{across.at(x)},{up.at(above[x])}" for x in xs]
    back = [f"{across.at(x)},{up.at(below[x])}" for x in reversed(xs)]
    return Markup('<polygon class="gap" points="{}"/>').format(" ".join([*there, *back]))


def _dot(x: float, y: float, size: float, tip: str, look: str) -> Markup:
    return Markup('<circle class="{}" cx="{}" cy="{}" r="{}" data-tip="{}"/>').format(look, x, y, size, tip)


def _svg(label: str, parts: Sequence[Markup], height: float = HEIGHT) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, height, label) + Markup("").join(map(escape, parts)) + Markup("</svg>")
