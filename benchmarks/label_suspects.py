"""How many wrong labels `automl-cnn check` names where images have several: entries are flipped in composed pictures, and counted.

    python benchmarks/label_suspects.py [--fashion FOLDER]        # rows of results/label_suspects.csv

Pictures are those of `benchmarks/multilabel.py`, with two or three of ten items each. `flipped`: 3 % of all entries of the table of zeros and ones are
turned, so that three of four wrong labels are too much. `even`: as many entries are turned, half of them labels that go missing. `clean`: none; what is
named is a false alarm. Stated are the ROC AUC of the ranking of all entries, and precision and recall of those that are named.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from multilabel import Items, composed, digits, items_of

from automl_cnn import registry
from automl_cnn.check.answers import held_out
from automl_cnn.check.features import read
from automl_cnn.data import Dataset, prepare_arrays
from automl_cnn.metrics import wilson
from automl_cnn.tasks.suspects import unlikely

RESULTS = Path(__file__).resolve().parent / "results" / "label_suspects.csv"
HEAD = ("set", "images", "fault", "planted", "named", "right", "recall", "precision", "precision_low", "precision_high", "missing", "too_much", "auc")
IMAGES, SHARE, SEED = 2000, 0.03, 0


def pictures(items: Items, place: Path) -> Dataset:
    """Composed pictures, with all of their labels right."""
    images, labels = composed(items, IMAGES, np.random.default_rng(SEED), held_out=False)
    names = sorted(set().union(*labels))
    truth = np.array([[name in one for name in names] for one in labels], np.uint8)
    return prepare_arrays(images[..., None], truth, place, task="multilabel", names=names)


def turned(truth: np.ndarray, fault: str) -> np.ndarray:
    """Which entries are turned, bool (images, labels)."""
    rng = np.random.default_rng(SEED + 1)
    wrong = np.zeros(truth.size, bool)
    if fault == "flipped":
        wrong[rng.permutation(truth.size)[: round(SHARE * truth.size)]] = True
    if fault == "even":
        for value in (0, 1):
            wrong[rng.permutation(np.flatnonzero(truth.ravel() == value))[: round(SHARE * truth.size / 2)]] = True
    return wrong.reshape(truth.shape)


def measured(items: Items) -> Iterator[tuple[object, ...]]:
    """A row for each fault, without the set's name."""
    from sklearn.metrics import roc_auc_score

    with tempfile.TemporaryDirectory() as work:
        dataset = pictures(items, Path(work))
        features = read(dataset, registry.load(), None, lambda what, done, of: None)
    assert features is not None
    truth, task = dataset.truth(features.rows), dataset.task
    for fault in ("flipped", "even", "clean"):
        wrong = turned(truth, fault)
        given = np.where(wrong, 1 - truth, truth).astype(np.uint8)
        answers = held_out(task, features.both, given, dataset.photos(features.rows))
        assert answers is not None
        named = task.suspects(given, answers)
        right = sum(bool(wrong[one.row, one.output]) for one in named)
        missing = sum(one.output in one.better for one in named)
        low, high = wilson(right, max(1, len(named)))
        auc = f"{roc_auc_score(wrong.ravel(), -unlikely(given, answers).ravel()):.3f}" if wrong.any() else ""
        scores = (f"{number:.3f}" for number in (right / max(1, wrong.sum()), right / max(1, len(named)), low, high)) if wrong.any() else ("",) * 4
        yield (len(truth), fault, int(wrong.sum()), len(named), right, *scores, missing, len(named) - missing, auc)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fashion", type=Path, help="a folder of items, one subfolder for each class")
    options = parser.parse_args()
    sets = {"digits": digits(), **({"fashion": items_of(options.fashion)} if options.fashion else {})}
    with RESULTS.open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(HEAD)
        for name, items in sets.items():
            for row in measured(items):
                print(*(name, *row), flush=True)
                out.writerow((name, *row))


if __name__ == "__main__":
    main()
