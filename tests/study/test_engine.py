import dataclasses
import itertools
import random
import statistics

import pytest

from automl_cnn import registry
from automl_cnn.config import PRUNERS, SAMPLERS, StudyConfig, study_config
from automl_cnn.errors import Cause, ConfigError
from automl_cnn.records import Epoch, Fidelity, State, Trial
from automl_cnn.space import Choice, Float, Int, Parameter, Space
from automl_cnn.study.plan.engines import engine_for, require
from automl_cnn.study.plan.engines.optuna import OptunaEngine, variation
from automl_cnn.study.plan.space import study_space

SPACE = Space(
    (
        Parameter("architecture", Choice("a", "b")),
        Parameter("a.depth", Int(1, 5), (("architecture", "a"),)),
        Parameter("rate", Float(1e-4, 1e-1, log=True)),
    )
)


HILL = Space((*SPACE.parameters, *(Parameter(f"x{n}", Int(0, 9)) for n in range(4))))


def _usable(config):
    try:
        require(config)
    except ConfigError:
        return False
    return True


def _config(engine, sampler, **more):
    return StudyConfig(data="x", engine=engine, sampler=sampler, **more)


EVERY = [(engine, sampler) for engine, samplers in SAMPLERS.items() for sampler in samplers if _usable(_config(engine, sampler))]
LEARN = [(engine, sampler) for engine, sampler in EVERY if sampler not in ("random", "grid", "hyperband")]
every = pytest.mark.parametrize(("engine", "sampler"), EVERY)


@pytest.fixture(scope="module")
def whole():
    """A study's space, with pretrained weights, and so with every kind of condition."""
    names = ("vgg", "efficientnet_lite")
    return study_space(registry.load(), native=200, images=700, max_resolution=224, architectures=names, weights={"efficientnet_lite": ("lite0", "lite1")})


def score(configuration):
    best = 0.9 - 0.1 * abs(configuration.get("a.depth", 5) - 3) - (0.3 if configuration["architecture"] == "b" else 0)
    return best - 0.02 * sum(abs(configuration.get(f"x{n}", 6) - 6) for n in range(4))


def trial(number, configuration, state=State.COMPLETE, stage="search", epochs=()):
    return Trial(number, configuration, Fidelity(1), "", stage, state, None if state is State.FAILED else score(configuration), epochs=epochs)


def curve(top, epochs=10):
    return tuple(Epoch(n, epochs, n, 1, 0.5, 1, 0.5, top * (1 - 0.7**n), 0.1) for n in range(1, epochs + 1))


def run(engine, count, space=SPACE):
    asked = []
    for number in range(count):
        proposal = engine.ask()
        assert space.check(proposal.configuration) == proposal.configuration
        asked.append(dict(proposal.configuration))
        engine.tell(trial(number, proposal.configuration))
    return asked


def eventful(space, count, seed=0):
    """Trials of every stage and end, as a study has them."""
    rng = random.Random(seed)
    ends = itertools.cycle((State.COMPLETE, State.PRUNED, State.COMPLETE, State.STOPPED, State.FAILED))
    for number, state in zip(range(count), ends, strict=False):
        stage = "defaults" if number < 3 else "final" if number % 17 == 0 else "search"
        configuration = space.sample(rng)
        yield trial(number, configuration, state, stage, () if state is State.FAILED else curve(score(configuration)))


@every
def test_every_proposal_is_a_configuration_of_the_space(engine, sampler, whole):
    made = engine_for(_config(engine, sampler), whole)
    for event in itertools.islice(eventful(whole, 3), 3):
        made.tell(event)
    run(made, 6 if sampler == "bayesian" else 25, whole)  # KerasTuner's Gaussian process takes seconds for a proposal


@every
def test_asking_twice_without_a_telling_gives_the_same(engine, sampler):
    made = engine_for(_config(engine, sampler), SPACE)
    for count in range(9):
        first = made.ask()
        assert made.ask() == first
        made.tell(trial(count, first.configuration))


