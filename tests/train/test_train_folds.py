"""A recipe trained without one fold of the images, which it then answers."""

import dataclasses

import numpy as np
import pytest

from automl_cnn.data.folds import dealt
from automl_cnn.models import pretrained
from automl_cnn.train import folds, train
from automl_cnn.train.folds import Some, answered

READOUT = {"pretrained.small": "given", "finetune.small": "probe"}


@pytest.fixture(autouse=True)
def _random_weights(monkeypatch):
    monkeypatch.setattr(pretrained, "load", lambda model, entry, *, file=None, top=False: None)


@pytest.mark.parametrize("changed", [{}, READOUT], ids=["network", "readout"])
def test_the_folds_images_are_answered_by_a_network_that_has_not_seen_them(spec, dataset, plugins, tmp_path, changed):
    asked = dataclasses.replace(spec(changed), checkpoint=str(tmp_path / "fold.keras"))
    ((rows, probabilities),) = answered(asked, dataset, Some([1], 4, 0.1), plugins, lambda event: True)
    np.testing.assert_array_equal(rows, np.flatnonzero(dealt(dataset, 4, 0) == 1))
    assert probabilities.shape == (len(rows), 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert not (tmp_path / "fold.keras").exists()


def test_its_labels_teach_it_nothing(spec, dataset, plugins, tmp_path, monkeypatch):
    of_image = dealt(dataset, 4, 0)
    monkeypatch.setattr("automl_cnn.train.folds.dealt", lambda dataset, folds, seed: of_image)
    asked = dataclasses.replace(spec(READOUT), checkpoint=str(tmp_path / "fold.keras"))
    wrong = dataclasses.replace(dataset, labels=np.where(of_image == 2, (dataset.labels + 1) % 3, dataset.labels).astype(np.int32))
    answers = [answered(asked, each, Some([0, 2], 4, 0.1), plugins, lambda event: True)[1][1] for each in (dataset, wrong)]
    np.testing.assert_allclose(*answers, atol=1e-6)


def test_a_readout_leaves_out_the_folds_that_would_take_too_long(spec, dataset, plugins, tmp_path, monkeypatch):
    clock = [0.0]
    fit = folds.probe.fit

    def slow(*given, **more):
        clock[0] += 2.0
        return fit(*given, **more)

    monkeypatch.setattr(folds.probe, "fit", slow)
    asked = dataclasses.replace(spec(READOUT), checkpoint=str(tmp_path / "fold.keras"))

    def done(seconds):
        limited = dataclasses.replace(asked, fidelity=dataclasses.replace(asked.fidelity, seconds=seconds))
        return len(answered(limited, dataset, Some(range(4), 4, 0.1), plugins, lambda event: True, now=lambda: clock[0]))

    assert [done(seconds) for seconds in (None, 8.5, 6.0, 1.0)] == [4, 4, 2, 1]


def test_a_trial_is_not_changed_by_it(spec, dataset, plugins, tmp_path):
    outcome = train(spec({}), dataset, plugins, lambda event: True)
    answered(dataclasses.replace(spec({}), checkpoint=str(tmp_path / "fold.keras")), dataset, Some([0], 4), plugins, lambda event: True)
    again = train(spec({}), dataset, plugins, lambda event: True)
    assert again.score == outcome.score
