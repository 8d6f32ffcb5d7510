"""Is the diagnosis right? Trainings whose truth is made, on several image sets, and what `automl_cnn.diagnosis` says of them.

    python benchmarks/diagnosis.py --sets signs=FOLDER digits=sklearn flowers=FOLDER cifar=FOLDER [--seeds 0,1,2] [--most 15]
    python benchmarks/diagnosis.py --table [--shown cifar]

A training is a truth, an image set and a seed; each is a row of benchmarks/results/diagnosis.csv with its whole curves, so
that findings can be told again (--table) without training again. Rows that are there are skipped. Thresholds were set on
signs, digits and, after a first look at it, flowers; they are shown on cifar, which nobody had looked at then (--shown).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rows import append, read

HERE = Path(__file__).resolve().parent
FIELDS = ("set", "truth", "seed", "seconds", "context", "trial")
PLUGIN = '''
from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice, Float, Optimizer, keras


class Tiny(Architecture):
    """Two small convolutions. Choose it to see what too few weights look like."""

    name = "tiny"
    min_size = 8

    def features(self, x, net):
        x = blocks.conv(x, 4, 3, net=net, stride=2)
        return blocks.conv(x, 4, 3, net=net, stride=2)


class Free(Optimizer):
    """Adam at any rate, too high or too low ones included, falling to zero as a cosine. Choose it to see what goes wrong."""

    name = "free"
    learning_rate = Float(1e-7, 10.0, default=2e-3, log=True)
    schedule = Choice("cosine", "constant")

    def build(self, steps):
        rate = keras.optimizers.schedules.CosineDecay(self.learning_rate, steps) if self.schedule == "cosine" else self.learning_rate
        return keras.optimizers.Adam(rate, global_clipnorm=5.0)
'''
RATE = "free.learning_rate"
PLAIN = {
    "architecture": "simple_cnn",
    "simple_cnn.channels": 16,
    "resolution": 32,
    "width": 1.0,
    "depth": 1.0,
    "batch_size": 32,
    "optimizer": "free",
    RATE: 2e-3,
}
AUGMENTED = {"regularizer.augment": True, "augment.flip": "none"}
BIG = {"simple_cnn.channels": 32, "simple_cnn.layers": 2, "batch_size": 16}
FRAGILE = {"free.schedule": "constant", "simple_cnn.norm": False}  # batch norm and a falling rate forgive a rate 100 times too high
TINY = {"architecture": "tiny", RATE: 1e-2}


@dataclasses.dataclass(frozen=True)
class Case:
    """How a truth is made: what is changed of the plain configuration, how many epochs, what is done to the data; and the kinds that are right."""

    changed: Mapping[str, Any]
    epochs: int
    right: tuple[str, ...]
    data: str = "all"


CASES = {
    "tiny network": Case(TINY, 30, ("underfitting",)),
    "big on 100 images": Case(BIG, 20, ("overfitting",), "few"),
    "rate x 100": Case({**FRAGILE, RATE: 0.2}, 12, ("rate_too_high",)),
    "rate / 100": Case({RATE: 2e-5}, 12, ("rate_too_low",)),
    "random labels": Case({}, 30, ("label_noise",), "random"),
    "leaked validation": Case({}, 16, ("leak",), "leaked"),
    "too few epochs": Case({}, 2, ("not_converged",)),
    "good settings": Case(AUGMENTED, 20, ("good_fit",), "easy"),
}
CAREFUL = {"regularizer.dropout": True, "dropout.rate": 0.3}  # good settings for the few images that these are
EASY = {"flowers": ("dandelion", "rose"), "cifar": ("automobile", "frog")}  # of a set that no small network fits well, the classes that one can tell apart
SIZE = {"digits": 16, "signs": 24, "flowers": 32}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sets", nargs="*", default=[], metavar="NAME=FOLDER", help="image sets; FOLDER may be sklearn, for its digits")
    options.add_argument("--seeds", default="0,1,2", help="default: 0,1,2")
    options.add_argument("--truths", default="", help="only these, separated by commas")
    options.add_argument("--most", type=int, default=10**9, help="trainings in this run")
    options.add_argument("--table", action="store_true", help="tell the findings of the rows there are, and train nothing")
    options.add_argument("--shown", default="cifar", help="the set on which no threshold was set (default: cifar)")
    options.add_argument("--results", type=Path, default=HERE / "results" / "diagnosis.csv")
    chosen = options.parse_args()
    if not chosen.table:
        measure(chosen)
    tell(read(chosen.results), chosen.shown)


def measure(chosen: argparse.Namespace) -> None:
    """Train what has no row yet; every truth has its turn on every set before the next seed."""
    from automl_cnn import registry

    sets = dict(text.split("=", 1) for text in chosen.sets)
    truths = [name.strip() for name in chosen.truths.split(",") if name.strip()] or [*CASES]
    done = {(row["set"], row["truth"], int(row["seed"])) for row in read(chosen.results)}
    every = [(name, truth, int(seed)) for seed in chosen.seeds.split(",") for truth in truths for name in sets]
    waiting = [cell for cell in every if cell not in done][: chosen.most]
    with tempfile.TemporaryDirectory() as text:
        work = Path(text)
        (work / "free.py").write_text(PLUGIN)
        plugins = registry.load(work)
        for number, (name, truth, seed) in enumerate(waiting, 1):
            began = time.time()
            context, trial = train(name, sets[name], CASES[truth], seed, plugins=plugins, work=work)
            seconds = time.time() - began
            row = {"set": name, "truth": truth, "seed": seed, "seconds": round(seconds, 1), "context": json.dumps(context), "trial": json.dumps(trial)}
            append(chosen.results, row, FIELDS)
            found = findings(row)
            print(f"{number}/{len(waiting)}  {name}, {truth}, seed {seed}: {[finding.kind for finding in found]}  ({seconds:.0f} s)", flush=True)


def train(name: str, folder: str, case: Case, seed: int, *, plugins: Any, work: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """One training: what is known beside the curves, and the trial, as plain values."""
    from automl_cnn import train as trainer
    from automl_cnn.data import pixels
    from automl_cnn.diagnosis.copies import share_of_copies
    from automl_cnn.errors import TrialError
    from automl_cnn.records import Epoch, Fidelity, Finished, State

    dataset = data(name, folder, case.data, seed, work)
    size = SIZE.get(name, 32)
    easy = case.data == "easy" and name in EASY
    configuration = {**PLAIN, "resolution": size, **case.changed, **(CAREFUL if easy else {})}
    heard: list[Any] = []

    def hear(event: Any) -> bool:
        heard.append(event)
        return True

    began = time.monotonic()
    try:
        epochs = case.epochs * (2 if easy else 1)  # fewer images, about as many steps
        spec = trainer.TrialSpec(seed, configuration, Fidelity(epochs), "accuracy", "auto", seed, str(work / "x.keras"))
        ended = trainer.train(spec, dataset, plugins, hear)
    except TrialError as error:
        ended = Finished(State.FAILED, failure=str(error))
    images = pixels(dataset, size)
    train_rows, val_rows = dataset.rows("train"), dataset.rows("val")
    counts = dataset.counts("train")
    context = {
        "classes": len(dataset.classes),
        "train_images": len(train_rows),
        "val_images": len(val_rows),
        "majority": float(np.mean(dataset.labels[val_rows] == counts.argmax())),
        "copies": share_of_copies(images, train_rows, val_rows),
    }
    trial = {
        "configuration": configuration,
        "state": str(ended.state),
        "score": ended.score,
        "interval": ended.interval,
        "best_epoch": ended.best_epoch,
        "failure": ended.failure,
        "seconds": round(time.monotonic() - began, 2),
        "epochs": [dataclasses.astuple(event) for event in heard if isinstance(event, Epoch)],
    }
    return context, trial


def data(name: str, folder: str, kind: str, seed: int, work: Path) -> Any:
    """The image set with what was done to it; no more than 1,500 images, so that a training takes seconds."""
    from automl_cnn.data import pixels, prepare, prepare_arrays

    size = SIZE.get(name, 32)
    rng = np.random.default_rng(seed)
    if folder == "sklearn":
        from sklearn.datasets import load_digits

        bunch = load_digits()
        images = np.kron((bunch.images * 255 / 16).astype(np.uint8), np.ones((1, 2, 2), np.uint8))[..., None]
        labels = bunch.target
    else:
        found = prepare(Path(folder), work / "cache", max_size=size, seed=0)
        images, labels = np.array(pixels(found, size)), np.array(found.labels)
        if kind == "easy" and name in EASY:
            kept = np.isin(labels, [found.classes.index(label) for label in EASY[name]])
            images, labels = images[kept], labels[kept]
    chosen = rng.permutation(len(images))[:1500]
    images, labels = images[chosen], labels[chosen]
    if kind == "random":
        labels = rng.permutation(labels)
    dataset = prepare_arrays(images, labels, work / "arrays", seed=seed, max_size=size)
    if kind == "easy" and name in EASY:  # few images: those for testing, which nobody needs here, make the validation worth its name
        return dataclasses.replace(dataset, splits=np.where(dataset.splits == 2, 1, dataset.splits))
    if kind == "few":
        splits = dataset.splits.copy()
        train = dataset.rows("train")
        splits[rng.permutation(train)[100:]] = -1
        return dataclasses.replace(dataset, splits=splits, fingerprint=dataset.fingerprint + kind)
    if kind == "leaked":
        images, labels = leaked(dataset, images, labels, seed)
        again = prepare_arrays(images, labels, work / "arrays", seed=seed, max_size=size)
        return dataclasses.replace(again, splits=dataset.splits)
    return dataset


def leaked(dataset: Any, images: np.ndarray, labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Every validation image is a copy of a training image, a little brighter or darker and noisier, as a copy saved again is."""
    rng = np.random.default_rng(seed + 1000)
    train, val = dataset.rows("train"), dataset.rows("val")
    images = images.copy()
    labels = labels.copy()
    sources = rng.choice(train, len(val), replace=False)
    noise = rng.normal(0, 1, (len(val), *images.shape[1:])) + rng.uniform(-4, 4, (len(val), 1, 1, 1))
    images[val] = np.clip(images[sources] + noise, 0, 255).astype(np.uint8)
    labels[val] = labels[sources]
    return images, labels


