"""Image sets to construct causes on: folders, scikit-learn's digits, and sets that are drawn here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIZE = {"digits": 16, "signs": 24, "letters": 24, "fashion": 28, "gratings": 40, "flowers": 48, "hymenoptera": 48, "brain": 48, "shapes": 64}
OTHERWISE = 32  # px
MOST = {"train": 1000, "val": 300, "test": 1000}  # images of a split, so that a training takes seconds
SHARE = {"train": 0.6, "val": 0.2, "test": 0.2}  # of a small set
WRONG = 0.12  # of the labels of the gratings


@dataclasses.dataclass(frozen=True)
class Images:
    """uint8 (n, size, size, channels), their labels as numbers, and the names of the classes."""

    pixels: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    def only(self, names: tuple[str, ...]) -> Images:
        """The images of some classes."""
        numbers = [self.classes.index(name) for name in names]
        kept = np.isin(self.labels, numbers)
        return Images(self.pixels[kept], np.array([numbers.index(label) for label in self.labels[kept]]), names)


def images_of(name: str, source: str, work: Path) -> Images:
    """The images of a source: a folder, `sklearn` for its digits, or `drawn` for a set of this file. Of equal images, one is kept."""
    size = SIZE.get(name, OTHERWISE)
    if source == "sklearn":
        made = _digits()
    elif source == "drawn":
        made = DRAWN[name](np.random.default_rng(0), size)
    else:
        from automl_cnn.data import pixels, prepare

        dataset = prepare(Path(source), work / "cache", max_size=size, seed=0)
        made = Images(np.array(pixels(dataset, size)), np.array(dataset.labels), tuple(dataset.classes))
    _, first = np.unique(made.pixels.reshape(len(made.pixels), -1), axis=0, return_index=True)
    return Images(made.pixels[np.sort(first)], made.labels[np.sort(first)], made.classes)


def split(labels: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Rows for training, validation and test, every class in the same proportion."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in SHARE}
    shrunk = min(1.0, sum(MOST.values()) / len(labels))
    for label in np.unique(labels):
        mine = rng.permutation(np.flatnonzero(labels == label))
        whole = len(mine) * shrunk
        if len(labels) >= sum(MOST.values()):
            counts = [round(whole * MOST[name] / sum(MOST.values())) for name in SHARE]
        else:
            counts = [round(whole * SHARE[name]) for name in SHARE]
        ends = np.cumsum(counts)
        for name, start, end in zip(SHARE, (0, *ends[:-1]), ends, strict=True):
            rows[name].append(mine[start : end if name != "test" or shrunk < 1 else len(mine)])
    return {name: rng.permutation(np.concatenate(parts))[: MOST[name]] for name, parts in rows.items()}


def _digits() -> Images:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.kron((bunch.images * 255 / 16).astype(np.uint8), np.ones((1, 2, 2), np.uint8))[..., None]
    return Images(pixels, bunch.target, tuple(str(label) for label in range(10)))


def letters(rng: np.random.Generator, size: int, count: int = 2400) -> Images:
    """Twenty capital letters in the fonts of matplotlib, turned, moved and noisy."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    names = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Italic", "DejaVuSansMono", "STIXGeneral", "STIXGeneralBolIta")
    fonts = [ImageFont.truetype(str(folder / f"{name}.ttf"), points) for name in names for points in (14, 17, 20)]
    classes = tuple("ABCDEFGHJKLMNPRSTUXZ")
    labels = np.arange(count) % len(classes)
    pixels = np.zeros((count, size, size, 1), np.uint8)
    for row, label in enumerate(labels):
        picture = Image.new("L", (size, size), 0)
        place = tuple(size / 2 + rng.uniform(-2, 2, 2))
        ImageDraw.Draw(picture).text(place, classes[label], fill=255, font=fonts[rng.integers(len(fonts))], anchor="mm")
        turned = np.asarray(picture.rotate(rng.uniform(-20, 20), Image.Resampling.BILINEAR), np.float32)
        low, high = rng.uniform(0, 60), rng.uniform(140, 255)
        pixels[row, ..., 0] = np.clip(low + turned / 255 * (high - low) + rng.normal(0, 25, turned.shape), 0, 255)
    return Images(pixels, labels, classes)


