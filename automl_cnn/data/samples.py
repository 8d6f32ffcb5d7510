"""Real images that need no download: scikit-learn's handwritten digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

IMAGES, SIDE = 1797, 32  # number of images, and their height and width in pixels


def digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's 1,797 handwritten digits, enlarged from 8 to 32 px: gray images, uint8 (1797, 32, 32), and labels 0 to 9.

    Choose them for a first try and for lessons: a small network learns them in a minute. Alpaydin and Kaynak 1998,
    https://doi.org/10.24432/C50P49
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    bunch = load_digits()
    small = (bunch.images * 255 / 16).astype("uint8")
    return np.stack([np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for image in small]), bunch.target


def write_digits(folder: Path, *, only: np.ndarray | None = None) -> Path:
    """Write the digits as PNG files in class folders: the rows in `only`, or all. Existing files stay unchanged.

    Raises:
        OSError: the folder cannot be written.
    """
    from PIL import Image

    images, labels = digits()
    for row in np.arange(len(labels)) if only is None else only:
        path = folder / str(labels[row]) / f"{row:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            Image.fromarray(images[row]).save(path)
    return folder
