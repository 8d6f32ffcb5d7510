import numpy as np
import pytest

from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset
from automl_cnn.errors import ConfigError
from automl_cnn.store import Store
from automl_cnn.study.identity import as_begun, name_of, same_study, settled
from automl_cnn.study.observer import NullObserver
from automl_cnn.tasks import Multiclass


class FakeRecord:
    def __init__(self):
        self.settings = {}

    def keep(self, key, value):
        self.settings[key] = value


class FakeDataset:
    fingerprint = "f"


def config(**given):
    return StudyConfig(data="photos", **given)


def test_the_engine_and_its_settings_make_a_study_another():
    plain = name_of(config())
    assert plain == name_of(config(engine="optuna", sampler="tpe", pruner="percentile")) == name_of(config(budget=5, max_epochs=3))
    others = {name_of(config(engine="keras-tuner")), name_of(config(sampler="random")), name_of(config(pruner="none"))}
    assert len(others | {plain}) == 4


def test_another_engine_under_the_same_name_is_refused():
    record = FakeRecord()
    same_study(record, config(sampler="nsga2"), FakeDataset(), "s")
    same_study(record, config(sampler="nsga2"), FakeDataset(), "s")
    with pytest.raises(ConfigError, match="sampler was 'nsga2', now 'tpe'"):
        same_study(record, config(), FakeDataset(), "s")


def test_a_study_from_before_engines_could_be_chosen_goes_on():
    record = FakeRecord()
    same_study(record, config(), FakeDataset(), "s")
    assert not {"engine", "sampler", "pruner"} & set(record.settings["identity"])
    with pytest.raises(ConfigError, match="engine was 'optuna', now 'keras-tuner'"):
        same_study(record, config(engine="keras-tuner"), FakeDataset(), "s")


class Unequal:
    task = Multiclass(2)
    fingerprint, fit = "f", "squash"

    def counts(self, split):
        return np.array([266, 14])


def test_the_metric_is_the_set_one_else_the_study_s_else_what_suits_the_images():
    record = FakeRecord()
    assert settled(config(metric="accuracy"), record, Unequal()).metric == "accuracy"
    first = settled(config(), record, Unequal())
    assert first.metric == "balanced_accuracy"
    same_study(record, first, Unequal(), "s")
    same_study(record, settled(config(), record, Unequal()), Unequal(), "s")
    with pytest.raises(ConfigError, match="metric was 'balanced_accuracy', now 'accuracy'"):
        same_study(record, config(metric="accuracy"), Unequal(), "s")


def test_a_study_from_before_goes_on_by_its_metric_and_under_its_name():
    record = FakeRecord()
    record.settings["identity"] = {"metric": "accuracy"}
    assert settled(config(), record, Unequal()).metric == "accuracy"
    assert name_of(config()) == name_of(config(metric="accuracy"))
    assert name_of(config()) != name_of(config(metric="f1"))


def test_another_metric_than_the_automatic_one_is_another_study(tmp_path):
    store = Store(tmp_path)
    name = name_of(config(), store)
    (tmp_path / "studies" / name).mkdir(parents=True)
    (tmp_path / "studies" / name / "study.toml").write_text('metric = "balanced_accuracy"\n')
    assert name_of(config(), store) == name
    assert name_of(config(metric="accuracy"), store) == f"{name}-accuracy"


def test_a_study_keeps_the_split_that_it_began_with(tmp_path):
    images = [
        Dataset("d", "", ("a", "b"), 3, 32, tuple("pqrs"), np.array([0, 0, 1, 1], np.int32), np.array(splits, np.int8), "f", "x", groups=(0, 0, 1, 2))
        for splits in ([0, 2, 0, 1], [0, 0, 2, 1])
    ]
    notes = []

    class Noted(NullObserver):
        def note(self, text):
            notes.append(text)

    assert as_begun(images[1], tmp_path / "dataset.json", Noted()) is images[1]
    images[0].save(tmp_path / "dataset.json")
    kept = as_begun(images[1], tmp_path / "dataset.json", Noted())
    assert kept.splits.tolist() == [0, 2, 0, 1]
    assert "goes on with the split" in notes[0]
    assert "100 % of the test images are copies" in kept.notes[0]
