"""Detect image sets whose shapes are extreme: for these, the ways to make images square must be compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LONG = 2.0  # times the shorter side: more than cameras and screens have (up to 16:9); squashing such an image distorts it visibly
SHARE = 0.25  # of the images that are longer than that, from which on they are many
VARIED = 4.0  # times as wide for its height as another: more than upright and level photos of one camera differ (3.2 at 16:9)
TAIL = 0.1  # of the images at either end, which a few odd ones do not decide


def extreme(sizes: Sequence[tuple[int, int]]) -> str:
    """Why the shapes of images (width, height) are extreme, as the end of a sentence; empty where they are not.

    Shapes are extreme if the longer side of a quarter of the images is more than twice the shorter one, or if the aspect ratio of the widest tenth is more than
    four times that of the narrowest tenth. A few odd images do not make a set extreme.
    """
    if not len(sizes):
        return ""
    aspect = np.log([width / height for width, height in sizes])
    share = float(np.mean(np.abs(aspect) > np.log(LONG)))
    if share >= SHARE:
        return f"one side is more than {LONG:g} times as long as the other in {share:.0%} of the images"
    narrow, wide = np.quantile(aspect, [TAIL, 1 - TAIL])
    if wide - narrow > np.log(VARIED):
        return f"the widest tenth of the images are {np.exp(wide - narrow):.1f} times as wide for their height as the narrowest tenth"
    return ""
