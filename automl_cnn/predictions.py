"""A network's probabilities for the validation images, kept inside its checkpoint, so that networks can be combined without running them again.

A `.keras` file is a zip archive, of which Keras reads only the members that it knows.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

MEMBER = "automl_cnn_validation.npy"


def keep(keras_file: Path, probabilities: np.ndarray) -> None:
    """Put them into the file that was just written."""
    content = io.BytesIO()
    np.save(content, np.asarray(probabilities, np.float32), allow_pickle=False)
    with zipfile.ZipFile(keras_file, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(MEMBER, content.getvalue())


def recall(keras_file: Path) -> np.ndarray | None:
    """Those in the file, (images, classes) in the order of the split; None where it is missing, damaged, or has none."""
    try:
        with zipfile.ZipFile(keras_file) as archive:
            probabilities = np.load(io.BytesIO(archive.read(MEMBER)), allow_pickle=False)
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    return np.asarray(probabilities) if probabilities.ndim == 2 else None
