"""Studies that were never run, as facts for a report."""

from __future__ import annotations

import base64
import io

from automl_cnn.evidence import Bin, Evidence, Mistake
from automl_cnn.facts import Effect, Facts
from automl_cnn.growth import Growth, Point
from automl_cnn.measure import Measure
from automl_cnn.problems import Checked, Problem
from automl_cnn.records import Epoch, Fidelity, Finding, State, Trial

CLASSES = ("daisy", "rose", "tulip")


def epochs(count: int, top: float, *, clean: bool = False) -> tuple[Epoch, ...]:
    return tuple(
        Epoch(
            number=number,
            epochs=count,
            seconds=2.0 * number,
            loss=1.0 / number,
            accuracy=min(1.0, top * number / count + 0.05),
            val_loss=1.2 / number,
            val_accuracy=top * number / count,
            score=top * number / count,
            learning_rate=0.001,
            **({"clean_loss": 0.9 / number, "clean_accuracy": min(1.0, top * number / count + 0.1)} if clean else {}),
        )
        for number in range(1, count + 1)
    )


def trial(number: int, score: float | None = 0.8, architecture: str = "vgg", state: State = State.COMPLETE, **changes) -> Trial:
    configuration = {
        "architecture": architecture,
        "resolution": 64,
        "width": 0.5,
        "optimizer": "adam",
        "adam.learning_rate": 0.00123456,
        "regularizer.l2": False,
    }
    given = {
        "configuration": {**configuration, **changes.pop("configuration", {})},
        "fidelity": Fidelity(10),
        "reason": f"default of {architecture}",
        "stage": "defaults",
        "interval": None if score is None else (score - 0.05, score + 0.04),
        "epochs": epochs(6, score or 0.3),
        "best_epoch": 5,
        "params": 1_000_000 + 1000 * number,
        "mult_adds": 20_000_000 * (number + 1),
        "seconds": 30.0 + number,
        **changes,
    }
    return Trial(number=number, score=score, state=state, **given)


def data(classes=CLASSES, train=(50, 10, 40), val=(10, 4, 9), test=(10, 4, 9)) -> dict:
    return {
        "name": "flowers",
        "folder": "images/flowers",
        "fingerprint": "f" * 32,
        "classes": list(classes),
        "images": sum(train) + sum(val) + sum(test),
        "splits": {"train": list(train), "val": list(val), "test": list(test)},
        "skipped": 1,
        "duplicates": 2,
        "channels": 3,
        "native": 180,
    }


def result(best: Trial, test: float | None = 0.85) -> dict:
    span = None if test is None else (test - 0.06, test + 0.05)
    return {"study": "flowers", "trial": best.number, "test_score": test, "test_interval": span, "baseline": 0.45, "stopped_by": "budget", "trials": 3}


def jpeg() -> str:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "JPEG")
    return base64.b64encode(out.getvalue()).decode()


def evidence(number: int, classes: int = 3, **changes) -> Evidence:
    matrix = tuple(tuple(8 if row == column else (row + column) % 2 for column in range(classes)) for row in range(classes))
    given = {
        "temperature": 1.7,
        "confusion": matrix,
        "bins": (Bin(5, 0.45, 0.4), Bin(20, 0.95, 0.9)),
        "raw": (Bin(3, 0.5, 0.3), Bin(22, 0.99, 0.85)),
        "mistakes": (Mistake("rose/1.jpg", 1, 0, 0.93, 0.02, jpeg(), jpeg()),),
        **changes,
    }
    return Evidence(trial=number, **given)


def problem(kind: str, severity: str, **changes) -> Problem:
    return Problem(
        **{"kind": kind, "severity": severity, "sentence": f"Images are {kind}.", "search": "It uses them.", "advice": "Look.", "count": 2, **changes}
    )


def checked(*problems: Problem, **changes) -> Checked:
    return Checked("images/flowers", {"images": 137}, problems, ("labels: no network looked at the images",), **changes)


GROWTH = Growth(
    (Point(12, 0.62, (0.5, 0.74)), Point(25, 0.70, (0.6, 0.8)), Point(50, 0.78, (0.7, 0.86)), Point(100, 0.82, (0.77, 0.87))),
    Point(200, 0.855, (0.79, 0.91)),
    0.035,
    (0.012, 0.055),
    "readout",
)
OVERFITS = Finding(
    "overfitting", "high", "From epoch 3 on it learns the training images by heart.", {"gap": 0.21, "gap_low": 0.1}, 3, ("augmentation", "more images")
)


def study(trials=None, **changes) -> Facts:
    trials = (
        (trial(0, 0.7), trial(1, 0.82, "resnet"), trial(2, None, "alexnet", State.FAILED, failure="out of memory", epochs=())) if trials is None else trials
    )
    best = max((one for one in trials if one.scored), key=lambda one: one.score, default=None)
    given = {
        "name": "flowers",
        "data": data(),
        "skipped": (("rose/bad.jpg", "the file is empty (0 bytes)"),),
        "notes": ("1 image appears, byte for byte, under several classes: at least one of the labels is wrong.",),
        "settings": {"engine": "optuna", "sampler": "tpe", "seed": 3},
        "toml": 'data = "images/flowers"\n',
        "trials": tuple(trials),
        "result": result(best) if best else None,
        "seconds": 125.0,
        "evidence": evidence(best.number) if best else None,
        "findings": {best.number: (OVERFITS,)} if best else {},
        "effects": (Effect("dropout", 3, 0.021, (0.004, 0.038)),),
        "versions": {"keras": "3.15.1"},
        "hashes": {"model.keras (sha256)": "ab" * 32},
        "written": "2030-01-01 10:00",
        **changes,
    }
    return Facts(**given)


