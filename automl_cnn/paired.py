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
    """By how much the second score is higher, and the standard error of that difference.

    Two cross-validated trials are compared on all images that they were judged by, others on the validation images. Of a cross-validated trial and another
    one, the first is known from many more images than those that both answered, and the comparison makes use of it. The error is 0 where it is not recorded
    which images the two answered correctly.
    """
    if before.cross_right and after.cross_right and len(unpacked(before.cross_right)) == len(unpacked(after.cross_right)):
        return (after.score or 0.0) - (before.score or 0.0), _spread(before.cross_right, after.cross_right) or 0.0
    if before.cross_right and not after.cross_right and (known := _corrected(before, after)) is not None:
        return known
    if after.cross_right and not before.cross_right and (known := _corrected(after, before)) is not None:
        return -known[0], known[1]
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


def gap(before: str, after: str) -> tuple[float, float]:
    """By how much the share of correct answers, packed, is higher after than before, and the standard error of that difference."""
    return float(np.mean(unpacked(after)) - np.mean(unpacked(before))), _spread(before, after) or 0.0


def _corrected(crossed: Trial, other: Trial) -> tuple[float, float] | None:
    """By how much `other` is ahead of a cross-validated trial, and the standard error; None where it is not known which images they answered correctly.

    On the few validation images both may be lucky together. How lucky the cross-validated one was is known, since its score comes from many images, and as
    much of it as the two have in common is taken off (a control variate: Lavenberg and Welch 1981, https://doi.org/10.1287/mnsc.27.3.322).
    """
    if crossed.right is None or other.right is None or crossed.cross_right is None or crossed.score is None:
        return None
    here, there = unpacked(crossed.right).astype(float), unpacked(other.right).astype(float)
    if len(here) != len(there) or not len(here):
        return None
    images, varied = len(here), float(np.var(here))
    common = float(np.mean(here * there) - here.mean() * there.mean()) / varied if varied else 0.0
    expected = common * (crossed.on_validation or 0.0) + (1 - common) * crossed.score
    every = unpacked(crossed.cross_right).astype(float)
    few = (float(np.var(there - common * here)) + 1 / images**2) / images  # as if one image more had changed
    many = (1 - common) ** 2 * (float(np.var(every)) + 1 / len(every) ** 2) / len(every)
    return (other.on_validation or 0.0) - expected, math.sqrt(few + many)


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
