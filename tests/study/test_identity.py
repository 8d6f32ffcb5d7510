import pytest

from automl_cnn.config import StudyConfig
from automl_cnn.errors import ConfigError
from automl_cnn.study.identity import name_of, same_study


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
