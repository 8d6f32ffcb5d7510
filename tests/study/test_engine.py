import dataclasses
import random

from automl_cnn.records import Fidelity, State, Trial
from automl_cnn.space import Choice, Float, Int, Parameter, Space
from automl_cnn.study.engines.optuna import OptunaEngine, variation

SPACE = Space(
    (
        Parameter("architecture", Choice("a", "b")),
        Parameter("a.depth", Int(1, 5), (("architecture", "a"),)),
        Parameter("rate", Float(1e-4, 1e-1, log=True)),
    )
)


def score(configuration):
    return 0.9 - 0.1 * abs(configuration.get("a.depth", 5) - 3) - (0.3 if configuration["architecture"] == "b" else 0)


def trial(number, configuration, state=State.COMPLETE):
    return Trial(number, configuration, Fidelity(1), "", "search", state, None if state is State.FAILED else score(configuration))


def run(engine, count):
    asked = []
    for number in range(count):
        proposal = engine.ask()
        SPACE.check(proposal.configuration)
        asked.append(dict(proposal.configuration))
        engine.tell(trial(number, proposal.configuration))
    return asked


def test_proposals_are_valid_and_get_better():
    asked = run(OptunaEngine(SPACE, 0), 40)
    assert sum(map(score, asked[-10:])) > sum(map(score, asked[:8])) * 10 / 8


def test_the_same_seed_and_history_give_the_same_proposals_even_after_a_restart():
    first = OptunaEngine(SPACE, 3)
    asked = run(first, 12)
    again = OptunaEngine(SPACE, 3)
    for number, configuration in enumerate(asked):
        again.tell(trial(number, configuration))
    assert again.ask().configuration == first.ask().configuration
    assert run(OptunaEngine(SPACE, 4), 12) != asked


def test_failures_and_strangers_trials_are_digested():
    engine = OptunaEngine(SPACE, 0)
    engine.tell(trial(0, {"architecture": "a", "a.depth": 2, "rate": 0.01}, State.FAILED))
    engine.tell(dataclasses.replace(trial(1, {"architecture": "b", "rate": 0.01}), state=State.PRUNED))
    run(engine, 10)


def test_a_hopeless_trial_is_stopped_and_a_good_one_is_not():
    from automl_cnn.records import Epoch

    engine = OptunaEngine(SPACE, 0)
    for number in range(5):
        epochs = tuple(Epoch(n, 10, n, 1, 0.5, 1, 0.5, 0.5 + 0.03 * n, 0.1) for n in range(1, 11))
        engine.tell(dataclasses.replace(trial(number, {"architecture": "b", "rate": 0.01}), epochs=epochs))
    hopeless = engine.ask()
    assert not all(engine.report(hopeless.id, step, 0.1) for step in range(1, 8))
    hopeful = engine.ask()
    assert all(engine.report(hopeful.id, step, 0.5 + 0.04 * step) for step in range(1, 8))


def test_the_first_proposals_vary_the_best_so_far():
    engine = OptunaEngine(SPACE, 0)
    best = {"architecture": "a", "a.depth": 3, "rate": 0.01}
    engine.tell(trial(0, best))
    proposal = engine.ask()
    assert proposal.configuration["architecture"] == "a"
    assert proposal.configuration != best
    assert proposal.reason.startswith("the best so far with ")
    assert any(name in proposal.reason for name in ("a.depth", "rate"))


def test_a_variation_changes_something_and_stays_valid():
    space = Space((*SPACE.parameters, Parameter("regularizer.x", Choice(False, True)), Parameter("x.rate", Float(0, 1, 0.3), (("regularizer.x", True),))))
    start = space.defaults({"architecture": "a"})
    seen = [variation(space, start, random.Random(seed)) for seed in range(60)]
    assert all(space.check(one) != start for one in seen)
    assert all(one["architecture"] == "a" for one in seen)
    assert {one.get("x.rate") for one in seen} == {None, 0.3}
