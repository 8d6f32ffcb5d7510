"""What several tests share: real images, from a package or from the working sets."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REQUIRE = "AUTOML_CNN_REQUIRE_IMAGE_SETS"


@pytest.fixture(scope="module", autouse=True)
def forgotten():
    """What the modules before left in memory is not looked through again at each trial's end: half of a training's time in a long run."""
    gc.collect()
    gc.freeze()


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
def strips(tmp_path_factory) -> Path:
    """Made pictures of any shape up to 6:1, 30 of each class: the shape of an ellipse in the middle is the class. Squashed, the two shapes are mixed up."""
    import numpy as np
    from PIL import Image, ImageDraw

    folder, rng = tmp_path_factory.mktemp("images") / "strips", np.random.default_rng(0)
    for name, aspect in (("flat", 2.5), ("round", 1.0), ("tall", 0.4)):
        (folder / name).mkdir(parents=True)
        for number in range(30):
            longer = np.exp(rng.uniform(-np.log(6), np.log(6)))
            size = (round(48 * max(1, longer)), round(48 * max(1, 1 / longer)))
            image = Image.new("RGB", size, tuple(rng.integers(60, 120, 3).tolist()))
            half = [rng.uniform(8, 11) * factor for factor in (np.sqrt(aspect), 1 / np.sqrt(aspect))]
            middle = [side / 2 + rng.uniform(-4, 4) for side in size]
            box = [middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]]
            ImageDraw.Draw(image).ellipse(box, fill=tuple(rng.integers(160, 256, 3).tolist()))
            image.save(folder / name / f"{number}.png")
    return folder


@pytest.fixture
def memory():
    """The file system of memory:// URLs, empty."""
    import fsspec
    from fsspec.implementations.memory import MemoryFileSystem

    def clear() -> None:
        MemoryFileSystem.store.clear()
        MemoryFileSystem.pseudo_dirs[:] = [""]

    clear()
    yield fsspec.filesystem("memory")
    clear()


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


@pytest.fixture(scope="module")
def chromium():
    """A page of a browser, where there is one. Playwright keeps an event loop running as long."""
    from browser import Browser

    page = Browser()
    yield page
    page.close()


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server; skips where there is none, and fails where it is demanded."""
    from postgres import Server

    server = Server()
    yield server
    server.close()


@pytest.fixture
def database(postgres, monkeypatch):
    """The address of an empty database. Its password is in the environment."""
    from postgres import PASSWORD

    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    return postgres.database("studies")


@pytest.fixture
def small_disk(tmp_path):
    """`small_disk(8)` is a file system of 8 MB of its own; skips where mounting is not permitted, and fails where root demands the tests to be whole."""
    mounted = []

    def mount(megabytes: int) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes * 1000}k", "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False) if shutil.which("mount") else None
        if done is None or done.returncode:
            message = f"a small file system cannot be mounted here: {done.stderr.strip() if done else 'there is no mount'}"
            if os.environ.get(REQUIRE) and os.geteuid() == 0:
                pytest.fail(message)
            pytest.skip(message)
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
