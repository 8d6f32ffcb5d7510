"""Compound scaling: depth, width and resolution of a network grown together, by rules that were fitted on a small one.

    d = alpha^phi, w = beta^phi, r = gamma^phi      with alpha·beta²·gamma² ≈ 2, none below 1

so that phi = 1 about doubles the mult-adds, whatever the architecture. Pure: what a network costs is asked of a
function that is handed in. A network's own rounding (channels to multiples of 8, repeats upwards) is `BuildNet`'s.

Tan and Le 2019, EfficientNet, https://arxiv.org/abs/1905.11946
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from automl_cnn.errors import ConfigError
from automl_cnn.measure import ahead_by
from automl_cnn.records import NetCost
from automl_cnn.space import Configuration, Scalar

Cost = Callable[[Configuration], NetCost]

TOLERANCE = 0.1  # of alpha·beta²·gamma², as a share of 2; the paper's own coefficients give 1.92
SAME_COST = 0.3  # of the real mult-adds at phi = 1, as a share of twice the baseline's, within which grid points are compared
CLOSE = 0.03  # of the cost to match, within which no nearer network is looked for
LEAST_PAID = 1e-3  # mult-adds or milliseconds, so that logarithms exist
LOOKS = 12  # networks that are priced for it at most
OFF = 0.1  # of 2^phi, beyond which a growth is explained
STRIDES_FROM = (64, 128)  # px from which networks take another early downsampling; as in models.net, which is not to be imported here
Z95 = 1.96


@dataclass(frozen=True)
class Coefficients:
    """By how much depth, width and resolution grow from one phi to the next.

    Raises:
        ConfigError: one is below 1, or alpha·beta²·gamma² is not 2, within 10 %.
    """

    alpha: float
    beta: float
    gamma: float

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "gamma"):
            if not getattr(self, name) >= 1:
                raise ConfigError(f"{name} = {getattr(self, name):g}: expected at least 1, so that nothing shrinks while the network grows.")
        if abs(self.product / 2 - 1) > TOLERANCE + 1e-9:
            low, high = 2 * (1 - TOLERANCE), 2 * (1 + TOLERANCE)
            raise ConfigError(
                f"alpha·beta²·gamma² = {self.product:.3g}: expected {low:g} to {high:g}, so that phi = 1 doubles the mult-adds "
                f"(the paper's: alpha {PAPER.alpha:g}, beta {PAPER.beta:g}, gamma {PAPER.gamma:g})."
            )

    @property
    def product(self) -> float:
        """How much the mult-adds grow with each phi."""
        return self.alpha * self.beta**2 * self.gamma**2

    def __str__(self) -> str:
        return f"alpha {self.alpha:.3g}, beta {self.beta:.3g}, gamma {self.gamma:.3g}"


PAPER = Coefficients(1.2, 1.1, 1.15)
WAYS: Mapping[str, Coefficients] = {
    "depth": Coefficients(2.0, 1.0, 1.0),
    "width": Coefficients(1.0, math.sqrt(2), 1.0),
    "resolution": Coefficients(1.0, 1.0, math.sqrt(2)),
}  # what the paper compares compound scaling with


@dataclass(frozen=True)
class Published:
    """One row of the paper's family; `phi` is the nearest whole or half step of its rule."""

    name: str
    phi: float
    width: float
    depth: float
    resolution: int


EFFICIENTNETS = (
    Published("B0", 0.0, 1.0, 1.0, 224),
    Published("B1", 0.5, 1.0, 1.1, 240),
    Published("B2", 1.0, 1.1, 1.2, 260),
    Published("B3", 2.0, 1.2, 1.4, 300),
    Published("B4", 3.0, 1.4, 1.8, 380),
    Published("B5", 4.0, 1.6, 2.2, 456),
    Published("B6", 5.0, 1.8, 2.6, 528),
    Published("B7", 6.0, 2.0, 3.1, 600),
)  # B1 to B3 are the rule with tenths and tens of pixels; from B4 on the published multipliers grow faster than the paper's own coefficients


def published_rounding(phi: float, *, coefficients: Coefficients = PAPER, size: int = 224) -> tuple[float, float, int]:
    """Width, depth and pixels as the paper rounds them: multipliers to tenths, pixels to tens."""
    return round(coefficients.beta**phi, 1), round(coefficients.alpha**phi, 1), round(size * coefficients.gamma**phi / 10) * 10


