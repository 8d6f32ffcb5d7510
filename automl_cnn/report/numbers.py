"""Numbers and networks as text, and as labels of an axis."""

from __future__ import annotations

import math

from automl_cnn.records import Trial
from automl_cnn.transfer import name_of


def percent(share: float, digits: int = 1) -> str:
    """0.9912 as `99.1 %`, without a line break inside."""
    return f"{100 * share:.{digits}f}\u00a0%"


def ticks(low: float, high: float, count: int = 5, *, whole: bool = False) -> list[float]:
    """Round numbers within low..high, at steps of 1, 2 or 5 times a power of ten; whole numbers only if `whole`."""
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10 ** math.floor(math.log10(raw))
    step = min((power * factor for factor in (1, 2, 5, 10)), key=lambda candidate: abs(candidate - raw))
    step = max(1.0, step) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def powers(low: float, high: float) -> list[float]:
    """Marks of a logarithmic axis: powers of ten, with 2 and 5 times them where there are few."""
    span = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        marks = [factor * 10.0**power for power in span for factor in factors if low <= factor * 10.0**power <= high]
        if len(marks) >= 3:
            return marks
    return marks


def figures(value: float) -> str:
    """A mark's label: without needless zeros."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):g}{unit}"
    return f"{value:g}"


def network(trial: Trial) -> str:
    """The trial's network in a few words; `-` if its record is too old to name it."""
    try:
        name = name_of(trial.configuration)
    except KeyError:
        return "-"
    extra = [
        f"{key} {trial.configuration[key]:g}"
        for key in ("width", "depth")
        if isinstance(trial.configuration.get(key), float) and trial.configuration[key] != 1.0
    ]
    return ", ".join([name, *extra])