def findings(row: Mapping[str, Any]) -> list[Any]:
    """What the diagnosis says of a row's curves."""
    from automl_cnn.diagnosis import Context, diagnose
    from automl_cnn.records import Epoch, Fidelity, State, Trial

    known = json.loads(row["trial"])
    span = known["interval"]
    trial = Trial(
        int(row["seed"]),
        known["configuration"],
        Fidelity(CASES[row["truth"]].epochs),
        row["truth"],
        "made",
        State(known["state"]),
        known["score"],
        (span[0], span[1]) if span else None,
        tuple(Epoch(*values) for values in known["epochs"]),
        known["best_epoch"],
        failure=known["failure"],
    )
    return diagnose(trial, Context(**json.loads(row["context"])))


def tell(known: Sequence[Mapping[str, str]], shown: str) -> None:
    """The confusion table on the sets that thresholds were set on, and on the one they are shown on."""
    for title, chosen in (("Thresholds set on", [row for row in known if row["set"] != shown]), ("Shown on", [row for row in known if row["set"] == shown])):
        if not chosen:
            continue
        said = {id(row): findings(row) for row in chosen}
        names = ", ".join(dict.fromkeys(row["set"] for row in chosen))
        right = sum(said[id(row)][0].kind in CASES[row["truth"]].right for row in chosen)
        print(f"\n{title} {names}: {len(chosen)} trainings, {right} right ({right / len(chosen):.2f})")
        for truth in CASES:
            counts = Counter(f"{said[id(row)][0].kind} ({said[id(row)][0].severity})" for row in chosen if row["truth"] == truth)
            print(f"  {truth:<20}{', '.join(f'{count} x {kind}' for kind, count in counts.most_common())}")
        wronged = [row for row in chosen if row["truth"] == "good settings" and any(f.kind == "overfitting" and f.severity == "high" for f in said[id(row)])]
        print(f"  good fits called overfitting with high severity: {len(wronged)}")


if __name__ == "__main__":
    main()
