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


def gain(before: Trial, after: Trial) -> tuple[float, float]:
    """By how much the second score is higher, and the standard error of that difference over the images that both answered.

    Two cross-validated trials are compared on all images that they were judged by, others on the validation images. The error is 0 where it is not
    recorded which images the two answered correctly.
    """
    if before.cross_right and after.cross_right and len(unpacked(before.cross_right)) == len(unpacked(after.cross_right)):
        return (after.score or 0.0) - (before.score or 0.0), _spread(before.cross_right, after.cross_right) or 0.0
    return (after.on_validation or 0.0) - (before.on_validation or 0.0), _spread(before.right, after.right) or 0.0


def difference(before: Trial, after: Trial) -> tuple[float, float] | None:
    """By how much the score rose, and the standard deviation of that; None where one has no score.

    Paired over the validation images where both trials say which they had right, else from both intervals as if of different images.
    """
    if before.score is None or after.score is None:
        return None
    spread = _spread(before.right, after.right)
    if spread is None:
        spread = math.hypot(_sd(before), _sd(after))
    return after.score - before.score, math.hypot(spread, math.sqrt(2) * TRAINING_SD)


def _spread(before: str | None, after: str | None) -> float | None:
    """The standard error of the difference of two shares of correct answers, packed; None where it is not known which were correct."""
    if before is None or after is None:
        return None
    one, other = unpacked(before), unpacked(after)
    if len(one) != len(other) or not len(one):
        return None
    changed = other.astype(float) - one
    return float(math.sqrt((np.var(changed) + 1 / len(one) ** 2) / len(one)))  # as if one image more had changed: none is not never


def _sd(trial: Trial) -> float:
    """The standard deviation of a score, by its 95 % interval."""
    return 0.05 if trial.interval is None else (trial.interval[1] - trial.interval[0]) / (2 * 1.96)