def gratings(rng: np.random.Generator, size: int, count: int = 2000) -> Images:
    """Stripes in four directions under strong noise, one label in eight wrong."""
    classes = ("level", "rising", "upright", "falling")
    labels = np.arange(count) % len(classes)
    y, x = np.mgrid[:size, :size]
    pixels = np.zeros((count, size, size, 1), np.uint8)
    for row, label in enumerate(labels):
        angle = label * np.pi / 4 + rng.normal(0, 0.12)
        wave = np.sin((x * np.sin(angle) + y * np.cos(angle)) * rng.uniform(0.4, 1.2) + rng.uniform(0, 2 * np.pi))
        pixels[row, ..., 0] = np.clip(128 + wave * rng.uniform(12, 45) + rng.normal(0, 45, wave.shape), 0, 255)
    wrong = rng.random(count) < WRONG
    return Images(pixels, np.where(wrong, rng.integers(0, len(classes), count), labels), classes)


def shapes(rng: np.random.Generator, size: int, count: int = 1800) -> Images:
    """A disk, a square or a triangle: light on dark, of any size and place, a little turned, under noise."""
    from PIL import Image, ImageDraw

    classes = ("disk", "square", "triangle")
    labels = np.arange(count) % len(classes)
    pixels = np.zeros((count, size, size, 3), np.uint8)
    for row, label in enumerate(labels):
        back, front = rng.integers(0, 90, 3), rng.integers(130, 256, 3)
        picture = Image.new("RGB", (size, size), tuple(map(int, back)))
        radius = rng.uniform(size / 6, size / 3)
        x, y = rng.uniform(radius, size - radius, 2)
        corners = (32, 4, 3)[label]
        turns = np.linspace(0, 2 * np.pi, corners, endpoint=False) + np.pi / 4 + rng.uniform(-0.3, 0.3)
        ImageDraw.Draw(picture).polygon([(x + radius * np.cos(turn), y + radius * np.sin(turn)) for turn in turns], fill=tuple(map(int, front)))
        pixels[row] = np.clip(np.asarray(picture, np.float32) + rng.normal(0, 12, (size, size, 3)), 0, 255)
    return Images(pixels, labels, classes)


def dots(rng: np.random.Generator, size: int, count: int = 2000) -> Images:
    """One to five gray dots of several sizes under noise: the class is their number."""
    classes = ("one", "two", "three", "four", "five")
    labels = np.arange(count) % len(classes)
    y, x = np.mgrid[:size, :size]
    pixels = np.zeros((count, size, size, 1), np.uint8)
    for row, label in enumerate(labels):
        picture = np.full((size, size), rng.uniform(20, 80))
        places: list[np.ndarray] = []
        while len(places) <= label:
            place = rng.uniform(4, size - 4, 2)
            if all(np.hypot(*(place - other)) > 9 for other in places):
                places.append(place)
                picture[np.hypot(y - place[0], x - place[1]) < rng.uniform(2, 4)] = rng.uniform(140, 240)
        pixels[row, ..., 0] = np.clip(picture + rng.normal(0, 15, picture.shape), 0, 255)
    return Images(pixels, labels, classes)


def textures(rng: np.random.Generator, size: int, count: int = 2000) -> Images:
    """Checks, stripes, grains of two sizes, and rings, in any two colors."""
    classes = ("checks", "coarse", "fine", "rings", "stripes")
    labels = np.arange(count) % len(classes)
    y, x = np.mgrid[:size, :size].astype(float)
    pixels = np.zeros((count, size, size, 3), np.uint8)
    for row, label in enumerate(labels):
        step, shift = rng.uniform(3, 7), rng.uniform(0, 20, 2)
        grain = np.kron(rng.random((-(-size // 4), -(-size // 4))), np.ones((4, 4)))[:size, :size]
        patterns = (
            ((y + shift[0]) // step + (x + shift[1]) // step) % 2,
            grain,
            rng.random((size, size)),
            0.5 + 0.5 * np.sin(np.hypot(y - shift[0], x - shift[1]) * 2 * np.pi / step / 1.5),
            ((y * rng.uniform(-1, 1) + x) // step) % 2,
        )
        back, front = rng.uniform(0, 255, (2, 3))
        pixels[row] = np.clip(back + patterns[label][..., None] * (front - back) + rng.normal(0, 20, (size, size, 3)), 0, 255)
    return Images(pixels, labels, classes)


DRAWN: dict[str, Callable[..., Any]] = {"letters": letters, "gratings": gratings, "shapes": shapes, "dots": dots, "textures": textures}
