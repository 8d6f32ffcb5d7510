"""Ways to make images square, read by a frozen network with real weights."""

import dataclasses

import numpy as np
import pytest

from automl_cnn import registry
from automl_cnn.data import Dataset, prepare
from automl_cnn.errors import PluginError, TrialError
from automl_cnn.records import Fidelity, Progress
from automl_cnn.squares import Candidates
from automl_cnn.train import TrialSpec
from automl_cnn.train.features import BATCH
from automl_cnn.train.squares import compared

READ = {
    "architecture": "efficientnet_lite",
    "pretrained.efficientnet_lite": "lite0",
    "finetune.efficientnet_lite": "probe",
    "readout_stages.efficientnet_lite": 4,
    "resolution": 96,
}


@pytest.fixture(scope="module")
def dataset(strips, tmp_path_factory) -> Dataset:
    return prepare(strips, tmp_path_factory.mktemp("cache"))


def comparison(folder, dataset, rows, *, seconds=None, emit=lambda event: True, configuration=READ):
    spec = TrialSpec(0, configuration, Fidelity(1), "accuracy", "auto", 0, "")
    return compared(spec, Candidates(configuration, str(folder), tuple(rows), seconds), dataset, registry.load(), emit)


def test_squashing_strips_loses_and_cropping_them_keeps_what_tells_the_class(strips, dataset):
    rows = np.random.default_rng(0).permutation(np.flatnonzero(dataset.splits < 2)).tolist()
    events = []
    answer = comparison(strips, dataset, rows, emit=lambda event: events.append(event) or True)
    assert answer.images == len(rows)
    assert answer.best == "crop"
    assert answer.scores["crop"].score > answer.scores["squash"].score + 0.1
    assert answer.decoding > 0
    assert events[-1] == Progress(1, 1, len(rows), len(rows))


def test_all_ways_are_judged_on_the_images_that_time_allows(strips, dataset):
    answer = comparison(strips, dataset, range(len(dataset)), seconds=1e-6)
    assert answer.images <= BATCH
    assert answer.scores == {}  # of so few there are no folds


def test_a_file_that_is_gone_is_passed_over_in_all_ways(strips, dataset, tmp_path):
    paths = tuple("gone.png" if row % 3 == 0 else path for row, path in enumerate(dataset.paths))
    answer = comparison(strips, dataclasses.replace(dataset, paths=paths), range(len(dataset)))
    assert answer.images == sum(row % 3 != 0 for row in range(len(dataset)))
    with pytest.raises(TrialError, match="not one of the images"):
        comparison(tmp_path, dataset, range(len(dataset)))


def test_a_class_with_one_image_does_not_keep_the_others_from_being_compared(strips, dataset):
    rows = [*np.flatnonzero(dataset.labels == 0)[:14].tolist(), *np.flatnonzero(dataset.labels == 1)[:14].tolist(), int(np.flatnonzero(dataset.labels == 2)[0])]
    answer = comparison(strips, dataset, rows)
    assert answer.images == 28
    assert set(answer.scores) == {"squash", "pad", "crop"}


def test_a_network_without_weights_compares_nothing(strips, dataset):
    with pytest.raises(PluginError, match="pretrained weights"):
        comparison(strips, dataset, range(len(dataset)), configuration={"architecture": "vgg", "resolution": 32})
