"""Draw size, latency and score of every variant in one chart (SVG, no script, light and dark)."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from automl_cnn.export.proof import Proof
from automl_cnn.judged import metric_name
from automl_cnn.measure import Measure, spelled

WIDE, TALL, LEFT, TOP = 720, 420, 70, 30
RIGHT, BOTTOM = WIDE - 170, TALL - 60
STYLE = (
    "svg{color-scheme:light dark;background:light-dark(#fff,#161616);font:13px system-ui,sans-serif}"
    "text{fill:light-dark(#222,#ddd)}line{stroke:light-dark(#ccc,#444)}"
    "circle{fill:#3b7dd8;fill-opacity:.45;stroke:#3b7dd8}circle.front{fill:#d9822b;stroke:#d9822b}"
)


@dataclass(frozen=True)
class Shown:
    """One variant: its score (None if there were no images to measure it), and the share of its predictions that equal the original's."""

    file: str
    latency: float  # milliseconds for one image
    bytes: int
    score: float | None
    same: float

    @classmethod
    def of(cls, file: str, proof: Proof) -> Shown:
        """The variant with this proof."""
        return cls(file, proof.latency_ms["1"], proof.bytes, proof.score, proof.same)

    @property
    def height(self) -> float:
        """The value on the vertical axis."""
        return self.same if self.score is None else self.score


def variants(rows: Sequence[Shown], measured: str = "accuracy") -> str:
    """An SVG: latency to the right, the score up, size as the circles' area; the Pareto front stands out.

    `measured` is the name of the score's metric (see `automl_cnn.measure`). If no score is known, the share of unchanged predictions takes its place.
    """
    shown = [(row.file, row.latency, row.height, row.bytes) for row in rows]
    scored = all(row.score is not None for row in rows)
    unit = f" ({measured.unit})" if isinstance(measured, Measure) and measured.unit else ""
    what = f"{metric_name(measured)}{unit} on the test images" if scored else "share of the original's answers"
    measured = measured if scored else "share"
    low, high = _span([math.log10(latency) for _, latency, _, _ in shown], 0.15)
    floor, roof = _span([height for _, _, height, _ in shown], 0.01)
    largest = max((size for *_, size in shown), default=1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {TALL}" role="img" aria-label="{what} against latency of {len(shown)} variants">',
        f"<style>{STYLE}</style>",
        f'<line x1="{LEFT}" y1="{BOTTOM}" x2="{RIGHT}" y2="{BOTTOM}"/><line x1="{LEFT}" y1="{TOP}" x2="{LEFT}" y2="{BOTTOM}"/>',
        f'<text x="{(LEFT + RIGHT) / 2:.0f}" y="{TALL - 14}" text-anchor="middle">milliseconds for one image (logarithmic); area: size on disk</text>',
        f'<text x="{RIGHT + 12}" y="{TALL - 30}">orange: no other is</text><text x="{RIGHT + 12}" y="{TALL - 14}">better in all three</text>',
        f'<text x="16" y="{(TOP + BOTTOM) / 2:.0f}" text-anchor="middle" transform="rotate(-90 16 {(TOP + BOTTOM) / 2:.0f})">{what}</text>',
    ]
    for share in (0.0, 0.5, 1.0):
        x, y = LEFT + share * (RIGHT - LEFT), BOTTOM - share * (BOTTOM - TOP)
        parts.append(f'<text x="{x:.0f}" y="{BOTTOM + 18}" text-anchor="middle">{10 ** (low + share * (high - low)):.3g}</text>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{spelled(measured, floor + share * (roof - floor), unit=False)}</text>')
    labels: list[float] = []
    for name, latency, height, size in sorted(shown, key=lambda row: (-row[2], -row[1])):
        x = LEFT + (math.log10(latency) - low) / (high - low) * (RIGHT - LEFT)
        y = BOTTOM - (height - floor) / (roof - floor) * (BOTTOM - TOP)
        radius = 4 + 22 * math.sqrt(size / largest)
        front = not any(_beats(other, (latency, height, size)) for _, *other in shown)
        line = max([y, *(place + 15 for place in labels)])  # names one below the other
        labels.append(line)
        mark = ' class="front"' if front else ""
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"{mark}><title>{_words(name, latency, spelled(measured, height), size)}</title></circle>'
        )
        parts.append(f'<text x="{RIGHT + 12}" y="{line + 4:.0f}">{html.escape(name)}</text><line x1="{x:.1f}" y1="{y:.1f}" x2="{RIGHT + 8}" y2="{line:.1f}"/>')
    return "\n".join([*parts, "</svg>\n"])


def _words(name: str, latency: float, score: str, size: int) -> str:
    return html.escape(f"{name}: {score}, {latency:.2f} ms, {size / 1e6:.2f} MB")


def _span(values: Sequence[float], margin: float) -> tuple[float, float]:
    return min(values, default=0.0) - margin, max(values, default=1.0) + margin


def _beats(other: Sequence[float], mine: tuple[float, float, float]) -> bool:
    """Whether another is no worse in latency, accuracy and size, and better in one."""
    no_worse = other[0] <= mine[0] and other[1] >= mine[1] and other[2] <= mine[2]
    return no_worse and tuple(other) != mine
