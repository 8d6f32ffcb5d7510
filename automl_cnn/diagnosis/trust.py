"""Can the labels, the split and the score be trusted?"""

from __future__ import annotations

import math

import numpy as np

from automl_cnn.diagnosis import thresholds as at
from automl_cnn.diagnosis.curves import Curves, error
from automl_cnn.diagnosis.grades import grade
from automl_cnn.diagnosis.symptoms import smoothed
from automl_cnn.measure import noun, points
from automl_cnn.records import Finding


def leak(curves: Curves) -> Finding | None:
    """Validation or test images that the network has seen: copies of training images, or a score above the training images' own."""
    shares = {"validation": curves.context.copies or 0.0, "test": curves.context.copies_test or 0.0}
    split = max(shares, key=lambda name: shares[name])
    copies = shares[split]
    above = -curves.gap if curves.measured else 0.0
    if copies >= at.COPIES:
        sentence = f"{copies:.0%} of the {split} images are copies of training images (mirrored, shifted or re-encoded): the score is inflated."
        severity = grade(copies, at.COPIES, at.COPIES_HIGH)
    elif above >= max(at.ABOVE, at.Z * curves.gap_error) and curves.learned > 0.5:
        sentence = f"It {curves.words.right} more often on validation images than on training images, by {100 * above:.0f} points, both "
        sentence += "unaugmented: that should not happen."
        severity = "medium"
    else:
        return None
    return Finding("leak", severity, sentence, {"copies": copies, "above": above})


def label_noise(curves: Curves) -> Finding | None:
    """It memorizes training images and does not generalize, or it generalized better before it memorized the last ones."""
    gap, held = curves.gap, curves.end(curves.val_accuracy)
    chance = (
        curves.context.majority if curves.context.majority is not None else 1 / curves.context.classes if curves.context.classes else math.exp(-curves.nothing)
    )
    if gap >= max(at.MEMORIZED, at.Z * curves.gap_error) and held < chance + at.Z * error(chance, curves.images):
        return Finding(
            "label_noise",
            "high",
            f"It memorized {curves.end(curves.accuracy):.0%} of the training images, but on others it {curves.words.right} as often as "
            f"{curves.words.blind} ({held:.0%}): the {curves.words.labels} have little to do with the images.",
            {"training_accuracy": curves.end(curves.accuracy), "validation_accuracy": held, "chance": chance},
        )
    smooth = smoothed(curves.val_accuracy)
    best = int(np.argmax(smooth))
    fall, gained = float(smooth[best]) - held, curves.end(curves.accuracy) - float(curves.accuracy[best])
    if len(curves) < 8 or fall < max(at.FALL, at.Z * error(held, curves.images)) or gained < at.FALL:
        return None
    return Finding(
        "label_noise",
        "medium",
        f"From epoch {curves.numbers[best]} on it lost {100 * fall:.0f} points on validation images while it gained {100 * gained:.0f} on training images: "
        f"{curves.words.mislabeled}.",
        {"fall": fall, "gained": gained, "training_accuracy": curves.end(curves.accuracy), "validation_accuracy": held},
        curves.numbers[best],
    )


def noisy_validation(curves: Curves) -> Finding | None:
    """Too few validation images to tell."""
    share = curves.trial.score if curves.trial.score is not None else curves.end(curves.val_accuracy)
    low, high = curves.trial.interval or (share - 1.96 * error(share, curves.images), share + 1.96 * error(share, curves.images))
    half, metric = (high - low) / 2, curves.context.metric
    if half < at.HALF_WIDTH:
        return None
    return Finding(
        "noisy_validation",
        grade(half, at.HALF_WIDTH_MEDIUM, math.inf),
        f"{curves.images:,} different validation images measure the {noun(metric)} only to ± {points(metric, half)}: smaller differences between networks are "
        "within chance.",
        {"validation_images": float(curves.images), "half_width": half},
    )
