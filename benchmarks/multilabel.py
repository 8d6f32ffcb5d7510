"""Several labels for each image: a search from scratch on composed pictures, judged on 1,000 more that it never saw.

    python benchmarks/multilabel.py [--budget 5m] [--seeds 0] [--images 2000] [--fashion FOLDER]

Each picture shows two or three items; its labels are what they are. `digits` composes scikit-learn's digits, `fashion` the items in a folder with one
subfolder for each class. Stated are the mean average precision with its interval, and the macro F1 with the thresholds of the model and at one half, on
the new pictures and on the validation images that the thresholds were not chosen on.
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
from PIL import Image

from automl_cnn.export import bundle
from automl_cnn.modelfile.file import read_card
from automl_cnn.tasks import Multilabel

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "multilabel.csv"
COLUMNS = ("set", "seed", "budget", "images", "map", "map_low", "map_high", "f1", "f1_at_half", "f1_out_of_fold", "f1_out_of_fold_at_half", "cores", "date")
SEARCHED, JUDGED = 2000, 1000  # pictures
Items = Callable[[np.random.Generator, bool], tuple[np.ndarray, str]]  # one item's pixels and its name; drawn from those that are held out, or from the others


def digits() -> Items:
    """scikit-learn's digits, 8 px; a quarter is held out."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pictures, names = np.clip(bunch.images * 16, 0, 255).astype(np.uint8), [str(one) for one in bunch.target]
    return _drawn(pictures, names)


def items_of(folder: Path) -> Items:
    """The images of a folder with one subfolder for each class, all of one size, gray; a quarter is held out."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
    chosen = np.random.default_rng(0).permutation(len(files))
    return _drawn(np.stack([np.asarray(Image.open(files[one]).convert("L")) for one in chosen]), [files[one].parent.name for one in chosen])


def _drawn(pictures: np.ndarray, names: list[str]) -> Items:
    order = np.random.default_rng(0).permutation(len(pictures))
    parts = {True: order[: len(order) // 4], False: order[len(order) // 4 :]}

    def draw(rng: np.random.Generator, held_out: bool) -> tuple[np.ndarray, str]:
        one = int(rng.choice(parts[held_out]))
        return pictures[one], names[one]

    return draw


def composed(items: Items, count: int, rng: np.random.Generator, *, held_out: bool) -> tuple[np.ndarray, list[set[str]]]:
    """Pictures of three by three places with two or three items on them, and the labels of each."""
    side = len(items(rng, held_out)[0])
    pictures, labels = np.zeros((count, 3 * side, 3 * side), np.uint8), [set[str]() for _ in range(count)]
    for number in range(count):
        for place in rng.permutation(9)[: rng.integers(2, 4)]:
            pixels, name = items(rng, held_out)
            row, column = divmod(int(place), 3)
            pictures[number, row * side : (row + 1) * side, column * side : (column + 1) * side] = pixels
            labels[number].add(name)
    return pictures, labels


def written(folder: Path, pictures: np.ndarray, labels: list[set[str]]) -> Path:
    """The pictures and a table of their labels."""
    (folder / "images").mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("path", "label"))
        for number, picture in enumerate(pictures):
            Image.fromarray(picture).save(folder / "images" / f"{number:04d}.png")
            table.writerow((f"images/{number:04d}.png", "|".join(sorted(labels[number]))))
    return folder / "labels.csv"


def searched(table: Path, store: Path, budget: str, seed: int) -> dict:
    """The result of a search from scratch."""
    words = ["search", "--data", str(table), "--budget", budget, "--seed", str(seed), "--store", str(store), "--pretrained", "none", "--no-mlflow", "--json"]
    done = subprocess.run([sys.executable, "-m", "automl_cnn", *words], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def judged(model: Path, pictures: np.ndarray, labels: list[set[str]]) -> dict[str, float]:
    """The model's scores on pictures that the search never saw."""
    classifier, card = bundle.load(model), read_card(model)
    truth = np.array([[name in one for name in classifier.classes] for one in labels], np.uint8)
    answers, task = classifier.predict_proba(pictures), Multilabel(len(classifier.classes))
    low, high = task.interval("mean_average_precision", truth, answers)
    return {
        "map": task.score("mean_average_precision", truth, answers),
        "map_low": low,
        "map_high": high,
        "f1": task.deciding(card).score("f1", truth, answers),
        "f1_at_half": task.score("f1", truth, answers),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", default="5m")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--images", type=int, default=SEARCHED, help="pictures to search on")
    parser.add_argument("--sets", nargs="+", default=["digits", "fashion"], choices=["digits", "fashion"])
    parser.add_argument("--fashion", type=Path, help="a folder of items, one subfolder for each class")
    options = parser.parse_args()
    sets = {"digits": digits(), **({"fashion": items_of(options.fashion)} if options.fashion else {})}
    for name, items in ((name, items) for name, items in sets.items() if name in options.sets):
        for seed in options.seeds:
            rng = np.random.default_rng(seed)
            with tempfile.TemporaryDirectory() as folder:
                table = written(Path(folder) / name, *composed(items, options.images, rng, held_out=False))
                result = searched(table, Path(folder) / "runs", options.budget, seed)
                scores = judged(Path(result["model_path"]), *composed(items, JUDGED, rng, held_out=True))
            calibration = result.get("calibration") or {}
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
            row = {
                **{"set": name, "seed": seed, "budget": options.budget, "images": options.images, "cores": cores, "date": datetime.date.today().isoformat()},
                **{key: f"{value:.4f}" for key, value in scores.items()},
                "f1_out_of_fold": f"{calibration.get('f1') or 0:.4f}",
                "f1_out_of_fold_at_half": f"{calibration.get('f1_at_half') or 0:.4f}",
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
