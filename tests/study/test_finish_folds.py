"""`--folds K`: the winner's recipe over every image, within the time limit; and the reasons why it is skipped."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from session_fakes import FakeWorker, search
from test_refits import NETWORK, READOUT

from automl_cnn.config import study_config
from automl_cnn.data import prepare_arrays
from automl_cnn.data.folds import dealt, possible, with_fold
from automl_cnn.errors import ConfigError, TrialError, WorkerLost
from automl_cnn.judged import folds_of
from automl_cnn.records import Folds
from automl_cnn.scored import folded
from automl_cnn.study.finish.folds import ANSWER, SHARE, CrossValidation


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), np.uint8)
    return prepare_arrays(images, [0, 1] * 30, tmp_path_factory.mktemp("cache"))


class Answers:
    """An executor that is right for all images but one of each fold."""

    def __init__(self, dataset, fails=()):
        self.dataset, self.fails, self.jobs = dataset, fails, []

    def fold(self, job, patience=None):
        self.jobs.append(job)
        if set(job.some) & set(self.fails):
            raise TrialError("the training diverged")
        return [self.answers(number, job.folds) for number in job.some]

    def answers(self, number, folds):
        rows = with_fold(self.dataset, dealt(self.dataset, folds, 0), number).rows("test")
        right = np.eye(2)[self.dataset.labels[rows]]
        right[0] = right[0, ::-1]
        return rows, right


def crossed(dataset, executor, left=1e9, **settings):
    settings = {"data": "x", "trials": 3, "folds": 5, **settings}
    return CrossValidation(study_config(settings), dataset, executor, lambda: left)


def test_every_image_is_answered_once_by_a_network_that_neither_learned_from_it_nor_was_chosen_by_it(dataset):
    of_image = dealt(dataset, 5, 0)
    assert set(of_image) == set(range(5))
    answered = []
    for fold in range(5):
        mine = with_fold(dataset, of_image, fold)
        answered += mine.rows("test").tolist()
        assert set(mine.counts("test")) == set(mine.counts("val")) == {6}
        assert not set(mine.rows("test")) & {*mine.rows("train"), *mine.rows("val")}
    assert sorted(answered) == list(range(60))


def test_versions_of_one_photo_and_what_was_set_aside_stay_where_they_belong(dataset):
    groups = tuple(row // 4 for row in range(60))
    labels = np.array([row // 4 % 2 for row in range(60)], np.int32)
    splits = dataset.splits.copy()
    splits[:4] = -1
    grouped = dataclasses.replace(dataset, groups=groups, labels=labels, splits=splits)
    of_image = dealt(grouped, 3, 0)
    assert (of_image[:4] == -1).all()
    assert (with_fold(grouped, of_image, 0).splits[:4] == -1).all()
    assert all(len(set(of_image[row : row + 4])) == 1 for row in range(0, 60, 4))
    assert possible(grouped) == 7


def test_all_folds_together_give_the_score(dataset):
    worker = Answers(dataset)
    made = crossed(dataset, worker).make(NETWORK, 1, lambda text: None)
    assert made.images == 60
    assert made.score == pytest.approx(55 / 60)
    assert made.scores == pytest.approx([11 / 12] * 5)
    assert made.spread == 0
    assert made.interval[0] < made.score < made.interval[1]
    assert [job.some for job in worker.jobs] == [(number,) for number in range(5)]
    assert {job.epochs for job in worker.jobs} == {10}
    assert "over 60 images in 5 folds: mean 0.917, standard deviation 0.000" in folded(made, "accuracy")
    assert folds_of(json.loads(json.dumps(dataclasses.asdict(made)))) == made


def test_a_readout_keeps_its_penalty_and_is_built_once(dataset):
    worker = Answers(dataset)
    crossed(dataset, worker, budget="1m", trials=None, left=30.0).make(READOUT, 1, lambda text: None)
    assert [(job.strength, job.seconds, job.some) for job in worker.jobs] == [(0.3, 30.0 - ANSWER, (0, 1, 2, 3, 4))]


class Clocked(Answers):
    """An executor whose folds take the given seconds of a clock that stands still otherwise; one that is not done in time is ended, as the real one does."""

    def __init__(self, dataset, total, *seconds):
        super().__init__(dataset)
        self.time, self.total, self.seconds = 0.0, total, list(seconds)

    def left(self):
        return self.total - self.time

    def fold(self, job, patience=None):
        self.time += min(self.seconds.pop(0), patience())
        if patience() <= 0:
            raise WorkerLost("no sign of life for 3 s, so its worker was ended")
        return super().fold(job, patience)

    def crossed(self, trial):
        settings = study_config({"data": "x", "budget": "5m", "folds": 5})
        return CrossValidation(settings, self.dataset, self, self.left).make(trial, 1, lambda text: None)


TRIAL = dataclasses.replace(NETWORK, seconds=20.0)  # 2 of them to set up


def test_all_folds_are_done_where_the_time_suffices_that_was_set_aside(dataset):
    worker = Clocked(dataset, 106.0, *[20.0] * 5)
    made = worker.crossed(TRIAL)
    assert len(made.scores) == 5
    assert made.note == ""
    assert [job.seconds for job in worker.jobs] == pytest.approx([18.0] * 5)


def test_no_fold_begins_that_would_take_longer_than_the_time_that_is_left(dataset):
    worker = Clocked(dataset, 100.0, 18.0, 25.0, 30.0)
    made = worker.crossed(TRIAL)
    assert worker.time == 73.0, "27 s are left, and the slowest fold took 30 s"
    assert len(made.scores) == 3
    assert "in 3 of 5 folds" in folded(made, "accuracy")
    assert folded(made, "accuracy").endswith("no time was left (fold 4)")


def test_where_all_folds_would_be_cut_to_less_than_half_a_few_have_the_usual_time(dataset):
    worker = Clocked(dataset, 47.0, 20.0, 20.0)
    made = worker.crossed(TRIAL)
    assert len(made.scores) == 2
    assert folded(made, "accuracy").endswith("no time was left (fold 3)")
    assert all(job.seconds > 18.0 for job in worker.jobs)


def test_what_a_fold_takes_beside_its_training_is_left_out_of_the_next_ones(dataset):
    worker = Clocked(dataset, 212.0, 48.0, *[30.0] * 4)
    worker.crossed(TRIAL)
    first, second = worker.jobs[:2]
    assert first.seconds == pytest.approx(212 / 5.3 - 2)
    assert second.seconds == pytest.approx((212 - 48) / 4.3 - (48 - first.seconds))


def test_a_fold_that_is_not_done_in_time_is_ended_and_not_among_the_answers(dataset):
    worker = Clocked(dataset, 100.0, 15.0, 15.0, 500.0)
    made = worker.crossed(TRIAL)
    assert worker.time == 100.0
    assert len(made.scores) == 2
    assert made.images == 24
    assert folded(made, "accuracy").endswith("no time was left (fold 3)")
    none = Clocked(dataset, 100.0, 500.0).crossed(TRIAL)
    assert folded(none, "accuracy") == "not cross-validated: no time was left (fold 1)"


def test_a_readout_is_ended_in_time_and_may_have_fewer_folds(dataset):
    none = Clocked(dataset, 30.0, 500.0).crossed(READOUT)
    assert folded(none, "accuracy") == "not cross-validated: no time was left (fold 1)"
    worker = Clocked(dataset, 30.0, 10.0)
    whole = worker.answers
    worker.fold = lambda job, patience: [whole(number, job.folds) for number in job.some[:3]]
    made = worker.crossed(READOUT)
    assert len(made.scores) == 3
    assert folded(made, "accuracy").endswith("no time was left (fold 4)")


@pytest.mark.parametrize(("left", "seconds", "setup"), [(0.0, 0.0, None), (-3.0, 0.0, None), (1.0, 0.0, 2.0), (-3.0, 20.0, 2.0)])
def test_no_fold_begins_once_the_time_is_used_up(dataset, left, seconds, setup):
    made = crossed(dataset, Answers(dataset), budget="5m", trials=None, left=left).make(dataclasses.replace(NETWORK, seconds=seconds, setup=setup), 1, print)
    assert folded(made, "accuracy") == "not cross-validated: no time was left (fold 1)"


def test_without_time_for_half_a_training_no_fold_begins(dataset):
    worker = Answers(dataset)
    none = crossed(dataset, worker, budget="5m", trials=None, left=1.0).make(dataclasses.replace(NETWORK, seconds=20.0), 1, lambda text: None)
    assert folded(none, "accuracy") == "not cross-validated: no time was left (fold 1)"


def test_a_fold_that_fails_ends_it_with_its_reason(dataset):
    made = crossed(dataset, Answers(dataset, fails=(3,))).make(NETWORK, 1, lambda text: None)
    assert len(made.scores) == 3
    assert made.note == "the training diverged (fold 4)"


def test_what_cannot_be_done_says_why(dataset):
    few = dataclasses.replace(dataset, labels=np.array([0] * 58 + [1] * 2, np.int32))
    assert "a class has only 2 different images" in folded(crossed(few, Answers(few)).make(NETWORK, 1, lambda text: None), "accuracy")
    assert "an ensemble is not cross-validated" in folded(crossed(dataset, Answers(dataset)).make(NETWORK, 2, lambda text: None), "accuracy")
    some = dataclasses.replace(dataset, labels=np.array([0] * 56 + [1] * 4, np.int32))
    made = crossed(some, Answers(some)).make(NETWORK, 1, lambda text: None)
    assert "in 4 of 5 folds" in folded(made, "accuracy")
    assert "a class has only 4 different images" in folded(made, "accuracy")
    assert crossed(dataset, Answers(dataset), folds=None).make(NETWORK, 1, lambda text: None) is None
    with pytest.raises(ConfigError, match="folds: received 2"):
        study_config({"data": "x", "folds": 2})


def test_its_time_is_set_aside(dataset):
    slow = dataclasses.replace(NETWORK, seconds=10.0)
    assert crossed(dataset, None, budget="10m", trials=None).foreseen(slow) == 53.0
    assert crossed(dataset, None, budget="1m", trials=None).foreseen(slow) == SHARE * 60
    assert crossed(dataset, None, budget="10m", trials=None, folds=None).foreseen(slow) == 0
    assert crossed(dataset, None).foreseen(slow) == 0


def test_what_a_fold_that_was_ended_left_behind_is_deleted(tmp_path, monkeypatch):
    def fold(self, job, patience=None):
        (Path(self.setting.checkpoints) / f".fold-{job.some[0]}.keras").write_bytes(b"half of a model")
        raise WorkerLost("no sign of life")

    monkeypatch.setattr(FakeWorker, "fold", fold, raising=False)
    result, _, _ = search(tmp_path, monkeypatch, folds=4)
    assert folded(result.cross_validation, "accuracy") == "not cross-validated: no sign of life (fold 1)"
    assert not list((tmp_path / "store").rglob(".fold-*"))


def test_a_search_tells_it_and_does_it_once(tmp_path, monkeypatch):
    asked = []

    def fold(self, job, patience=None):
        asked.extend(job.some)
        return [(np.arange(number, 40, job.folds), np.tile([0.6, 0.4], (10, 1))) for number in job.some]

    monkeypatch.setattr(FakeWorker, "fold", fold, raising=False)
    result, _, _ = search(tmp_path, monkeypatch, folds=4)
    assert asked == [0, 1, 2, 3]
    assert result.cross_validation.images == 40
    assert result.cross_validation.score == 0.5
    assert result.as_dict()["cross_validation"]["wanted"] == 4
    (card,) = (path.read_text() for path in (tmp_path / "store").rglob("model_card.md"))
    assert "every image, the recipe in 4 folds" in card
    again, _, _ = search(tmp_path, monkeypatch, folds=4)
    assert asked == [0, 1, 2, 3]
    assert again.cross_validation == result.cross_validation
    assert isinstance(again.cross_validation, Folds)