def grid(steps: int = 3, *, resolution: bool = True) -> tuple[Coefficients, ...]:
    """The points to try at phi = 1: the doubling, in `steps` parts, shared out over depth, width and resolution.

    Three give ten points, of which the even one gives way to the paper's. Without `resolution`, where
    the images hold no more detail, gamma is 1 and four points are left.
    """
    points = []
    for deep in range(steps, -1, -1):
        for wide in range(steps - deep, -1, -1):
            sharp = steps - deep - wide
            if resolution or not sharp:
                points.append(Coefficients(*(round(2 ** (share / steps), 3) for share in (deep, wide / 2, sharp / 2))))
    if resolution:
        near = min(points, key=lambda point: math.dist(_shares(point), _shares(PAPER)))
        points[points.index(near)] = PAPER
    return tuple(points)


def _shares(point: Coefficients) -> tuple[float, float, float]:
    return math.log2(point.alpha), 2 * math.log2(point.beta), 2 * math.log2(point.gamma)


@dataclass(frozen=True)
class Choice:
    """The chosen coefficients, the reason, and the points that the data cannot distinguish from the best."""

    coefficients: Coefficients
    why: str
    tied: tuple[Coefficients, ...]


def choose(scores: Mapping[Coefficients, float], behind: Mapping[Coefficients, tuple[float, float]], metric: str = "") -> Choice:
    """The best point by its score, unless the paper's cannot be distinguished from it: then the paper's.

    `behind` says by how much each point falls behind the best, and the standard deviation of that; `metric` is what the scores are of.

    Raises:
        ValueError: there is no point.
    """
    if not scores:
        raise ValueError("no point of the grid has a score")
    best = max(scores, key=lambda point: scores[point])
    tied = tuple(point for point in scores if point == best or behind[point][0] <= Z95 * behind[point][1])
    if best == PAPER:
        return Choice(best, "the paper's coefficients have the best score here too", tied)
    if PAPER in tied:
        lost, spread = behind[PAPER]
        why = f"the paper's: {best} {ahead_by(metric, lost, Z95 * spread)}, which may be chance"
        return Choice(PAPER, why, tied)
    others = len(tied) - 1
    return Choice(best, "the best score" + (f"; {others} more cannot be distinguished from it" if others else ", and no other point comes near"), tied)


@dataclass(frozen=True)
class Scaled:
    """A scaled network: its multipliers and pixels, and by how much the rule says its mult-adds grow.

    `held` says why the resolution grew less than the rule has it; depth and width then took over its part.
    """

    phi: float
    depth: float
    width: float
    resolution: int
    predicted: float
    held: str = ""

    def of(self, base: Configuration) -> dict[str, Scalar]:
        """The baseline's configuration, scaled."""
        return {**base, "depth": self.depth, "width": self.width, "resolution": self.resolution}


