"""Numbers for each image: a search from scratch on generated pictures, judged on 1,000 more that it never saw.

    python benchmarks/regression.py [--budget 5m] [--seeds 0] [--sets angle dots sum]

`angle` is by how many degrees an L is turned, `dots` how many dots there are, `sum` what two of scikit-learn's digits add up to. Stated are the root mean
squared error, the same as a share of the targets' standard deviation, and the share of the new truths within the 90 % prediction interval.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from automl_cnn.export import bundle
from automl_cnn.tasks import Regression
from automl_cnn.tasks.task import Judged

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "regression.csv"
COLUMNS = ("set", "seed", "budget", "images", "rmse", "sd", "rmse_of_sd", "mae", "r2", "half_width", "covered", "covered_of_own_test", "cores", "date")
SEARCHED, JUDGED, SIDE = 2000, 1000, 48
NUMBER = "value"
Draw = Callable[[np.random.Generator, bool], tuple[Image.Image, float]]  # one picture and its number; of what is held out, or of the others


def angle(rng: np.random.Generator, held_out: bool) -> tuple[Image.Image, float]:
    """An L of a random size and place, turned by -60 to 60 degrees, on noise."""
    degrees, length = float(rng.uniform(-60, 60)), float(rng.uniform(12, 17))
    turn = np.deg2rad(degrees)
    to = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    corner = np.array([SIDE / 2, SIDE / 2]) + rng.uniform(-4, 4, 2)
    picture = Image.fromarray(rng.integers(0, 70, (SIDE, SIDE), dtype=np.uint8))
    pen = ImageDraw.Draw(picture)
    for end in ((0, -length), (0.6 * length, 0)):
        pen.line([tuple(corner), tuple(corner + to @ np.array(end))], fill=int(rng.integers(150, 255)), width=int(rng.integers(2, 5)))
    return picture, degrees


def dots(rng: np.random.Generator, held_out: bool) -> tuple[Image.Image, float]:
    """1 to 20 dots that do not touch."""
    count = int(rng.integers(1, 21))
    picture = Image.new("L", (SIDE, SIDE), int(rng.integers(0, 60)))
    pen, places = ImageDraw.Draw(picture), list[np.ndarray]()
    while len(places) < count:
        place = rng.uniform(4, SIDE - 4, 2)
        if all(np.sum((place - other) ** 2) > 30 for other in places):
            places.append(place)
    for x, y in places:
        radius = float(rng.uniform(1.5, 2.4))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=int(rng.integers(150, 255)))
    return picture, float(count)


def sums() -> Draw:
    """Two of scikit-learn's digits side by side; a quarter of the digits is held out."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pictures = np.clip(bunch.images * 16, 0, 255).astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(pictures))
    parts = {True: order[: len(order) // 4], False: order[len(order) // 4 :]}

    def draw(rng: np.random.Generator, held_out: bool) -> tuple[Image.Image, float]:
        pair = rng.choice(parts[held_out], 2)
        return Image.fromarray(np.concatenate(pictures[pair], axis=1)).resize((32, 16)), float(bunch.target[pair].sum())

    return draw


def written(folder: Path, pairs: list[tuple[Image.Image, float]], unit: str) -> Path:
    """The pictures and a table of their numbers."""
    (folder / "images").mkdir(parents=True)
    with (folder / "table.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("path", f"{NUMBER} ({unit})"))
        for number, (picture, value) in enumerate(pairs):
            picture.save(folder / "images" / f"{number:04d}.png")
            table.writerow((f"images/{number:04d}.png", value))
    return folder / "table.csv"


def searched(table: Path, store: Path, budget: str, seed: int) -> dict:
    """The result of a search from scratch."""
    words = ["search", "--data", str(table), "--task", "regression", "--budget", budget, "--seed", str(seed), "--store", str(store)]
    command = [sys.executable, "-m", "automl_cnn", *words, "--pretrained", "none", "--no-mlflow", "--json"]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)


def judged(model: Path, pairs: list[tuple[Image.Image, float]]) -> dict[str, float]:
    """The model's errors on pictures that the search never saw, and its intervals."""
    classifier = bundle.load(model)
    task, truth = classifier.task, np.array([[value] for _, value in pairs])
    assert isinstance(task, Regression)
    pixels = np.stack([np.asarray(picture) for picture, _ in pairs])
    answers = np.asarray(classifier.predict(pixels), float).reshape(len(pairs), 1)
    known, sd = task.of_each(classifier.classes, Judged(truth=truth, answers=answers))[classifier.classes[0]], float(truth.std())
    figures = {key: float(known[key] or 0.0) for key in ("rmse", "mae", "r2", "half_width", "covered")}
    return {**figures, "sd": sd, "rmse_of_sd": figures["rmse"] / sd}


def main() -> None:
    sets: dict[str, tuple[Draw, str]] = {"angle": (angle, "degrees"), "dots": (dots, "dots"), "sum": (sums(), "points")}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", default="5m")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--sets", nargs="+", default=list(sets), choices=list(sets))
    parser.add_argument("--keep", type=Path, help="where the searches are kept, to look at")
    options = parser.parse_args()
    for name in options.sets:
        draw, unit = sets[name]
        for seed in options.seeds:
            rng = np.random.default_rng(seed)
            with tempfile.TemporaryDirectory() as temporary:
                folder = Path(temporary) if options.keep is None else options.keep
                table = written(folder / f"{name}-{seed}", [draw(rng, False) for _ in range(SEARCHED)], unit)
                result = searched(table, folder / "runs", options.budget, seed)
                scores = judged(Path(result["model_path"]), [draw(rng, True) for _ in range(JUDGED)])
            own = next(iter(result["per_label"].values()), {}).get("covered")
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
            row = {
                **{"set": name, "seed": seed, "budget": options.budget, "images": SEARCHED, "cores": cores, "date": datetime.date.today().isoformat()},
                **{key: f"{value:.4f}" for key, value in scores.items()},
                "covered_of_own_test": "" if own is None else f"{own:.4f}",
            }
            print(row, flush=True)
            new = not RESULTS.exists()
            with RESULTS.open("a", newline="") as file:
                out = csv.DictWriter(file, COLUMNS, lineterminator="\n")
                if new:
                    out.writeheader()
                out.writerow(row)


if __name__ == "__main__":
    main()