@every
@pytest.mark.parametrize("seed", [0, 3])
def test_the_same_seed_and_trials_give_the_same_proposals_even_after_a_restart(engine, sampler, seed):
    def make():
        return engine_for(_config(engine, sampler, seed=seed), SPACE)

    first, history = make(), []
    for event in itertools.islice(eventful(SPACE, 3), 3):
        first.tell(event)
        history.append(event)
    for number in range(3, 11 if sampler == "bayesian" else 24):
        proposal = first.ask()
        state = State.FAILED if number % 6 == 0 else State.COMPLETE
        stage = "final" if number == 8 else "search"  # the planner asked, and then had another wish
        history.append(trial(number, proposal.configuration, state, stage))
        first.tell(history[-1])
        again = make()
        for event in history:
            again.tell(event)
        assert again.ask() == first.ask()


@every
def test_another_seed_gives_other_proposals(engine, sampler):
    asked = {seed: run(engine_for(_config(engine, sampler, seed=seed), SPACE), 8) for seed in (0, 1)}
    assert (asked[0] == asked[1]) is (sampler == "grid")


@pytest.mark.parametrize(("engine", "sampler"), LEARN)
def test_proposals_get_better(engine, sampler):
    rng = random.Random(0)
    chance = [HILL.sample(rng) for _ in range(500)]
    made = engine_for(_config(engine, sampler), HILL)
    for number, configuration in enumerate(chance[:40]):
        made.tell(trial(number, configuration))
    scores = run(made, {"bayesian": 3, "cmaes": 120}.get(sampler, 30), HILL)  # CMA-ES moves by generations of eight, and draws the architecture by chance
    scores = scores[-60:]
    assert statistics.mean(map(score, scores)) > statistics.mean(map(score, chance)) + 0.05


@every
def test_two_hundred_trials_of_every_end_are_digested(engine, sampler):
    made = engine_for(_config(engine, sampler), SPACE)
    for event in eventful(SPACE, 200):
        made.tell(event)
    proposal = made.ask()  # asked once: KerasTuner's Gaussian process takes its time
    assert SPACE.check(proposal.configuration) == proposal.configuration
    assert 0 < proposal.share <= 1
    assert proposal.reason
    made.tell(trial(200, proposal.configuration, State.RUNNING))
    made.tell(dataclasses.replace(trial(201, proposal.configuration, State.FAILED), failure="interrupted: the search ended", cause=Cause.INTERRUPTED))
    if engine == "keras-tuner":
        assert made.ask() == proposal


@every
def test_a_report_is_answered_with_yes_or_no(engine, sampler):
    made = engine_for(_config(engine, sampler), SPACE)
    for event in eventful(SPACE, 12):
        made.tell(event)
    proposal = made.ask()
    answers = [made.report(proposal.id, step, 0.01) for step in range(1, 11)]
    assert {type(answer) for answer in answers} == {bool}
    assert all(answers) is (engine == "keras-tuner")
    assert made.report(proposal.id + 1000, 1, 0.5) is True
    assert (made.note is not None) is (engine == "keras-tuner")


@pytest.mark.parametrize("pruner", PRUNERS["optuna"])
def test_a_hopeless_trial_is_stopped_and_a_good_one_is_not(pruner):
    engine = OptunaEngine(SPACE, 0, pruner=pruner)
    verdicts = []
    for number in range(12):
        verdicts.append(trial(number, {"architecture": "b", "rate": 0.01}, epochs=curve(0.5 + 0.01 * number)))
        engine.tell(verdicts[-1])
        proposal = engine.ask()
        again = OptunaEngine(SPACE, 0, pruner=pruner)
        for one in verdicts:
            again.tell(one)
        again.ask()
        stopped = [step for step in range(1, 11) if not engine.report(proposal.id, step, 0.1 + 0.001 * step)]
        assert stopped == [step for step in range(1, 11) if not again.report(proposal.id, step, 0.1 + 0.001 * step)]
        assert bool(stopped) is (pruner != "none" and number >= 2), "three rivals at least"
    hopeful = engine.ask()
    engine.report(hopeful.id, 1, 0.9)
    engine = again
    hopeful = engine.ask()
    assert all(engine.report(hopeful.id, step, 0.9 * (1 - 0.6**step)) for step in range(1, 11))


