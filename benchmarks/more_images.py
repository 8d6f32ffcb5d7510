"""What twice the images were forecast to give, and what they gave (`automl-cnn diagnose NAME --more-images`).

    python benchmarks/more_images.py --sets signs=FOLDER fashion=FOLDER cifar=FOLDER [--readouts flowers=FOLDER cifar=FOLDER] [--seeds 0,1] [--most 15]
    python benchmarks/more_images.py --table

A row of benchmarks/results/more_images.csv is one recipe on one number of images: a small network trained for as many steps whatever the number, or a readout
of pretrained features. It has the score on validation images, which forecasts are made of, and that on test images which nothing else was done with. Rows that
are there are skipped. --table makes the forecasts of the rows and counts how often their 95 % intervals contain the test score of twice the images.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rows import append, read

RESULTS = Path(__file__).resolve().parent / "results" / "more_images.csv"
FIELDS = ("set", "how", "seed", "images", "judged_by", "score", "right", "draws", "test_images", "test_score", "seconds")
WAYS = ("training", "readout")
STEPS, BATCH, VALIDATION, MOST_TEST = 300, 32, 300, 1500
SIDES = {"signs": 24, "fashion": 28, "cifar": 32, "flowers": 96}
SIZES = {"signs": (125, 250, 500, 1000)}
USUAL = (250, 500, 1000, 2000)
READOUTS = {"flowers": (100, 200, 400, 800)}
NETWORK = {
    "architecture": "simple_cnn",
    "simple_cnn.channels": 16,
    "width": 0.5,
    "depth": 1.0,
    "batch_size": BATCH,
    "optimizer": "adam",
    "adam.learning_rate": 3e-3,
}
READOUT = {"architecture": "efficientnet_lite", "pretrained.efficientnet_lite": "lite0", "finetune.efficientnet_lite": "probe", "batch_size": BATCH}


@dataclasses.dataclass(frozen=True)
class Cell:
    """A row to be made."""

    set: str
    how: str
    seed: int
    images: int


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sets", nargs="*", default=[], metavar="NAME=FOLDER", help="image sets that networks are trained on")
    options.add_argument("--readouts", nargs="*", default=[], metavar="NAME=FOLDER", help="image sets whose pretrained features are read")
    options.add_argument("--seeds", default="0,1", help="default: 0,1")
    options.add_argument("--most", type=int, default=10**9, help="rows in this run")
    options.add_argument("--table", action="store_true", help="forecast by the rows there are, and train nothing")
    options.add_argument("--work", type=Path, help="folder for decoded images and features (default: one that is deleted)")
    options.add_argument("--results", type=Path, default=RESULTS)
    chosen = options.parse_args()
    if not chosen.table:
        with tempfile.TemporaryDirectory() as text:
            measure(chosen, chosen.work or Path(text))
    tell(read(chosen.results))


def measure(chosen: argparse.Namespace, work: Path) -> None:
    """Make the rows that there are not yet."""
    done = {(row["set"], row["how"], int(row["seed"]), int(row["images"])) for row in read(chosen.results)}
    folders = {(name, how): folder for how in WAYS for name, folder in named(chosen, how)}
    every = [Cell(name, how, int(seed), images) for seed in chosen.seeds.split(",") for name, how in folders for images in sizes(name, how)]
    waiting = [cell for cell in every if dataclasses.astuple(cell) not in done][: chosen.most]
    for number, cell in enumerate(waiting, 1):
        began = time.time()
        dataset = data(cell, folders[cell.set, cell.how], work)
        row = (trained if cell.how == "training" else read_out)(dataset, cell, work)
        row |= {**dataclasses.asdict(cell), "seconds": round(time.time() - began, 1)}
        append(chosen.results, row, FIELDS)
        print(f"{number}/{len(waiting)}  {cell}: {row['test_score']:.3f}  ({row['seconds']:.0f} s)", flush=True)


def named(chosen: argparse.Namespace, how: str) -> list[tuple[str, str]]:
    """The names and folders of the sets for one way to learn."""
    texts = chosen.sets if how == "training" else chosen.readouts
    return [(name, folder) for name, _, folder in (text.partition("=") for text in texts)]


def sizes(name: str, how: str) -> tuple[int, ...]:
    return READOUTS[name] if how == "readout" else SIZES.get(name, USUAL)


def data(cell: Cell, folder: str, work: Path) -> Any:
    """The set of a cell, with its number of training images; a smaller set is a part of a larger one.

    Test images are the same for all sizes, and so are the validation images of trainings.

    Readouts are cross-validated over training and validation images, four fifths of which are as many as the training images alone.
    """
    from automl_cnn.data import prepare

    dataset = prepare(Path(folder), work / "cache", max_size=SIDES[cell.set], seed=0)
    order = np.random.default_rng(cell.seed).permutation(len(dataset))
    most, images = max(sizes(cell.set, cell.how)), cell.images
    held, reserved = (VALIDATION, VALIDATION) if cell.how == "training" else (images // 4, most // 4)
    test = order[most + reserved :][:MOST_TEST]
    splits = np.full(len(dataset), -1, np.int8)
    splits[order[:images]], splits[order[most : most + held]], splits[test] = 0, 1, 2
    return dataclasses.replace(dataset, splits=splits)


def trained(dataset: Any, cell: Cell, work: Path) -> dict[str, Any]:
    """A network trained for `STEPS` steps."""
    from automl_cnn import registry
    from automl_cnn import train as trainer
    from automl_cnn.data import pixels
    from automl_cnn.modelfile.file import load_model
    from automl_cnn.records import Fidelity

    configuration = {**NETWORK, "resolution": SIDES[cell.set]}
    epochs = max(1, round(STEPS / np.ceil(cell.images / BATCH)))
    file = work / "network.keras"
    spec = trainer.TrialSpec(0, configuration, Fidelity(epochs), "accuracy", "auto", cell.seed, str(file))
    ended = trainer.train(spec, dataset, registry.load(), lambda event: True)
    rows = dataset.rows("test")
    answers = trainer.predict(load_model(file), pixels(dataset, SIDES[cell.set]), rows)
    scores = {"score": round(ended.score, 5), "right": ended.right, "judged_by": len(dataset.rows("val"))}
    return {**scores, "test_images": len(rows), "test_score": round(dataset.task.share_right(dataset.truth(rows), answers), 5)}


def read_out(dataset: Any, cell: Cell, work: Path) -> dict[str, Any]:
    """A readout fitted on the training images; and, as a search measures it, on parts of as many."""
    from automl_cnn import registry, train
    from automl_cnn.data import pixels
    from automl_cnn.modelfile.file import load_model
    from automl_cnn.records import Fidelity
    from automl_cnn.train.growth import grown

    file, plugins = work / "readout.keras", registry.load()
    spec = train.TrialSpec(0, {**READOUT, "resolution": SIDES[cell.set]}, Fidelity(1), "accuracy", "auto", cell.seed, str(file))
    ended = train.train(spec, dataset, plugins, lambda event: True)
    measured = grown(spec, dataset, ended.strength, plugins, lambda event: True)
    rows = dataset.rows("test")
    answers = train.predict(load_model(file), pixels(dataset, SIDES[cell.set]), rows)
    judged = cell.images + cell.images // 4
    draws = json.dumps(dataclasses.asdict(measured)) if measured else ""
    test = round(dataset.task.share_right(dataset.truth(rows), answers), 5)
    return {"score": round(ended.score, 5), "judged_by": judged, "draws": draws, "test_images": len(rows), "test_score": test}


def forecasts(rows: Sequence[Mapping[str, str]]) -> Iterator[tuple[Mapping[str, str], Any, Mapping[str, str]]]:
    """Each row with a forecast and the row of twice the images."""
    from automl_cnn.diagnosis import forecast as ahead
    from automl_cnn.diagnosis.curves import error
    from automl_cnn.growth import Size, Sizes

    known = {(row["set"], row["how"], row["seed"], int(row["images"])): row for row in rows}
    for (name, how, seed, images), row in known.items():
        twice = known.get((name, how, seed, 2 * images))
        if twice is None:
            continue
        if how == "readout":
            if not row["draws"]:
                continue
            kept = json.loads(row["draws"])
            growth = ahead.of_readouts(Sizes(tuple(Size(one["images"], tuple(one["scores"]), one["deviation"]) for one in kept["sizes"]), kept["same"]))
        else:
            fewer = [known[name, how, seed, size] for size in sizes(name, how) if images // 4 - 1 <= size <= images and (name, how, seed, size) in known]
            judged = int(row["judged_by"])
            scores = [(int(one["images"]), float(one["score"])) for one in fewer]
            growth = ahead.of_trainings(scores, error(scores[-1][1], judged), [one["right"] for one in fewer])
        if growth is not None:
            yield row, growth, twice


def tell(rows: Sequence[Mapping[str, str]]) -> None:
    """Forecast and obtained, and how often the interval contains what was obtained."""
    made = list(forecasts(rows))
    print(f"{'set':<9}{'how':<10}{'seed':<6}{'from':>6}{'to':>6}  {'now':>6}{'forecast':>10}{'interval':>16}{'obtained':>10}  within  verdict")
    from automl_cnn.diagnosis.forecast import verdict

    for row, growth, twice in made:
        low, high = growth.twice.interval
        got = float(twice["test_score"])
        within = "yes" if low <= got <= high else "no"
        span = f"{low:.3f} to {high:.3f}"
        print(
            f"{row['set']:<9}{row['how']:<10}{row['seed']:<6}{row['images']:>6}{twice['images']:>6}  {growth.points[-1].score:>6.3f}{growth.twice.score:>10.3f}"
            f"{span:>16}{got:>10.3f}  {within:<6}  {verdict(growth)} ({len(growth.points)} points)"
        )
    for title in WAYS:
        some = [(growth, float(row["score"]), float(row["test_score"]), float(twice["test_score"])) for row, growth, twice in made if row["how"] == title]
        if some:
            off = np.mean([abs(growth.twice.score - got) for growth, _, _, got in some])
            none = np.mean([abs(score - got) for _, score, _, got in some])
            within = sum(growth.twice.interval[0] <= got <= growth.twice.interval[1] for growth, _, _, got in some)
            width = np.mean([growth.twice.interval[1] - growth.twice.interval[0] for growth, *_ in some])
            gain, got = np.mean([growth.gain for growth, *_ in some]), np.mean([got - before for _, _, before, got in some])
            print(
                f"\n{title}: {len(some)} forecasts, off by {off:.4f} on average (as if nothing was gained: {none:.4f}); "
                f"{within} of {len(some)} within the 95 % interval, which is {width:.3f} wide; gain forecast {gain:+.3f}, obtained {got:+.3f}"
            )


if __name__ == "__main__":
    main()
