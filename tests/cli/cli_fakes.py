"""A study that was never run, and a stand-in for the search that tells an observer all of it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from automl_cnn.records import Epoch, Fidelity, Job, NetCost, Progress, Started, State, StudyResult, Trial
from automl_cnn.tasks import Multiclass


def epoch(number: int, score: float, epochs: int = 12) -> Epoch:
    return Epoch(number, epochs, number * 3.0, 1.0 / number, score, 1.2 / number, score, score, 1e-3)


def trial(number: int, architecture: str, score: float | None, state: State = State.COMPLETE, **changes: object) -> Trial:
    configuration = {"architecture": architecture, "resolution": 96, "width": 0.5, "depth": 1.0, "optimizer": "adam", "adam.learning_rate": 0.00123456}
    values = {
        "configuration": {**configuration, "regularizer.dropout": True, "dropout.rate": 0.25, "regularizer.l2": False},
        "fidelity": Fidelity(60, 60.0),
        "reason": f"default of {architecture}",
        "stage": "defaults",
        "score": score,
        "interval": None if score is None else (score - 0.043, score + 0.037),
        "epochs": tuple(epoch(index, 0.5) for index in range(1, 7)),
        "params": 2_345_678,
        "mult_adds": 123_456_789,
        "seconds": 65.2,
        **changes,
    }
    return Trial(number=number, state=state, **values)


TRIALS = (
    trial(0, "mobilenet_v2", 0.823),
    trial(1, "vgg", 0.712, mult_adds=1_200_000_000, params=14_700_000),
    trial(2, "inception_resnet_v2", 0.873, seconds=3725.0),
    trial(3, "vgg", 0.9, State.PRUNED),
    trial(4, "resnet", None, State.FAILED, failure="out of memory at batch 128", params=None, mult_adds=None, epochs=()),
    trial(5, "resnet", None, State.RUNNING, epochs=()),
)
ENDED = TRIALS[:-1]

RESULT = StudyResult(
    study="flowers-ab12cd",
    metric="accuracy",
    configuration=TRIALS[2].configuration,
    params=2_345_678,
    mult_adds=123_456_789,
    val_score=0.873,
    val_interval=(0.83, 0.91),
    test_score=0.8234,
    test_interval=(0.781, 0.86),
    trials=5,
    seconds=593.0,
    model_path="/somewhere/rather/deep/in/a/home/folder/of/somebody/automl-cnn-runs/flowers-ab12cd/best/model.keras",
    trial=2,
    stopped_by="budget",
    notes=("the test split is small",),
    leaderboard=ENDED,
)


class FakeDataset:
    name = "flowers"
    classes = ("daisy", "rose", "tulip")
    channels = 3
    labels = tuple(range(3210))
    duplicates = 2
    skipped = tuple(SimpleNamespace(path=f"daisy/{index}.jpg", reason="truncated") for index in range(7))
    notes = ("class rose has 12 images only",)
    task = Multiclass(3)
    labels_each = ()

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, split: str) -> range:
        return {"train": range(2248), "val": range(481), "test": range(481)}[split]

    def truth(self, rows) -> np.ndarray:
        return np.asarray(rows) % 3


class FakeSearch:
    """Takes the place of `automl_cnn.study.run`."""

    def __init__(self) -> None:
        self.config = None
        self.options: dict[str, object] = {}

    def __call__(self, config, **options):
        self.config, self.options = config, options
        observer = options["observer"]
        observer.note("Plugin left out: mine.py: ImportError: no module named x")
        observer.data(FakeDataset())
        observer.resumed(ENDED[:1], 60.0)
        observer.clock(72.0, config.budget)
        job = Job(ENDED[1].configuration, Fidelity(12), "default of vgg", "defaults")
        observer.trial_started(job, 1)
        observer.event(1, Started(NetCost(14_700_000, 1_200_000_000, 9), 12))
        for number in range(1, 7):
            observer.event(1, Progress(number, 12, 5, 10))
            observer.event(1, epoch(number, number / 10))
        observer.trial_finished(ENDED[1], ENDED[:2])
        observer.trial_started(job, 2)
        observer.trial_finished(ENDED[2], ENDED[:3])
        observer.trial_started(job, 4)
        observer.trial_finished(ENDED[4], ENDED)
        observer.finishing("scoring the test images once")
        observer.result(RESULT)
        return RESULT