@pytest.mark.parametrize("pruner", [name for name in PRUNERS["optuna"] if name != "none"])
def test_a_fresh_trial_is_not_measured_by_those_that_were_trained_before(pruner):
    engine = OptunaEngine(SPACE, 0, pruner=pruner)
    for number in range(4):
        engine.tell(trial(number, {"architecture": "b", "rate": 0.01}, epochs=curve(0.5)))
    flat = tuple(dataclasses.replace(epoch, score=0.9) for epoch in curve(0.5))
    for number in range(4, 16):
        engine.tell(dataclasses.replace(trial(number, {"architecture": "b", "rate": 0.01}, stage="promotion", epochs=flat), continue_from=0))
    fresh = engine.ask()
    assert all(engine.report(fresh.id, step, 0.6 * (1 - 0.6**step)) for step in range(1, 11))


@every
def test_a_refused_proposal_says_nothing_and_another_one_follows(engine, sampler):
    made, other = (engine_for(_config(engine, sampler), SPACE) for _ in range(2))
    for number in range(3):
        for one in (made, other):
            one.tell(trial(number, {"architecture": "b", "rate": 0.01}))
    asked = []
    for _ in range(4):
        proposal = made.ask()
        assert made.ask() == proposal
        asked.append(proposal.configuration)
        made.refuse(proposal)
    assert len({tuple(configuration.items()) for configuration in asked}) > 1
    if (engine, sampler) not in (("keras-tuner", "hyperband"), ("keras-tuner", "grid")):  # whose plans go on
        done = trial(3, {"architecture": "a", "a.depth": 3, "rate": 0.02})
        made.tell(dataclasses.replace(done, refused=4))
        other.tell(done)
        if engine == "optuna":
            assert made.ask() == other.ask()


def test_eight_refusals_are_no_trials_to_model():
    engine = OptunaEngine(SPACE, 0)
    for _ in range(12):
        engine.refuse(engine.ask())
    assert engine.ask().reason == "at random"


@every
def test_a_search_that_was_killed_makes_the_same_proposals_with_its_refusals(engine, sampler):
    first, history = engine_for(_config(engine, sampler), SPACE), []
    for number in range(6):
        refused = number % 3
        for _ in range(refused):
            first.refuse(first.ask())
        history.append(dataclasses.replace(trial(number, first.ask().configuration), refused=refused))
        first.tell(history[-1])
    again = engine_for(_config(engine, sampler), SPACE)
    for event in history:
        again.tell(event)
    assert again.ask().configuration == first.ask().configuration


def test_what_fails_is_avoided():
    """Of two equally good architectures, the one that always fails is left to the other."""
    engine = OptunaEngine(SPACE, 0)
    asked = []
    for number in range(50):
        configuration = engine.ask().configuration
        asked.append(configuration["architecture"])
        bad = configuration["architecture"] == "a"
        ended = trial(number, configuration, State.FAILED if bad else State.COMPLETE)
        engine.tell(dataclasses.replace(ended, failure="out of memory") if bad else ended)
    assert asked[-20:].count("a") <= 5


def test_an_interrupted_trial_says_nothing_of_its_configuration():
    engine, other = OptunaEngine(SPACE, 0), OptunaEngine(SPACE, 0)
    lost = dataclasses.replace(
        trial(0, {"architecture": "a", "a.depth": 3, "rate": 0.01}, State.FAILED), failure="interrupted: the search ended", cause=Cause.INTERRUPTED
    )
    for number in range(20):
        engine.tell(lost)
        other.tell(dataclasses.replace(lost, configuration={"architecture": "b", "rate": 0.1}, number=number))
    assert engine.ask() == other.ask()


def test_random_is_random_from_the_first_proposal_on():
    engine = OptunaEngine(SPACE, 0, "random")
    engine.tell(trial(0, {"architecture": "a", "a.depth": 3, "rate": 0.01}))
    reasons = set()
    for number in range(30):
        proposal = engine.ask()
        reasons.add(proposal.reason)
        engine.tell(trial(number, proposal.configuration))
    assert reasons == {"at random"}


