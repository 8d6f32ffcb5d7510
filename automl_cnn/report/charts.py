"""Charts as SVG text. Their colors come from CSS classes only, so that the page's style decides them, light and dark.

An element with `data-tip` shows it on hover and focus (script.js) and, without scripts, through its <title>.
Each chart has a role and a label that describes it, and is next to a table with the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from automl_cnn.report.numbers import figures, percent, powers, ticks

WIDTH, HEIGHT = 440, 270  # drawn for a phone, scaled up on a desk
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


def scatter(label: str, dots: Sequence[Dot], front: Sequence[tuple[float, float]], x_words: str, y_words: str) -> Markup:
    """Score against a cost on a logarithmic axis, with the Pareto front as stairs."""
    usable = [dot for dot in dots if dot.x > 0]
    if not usable:
        return Markup("")
    left, right = min(dot.x for dot in usable), max(dot.x for dot in usable)
    low, high = _spread(min(dot.y for dot in usable), max(dot.high or dot.y for dot in usable), 0.0, 1.0)
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
            tip = f"{name}: {count} {what}, confidence {percent(x)}, right {percent(y)}"
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
                        f"{classes[row]} called {classes[column]}: {number} of {total}",
                    )
                )
    return _svg(label, parts, WIDTH)


def _spread(low: float, high: float, floor: float, ceiling: float) -> tuple[float, float]:
    """Some room around the values, within floor and ceiling."""
    room = 0.06 * (high - low) or 0.05 * abs(high) or 0.05
    return max(floor, low - room), min(ceiling, high + room) if high <= ceiling else high


def _axes(left: float, right: float, low: float, high: float, *, log: bool = False) -> tuple[_Axis, _Axis]:
    return _Axis(left, right, LEFT, WIDTH - RIGHT, log), _Axis(low, high if high > low else low + 1, HEIGHT - BOTTOM, TOP)


def _frame(across: _Axis, up: _Axis, x_words: str, y_words: str) -> Markup:
    parts = []
    for value in ticks(up.low, up.high):
        y = up.at(value)
        parts.append(Markup('<line class="rule" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(LEFT, WIDTH - RIGHT, y, y))
        parts.append(Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(LEFT - 6, y + 4, figures(value)))
    for value in powers(across.low, across.high) if across.log else ticks(across.low, across.high, 6, whole=x_words == "epoch"):
        parts.append(Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(across.at(value), HEIGHT - BOTTOM + 16, figures(value)))
    parts.append(Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, HEIGHT - BOTTOM))
    parts.append(Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_words))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(Markup('<text x="12" y="{}" text-anchor="middle" transform="rotate(-90 12 {})">{}</text>').format(middle, middle, y_words))
    return Markup("").join(parts)


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
