"""Photos that are made up, for the tests of the check."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, side: int = 64) -> Image.Image:
    """Shapes and details that no other seed has."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(30, 220, (6, 6, 3), dtype=np.uint8)).resize((side, side), Image.Resampling.BICUBIC)
    fine = Image.fromarray(rng.integers(0, 255, (side // 2, side // 2, 3), dtype=np.uint8)).resize((side, side))
    return Image.blend(small, fine, 0.3)


def pets(place: Path) -> Path:
    """Two classes of 24 photos each."""
    for number in range(48):
        path = place / ("cat" if number < 24 else "dog") / f"photo {number:03d} of one.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number).save(path)
    return place
