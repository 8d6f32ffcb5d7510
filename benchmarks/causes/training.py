"""One training with a constructed cause: its curves, its interventions, and its accuracy on test images."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from causes.images import SIZE, Images, split

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
    "width": 1.0,
    "depth": 1.0,
    "batch_size": 32,
    "optimizer": "free",
    RATE: 2e-3,
}
AUGMENTED = {"regularizer.augment": True, "augment.flip": "none"}
CAREFUL = {**AUGMENTED, "regularizer.dropout": True, "dropout.rate": 0.3}  # good settings for the few images of two classes
BIG = {"simple_cnn.channels": 32, "simple_cnn.layers": 2, "batch_size": 16}
FRAGILE = {"free.schedule": "constant", "simple_cnn.norm": False}  # batch norm and a falling rate forgive a rate 100 times too high
TINY = {"architecture": "tiny", RATE: 1e-2}
FEW = 100
VARIED_FROM = 2  # seeds from here on construct their causes in varied ways


@dataclasses.dataclass(frozen=True)
class Case:
    """How a cause is constructed: what is changed of the plain configuration, the number of epochs, what is done to the images; and the right finding."""

    changed: Mapping[str, Any]
    epochs: int
    right: str
    images: str = "all"
    amount: float = 1.0  # of the images: those kept of `few`, or the shares of labels or validation images that are affected


REFERENCE = "reference"  # the plain network, which the others are compared with; it has no cause
CASES = {
    "tiny network": Case(TINY, 30, "underfitting"),
    "big on 100 images": Case(BIG, 20, "overfitting", "few"),
    "rate x 100": Case({**FRAGILE, RATE: 0.2}, 12, "rate_too_high"),
    "rate / 100": Case({RATE: 2e-5}, 12, "rate_too_low"),
    "random labels": Case({}, 30, "label_noise", "random"),
    "leaked validation": Case({}, 16, "leak", "leaked"),
    "too few epochs": Case({}, 2, "not_converged"),
    "good settings": Case(AUGMENTED, 20, "good_fit", "easy"),
}
EASY = {"flowers": ("dandelion", "rose"), "cifar": ("automobile", "frog")}  # of sets that no small network fits well, two classes that differ clearly


def varied(truth: str, seed: int) -> Case:
    """The cause in another way, drawn by the seed: a probability must not know how causes happen to be constructed."""
    case, rng = CASES[truth], np.random.default_rng((seed, list(CASES).index(truth)))
    epochs = max(1, round(case.epochs * rng.uniform(0.6, 1.5)))
    changed: dict[str, Any] = {**case.changed, "batch_size": int(rng.choice([16, 32, 64]))}
    if truth == "tiny network":
        return dataclasses.replace(case, epochs=epochs, changed={**changed, RATE: float(rng.choice([4e-3, 1e-2]))})
    if truth == "big on 100 images":
        return dataclasses.replace(case, epochs=epochs, changed=changed, amount=rng.uniform(0.6, 2.5))
    if truth == "rate x 100":
        norm = bool(rng.random() < 0.5)
        return dataclasses.replace(case, epochs=epochs, changed={**changed, "simple_cnn.norm": norm, RATE: 2e-3 * 10 ** rng.uniform(1.3 + norm, 2.5)})
    if truth == "rate / 100":
        return dataclasses.replace(case, epochs=epochs, changed={**changed, RATE: 2e-3 / 10 ** rng.uniform(1.5, 2.5)})
    if truth in ("random labels", "leaked validation"):
        return dataclasses.replace(case, epochs=epochs, changed=changed, amount=rng.uniform(0.4, 1.0))
    if truth == "too few epochs":
        return dataclasses.replace(case, epochs=int(rng.integers(1, 6)), changed=changed)
    return dataclasses.replace(case, epochs=epochs, changed=changed | (CAREFUL if rng.random() < 0.5 else {}))


def train(name: str, images: Images, truth: str, seed: int, *, plugins: Any, work: Path) -> dict[str, Any]:
    """One training, as plain values: what is known beside the curves, the trial, its interventions and its test accuracy."""
    from automl_cnn import train as trainer
    from automl_cnn.data import pixels
    from automl_cnn.diagnosis.copies import share_of_copies
    from automl_cnn.errors import TrialError
    from automl_cnn.records import Epoch, Fidelity, Finished, State
    from automl_cnn.train.intervene import intervene

    case = Case({}, 20, "") if truth == REFERENCE else CASES[truth] if seed < VARIED_FROM else varied(truth, seed)
    easy = case.images == "easy" and name in EASY
    dataset = constructed(images.only(EASY[name]) if easy else images, case, seed, work)
    configuration = {**PLAIN, "resolution": dataset.side, **case.changed, **(CAREFUL if easy else {})}
    epochs: list[Any] = []

    def keep(event: Any) -> bool:
        if isinstance(event, Epoch):
            epochs.append(event)
        return True

    began = time.monotonic()
    spec = trainer.TrialSpec(seed, configuration, Fidelity(case.epochs * (2 if easy else 1)), "accuracy", "auto", seed, str(work / "x.keras"))
    changed, tested = None, {}
    try:
        ended = trainer.train(spec, dataset, plugins, keep)
        changed = dataclasses.asdict(intervene(dataclasses.replace(spec, start=spec.checkpoint), dataset, plugins, lambda event: True))
        tested = accuracies(dataset, Path(spec.checkpoint))
    except TrialError as error:
        ended = Finished(State.FAILED, failure=str(error), cause=error.cause)
    held = dataset.rows("val")
    context = {
        "classes": len(dataset.classes),
        "train_images": len(dataset.rows("train")),
        "val_images": len(held),
        "majority": float(np.mean(dataset.labels[held] == dataset.counts("train").argmax())),
        "copies": share_of_copies(pixels(dataset, dataset.side), dataset.rows("train"), held),
    }
    trial = {
        "configuration": configuration,
        "state": str(ended.state),
        "score": ended.score,
        "interval": ended.interval,
        "best_epoch": ended.best_epoch,
        "failure": ended.failure,
        "cause": None if ended.cause is None else str(ended.cause),
        "seconds": round(time.monotonic() - began, 2),
        "epochs": [dataclasses.asdict(event) for event in epochs],
        "interventions": changed,
    }
    return {"context": context, "trial": trial, "tested": tested}


def accuracies(dataset: Any, file: Path) -> dict[str, float]:
    """The accuracy of a model file on training and on test images."""
    from automl_cnn.data import pixels
    from automl_cnn.modelfile.file import load_model
    from automl_cnn.train import predict

    model, known = load_model(file), pixels(dataset, dataset.side)
    return {part: float(np.mean(predict(model, known, dataset.rows(part)).argmax(1) == dataset.labels[dataset.rows(part)])) for part in ("train", "test")}


def constructed(images: Images, case: Case, seed: int, work: Path) -> Any:
    """The images as a data set, with what the cause does to them."""
    from automl_cnn.data import prepare_arrays
    from automl_cnn.data.split import NOWHERE, SPLITS

    rng = np.random.default_rng(seed)
    rows = split(images.labels, seed)
    pixels, labels = images.pixels, images.labels
    if case.images == "random":
        labels = np.where(rng.random(len(labels)) < case.amount, rng.permutation(labels), labels)
    if case.images == "few":
        rows["train"] = rows["train"][: round(FEW * case.amount)]
    if case.images == "leaked":
        pixels, labels = leaked(pixels, labels, {**rows, "val": rows["val"][: round(len(rows["val"]) * case.amount)]}, seed)
    dataset = prepare_arrays(pixels, labels, work / "arrays", seed=seed, max_size=pixels.shape[1])
    splits = np.full_like(dataset.splits, NOWHERE)
    for part, chosen in rows.items():
        splits[chosen] = SPLITS[part]
    return dataclasses.replace(dataset, splits=splits, fingerprint=f"{dataset.fingerprint}{case.images}{case.amount}{seed}")


def leaked(pixels: np.ndarray, labels: np.ndarray, rows: Mapping[str, np.ndarray], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Each of these validation images becomes a copy of a training image, a little brighter or darker and noisier, as a copy saved again is."""
    rng = np.random.default_rng(seed + 1000)
    train, val = rows["train"], rows["val"]
    pixels, labels = pixels.copy(), labels.copy()
    sources = rng.choice(train, len(val), replace=False)
    noise = rng.normal(0, 1, (len(val), *pixels.shape[1:])) + rng.uniform(-4, 4, (len(val), 1, 1, 1))
    pixels[val] = np.clip(pixels[sources] + noise, 0, 255).astype(np.uint8)
    labels[val] = labels[sources]
    return pixels, labels


__all__ = ["CASES", "EASY", "PLUGIN", "REFERENCE", "SIZE", "Case", "train"]
