"""Two networks on the same images: which was right where the other was wrong.

Their difference is far better known than either score, since most images are right or wrong for both
(McNemar 1947, https://doi.org/10.1007/BF02295996).
"""

from __future__ import annotations

import base64
import math

import numpy as np

from automl_cnn.records import Trial

TRAINING_SD = 0.01  # of a score from one training to the next of the same configuration: what no number of images takes away


def packed(right: np.ndarray) -> str:
    """Which images were answered rightly, as text of a bit each: `2:wA==` are two, both right."""
    return f"{len(right)}:{base64.b64encode(np.packbits(right.astype(bool)).tobytes()).decode()}"


def unpacked(text: str) -> np.ndarray:
    """What `packed` was given, bool (images,)."""
    count, _, bits = text.partition(":")
    return np.unpackbits(np.frombuffer(base64.b64decode(bits), np.uint8), count=int(count)).astype(bool)


def difference(before: Trial, after: Trial) -> tuple[float, float] | None:
    """By how much the score rose, and the standard deviation of that; None where one has no score.

    Paired over the validation images where both trials say which they had right, else from both intervals as if of different images.
    """
    if before.score is None or after.score is None:
        return None
    spread = _paired(before, after)
    if spread is None:
        spread = math.hypot(_sd(before), _sd(after))
    return after.score - before.score, math.hypot(spread, math.sqrt(2) * TRAINING_SD)


def _paired(before: Trial, after: Trial) -> float | None:
    if before.right is None or after.right is None:
        return None
    one, other = unpacked(before.right), unpacked(after.right)
    if len(one) != len(other) or not len(one):
        return None
    changed = other.astype(float) - one
    return float(math.sqrt((np.var(changed) + 1 / len(one) ** 2) / len(one)))  # as if one image more had changed: none is not never


def _sd(trial: Trial) -> float:
    """The standard deviation of a score, by its 95 % interval."""
    return 0.05 if trial.interval is None else (trial.interval[1] - trial.interval[0]) / (2 * 1.96)
