"""What is KerasTuner's own. That its oracles keep the contract of every engine is in test_engine.py."""

import dataclasses
import itertools
import os
import random
import subprocess
import sys

import pytest

from automl_cnn import registry
from automl_cnn.errors import Cause, ConfigError
from automl_cnn.records import Fidelity, State, Trial
from automl_cnn.space import Choice, Float, Int, Parameter, Space
from automl_cnn.study.plan.engines.keras_tuner import KerasTunerEngine
from automl_cnn.study.plan.space import study_space

SPACE = Space(
    (
        Parameter("architecture", Choice("a", "b")),
        Parameter("start", Choice("none", "lite"), (("architecture", "a"),)),
        Parameter("width", Choice(0.5, 1.0, default=1.0), unless=(("start", "lite"),)),
        Parameter("norm", Choice(True, False)),
        Parameter("norm.eps", Choice(1, "auto"), (("norm", True),)),
    )
)


def trial(number, configuration, score, state=State.COMPLETE, stage="search"):
    return Trial(number, configuration, Fidelity(1), "", stage, state, score)


def every(space):
    """Every configuration of a space of choices."""
    made = [{}]
    for parameter in space:
        made = [{**one, parameter.name: option} for one in made for option in (parameter.domain.options if parameter.active(one) else (None,))]
        made = [{name: value for name, value in one.items() if value is not None} for one in made]
    return made


def key(configuration):
    return tuple(sorted((name, repr(value)) for name, value in configuration.items()))


def test_the_grid_is_every_configuration_once_the_defaults_first():
    engine, asked = KerasTunerEngine(SPACE, 0, "grid"), []
    for number in range(len(every(SPACE))):
        asked.append(engine.ask().configuration)
        engine.tell(trial(number, asked[-1], 0.5))
    assert asked[0] == SPACE.defaults()
    assert sorted(map(key, asked)) == sorted(map(key, every(SPACE)))


@pytest.mark.parametrize("sampler", ["grid", "random"])
def test_where_nothing_is_left_to_try_chance_goes_on_and_says_so(sampler):
    engine, reasons = KerasTunerEngine(SPACE, 0, sampler), []
    for number in range(len(every(SPACE)) + 10):
        proposal = engine.ask()
        SPACE.check(proposal.configuration)
        assert engine.ask() == proposal
        reasons.append(proposal.reason)
        engine.tell(trial(number, proposal.configuration, 0.5))
    assert "nothing left to try" in reasons[-1]
    assert "nothing left to try" not in reasons[0]


def test_hyperband_trains_the_better_half_again_and_longer():
    engine, asked = KerasTunerEngine(SPACE, 0, "hyperband"), []
    rng = random.Random(1)
    for number in range(7):
        proposal = engine.ask()
        asked.append((proposal, rng.random()))
        engine.tell(trial(number, proposal.configuration, asked[-1][1]))
    assert [proposal.share for proposal, _ in asked] == [0.25] * 4 + [0.5] * 2 + [1.0]
    best = sorted(asked[:4], key=lambda pair: -pair[1])[:2]
    assert [proposal.configuration for proposal, _ in asked[4:6]] == [proposal.configuration for proposal, _ in best]
    assert asked[6][0].configuration == max(asked[4:6], key=lambda pair: pair[1])[0].configuration
    assert asked[6][0].reason == "promoted by KerasTuner's Hyperband, a whole training"


def test_hyperband_promotes_what_was_trained_not_what_was_proposed():
    """The planner makes a proposal smaller where it would not fit."""
    engine = KerasTunerEngine(SPACE, 0, "hyperband")
    trained = SPACE.defaults({"architecture": "b", "width": 0.5})
    engine.ask()
    engine.tell(trial(0, trained, 0.9))
    for number in range(1, 4):
        engine.tell(trial(number, engine.ask().configuration, 0.1))
    assert engine.ask().configuration == trained


def test_failures_in_a_row_neither_end_the_search_nor_are_promoted():
    engine = KerasTunerEngine(SPACE, 0, "hyperband")
    for number in range(8):
        engine.tell(trial(number, engine.ask().configuration, None, State.FAILED))
    assert engine.ask().reason.startswith("at random")


def test_the_gaussian_process_holds_a_failure_for_the_worst():
    line = Space((Parameter("architecture", Choice("a")), Parameter("x", Float(0, 1)), Parameter("n", Int(1, 64, log=True))))
    engine = KerasTunerEngine(line, 0, "bayesian")
    for number in range(24):
        x = number / 23
        engine.tell(
            trial(number, {"architecture": "a", "x": x, "n": 8}, None, State.FAILED) if x > 0.5 else trial(number, {"architecture": "a", "x": x, "n": 8}, x)
        )
    proposal = engine.ask()
    assert proposal.reason == "proposed by KerasTuner's Gaussian process"
    assert line.check(proposal.configuration)["x"] < 0.75


