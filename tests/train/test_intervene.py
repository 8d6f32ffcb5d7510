"""A finished training, changed for a few steps: what each change shows, and that nothing of the trial is touched."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from automl_cnn.errors import TrialError
from automl_cnn.interventions import Interventions
from automl_cnn.records import Progress
from automl_cnn.train import train
from automl_cnn.train.intervene import WORST, intervene


@pytest.fixture
def changed(spec, dataset, plugins, monkeypatch):
    """`changed(configuration)`: a trial's checkpoint, and the interventions on it, of fewer steps than usual."""
    monkeypatch.setattr(Interventions, "STEPS", 15)
    monkeypatch.setattr(Interventions, "FEW_STEPS", 25)

    def make(configuration, emit=lambda event: True, **given):
        asked = spec(configuration, **given)
        outcome = train(asked, dataset, plugins, lambda event: True)
        return outcome, intervene(dataclasses.replace(asked, start=outcome.checkpoint), dataset, plugins, emit)

    return make


def test_a_rate_far_too_low_gains_most_from_ten_times_the_rate(changed):
    _, made = changed({"adam.learning_rate": 1e-4})
    assert made.up < made.same < made.loss
    assert made.val_up < made.val_loss
    assert abs(made.down - made.loss) < made.loss - made.same
    assert made.steps == 15
    assert made.seconds > 0


def test_a_network_with_enough_capacity_fits_a_few_images(changed):
    _, made = changed({"adam.learning_rate": 1e-2}, epochs=4)
    assert made.fitted > 0.9


def test_the_same_trial_gives_the_same_figures_and_its_file_is_not_changed(changed, spec, dataset, plugins):
    outcome, made = changed({"regularizer.augment": True})
    before = Path(outcome.checkpoint).read_bytes()
    again = intervene(dataclasses.replace(spec({"regularizer.augment": True}), start=outcome.checkpoint), dataset, plugins, lambda event: True)
    assert dataclasses.replace(again, seconds=made.seconds) == made
    assert Path(outcome.checkpoint).read_bytes() == before
    assert Interventions.from_dict({**dataclasses.asdict(made), "of a later version": 1.0}) == made


def test_a_network_that_diverges_has_a_large_loss_and_no_figure_is_infinite(changed):
    _, made = changed({"optimizer": "sgd", "sgd.learning_rate": 0.3})
    assert all(np.isfinite(value) for value in dataclasses.astuple(made))
    assert made.up <= WORST


def test_it_reports_each_step_and_can_be_stopped(changed):
    events = []
    changed({}, emit=lambda event: events.append(event) or True)
    assert [event.step for event in events] == list(range(1, 3 * 15 + 25 + 1))
    assert all(isinstance(event, Progress) and event.steps == 70 for event in events)
    with pytest.raises(TrialError, match="asked to stop"):
        changed({}, emit=lambda event: False)


def test_a_trial_without_its_file_is_refused(spec, dataset, plugins):
    with pytest.raises(TrialError, match="model file is gone"):
        intervene(spec(), dataset, plugins, lambda event: True)


def test_the_expected_time_follows_from_the_speed_of_the_trial():
    from types import SimpleNamespace

    trial = SimpleNamespace(images_per_second=500.0, setup=2.0, configuration={"batch_size": 32})
    assert Interventions.seconds_for(trial) == pytest.approx(2.0 + (220 * 32 + 1067) / 500, abs=0.1)
    assert Interventions.seconds_for(SimpleNamespace(images_per_second=None)) is None
