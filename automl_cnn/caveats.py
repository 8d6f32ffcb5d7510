"""What to know before a score is believed, in sentences: the same in terminal, JSON, report and model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COPIES, COPIES_TEST = "copies", "copies_test"  # what the shares of copies are called in a study's record
INDEPENDENT = "independent"  # and the numbers of different photos by split
LEAST = 0.01  # share of copies from which a score is visibly too good
SPLITS = ((COPIES, "validation"), (COPIES_TEST, "test"))


def leaks(data: Mapping[str, Any]) -> tuple[str, ...]:
    """What the shares of copies in a data set in figures mean for its scores; nothing where there are none."""
    shares = [(float(data.get(key) or 0.0), words) for key, words in SPLITS]
    return tuple(
        f"{_percent(share)} of the {words} images are copies of training images (mirrored, shifted or re-encoded): the true score is likely lower."
        for share, words in shares
        if share >= LEAST
    )


def clean(data: Mapping[str, Any]) -> bool:
    """Whether no test image is known to be a copy of a training image."""
    return not data.get(COPIES_TEST)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