def scaled(base: Configuration, phi: float, coefficients: Coefficients = PAPER, *, largest: int = 1024) -> Scaled:
    """The network at `phi` of a baseline (`depth`, `width`, 1 where missing, and `resolution`).

    The resolution never exceeds `largest`, what the images hold (enlarging adds no detail), nor the size from which
    the network would take another early stride and lose the detail again; what it cannot take, depth and width do.
    """
    depth, width, size = float(base.get("depth", 1.0)), float(base.get("width", 1.0)), int(base["resolution"])
    most, held = limit(size, largest)
    wished, grown = size * coefficients.gamma**phi, phi
    resolution = size if phi == 0 else rounded(wished)
    if phi > 0:
        resolution = max(size, min(resolution, most // 2 * 2))
    within = wished <= most or coefficients.gamma == 1
    if not within:
        rest = math.log(coefficients.alpha) + 2 * math.log(coefficients.beta)
        grown = (phi * math.log(coefficients.product) - 2 * math.log(resolution / size)) / rest if rest else 0.0
    d, w = coefficients.alpha**grown, coefficients.beta**grown
    return Scaled(phi, round(depth * d, 4), round(width * w, 4), resolution, d * w**2 * (resolution / size) ** 2, "" if within else held)


def limit(size: int, largest: int) -> tuple[int, str]:
    """The largest resolution that a network of `size` px may be scaled to, and why not more."""
    stride = next((start for start in STRIDES_FROM if size < start), None)
    if stride is not None and stride <= largest:
        return stride - 1, f"from {stride} px on, networks take another early stride and lose the detail again"
    return max(size, largest), f"the images hold about {largest} px, and enlarging adds no detail"


def rounded(size: float) -> int:
    """Pixels that halve evenly a few times, so that nothing is spent on padding: multiples of 8, below 64 of 4."""
    step = 8 if size >= min(STRIDES_FROM) else 4
    return max(step, round(size / step) * step)


def matched(base: Configuration, coefficients: Coefficients, target: float, paid: Callable[[Configuration], float], *, largest: int = 1024) -> Scaled:
    """The network of a way of scaling that costs nearest to `target`: phi is what it takes, below 0 where the network has to shrink.

    `paid` is what a network costs, in mult-adds or in milliseconds, as is `target`.
    """
    wanted = math.log(max(target, LEAST_PAID) / max(LEAST_PAID, paid(base))) / math.log(coefficients.product)
    low, high = (0.0, 2 * max(0.5, wanted)) if wanted >= 0 else (2 * min(-0.5, wanted), 0.0)
    best, best_off = scaled(base, 0.0, coefficients, largest=largest), math.inf
    phi = (low + high) / 2
    for _ in range(LOOKS):
        tried = scaled(base, phi, coefficients, largest=largest)
        off = math.log(max(LEAST_PAID, paid(tried.of(base))) / target)
        if abs(off) < best_off:
            best, best_off = tried, abs(off)
        if best_off <= math.log1p(CLOSE) or high - low < 0.02:
            break
        low, high = (low, phi) if off > 0 else (phi, high)
        phi = (low + high) / 2
    return best


@dataclass(frozen=True)
class Growth:
    """What a network at `phi` costs, in times the baseline's mult-adds: 2^phi by the rule, and really; `reason` where they differ by more than a tenth."""

    phi: float
    network: Scaled
    predicted: float
    actual: float
    reason: str = ""

    @property
    def off(self) -> float:
        """How far the real growth is from 2^phi, as a share of it."""
        return self.actual / self.predicted - 1


def growth(base: Configuration, phis: Sequence[float], cost: Cost, coefficients: Coefficients = PAPER, *, largest: int = 1024) -> tuple[Growth, ...]:
    """Predicted against real mult-adds, with the reason where they differ."""
    start = cost(base).mult_adds
    rows = []
    for phi in phis:
        network = scaled(base, phi, coefficients, largest=largest)
        row = Growth(phi, network, 2.0**phi, cost(network.of(base)).mult_adds / start)
        rows.append(row if abs(row.off) <= OFF else Growth(row.phi, network, row.predicted, row.actual, _reason(base, network, coefficients, cost)))
    return tuple(rows)


def _reason(base: Configuration, network: Scaled, coefficients: Coefficients, cost: Cost) -> str:
    """Which part of the rule the real network departs from, by scaling one dimension after the other; the largest departure first."""
    depth, width, size = float(base.get("depth", 1.0)), float(base.get("width", 1.0)), int(base["resolution"])
    one = {**base, "depth": network.depth}
    two = {**one, "width": network.width}
    costs = [cost(configuration).mult_adds for configuration in (base, one, two, network.of(base))]
    d, w, r = network.depth / depth, network.width / width, network.resolution / size
    parts = [
        (network.predicted / 2**network.phi, "rule", f"alpha·beta²·gamma² is {coefficients.product:.3g}, pixels are rounded"),
        (costs[1] / costs[0] / d, "depth", "repeats are rounded up, stem and head are not repeated"),
        (costs[2] / costs[1] / w**2, "width", "channels are rounded to multiples of 8, first and depthwise layers grow with w alone"),
        (costs[3] / costs[2] / r**2, "resolution", "maps are rounded up when halved, dense layers do not grow"),
    ]
    departures = sorted((part for part in parts if abs(math.log(part[0])) > 0.03), key=lambda part: -abs(math.log(part[0])))
    return "; ".join(f"{what} x{share:.2f} ({why})" for share, what, why in departures)


def mean(scores: Sequence[float], intervals: Sequence[tuple[float, float] | None]) -> tuple[float, tuple[float, float] | None]:
    """The mean score of trainings with different seeds and its 95 % interval.

    The seeds' spread shrinks with their number; that of the validation images does not, since all are scored on the same.
    """
    middle = sum(scores) / len(scores)
    known = [interval for interval in intervals if interval is not None]
    if not known:
        return middle, None
    images = sum(((high - low) / (2 * Z95)) ** 2 for low, high in known) / len(known)
    seeds = sum((score - middle) ** 2 for score in scores) / (len(scores) - 1) / len(scores) if len(scores) > 1 else 0.0
    half = Z95 * math.sqrt(images + seeds)
    return middle, (max(0.0, middle - half), min(1.0, middle + half))
