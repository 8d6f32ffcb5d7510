"""An ensemble takes the best model's place: when, and when not. The worker is a stand-in, its files are not."""

import dataclasses
from zipfile import ZipFile

import numpy as np
import pytest

from automl_cnn import metrics, predictions
from automl_cnn.errors import TrialError
from automl_cnn.modelfile.file import read_card
from automl_cnn.records import Fidelity, NetCost, State, Trial
from automl_cnn.study.finish.ensembles import Ensembles, members_of, price, standing
from automl_cnn.study.model_files import ModelFiles
from automl_cnn.study.observer import NullObserver
from automl_cnn.study.plan.limits import Limits
from automl_cnn.study.running.executors.protocol import Joint
from automl_cnn.tasks import Multiclass

CLASSES, IMAGES = 4, 400
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, CLASSES, IMAGES)


def answers(right):
    predicted = np.where(RNG.random(IMAGES) < right, LABELS, (LABELS + RNG.integers(1, CLASSES, IMAGES)) % CLASSES)
    return (0.6 * np.eye(CLASSES)[predicted] + 0.4 * RNG.dirichlet(np.ones(CLASSES), IMAGES)).astype(np.float32)


PREDICTED = {number: answers(0.8) for number in range(3)}


class FakeExecutor:
    """Writes a file, and answers with the mean of the members' predictions, unless it should fail."""

    def __init__(self):
        self.recipes, self.error, self.says, self.padding = [], None, None, 0

    def ensemble(self, recipe):
        self.recipes.append(recipe)
        with ZipFile(recipe.out, "w") as archive:
            archive.writestr("model.weights.h5", "several" + "x" * self.padding)
        if self.error:
            raise self.error
        mean = sum(share * PREDICTED[number] for number, share in recipe.shares.items())
        return Joint(32, NetCost(3000, 3_000_000, 9, 3100), mean if self.says is None else self.says)


class Noted(NullObserver):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def trial(number):
    score = metrics.score("accuracy", LABELS, PREDICTED[number])
    configuration = {"architecture": "vgg", "resolution": 32, "number": number}
    plain = Trial(number, configuration, Fidelity(5, 10.0), "", "search", State.COMPLETE, score)
    return dataclasses.replace(plain, interval=(0.7, 0.9), params=1000, mult_adds=1_000_000, setup=4.0, images_per_second=100.0)


TRIALS = [trial(number) for number in PREDICTED]
BEST = max(TRIALS, key=lambda one: one.score)


@pytest.fixture
def ensembles(tmp_path):
    (tmp_path / "trials").mkdir()
    card = lambda one: {"classes": list("abcd"), "size": 16, "channels": 3, "trial": one.number, "val_score": one.score, "params": one.params}  # noqa: E731
    model_files = ModelFiles(tmp_path / "best" / "model.keras", tmp_path / "trials", card)
    for number, predicted in PREDICTED.items():
        with ZipFile(model_files.checkpoint(number), "w") as archive:
            archive.writestr("model.weights.h5", str(number))
        predictions.keep(model_files.checkpoint(number), predicted)
    model_files.put(TRIALS)
    return Ensembles(
        Multiclass(CLASSES), "accuracy", LABELS, model_files, Limits(), lambda configuration: NetCost(1000, 1_000_000, 3, 1000), FakeExecutor(), Noted()
    )


def inside(ensembles):
    with ZipFile(ensembles.model_files.best) as archive:
        return archive.read("model.weights.h5").decode()


def untouched(ensembles):
    return inside(ensembles) == str(BEST.number) and [path.name for path in ensembles.model_files.best.parent.iterdir()] == ["model.keras"]


