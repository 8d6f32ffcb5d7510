"""What each part of a readout contributes: more images, several stages, several sizes, mirroring, and choosing by cross-validation.

    python benchmarks/readouts.py --sets flowers=FOLDER/train:FOLDER/test --sets signs=FOLDER

Each set's features are computed once (EfficientNet-Lite0, kept in --work). Then the full readout is compared with itself, one part taken away at a time, on
test images that none of them saw. Rows go to benchmarks/results/readouts.csv; a set's rows are replaced when it is run again.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from race.cells import ImageSet
from race.images import divide, labelled, pixels

from automl_cnn.metrics import wilson
from automl_cnn.tasks import Multiclass
from automl_cnn.train.regression import regress

HERE = Path(__file__).resolve().parent
WEIGHTS = {"architecture": "efficientnet_lite", "pretrained.efficientnet_lite": "lite0", "finetune.efficientnet_lite": "probe", "resolution": 224}
SIZES = (128, 160, 224, 288)
BATCH = 16
LEARNED, VALIDATED = 0.70, 0.15  # shares of the images that a search trains on and chooses by
SPLITS = 5  # random splits over which choosing is averaged
COLUMNS = ("set", "what", "sizes", "stages", "mirror", "images", "test_images", "accuracy", "low", "high", "difference", "difference_error", "date")


@dataclass(frozen=True)
class Kind:
    """One readout, and the share of the images that it learns from."""

    sizes: tuple[int, ...] = (288, 160)
    stages: int = 4
    mirror: bool = True
    share: float = 1.0


FULL = Kind()
ABLATIONS = {
    "full": FULL,
    "no refit (70 % of the images)": Kind(share=LEARNED),
    "one stage": Kind(stages=1),
    "one size (224 px)": Kind(sizes=(224,)),
    "no mirroring": Kind(mirror=False),
    "plain probe (224 px, one stage, no mirroring)": Kind((224,), 1, False),
    "plain probe on 70 % of the images": Kind((224,), 1, False, LEARNED),
}
CANDIDATES = [
    Kind(sizes, stages, mirror) for sizes in ((128,), (160,), (224,), (288,), (224, 128), (288, 160)) for stages in (1, 4) for mirror in (False, True)
]


class Features:
    """Features of a set's training and test images, and their labels."""

    def __init__(self, images: ImageSet, work: Path) -> None:
        self.name, file = images.name, work / f"features-{images.name}.npz"
        if not file.exists():
            np.savez(file, **_compute(images))
        self.stored = dict(np.load(file))
        self.widths = [int(width) for width in self.stored["widths"]]
        self.labels, self.truth = self.stored["train_labels"], self.stored["test_labels"]
        self.classes = int(self.labels.max()) + 1

    def of(self, split: str, kind: Kind) -> np.ndarray:
        """float32 (images, features)."""
        first = sum(self.widths[: len(self.widths) - kind.stages])
        parts = []
        for size in kind.sizes:
            looks = [self.stored[f"{split}_{size}_{mirrored}"] for mirrored in ((0, 1) if kind.mirror else (0,))]
            parts.append(np.mean(looks, axis=0)[:, first:])
        return np.concatenate(parts, axis=1)

    def answers(self, kind: Kind) -> np.ndarray:
        """Which test images are answered correctly, after learning from the kind's share of the training images."""
        rows = np.random.default_rng(0).permutation(len(self.labels))[: round(kind.share * len(self.labels))]
        fitted = regress(Multiclass(self.classes), self.of("train", kind)[rows], self.labels[rows], balanced=False, seed=0)
        return np.asarray(fitted.answers(self.of("test", kind)).argmax(axis=1) == self.truth)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument(
        "--sets", action="append", default=[], required=True, metavar="NAME=FOLDER[:TEST_FOLDER]", help="an image set; may be given several times"
    )
    options.add_argument("--results", type=Path, default=HERE / "results" / "readouts.csv", help="default: benchmarks/results/readouts.csv")
    options.add_argument("--work", type=Path, default=Path("automl-cnn-runs") / "readouts", help="features (default: automl-cnn-runs/readouts)")
    chosen = options.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    for images in map(ImageSet.parse, chosen.sets):
        rows = list(measured(Features(images, chosen.work)))
        replace(chosen.results, images.name, rows)
        for row in rows:
            print(f"{row['set']:<14}{row['what']:<48}{row['accuracy']:<8}{row['difference']!s:>8} ± {row['difference_error']}", flush=True)
    return 0


def measured(features: Features) -> Iterator[dict[str, object]]:
    """The rows of a set: the full readout, each part taken away, and how readouts are chosen."""
    full = features.answers(FULL)
    for what, kind in ABLATIONS.items():
        right = full if kind == FULL else features.answers(kind)
        changed = right.astype(float) - full
        yield _row(features, what, kind, float(right.mean()), (float(changed.mean()), float(changed.std() / math.sqrt(len(changed)))))
    yield from _choices(features)


