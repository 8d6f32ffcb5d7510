"""Makes what the cases spoil: `python made.py model FOLDER` or `python made.py study FOLDER`. Run as a program of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CLASSES = ("cat", "dog", "eel")
SIZE = 16


def model(folder: Path) -> None:
    """model.keras, which tells the strongest color (cat: red, dog: green, eel: blue), and its exports."""
    import keras
    import numpy as np

    from automl_cnn.export.folder import export
    from automl_cnn.export.formats import FORMATS
    from automl_cnn.layers import Resize
    from automl_cnn.modelfile import file as modelfile

    pixels = keras.Input((None, None, 3), name="pixels")
    x = keras.layers.Rescaling(1 / 127.5, -1, name="rescale")(Resize(SIZE, name="resize")(pixels))
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(len(CLASSES), name="classifier")(x)
    made = keras.Model(pixels, keras.layers.Softmax(name="probabilities", dtype="float32")(x))
    made.get_layer("classifier").set_weights([4 * np.eye(3, dtype=np.float32), np.zeros(3, np.float32)])
    file = folder / "model.keras"
    made.save(file)
    modelfile.write_card(file, {"classes": list(CLASSES), "size": SIZE, "channels": 3, "metric": "accuracy", "study": "tiny", "configuration": {}})
    modelfile.seal(file)
    installed = [name for name in FORMATS if _is_installed(FORMATS[name])]
    export(file, folder / "exported", names=installed)


def study(folder: Path) -> None:
    """A search of two trials over three classes of colored noise."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for channel, label in enumerate(CLASSES):
        (folder / "photos" / label).mkdir(parents=True)
        for index in range(16):
            noise = rng.integers(0, 120, (24, 24, 3), dtype=np.uint8)
            noise[..., channel] += 100
            Image.fromarray(noise).save(folder / "photos" / label / f"{index}.png")
    command = [sys.executable, "-P", "-m", "automl_cnn", "search", "--data", str(folder / "photos"), "--store", str(folder / "store")]
    subprocess.run([*command, "--name", "tiny", "--trials", "2", "--budget", "3m", "--max-resolution", "24"], check=True)


def _is_installed(kind: object) -> bool:
    from automl_cnn.errors import AutomlCnnError

    try:
        kind.require(())  # type: ignore[attr-defined]  # a format
    except AutomlCnnError:
        return False
    return True


if __name__ == "__main__":
    {"model": model, "study": study}[sys.argv[1]](Path(sys.argv[2]))