LABELED = {
    "name": "labels",
    "folder": "photos",
    "classes": ["cat", "dog", "night"],
    "images": 100,
    "task": "multilabel",
    "splits": {"train": [40, 20, 8], "val": [10, 6, 2], "test": [9, 6, 2]},
    "images_by_split": {"train": 60, "val": 20, "test": 20},
    "labels_per_image": [10, 77, 13],
    "same_answer": {"val": {"mean_average_precision": 0.4}, "test": {}},
    "channels": 3,
}
COUNTS = ((9, 1, 1, 9), (3, 3, 3, 11), (0, 0, 2, 18))  # has it and is answered so, answered wrongly, missed, the others
MISTAKES = (
    Mistake("a.jpg", 2, 2, 0.97, 0.03, jpeg(), jpeg(), truths=(0, 2), answers=(0,)),
    Mistake("b.jpg", 1, 1, 0.91, 0.09, jpeg(), "", truths=(), answers=(1,)),
)
CALIBRATION = {
    "temperature": 1.7, "loss": 0.3, "loss_after": 0.2, "error": 0.04, "error_after": 0.02, "held_out_error": 0.02,
    "thresholds": [0.31, 0.42, 0.5], "f1": 0.81, "f1_at_half": 0.74, "what a later version may add": 1,
}  # fmt: skip


def labeled(**changes) -> Facts:
    """A study of images with several labels."""
    best = trial(1, 0.82, "resnet")
    given = {
        "metric": "mean_average_precision",
        "data": LABELED,
        "result": {**result(best, None), "calibration": CALIBRATION},
        "evidence": evidence(1, confusion=COUNTS, mistakes=MISTAKES, bins=(Bin(60, 0.9, 0.92),), raw=(Bin(60, 0.95, 0.92),)),
        **changes,
    }
    return study((trial(0, 0.7), best), **given)


AGES = {
    "name": "faces",
    "folder": "photos",
    "classes": ["age"],
    "images": 100,
    "task": "regression",
    "targets": [{"name": "age", "unit": "years", "mean": 40.0, "sd": 20.0}],
    "ranges": [{"low": 1.0, "median": 38.0, "high": 90.0, "mean": 40.0, "sd": 20.0, "counts": [10, 20, 25, 5]}],
    "splits": {"train": [60], "val": [20], "test": [20]},
    "images_by_split": {"train": 60, "val": 20, "test": 20},
    "labels_per_image": [],
    "same_answer": {"val": {"rmse": 0.0}, "test": {"rmse": 0.0}},
    "channels": 3,
}
POINTS = tuple((float(5 * number), 5.0 * number + (number % 3 - 1) * 2.0) for number in range(20))  # off by 2 at most
FAR_OFF = (
    Mistake("a.jpg", 0, 0, 0.0, 0.0, jpeg(), jpeg(), wanted=(30.0,), given=(34.5,)),
    Mistake("b.jpg", 0, 0, 0.0, 0.0, jpeg(), "", wanted=(70.0,), given=(66.0,)),
)
ERRORS = {"age": {"rmse": 3.2, "mae": 2.5, "r2": 0.974, "spearman": 0.981, "half_width": 5.1, "covered": 0.9}}
LENGTHS = [{"name": "x", "unit": "mm", "mean": 0.0, "sd": 2.0}, {"name": "y", "unit": "", "mean": 5.0, "sd": 0.1}]


def seen(points=(), test=(), mistakes=FAR_OFF) -> Evidence:
    """What was found out about a model that answers numbers."""
    return evidence(1, confusion=(), bins=(), raw=(), mistakes=mistakes, temperature=None, points=points, test_points=test)


def numbered(test: float | None = 0.84, **changes) -> Facts:
    """A study of images with a number each, in which an RMSE of 3.2 years is a score of 0.84."""
    best = trial(1, 0.82, "resnet")
    data = changes.pop("data", AGES)
    given = {
        "metric": Measure.of("rmse", data),
        "data": data,
        "result": {**result(best, test), "baseline": 0.0, "per_label": ERRORS, "calibration": None},
        "evidence": seen((POINTS,), (POINTS,) if test else ()),
        "findings": {},
        "notes": (),
        **changes,
    }
    return study((trial(0, 0.7), best), **given)


def two_numbers(**changes) -> Facts:
    """The same with two numbers."""
    data = {**AGES, "classes": ["x", "y"], "targets": LENGTHS, "ranges": AGES["ranges"] * 2, "splits": {split: [20, 20] for split in ("train", "val", "test")}}
    far = (Mistake("a.jpg", 1, 1, 0.0, 0.0, jpeg(), jpeg(), wanted=(1.0, 5.0), given=(1.5, 5.2)),)
    errors = {name: {**ERRORS["age"], "rmse": rmse} for name, rmse in (("x", 0.5), ("y", 0.012))}
    best = {**result(trial(1, 0.82, "resnet")), "baseline": 0.0, "per_label": errors}
    return numbered(data=data, evidence=seen((POINTS, POINTS), mistakes=far), result=best, **changes)