def _choices(features: Features) -> Iterator[dict[str, object]]:
    """The test accuracy of the readout that is chosen by 15 % of the images, and by five folds over 85 %; the mean over random splits."""
    tested = {kind: float(features.answers(kind).mean()) for kind in CANDIDATES}
    by_split: list[float] = []
    by_folds: list[float] = []
    count = len(features.labels)
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(count)
        learn, held = order[: round(LEARNED * count)], order[round(LEARNED * count) : round((LEARNED + VALIDATED) * count)]
        both, split, folds = np.concatenate([learn, held]), {}, {}
        for kind in CANDIDATES:
            known = features.of("train", kind)
            crossed = regress(Multiclass(features.classes), known[both], features.labels[both], balanced=False, seed=0)
            folds[kind] = float(np.mean(crossed.held_out.argmax(axis=1) == features.labels[both][crossed.held_rows]))
            fitted = regress(Multiclass(features.classes), known[learn], features.labels[learn], balanced=False, seed=0, strength=crossed.strength)
            split[kind] = float(np.mean(fitted.answers(known[held]).argmax(axis=1) == features.labels[held]))
        by_split.append(tested[max(split, key=split.__getitem__)])
        by_folds.append(tested[max(folds, key=folds.__getitem__)])
    gains = np.array(by_split) - np.array(by_folds)
    error = float(gains.std(ddof=1) / math.sqrt(SPLITS))
    yield _row(features, f"chosen of {len(CANDIDATES)} by five folds", None, float(np.mean(by_folds)), (0.0, 0.0))
    yield _row(features, f"chosen of {len(CANDIDATES)} by 15 % of the images", None, float(np.mean(by_split)), (float(gains.mean()), error))


def _row(features: Features, what: str, kind: Kind | None, accuracy: float, difference: tuple[float, float]) -> dict[str, object]:
    low, high = wilson(accuracy * len(features.truth), len(features.truth))
    known = (
        {"sizes": "", "stages": "", "mirror": ""}
        if kind is None
        else {"sizes": " ".join(map(str, kind.sizes)), "stages": kind.stages, "mirror": int(kind.mirror)}
    )
    figures = {
        "accuracy": round(accuracy, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "difference": round(difference[0], 4),
        "difference_error": round(difference[1], 4),
    }
    images = round((1.0 if kind is None else kind.share) * len(features.labels))
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    return {"set": features.name, "what": what, **known, "images": images, "test_images": len(features.truth), **figures, "date": date}


def replace(file: Path, name: str, rows: list[dict[str, object]]) -> None:
    """Write a set's rows in place of its earlier ones."""
    kept: list[dict[str, object]] = []
    if file.exists():
        with file.open(newline="") as opened:
            kept = [dict(row) for row in csv.DictReader(opened) if row["set"] != name]
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([*kept, *rows])


def _compute(images: ImageSet) -> dict[str, np.ndarray]:
    """Features by split, size and mirroring, the widths of the stages, and the labels."""
    import keras

    from automl_cnn import registry
    from automl_cnn.models import pretrained
    from automl_cnn.models.choose import architecture_of, pretrained_of
    from automl_cnn.models.fold import folded
    from automl_cnn.models.readout import Look, frozen, view_of

    plugins = registry.load()
    entry = pretrained_of(WEIGHTS, plugins)
    assert entry is not None  # the package with the weights is among the dependencies
    body, reader = frozen(architecture_of(WEIGHTS, plugins), entry, 4, size=224, several=True)
    pretrained.load(body, entry)
    fast = folded(reader)
    made: dict[str, np.ndarray] = {"widths": np.array([int(output.shape[-1]) for output in reader.outputs])}
    with tempfile.TemporaryDirectory() as place:
        folders = (images.folder, images.test) if images.test else divide(images.folder, Path(place))
        listed = {split: labelled(folder) for split, folder in zip(("train", "test"), folders, strict=True)}
        classes = sorted({label for _, label in listed["train"]})
        for split, files in listed.items():
            made[f"{split}_labels"] = np.array([classes.index(label) for _, label in files])
            for size in SIZES:
                stored = pixels([path for path, _ in files], size)
                for mirrored in (False, True):
                    given = keras.Input((size, size, 3), dtype="uint8")
                    read = keras.Model(given, keras.layers.Concatenate()(fast(view_of(given, Look(size, mirrored), size, entry), training=False)))
                    made[f"{split}_{size}_{int(mirrored)}"] = _batches(read, stored)
    return made


def _batches(model: object, images: np.ndarray) -> np.ndarray:
    padded = np.concatenate([images, images[:1].repeat(-len(images) % BATCH, axis=0)])
    parts = [np.asarray(model.predict_on_batch(padded[at : at + BATCH])) for at in range(0, len(padded), BATCH)]  # type: ignore[attr-defined]  # a Keras model
    return np.concatenate(parts)[: len(images)].astype(np.float32)


if __name__ == "__main__":
    sys.exit(main())