@pytest.mark.parametrize("sampler", ["nsga2", "nsga3"])
def test_the_genetic_samplers_breed_from_the_better_ones(sampler):
    """After populations in which one architecture wins, its genes prevail; at random they would be half."""
    rng = random.Random(0)
    trials = [trial(number, HILL.sample(rng)) for number in range(40)]
    bred = [OptunaEngine(HILL, seed, sampler) for seed in range(20)]
    for engine in bred:
        for one in trials:
            engine.tell(one)
    assert bred[0].ask().reason.startswith("proposed by NSGA")
    assert sum(engine.ask().configuration["architecture"] == "a" for engine in bred) >= 15


def test_the_settings_name_the_engine():
    made = engine_for(StudyConfig(data="x", seed=5, sampler="random", pruner="median"), SPACE)
    assert (made.name, made.seed, made.sampler, made.pruner) == ("optuna", 5, "random", "median")
    made = engine_for(StudyConfig(data="x", seed=5, engine="keras-tuner"), SPACE)
    assert (made.name, made.seed, made.sampler) == ("keras-tuner", 5, "bayesian")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampler": "bayesian"}, "belongs to engine = keras-tuner"),
        ({"engine": "keras-tuner", "sampler": "tpe"}, "belongs to engine = optuna; expected one of bayesian, hyperband, random, grid"),
        ({"sampler": "luck"}, "has no sampler 'luck'; expected one of tpe"),
        ({"engine": "keras-tuner", "pruner": "median"}, "cannot stop a trial half-way"),
        ({"pruner": "luck"}, "has no pruner 'luck'"),
        ({"engine": "luck"}, "'optuna' or 'keras-tuner'"),
    ],
)
def test_what_an_engine_does_not_know_is_refused_with_what_it_knows(settings, message):
    with pytest.raises(ConfigError, match=message):
        study_config({"data": "x", **settings})


@pytest.mark.parametrize(("sampler", "package"), [("gp", "torch"), ("cmaes", "cmaes")])
def test_a_missing_package_is_named_with_what_installs_it(sampler, package, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=f"pip install {package}, or choose another --sampler"):
        engine_for(_config("optuna", sampler), SPACE)


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


@every
def test_several_at_a_time_are_different_and_a_search_that_is_killed_proposes_as_before(engine, sampler):
    def begun(known):
        made = engine_for(_config(engine, sampler), HILL)
        for one in known:
            made.tell(one)
        asked = []
        for number in range(len(known), len(known) + 3):
            proposal = made.ask()
            if proposal is None:  # before one of those has ended
                break
            assert made.ask() == proposal
            HILL.check(proposal.configuration)
            made.begin(trial(number, proposal.configuration, State.RUNNING), proposal.id)
            asked.append(proposal)
        return made, asked

    known = [trial(number, HILL.sample(random.Random(number))) for number in range(0 if sampler in ("grid", "hyperband") else 12)]
    made, asked = begun(known)
    assert len(asked) >= 2
    assert len({tuple(sorted(proposal.configuration.items())) for proposal in asked}) == len(asked)
    assert len({proposal.id for proposal in asked}) == len(asked)
    assert begun(known)[1] == asked
    for place in (1, 0, *range(2, len(asked))):
        made.tell(trial(len(known) + place, asked[place].configuration))
    assert made.ask() is not None


def test_a_trial_that_runs_is_judged_by_its_own_curve():
    engine = OptunaEngine(HILL, 0)
    for number in range(6):
        engine.tell(trial(number, HILL.sample(random.Random(number)), epochs=tuple(Epoch(n, 10, n, 1, 0.5, 1, 0.5, 0.8, 0.1) for n in range(1, 11))))
    good, bad = engine.ask(), None
    engine.begin(trial(6, good.configuration, State.RUNNING), good.id)
    bad = engine.ask()
    engine.begin(trial(7, bad.configuration, State.RUNNING), bad.id)
    assert [engine.report(good.id, step, 0.9) for step in range(1, 9)] == [True] * 8
    assert not all(engine.report(bad.id, step, 0.1) for step in range(1, 9))