def test_networks_that_are_better_together_take_the_best_models_place(ensembles):
    ensembles.put(TRIALS, float("inf"))
    recipe = ensembles.executor.recipes[0]
    assert inside(ensembles) == "several"
    card = read_card(ensembles.model_files.best)
    assert card["trial"] == BEST.number
    assert (card["size"], card["params"], card["mult_adds"]) == (32, 3000, 3_000_000)
    assert card["val_score"] > BEST.score
    assert card["val_interval"][0] < card["val_score"] < card["val_interval"][1]
    assert members_of(ensembles.model_files.best) == {str(number): pytest.approx(share, abs=1e-6) for number, share in recipe.shares.items()}
    assert next(iter(members_of(ensembles.model_files.best))) == str(BEST.number)
    mean = sum(share * PREDICTED[number] for number, share in recipe.shares.items())
    np.testing.assert_allclose(predictions.recall(ensembles.model_files.best), mean, atol=1e-6, err_msg="to calibrate it, it need not be run")
    before = standing(ensembles.model_files.best)
    assert before["val_score"] == card["val_score"]
    assert before["params"] == 3000
    assert [path.name for path in ensembles.model_files.best.parent.iterdir()] == ["model.keras"]


def test_it_is_made_once_and_stays_while_the_best_network_does(ensembles):
    ensembles.put(TRIALS, float("inf"))
    ensembles.model_files.put(TRIALS)
    ensembles.put(TRIALS, float("inf"))
    assert len(ensembles.executor.recipes) == 1
    assert inside(ensembles) == "several"


def test_it_can_be_taken_apart_again(ensembles):
    ensembles.put(TRIALS, float("inf"))
    ensembles.take_apart(TRIALS)
    assert untouched(ensembles)
    assert standing(ensembles.model_files.best) == {}


@pytest.mark.parametrize(
    "limits",
    [Limits(params=1500), Limits(mult_adds=1_999_999), Limits(bytes=80_000), Limits(latency=15.0, measure=lambda configuration: 10.0)],
    ids=["parameters", "mult-adds", "bytes", "latency"],
)
def test_the_sum_of_the_members_keeps_the_limits_that_each_of_them_keeps(ensembles, limits):
    assert limits.broken(BEST.configuration, NetCost(1000, 1_000_000, 3, 1000)) is None
    dataclasses.replace(ensembles, limits=limits).put(TRIALS, float("inf"))
    assert ensembles.executor.recipes == []
    assert untouched(ensembles)


def test_a_file_that_turns_out_too_large_is_not_kept(ensembles):
    ensembles.executor.padding = 400_000
    dataclasses.replace(ensembles, limits=Limits(bytes=300_000)).put(TRIALS, float("inf"))
    assert len(ensembles.executor.recipes) == 1
    assert untouched(ensembles)


def test_without_time_it_is_said_and_not_made(ensembles):
    ensembles.put(TRIALS, 1.0)
    assert "no time was left" in ensembles.observer.notes[0]
    assert ensembles.executor.recipes == []
    assert untouched(ensembles)


def test_what_was_made_and_does_not_keep_its_promise_is_dropped(ensembles):
    ensembles.executor.says = PREDICTED[BEST.number]
    ensembles.put(TRIALS, float("inf"))
    assert len(ensembles.executor.recipes) == 1
    assert untouched(ensembles)


def test_a_worker_that_fails_leaves_the_best_model(ensembles):
    ensembles.executor.error = TrialError("it is gone")
    ensembles.put(TRIALS, float("inf"))
    assert "it is gone" in ensembles.observer.notes[0]
    assert untouched(ensembles)


def test_checkpoints_of_before_predictions_were_kept_are_no_members(ensembles):
    for number in PREDICTED:
        with ZipFile(ensembles.model_files.checkpoint(number), "w") as archive:
            archive.writestr("model.weights.h5", str(number))
    ensembles.put(TRIALS, float("inf"))
    assert ensembles.executor.recipes == []
    assert untouched(ensembles)


def test_more_and_larger_networks_cost_more_time():
    assert price(TRIALS[:2], 500) < price(TRIALS, 500) < price(TRIALS, 5000)


def test_predictions_survive_their_file_and_a_damaged_one_has_none(tmp_path):
    file = tmp_path / "a.keras"
    with ZipFile(file, "w") as archive:
        archive.writestr("model.weights.h5", "0")
    assert predictions.recall(file) is None
    predictions.keep(file, PREDICTED[0])
    np.testing.assert_array_equal(predictions.recall(file), PREDICTED[0])
    file.write_bytes(file.read_bytes()[:200])
    assert predictions.recall(file) is None
    assert predictions.recall(tmp_path / "missing.keras") is None
