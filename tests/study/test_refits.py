"""After the test score: the winner's recipe trained on every image, delivered if nothing speaks against it, and taken back when the study goes on."""

import dataclasses
import math
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from session_fakes import search, write_model

from automl_cnn import elapsed
from automl_cnn.config import study_config
from automl_cnn.data import prepare_arrays
from automl_cnn.errors import TrialError
from automl_cnn.modelfile.file import read_card, seal, sealed, verify, write_card
from automl_cnn.records import MAJORITY, Epoch, Fidelity, Refit, State, Trial
from automl_cnn.store import Store
from automl_cnn.study.finish import refits
from automl_cnn.study.finish.refits import PART, REGRESSION, SHARE, Refits, objection, undo
from automl_cnn.study.model_files import ModelFiles
from automl_cnn.study.running.executors.protocol import Refitted

CARD = {"classes": ["a", "b"], "size": 8, "channels": 3, "trial": 0, "temperature": 1.5, "test_score": 0.8}
EVERY = ("train", "val", "test")
FINE = Refitted(100, 0.9, 0.8, 0.3, 0.5)
NETWORK = Trial(
    0,
    {"architecture": "vgg", "resolution": 8},
    Fidelity(60, 30.0),
    "",
    "search",
    State.COMPLETE,
    0.8,
    epochs=tuple(Epoch(number, 10, number, 1.0, 0.5, 1.0, 0.5, 0.5, 0.1) for number in range(1, 11)),
    setup=2.0,
    images_per_second=100.0,
)
READOUT = dataclasses.replace(
    NETWORK, configuration={"architecture": "vgg", "resolution": 8, "pretrained.vgg": "known", "finetune.vgg": "probe"}, strength=0.3, folds=5
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)
    return prepare_arrays(images, [0, 1] * 20, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def folder(tmp_path):
    """A study whose model is scored."""
    place = Store(tmp_path).study("s")
    _ = place.best
    written(place.model, "scored", CARD)
    seal(place.model)
    return place


def written(path, what, card=None):
    """A model file that says what it is."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", what)
    if card is not None:
        write_card(path, card)


def inside(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read("config.json").decode()


@pytest.fixture
def made(dataset, folder):
    """`made(refitted, **settings)`: what refits the study, its executor a formula; `.jobs` are those it was asked for."""

    def make(refitted=FINE, data=dataset, budget=None, **settings):
        jobs = []

        def refit(job, patience=None):
            jobs.append(job)
            if isinstance(refitted, Exception):
                written(Path(job.out), "half")
                raise refitted
            written(Path(job.out), "refit")
            return refitted

        config = study_config({"data": "x", **({"trials": 3} if budget is None else {"budget": budget}), **settings})
        made = Refits(config, folder, ModelFiles(folder.model, folder.trials, lambda trial: CARD), data, SimpleNamespace(refit=refit))
        return SimpleNamespace(refits=made, jobs=jobs, make=made.make)

    return make


def test_a_refit_that_is_better_has_nothing_against_it():
    assert objection(FINE) is None
    assert objection(Refitted(100, 0.8, 0.8, 0.5, 0.5)) is None


def test_a_refit_that_answers_fewer_images_correctly_is_not_delivered():
    assert "is right on fewer of them (0.700 against 0.800)" in objection(Refitted(100, 0.7, 0.8, 0.1, 0.5))
    assert objection(Refitted(100, 0.75, 0.8, 0.1, 0.5)) is None, "by chance"
    assert objection(Refitted(10_000, 0.75, 0.8, 0.1, 0.5)) is not None, "with this many images it cannot be chance"
    assert objection(Refitted(20, 0.95, 1.0, 0.1, 0.5)) is None, "one of few, though all were right before"
    assert objection(Refitted(20, 0.5, 1.0, 0.1, 0.5)) is not None


def test_a_refit_whose_loss_is_higher_is_not_delivered():
    assert "its loss was higher on them (0.900 against 0.500)" in objection(Refitted(100, 0.9, 0.8, 0.9, 0.5))
    assert objection(Refitted(100, 0.9, 0.8, 0.53, 0.5)) is None
    assert objection(Refitted(100, 1.0, 1.0, 0.005, 0.0)) is None, "both are next to nothing"


@pytest.mark.parametrize("loss", [math.inf, math.nan])
def test_a_refit_whose_loss_is_no_number_is_not_delivered(loss):
    assert "not finite" in objection(Refitted(100, 0.9, 0.8, loss, 0.5))


@pytest.mark.parametrize(
    ("setting", "own_test", "expected"),
    [
        ("auto", False, EVERY),
        ("auto", True, ("train", "val")),
        ("all", False, EVERY),
        ("all", True, EVERY),
        ("train", False, ("train", "val")),
        ("train", True, ("train", "val")),
        ("off", False, ()),
        ("off", True, ()),
    ],
)
def test_test_images_of_the_users_own_are_not_learned_from_unless_that_is_asked_for(made, dataset, setting, own_test, expected):
    assert made(data=dataclasses.replace(dataset, own_test=own_test), refit=setting).refits.splits == expected


def test_time_is_set_aside_for_what_can_be_refitted(made):
    with_time = made(budget="100s").refits
    assert with_time.foreseen(NETWORK) == pytest.approx(100 * SHARE)
    assert with_time.foreseen(READOUT) == REGRESSION
    assert with_time.foreseen(READOUT, 120.0) > with_time.foreseen(READOUT, 12.0), "the machine is slow"
    assert with_time.foreseen(None) == with_time.foreseen(dataclasses.replace(NETWORK, stage=MAJORITY)) == 0.0
    assert made(budget="100s", refit="off").refits.foreseen(NETWORK) == 0.0
    assert made().refits.foreseen(NETWORK) == 0.0, "without a budget nothing is set aside"


def test_a_readout_is_fitted_with_the_penalty_that_was_chosen(made, folder):
    asked = made(budget="100s")
    refit, better = asked.make(READOUT, 1.0, 1)
    (job,) = asked.jobs
    assert better
    assert (job.strength, job.seconds, job.splits, job.model) == (0.3, None, EVERY, str(folder.model))
    assert (refit.images, refit.compared, refit.correct, refit.correct_before, refit.kept) == (40, 100, 0.9, 0.8, "")
    assert refit.scored_images < 40
    assert inside(folder.model) == "scored", "it is not put in its place yet"


def test_a_network_goes_on_from_its_checkpoint_within_its_share_of_the_time(made, folder):
    asked = made(budget="100s")
    checkpoint = asked.refits.model_files.checkpoint(0)
    written(checkpoint, "checkpoint")
    assert asked.make(NETWORK, 60.0, 1)[1]
    assert asked.make(NETWORK, 4.0, 1)[1]
    generous, tight = asked.jobs
    assert generous.checkpoint == str(checkpoint)
    assert 0 < generous.seconds <= 100 * SHARE - NETWORK.setup
    assert 0 < tight.seconds <= 4.0 - NETWORK.setup
    checkpoint.unlink()
    asked.make(NETWORK, 60.0, 1)
    assert asked.jobs[-1].checkpoint == str(folder.model)


def test_without_a_budget_a_network_is_trained_for_a_part_of_its_epochs(made):
    asked = made()
    asked.make(NETWORK, math.inf, 1)
    assert (asked.jobs[0].seconds, asked.jobs[0].epochs, asked.jobs[0].restart) == (None, 2, pytest.approx(0.1))


@pytest.mark.parametrize(("epochs", "share"), [(1, 0.05), (5, 0.25), (10, 0.5), (40, 0.5), (0.01, 0.025)])
def test_a_short_refit_begins_at_a_low_rate(epochs, share):
    assert refits.restart(NETWORK, epochs) == pytest.approx(share)


@pytest.mark.parametrize(
    ("refitted", "left", "members", "why"),
    [
        (FINE, 60.0, 3, "an ensemble is not trained again"),
        (FINE, 2.1, 1, "no time was left to train it on all 40 images"),
        (FINE, -5.0, 1, "no time was left to train it on all 40 images"),
        (TrialError("the worker died"), 60.0, 1, "training it on all 40 images failed (the worker died)"),
        (Refitted(100, 0.5, 0.8, 0.3, 0.5), 60.0, 1, "trained on more images, it is right on fewer of them (0.500 against 0.800)"),
    ],
)
def test_why_the_scored_model_is_delivered_is_known(made, folder, refitted, left, members, why):
    refit, better = made(refitted, budget="100s").make(NETWORK, left, members)
    assert not better
    assert refit.kept == why
    assert f"{why}." in refit.sentence
    assert not (folder.best / PART).exists()
    assert inside(folder.model) == "scored"


def test_the_new_model_takes_the_place_and_the_scored_one_stays_beside_it(made, folder):
    asked = made().refits
    refit, _ = asked.make(READOUT, math.inf, 1)
    asked.place(refit)
    assert (inside(folder.model), inside(folder.scored)) == ("refit", "scored")
    assert read_card(folder.model) == {**CARD, "refit": {"images": 40, "scored_images": refit.scored_images, "splits": list(EVERY)}}
    assert read_card(folder.scored) == CARD
    assert folder.judged == folder.scored
    assert not sealed(folder.model).exists(), "it would be that of the scored one"
    assert not (folder.best / PART).exists()


def test_a_refit_of_another_session_makes_way(made, folder):
    asked = made().refits
    written(folder.scored, "old", CARD)
    asked.place(asked.make(READOUT, math.inf, 1)[0])
    assert inside(folder.scored) == "scored"


def test_undoing_brings_the_scored_model_back(made, folder):
    asked = made().refits
    asked.place(asked.make(READOUT, math.inf, 1)[0])
    seal(folder.model)
    undo(folder)
    assert inside(folder.model) == "scored"
    assert read_card(folder.model) == CARD
    assert not folder.scored.exists()
    assert not sealed(folder.model).exists(), "it would be that of the refit"
    assert verify(folder.model) is not None


def test_undoing_leaves_alone_what_was_never_refitted(folder, tmp_path):
    undo(folder)
    assert inside(folder.model) == "scored"
    assert verify(folder.model) is None
    undo(Store(tmp_path).place("none"))


class KillError(Exception):
    """The process ends here."""


class Mortal:
    """Ends the process before one of the steps by which files are changed, counted from 0."""

    def __init__(self, monkeypatch, step):
        self.step, self.passed = step, 0
        for owner, name in ((os, "replace"), (os, "link"), (Path, "unlink"), (Path, "replace")):
            monkeypatch.setattr(owner, name, self._before(getattr(owner, name)))

    def _before(self, real):
        def step(*given, **more):
            if self.passed == self.step:
                raise KillError
            self.passed += 1
            return real(*given, **more)

        return step


def killed(step, action):
    """Whether the action was ended before that step of it."""
    with pytest.MonkeyPatch.context() as patch:
        Mortal(patch, step)
        try:
            action()
        except KillError:
            return True
    return False


def test_a_kill_at_any_step_of_placing_leaves_a_scored_model_to_go_on_with(made, folder):
    asked = made().refits
    step = 0
    while True:
        written(folder.model, "scored", CARD)
        refit, _ = asked.make(READOUT, math.inf, 1)
        ended = killed(step, lambda refit=refit: asked.place(refit))
        assert inside(folder.judged) == "scored", step
        undo(folder)
        assert inside(folder.model) == "scored", step
        assert read_card(folder.model) == CARD, step
        assert not folder.scored.exists(), f"{step}: it would take the place of a better model later on"
        assert not (folder.best / PART).exists(), step
        if not ended:
            break
        step += 1
    assert step >= 4, "there are steps between which a kill may come"


def test_a_kill_while_a_refit_is_undone_is_put_right_by_undoing_it_again(made, folder):
    asked = made().refits
    step = 0
    while True:
        asked.place(asked.make(READOUT, math.inf, 1)[0])
        seal(folder.model)
        ended = killed(step, lambda: undo(folder))
        undo(folder)
        assert inside(folder.model) == "scored", step
        assert not folder.scored.exists(), step
        if not ended:
            break
        step += 1
    assert step >= 2


def test_what_a_kill_left_does_not_replace_the_model_of_a_later_session(made, folder):
    asked = made().refits
    refits.same(folder.model, folder.scored)  # killed before the new model was put in its place
    undo(folder)
    part = folder.best / "new.keras"
    written(part, "better", {**CARD, "trial": 7})
    part.replace(folder.model)
    assert folder.judged == folder.model
    undo(folder)
    assert inside(folder.model) == "better"
    assert asked.model_files.standing() == 7


def test_a_sentence_says_what_the_scores_belong_to():
    refit = Refit(1000, 700, EVERY)
    assert refit.sentence == (
        "The model was trained on 1,000 images (training, validation and test); its scores belong to the same recipe trained on 700 of them."
    )
    assert "(training and validation)" in dataclasses.replace(refit, splits=("train", "val")).sentence


def test_a_search_delivers_the_refit_and_keeps_the_scored_model(tmp_path, monkeypatch):
    result, _, worker = search(tmp_path, monkeypatch)
    best = tmp_path / "store/studies/s/best"
    assert len(worker.refits) == 1
    assert worker.refits[0].number == result.trial
    assert (result.refit.images, result.refit.kept) == (40, "")
    assert read_card(best / "model.keras")["refit"]["images"] == 40
    assert "refit" not in read_card(best / "scored.keras")
    assert read_card(best / "model.keras")["test_score"] == read_card(best / "scored.keras")["test_score"] == result.test_score
    assert verify(best / "model.keras") is None


def test_a_bad_refit_is_not_delivered_and_the_result_says_so(tmp_path, monkeypatch):
    result, _, _ = search(tmp_path, monkeypatch, refitted=lambda job: Refitted(12, 0.1, 0.9, 2.0, 0.5))
    best = tmp_path / "store/studies/s/best"
    assert "is right on fewer of them" in result.refit.kept
    assert [path.name for path in best.glob("*.keras")] == ["model.keras"]
    assert "refit" not in read_card(best / "model.keras")
    assert result.as_dict()["refit"]["kept"] == result.refit.kept


def test_a_refit_that_fails_does_not_fail_the_search(tmp_path, monkeypatch):
    def fail(job):
        write_model(Path(job.out))
        raise TrialError("the loss became nan")

    result, _, _ = search(tmp_path, monkeypatch, refitted=fail)
    assert "failed (the loss became nan)" in result.refit.kept
    assert [path.name for path in (tmp_path / "store/studies/s/best").glob("*.keras")] == ["model.keras"]
    assert not (tmp_path / "store/studies/s/best" / PART).exists()


@pytest.mark.parametrize(("setting", "splits"), [("train", ("train", "val")), ("all", EVERY), ("off", None)])
def test_a_search_refits_on_what_the_user_allows(tmp_path, monkeypatch, setting, splits):
    result, _, worker = search(tmp_path, monkeypatch, refit=setting)
    assert [job.splits for job in worker.refits] == ([] if splits is None else [splits])
    assert (result.refit is None) == (splits is None)


def test_a_study_that_goes_on_is_scored_by_the_model_that_did_not_see_the_test_images(tmp_path, monkeypatch):
    first, _, _ = search(tmp_path, monkeypatch, trials=3)
    again, _, worker = search(tmp_path, monkeypatch, trials=3)
    assert again.trial == first.trial
    more, _, later = search(tmp_path, monkeypatch, trials=6)
    assert more.trial != first.trial
    assert (len(worker.cards), len(later.cards)) == (0, 1), "each winner is scored once"
    assert "refit" not in later.cards[0]
    assert later.cards[0]["trial"] == more.trial
    best = tmp_path / "store/studies/s/best"
    assert read_card(best / "model.keras")["trial"] == read_card(best / "scored.keras")["trial"] == more.trial
    assert "refit" in read_card(best / "model.keras")


def test_a_study_whose_refit_was_no_good_the_second_time_delivers_the_scored_model(tmp_path, monkeypatch):
    search(tmp_path, monkeypatch, trials=3)
    result, _, _ = search(tmp_path, monkeypatch, trials=6, refitted=lambda job: Refitted(12, 0.1, 0.9, 2.0, 0.5))
    best = tmp_path / "store/studies/s/best"
    assert [path.name for path in best.glob("*.keras")] == ["model.keras"]
    assert read_card(best / "model.keras")["trial"] == result.trial


def test_the_same_budget_again_does_not_lose_the_refit(tmp_path, monkeypatch):
    passed = [0.0]
    monkeypatch.setattr(elapsed, "now", lambda: 5000.0 + passed[0])

    def seconds(number):
        passed[0] += 12.0

    def refitted(job):
        passed[0] += max(job.seconds, 98.0 - passed[0])
        return FINE

    first, _, _ = search(tmp_path, monkeypatch, budget="100s", seconds=seconds, refitted=refitted)
    assert first.refit.kept == ""
    again, _, _ = search(tmp_path, monkeypatch, budget="100s", seconds=seconds, refitted=refitted)
    assert again.trial == first.trial
    assert "refit" in read_card(tmp_path / "store/studies/s/best/model.keras"), again.refit
