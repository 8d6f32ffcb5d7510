"""Class folders: which images they hold, which of them are held out, and their pixels."""

from __future__ import annotations

import os
import statistics
from pathlib import Path

import numpy as np

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"})
HELD_OUT = 0.25
HOLD_OUT_SEED = 20  # of the held-out images, the same for every tool and every seed of the race
VALIDATION = 0.15  # what automl-cnn validates on by default
LARGEST = 96  # px, for tools that do not choose a resolution themselves
LOOKED_AT = 50  # images that tell the native resolution


def labelled(folder: Path) -> list[tuple[Path, str]]:
    """Every image of the class folders in `folder`, with its class; in a fixed order.

    Raises:
        ValueError: there are not at least two classes, or the folder holds splits instead.
    """
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}. Expected one with a subfolder of images per class.")
    classes = sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))
    if {"train", "test"} <= {place.name for place in classes}:
        raise ValueError(f"{folder} holds splits, not classes. Expected NAME={folder}/train:{folder}/test.")
    images = [(path, place.name) for place in classes for path in sorted(place.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
    if len({label for _, label in images}) < 2:
        raise ValueError(f"{folder} holds images of fewer than two classes. Expected one subfolder of images per class.")
    return images


def held_out(images: list[tuple[Path, str]]) -> set[Path]:
    """A quarter of every class, drawn with a fixed seed; at least one image, never all."""
    rng = np.random.default_rng(HOLD_OUT_SEED)
    chosen: set[Path] = set()
    for label in sorted({label for _, label in images}):
        paths = [path for path, other in images if other == label]
        if len(paths) < 2:
            raise ValueError(
                f"The class '{label}' has a single image, of which none can be held out. Expected at least two, or a test folder (NAME=FOLDER:TEST_FOLDER)."
            )
        number = min(len(paths) - 1, max(1, round(HELD_OUT * len(paths))))
        chosen |= {paths[index] for index in rng.permutation(len(paths))[:number].tolist()}
    return chosen


def divide(folder: Path, into: Path) -> tuple[Path, Path]:
    """`into/train` and `into/test`: links to the images of `folder`, a stratified quarter of them held out."""
    images = labelled(folder)
    test = held_out(images)
    for path, label in images:
        link = into / ("test" if path in test else "train") / label / "-".join(path.relative_to(folder / label).parts)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        os.symlink(path.resolve(), link)
    return into / "train", into / "test"


def native(paths: list[Path]) -> int:
    """The usual length of the shorter side, in pixels."""
    from PIL import Image

    sides = []
    for path in paths[:: max(1, len(paths) // LOOKED_AT)]:
        with Image.open(path) as image:
            sides.append(min(image.size))
    return int(statistics.median(sides))


def pixels(paths: list[Path], side: int) -> np.ndarray:
    """The images as one uint8 array (images, side, side, 3)."""
    from PIL import Image, ImageOps

    out = np.empty((len(paths), side, side, 3), np.uint8)
    for index, path in enumerate(paths):
        with Image.open(path) as image:
            out[index] = np.asarray(ImageOps.exif_transpose(image).convert("RGB").resize((side, side), Image.Resampling.BILINEAR))
    return out


def training(folder: Path, seed: int) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray], list[str], int]:
    """Training images and labels, validation images and labels, the classes, the side in pixels."""
    images = labelled(folder)
    classes = sorted({label for _, label in images})
    side = min(LARGEST, native([path for path, _ in images]))
    x = pixels([path for path, _ in images], side)
    y = np.array([classes.index(label) for _, label in images])
    order = np.random.default_rng(seed).permutation(len(y))
    held = max(1, round(VALIDATION * len(y)))
    rest, validation = order[held:], order[:held]
    return (x[rest], y[rest]), (x[validation], y[validation]), classes, side
