"""What several tests share: real images, from a package or from the working sets."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REQUIRE = "AUTOML_CNN_REQUIRE_IMAGE_SETS"


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> Path:
    """Real handwritten digits 0, 1 and 2 as class folders, 24 images each, 32 px, from scikit-learn's own set."""
    from PIL import Image
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("images") / "digits"
    bunch = load_digits()
    for digit in range(3):
        (folder / str(digit)).mkdir(parents=True)
        for index, image in enumerate(bunch.images[bunch.target == digit][:24]):
            Image.fromarray((image * 255 / 16).astype("uint8")).resize((32, 32)).save(folder / str(digit) / f"{index}.png")
    return folder


@pytest.fixture(scope="session")
def image_set(tmp_path_factory):
    """`image_set("flowers5")` unpacks one of the working sets; skips where they are absent, fails where they are demanded."""

    def unpack(name: str) -> Path:
        archive = Path(os.environ.get("AUTOML_CNN_IMAGE_SETS", ROOT.parent / "shared" / "data")) / f"{name}.zip"
        if not archive.exists():
            message = f"the working image set {archive.name} is not on this machine (set AUTOML_CNN_IMAGE_SETS to its folder)"
            if os.environ.get(REQUIRE):
                pytest.fail(message)
            pytest.skip(message)
        folder = tmp_path_factory.getbasetemp() / "image-sets"
        if not (folder / name).exists():
            with zipfile.ZipFile(archive) as file:
                file.extractall(folder)
        return folder / name

    return unpack
