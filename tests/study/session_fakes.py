"""A whole search in a second: the session, the record, the model files and the finish are real, the worker is a formula."""

import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from automl_cnn import predictions
from automl_cnn.config import study_config
from automl_cnn.data import Dataset, pixels, prepare_arrays
from automl_cnn.errors import ImagesGone, TrialError
from automl_cnn.modelfile.file import read_card, write_card
from automl_cnn.records import Calibration, Epoch, Finished, NetCost, Progress, Started, State
from automl_cnn.study import session
from automl_cnn.study.observer import NullObserver
from automl_cnn.study.running.executors.protocol import Refitted, TestScore
from automl_cnn.study.running.executors.worker import failure_of


class Notes(NullObserver):
    """An observer that keeps the notes and results."""

    def __init__(self):
        self.notes, self.results = [], []

    def note(self, text):
        self.notes.append(text)

    def result(self, result):
        self.results.append(result)


class FakeWorker:
    """Stands in for LocalExecutor: each trial scores 0.5 and a little more, unless `script` makes an outcome of (number, job)."""

    made: ClassVar[list["FakeWorker"]] = []
    script = staticmethod(lambda number, job: None)
    seconds = staticmethod(lambda number: None)  # called while a trial runs, with its number; with -1 while the worker starts
    refitted = staticmethod(lambda job: Refitted(12, 0.75, 0.5, 0.6, 0.7))  # what becomes of a refit; it may raise
    grown = staticmethod(lambda job: None)  # what a readout scores on parts of its images; it may raise
    starts = True

    confusion = ((5, 5), (5, 5))  # of the test images

    def __init__(self, log, begin=None, beside=0):
        self.log, self.beside = log, beside
        self.setting, self.jobs, self.tested, self.gone = None, [], 0, False
        self.growths = []  # the readouts that were to be measured
        self.refits, self.cards = [], []  # the refits that were asked for, and the cards of the models that were scored on the test images
        FakeWorker.made.append(self)

    def configure(self, setting):
        self.setting = setting

    def wait(self, seconds):
        FakeWorker.seconds(-1)
        return FakeWorker.starts

    def run(self, job, number, patience=None):
        self.jobs.append(job)
        FakeWorker.seconds(number)
        try:
            dataset = Dataset.load(Path(self.setting.dataset))
            pixels(dataset, dataset.side)
        except ImagesGone as error:
            sentence, cause = failure_of(error)
            yield Finished(State.FAILED, failure=sentence, cause=cause)
            return
        outcome = FakeWorker.script(number, job)
        if outcome is not None:
            yield outcome
            return
        score = 0.5 + 0.01 * (number % 7)
        yield Started(NetCost(1000, 1_000_000, 5), 1)
        yield Progress(1, 1, 1, 1)
        yield Epoch(1, 1, 1.0, 1.0, 0.5, 1.0, 0.5, score, 0.1)
        path = Path(self.setting.checkpoints) / f"trial-{number:04d}.keras"
        write_model(path)
        predictions.keep(path, np.full((1, 2), 0.5))
        yield Finished(State.COMPLETE, score, 1, 1.0, setup=0.5, images_per_second=500.0, checkpoint=str(path), interval=(score - 0.05, score + 0.05))

    def stop(self):
        pass

    def cost(self, configuration):
        return NetCost(1000, 1_000_000, 5)

    def latency(self, configuration):
        return 1.0

    def calibrate(self, model):
        write_card(Path(model), {**read_card(Path(model)), "temperature": 1.0})
        return Calibration(1.0, 0.7, 0.7, 0.1, 0.1)

    def fetch(self, architecture, weights):
        pass

    def test(self, model):
        self.tested += 1
        self.cards.append(read_card(Path(model)))
        self._look()
        return TestScore(0.5, (0.4, 0.6), self.confusion)

    def refit(self, job, patience=None):
        self.refits.append(job)
        self._look()
        made = FakeWorker.refitted(job)
        write_model(Path(job.out))
        return made

    def growth(self, job, patience=None):
        self.growths.append(job)
        return FakeWorker.grown(job)

    def _look(self):
        """Raises TrialError where the images are gone."""
        try:
            dataset = Dataset.load(Path(self.setting.dataset))
            pixels(dataset, dataset.side)
        except ImagesGone as error:
            raise TrialError(*failure_of(error)) from None

    def examine(self, model, patience=None):
        raise TrialError("a formula makes no mistakes")

    def close(self):
        self.gone = True


def write_model(path):
    """What passes for a model file."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")


def pictures(folder):
    """Forty pictures of noise in two classes, as files."""
    rng = np.random.default_rng(0)
    for number in range(40):
        path = folder / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(path)
    return folder


def search(folder, monkeypatch, *, script=None, seconds=None, starts=True, refitted=None, **settings):
    """(result, observer, worker) of a search over forty pictures of noise in two classes, in memory unless `data` is given."""
    FakeWorker.made = []
    monkeypatch.setattr(FakeWorker, "script", staticmethod(script or (lambda number, job: None)))
    monkeypatch.setattr(FakeWorker, "seconds", staticmethod(seconds or (lambda number: None)))
    monkeypatch.setattr(FakeWorker, "refitted", staticmethod(refitted or (lambda job: Refitted(12, 0.75, 0.5, 0.6, 0.7))))
    monkeypatch.setattr(FakeWorker, "starts", starts)
    monkeypatch.setattr(session, "LocalExecutor", FakeWorker)
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    given = {
        "data": folder,
        "name": "s",
        "store": folder / "store",
        "pretrained": "none",
        "architectures": ("simple_cnn", "vgg"),
        **({"workers": 1} if "budget" in settings else {}),
        **settings,
    }
    config = study_config({"trials": 3, **given} if "budget" not in given else {"workers": 1, **given})
    dataset = None if "data" in settings else prepare_arrays(images, [0, 1] * 20, config.store / "cache")
    observer = Notes()
    return session.run(config, observer=observer, track=False, dataset=dataset), observer, FakeWorker.made[-1]