def test_the_ends_of_every_range_cross_to_kerastuner_and_back():
    from automl_cnn.study.plan.engines.oracles import decode, encode, hyperparameters

    space = study_space(registry.load(), native=200, images=700, max_resolution=224, weights={"efficientnet_lite": ("lite0",)})
    made = {one.name: one for one in hyperparameters(space).space}
    assert list(made) == [parameter.name for parameter in space]
    for parameter in space:
        for value in parameter.domain.edges():
            sent = encode(space, {parameter.name: value})
            assert decode(space, sent) == {parameter.name: value}
            assert 0 <= made[parameter.name].value_to_prob(sent[parameter.name]) <= 1
        for share in (0.0, 0.5, 1.0):
            value = decode(space, {parameter.name: made[parameter.name].prob_to_value(share)})[parameter.name]
            assert parameter.domain.contains(value)


def test_conditions_are_those_of_the_space():
    from automl_cnn.study.plan.engines.oracles import encode, hyperparameters

    made = hyperparameters(SPACE).copy()  # as an oracle copies it, by way of serialization
    for configuration in every(SPACE):
        made.values = encode(SPACE, configuration)
        active = {one.name for one in made.space if made.is_active(one)}
        assert active == set(configuration)


def test_nothing_is_left_on_disk_and_nothing_is_printed(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for sampler in ("random", "bayesian", "hyperband", "grid"):
        engine = KerasTunerEngine(SPACE, 0, sampler)
        for number, state in zip(range(5), itertools.cycle((State.COMPLETE, State.FAILED)), strict=False):
            engine.tell(trial(number, engine.ask().configuration, None if state is State.FAILED else 0.5, state))
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr() == ("", "")


def test_an_unknown_sampler_is_refused():
    with pytest.raises(ConfigError, match="Expected one of: random, bayesian, hyperband, grid"):
        KerasTunerEngine(SPACE, 0, "luck").ask()


def test_kerastuner_is_imported_at_the_first_proposal_only():
    code = """
import sys
from automl_cnn.config import StudyConfig
from automl_cnn.records import Fidelity, State, Trial
from automl_cnn.space import Choice, Parameter, Space
from automl_cnn.study.plan.engines import engine_for
space = Space((Parameter("architecture", Choice("a", "b")),))
engine = engine_for(StudyConfig(data="x", engine="keras-tuner"), space)
engine.tell(Trial(0, {"architecture": "a"}, Fidelity(1), "", "defaults", State.COMPLETE, 0.5))
print(sorted({"keras_tuner", "keras", "tensorflow", "optuna"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def running(number, configuration):
    return trial(number, configuration, None, State.RUNNING)


@pytest.mark.parametrize("sampler", ["grid", "random", "bayesian"])
def test_what_runs_is_not_proposed_again_and_takes_its_own_result(sampler):
    engine, asked = KerasTunerEngine(SPACE, 0, sampler), []
    for number in range(3):
        asked.append(engine.ask())
        assert engine.ask() == asked[-1]
        engine.begin(running(number, asked[-1].configuration), asked[-1].id)
    assert len({key(proposal.configuration) for proposal in asked}) == 3
    assert len({proposal.id for proposal in asked}) == 3
    for number in (1, 0, 2):
        engine.tell(trial(number, asked[number].configuration, number / 10))
    ended = [known for known in engine._oracle.trials.values() if known.status == "COMPLETED"]
    assert sorted(known.score for known in ended) == [0.0, 0.1, 0.2]
    assert engine._oracle.ongoing_trials == {}


def test_a_grid_on_several_workers_is_every_configuration_once():
    engine, asked, under_way = KerasTunerEngine(SPACE, 0, "grid"), [], []
    rng = random.Random(0)
    while len(asked) < len(every(SPACE)):
        proposal = engine.ask() if len(under_way) < 3 else None
        if proposal is None:
            engine.tell(trial(*under_way.pop(rng.randrange(len(under_way))), 0.5))
            continue
        under_way.append((len(asked), proposal.configuration))
        engine.begin(running(*under_way[-1]), proposal.id)
        asked.append(proposal.configuration)
    assert sorted(map(key, asked)) == sorted(map(key, every(SPACE)))


def test_hyperband_on_several_workers_waits_for_the_rung():
    engine, under_way = KerasTunerEngine(SPACE, 0, "hyperband"), []
    while (proposal := engine.ask()) is not None and len(under_way) < 50:
        under_way.append((len(under_way), proposal.configuration))
        engine.begin(running(*under_way[-1]), proposal.id)
    assert 4 <= len(under_way) < 50
    for number, configuration in under_way:
        engine.tell(trial(number, configuration, 0.1 * number))
    assert engine.ask() is not None


def test_a_proposal_whose_worker_was_lost_is_proposed_again():
    engine = KerasTunerEngine(SPACE, 0, "grid")
    first = engine.ask()
    engine.begin(running(0, first.configuration), first.id)
    second = engine.ask()
    engine.begin(running(1, second.configuration), second.id)
    engine.tell(dataclasses.replace(trial(0, first.configuration, None, State.FAILED), cause=Cause.INTERRUPTED))
    assert engine.ask().configuration == first.configuration
    assert second.configuration != first.configuration
