"""What holds of every search, whatever happens to it: hypothesis draws the kills, the failures and the histories."""

import contextlib
import functools
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_fakes import SPACE, Killed, Study, outcomes

from automl_cnn.errors import Cause
from automl_cnn.ranking import incumbent
from automl_cnn.records import Epoch, Fidelity, NetCost, State, Trial
from automl_cnn.study.plan.budget import LEAST_SLICE, Budget
from automl_cnn.study.plan.engines.optuna import OptunaEngine
from automl_cnn.study.plan.planner import Planner, Snapshot
from automl_cnn.study.plan.stages import Sizing
from automl_cnn.study.plan.wishes import Finish, Train

TRIALS = 8
drawn = settings(max_examples=20, deadline=None, derandomize=True, database=None)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def ended_once(study):
    """Every trial has ended, and the model in place is the best one's."""
    trials = study.record.trials
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert all(trial.state is not State.RUNNING for trial in trials)
    best, model = incumbent(trials), study.folder.parent / "best.keras"
    assert (model.read_text() if model.exists() else None) == (str(best.number) if best is not None else None)


@functools.cache
def undisturbed():
    """The outcome of a search that nothing happens to, and in how many steps it came to it."""
    steps = itertools.count()
    with folder() as place:
        study = Study(place, trials=TRIALS, sampler="random", step=lambda: next(steps))
        assert study.loop.run() == "trials"
        ended_once(study)
        return outcomes(study), next(steps)


def test_a_search_has_many_steps_to_be_killed_at():
    made, steps = undisturbed()
    assert len(made) == TRIALS
    assert steps > 20 * TRIALS


@drawn
@given(st.lists(st.integers(1, 300), max_size=4))
def test_a_search_killed_between_any_two_steps_ends_as_if_it_had_not_been(after):
    """Kill each session after a drawn number of steps, except the last one."""
    with folder() as place:
        for limit in [*after, None]:
            steps = itertools.count(1)

            def step(steps=steps, limit=limit):
                if next(steps) == limit:
                    raise Killed

            with contextlib.suppress(Killed):
                study = Study(place, trials=TRIALS, sampler="random", step=step)
                study.record.bury()
                study.shelve(study.record.trials)
                ended = study.loop.run()
        assert ended == "trials"
        assert outcomes(study) == undisturbed()[0]
        ended_once(study)


FATES = st.sampled_from([None, *((f"it failed ({cause.value})", cause) for cause in Cause if cause not in (Cause.DISK, Cause.IMAGES))])


@drawn
@given(st.lists(FATES, min_size=1, max_size=30), st.sampled_from([30.0, 120.0, 600.0]), st.integers(0, 200))
def test_whatever_fails_a_search_ends_within_its_budget(fates, total, interrupted):
    """The trials meet their `fates` in turn; the user interrupts after the given number of epochs."""
    turn, epochs = itertools.cycle(fates), itertools.count(1)
    with folder() as place:
        study = Study(place, total=total, sampler="random", fails=lambda configuration: next(turn))
        study.executor.at_epoch = lambda number, epoch: study.loop.interrupt() if next(epochs) == interrupted else None
        ended = study.loop.run()
        assert ended in ("budget", "exhausted", "user")
        assert study.clock.now - 1000 <= total + study.executor.setup  # a network that fails may have been begun at the last moment
        ended_once(study)


unit = st.floats(0, 1)
seconds = st.floats(0, 1e5)


@st.composite
def histories(draw):
    """Trials as a record may hold them: of any stage, in any state, with any figure missing."""
    trials = []
    for number in range(draw(st.integers(0, 12))):
        state = draw(st.sampled_from([state for state in State if state is not State.RUNNING]))
        score = draw(unit) if state in (State.COMPLETE, State.STOPPED) else draw(st.none() | unit)
        epochs = tuple(
            Epoch(at + 1, 9, draw(seconds), draw(unit), draw(unit), draw(unit), draw(unit), draw(unit), 0.1) for at in range(draw(st.integers(0, 3)))
        )
        trials.append(
            Trial(
                number,
                SPACE.defaults(
                    {"architecture": draw(st.sampled_from(["good", "bad"])), "resolution": draw(st.sampled_from([32, 64])), "rate": draw(st.floats(1e-4, 1e-1))}
                ),
                Fidelity(draw(st.integers(1, 60)), draw(st.none() | st.floats(1, 1e4)), draw(st.integers(0, 3))),
                "drawn",
                draw(st.sampled_from(["default", "search", "promotion", "final", "retry", "guided", "readout"])),
                state,
                score,
                interval=None if score is None else (max(0.0, score - 0.1), min(1.0, score + 0.1)),
                epochs=epochs,
                best_epoch=draw(st.none() | st.integers(1, 3)),
                params=1000,
                mult_adds=draw(st.none() | st.integers(0, 10**12)),
                kernels=draw(st.none() | st.integers(0, 500)),
                seconds=draw(seconds),
                setup=draw(st.none() | seconds),
                steps_seconds=draw(st.none() | seconds),
                images_per_second=draw(st.none() | st.floats(0, 1e6)),
                failure="drawn" if state is State.FAILED else None,
                cause=draw(st.sampled_from(Cause)) if state is State.FAILED else None,
                continue_from=draw(st.none() | st.integers(0, number - 1)) if number else None,
            )
        )
    return tuple(trials)


@pytest.mark.parametrize("limit", [None, 8])
@settings(drawn, max_examples=60)
@given(histories(), st.none() | st.floats(1, 1e5), st.floats(0, 1e5))
def test_a_plan_can_be_made_of_any_history(limit, trials, total, used):
    planner = Planner(Sizing(SPACE, lambda configuration: NetCost(1000, 1_000_000, 5), 100), OptunaEngine(SPACE, 0, "random"), 60)
    now = Snapshot(trials, Budget(total, used, limit))
    made = planner.decide(now)
    assert made == planner.decide(now)
    assert not made.failed, "a stage raised"
    if isinstance(made.wish, Finish):
        assert made.wish.why in ("budget", "trials", "exhausted")
        return
    assert isinstance(made.wish, Train)
    job = made.wish.job
    assert not (total is not None and now.budget.left <= 0)
    assert job.fidelity.epochs >= 1
    assert job.fidelity.seconds is None or 0 < job.fidelity.seconds <= max(LEAST_SLICE, now.budget.left)  # the clock stops it, if need be
    assert job.configuration["architecture"] in ("good", "bad")
    if job.continue_from is not None:
        assert trials[job.continue_from].scored
