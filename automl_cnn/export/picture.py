"""Size, latency and accuracy of every variant in one picture (SVG, no script, light and dark)."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

WIDE, TALL, LEFT, TOP = 720, 420, 70, 30
RIGHT, BOTTOM = WIDE - 170, TALL - 60
STYLE = (
    "svg{color-scheme:light dark;background:light-dark(#fff,#161616);font:13px system-ui,sans-serif}"
    "text{fill:light-dark(#222,#ddd)}line{stroke:light-dark(#ccc,#444)}"
    "circle{fill:#3b7dd8;fill-opacity:.45;stroke:#3b7dd8}circle.front{fill:#d9822b;stroke:#d9822b}"
)


def variants(rows: Sequence[Mapping[str, Any]], measured: str = "accuracy") -> str:
    """An SVG of `Variant.as_dict()`s: latency to the right, accuracy up, size as the circles' area; the Pareto front stands out.

    `measured` is what the accuracy is called. Where none is known, the share of labels that stayed takes its place.
    """
    shown = [(str(row["file"]), float(row["latency_ms"]["1"]), _height(row), int(row["bytes"])) for row in rows]
    what = f"{measured} on the test images" if all(row["accuracy"] is not None for row in rows) else "share of the original's labels"
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
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{floor + share * (roof - floor):.3f}</text>')
    labels: list[float] = []
    for name, latency, height, size in sorted(shown, key=lambda row: (-row[2], -row[1])):
        x = LEFT + (math.log10(latency) - low) / (high - low) * (RIGHT - LEFT)
        y = BOTTOM - (height - floor) / (roof - floor) * (BOTTOM - TOP)
        radius = 4 + 22 * math.sqrt(size / largest)
        front = not any(_beats(other, (latency, height, size)) for _, *other in shown)
        line = max([y, *(place + 15 for place in labels)])  # names one below the other
        labels.append(line)
        mark = ' class="front"' if front else ""
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"{mark}><title>{_words(name, latency, height, size)}</title></circle>')
        parts.append(f'<text x="{RIGHT + 12}" y="{line + 4:.0f}">{html.escape(name)}</text><line x1="{x:.1f}" y1="{y:.1f}" x2="{RIGHT + 8}" y2="{line:.1f}"/>')
    return "\n".join([*parts, "</svg>\n"])


def _words(name: str, latency: float, height: float, size: int) -> str:
    return html.escape(f"{name}: {height:.3f}, {latency:.2f} ms, {size / 1e6:.2f} MB")


def _height(row: Mapping[str, Any]) -> float:
    return float(row["accuracy"] if row["accuracy"] is not None else row["same_labels"])


def _span(values: Sequence[float], margin: float) -> tuple[float, float]:
    return min(values, default=0.0) - margin, max(values, default=1.0) + margin


def _beats(other: Sequence[float], mine: tuple[float, float, float]) -> bool:
    """Whether another is no worse in latency, accuracy and size, and better in one."""
    no_worse = other[0] <= mine[0] and other[1] >= mine[1] and other[2] <= mine[2]
    return no_worse and tuple(other) != mine
