"""What a session trains for a comparison, and in which order; driven by formulas."""

import dataclasses

import numpy as np
import pytest
from comparison_fakes import TABLE, study

from automl_cnn.comparison.course import STAGE, Course
from automl_cnn.comparison.results import Results
from automl_cnn.comparison.run import row_of
from automl_cnn.errors import Cause, ConfigError
from automl_cnn.paired import packed
from automl_cnn.records import Epoch, NetCost, State, Trial
from automl_cnn.space import Choice, Parameter, Space
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.stages import Sizing

SPACE = Space(
    (
        Parameter("architecture", Choice("simple_cnn")),
        Parameter("simple_cnn.kernel", Choice("3x3", "5x5", "7x7")),
        Parameter("resolution", Choice(16, 32)),
        Parameter("width", Choice(0.25, 1.0, default=1.0)),
        Parameter("depth", Choice(1.0)),
        Parameter("regularizer.augment", Choice(True, False)),
        Parameter("augment.flip", Choice("horizontal", "none"), (("regularizer.augment", True),)),
    )
)
FREE = Budget(None, 0.0)


def cost(configuration):
    side = int(str(configuration["simple_cnn.kernel"])[0])
    return NetCost(100, int(1000 * side**2 * configuration["width"] ** 2 * configuration["resolution"] ** 2), 4)


class FakeRecord:
    def __init__(self, trials=(), **settings):
        self.name, self.trials, self.settings = "kernels", trials, settings

    def keep(self, key, value):
        self.settings[key] = value


def begun(comparison):
    course = Course(comparison, Results(comparison, ()).missing_on(comparison.sets[0]))
    planner = course.plan(Sizing(SPACE, cost, 200), FakeRecord(), print)
    return course, planner


def trained(number, job, *, state=State.COMPLETE, **given):
    """What became of a job, in ten seconds."""
    epochs = tuple(Epoch(count, job.fidelity.epochs, 5.0 * count, 1.0, 0.5, 1.0, 0.6, 0.6, 0.1, 0.9, 0.7) for count in range(1, job.fidelity.epochs + 1))
    paid = cost(job.configuration)
    known = {"score": 0.65, "right": packed(np.array([True, False])), "epochs": epochs, "mult_adds": paid.mult_adds, "kernels": paid.kernels, "setup": 2.0}
    known = {**known, "images_per_second": 50.0, "seconds": 10.0, "seed": job.seed, **given}
    return Trial(number, job.configuration, job.fidelity, job.reason, job.stage, state, **known)


def test_every_network_is_trained_with_the_first_seed_before_any_is_with_the_second(tmp_path):
    _, planner = begun(study(tmp_path))
    trials = []
    while (job := planner.next(trials, FREE)) is not None:
        trials.append(trained(len(trials), job))
    assert [(trial.configuration["simple_cnn.kernel"], trial.seed) for trial in trials] == [(kernel, seed) for seed in range(3) for kernel in ("3x3", "7x7")]
    assert {(trial.stage, trial.fidelity.epochs, trial.fidelity.seconds) for trial in trials} == {(STAGE, 2, None)}
    assert trials[0].reason == "small, seed 0"
    assert not trials[0].configuration["regularizer.augment"], "what the table does not turn on is off"


def test_what_was_cut_short_is_trained_again_and_what_failed_is_not(tmp_path):
    course, planner = begun(study(tmp_path, seeds=(0,)))
    job = planner.next((), FREE)
    for state, cause in ((State.STOPPED, None), (State.FAILED, Cause.INTERRUPTED)):
        assert planner.next((trained(0, job, state=state, cause=cause),), FREE) == job
    failed = trained(0, job, state=State.FAILED, failure="out of memory")
    assert planner.next((failed,), FREE).configuration["simple_cnn.kernel"] == "7x7"
    row = row_of(course.trainings[0], (failed,), course.comparison.sets[0])
    assert (row.failure, row.accuracy) == ("out of memory", None)
    assert row_of(course.trainings[1], (failed,), course.comparison.sets[0]) is None


def test_a_row_has_the_best_epoch_and_the_last(tmp_path):
    course, planner = begun(study(tmp_path))
    row = row_of(course.trainings[0], (trained(0, planner.next((), FREE)),), course.comparison.sets[0])
    assert (row.accuracy, row.last_accuracy, row.train_accuracy) == (0.65, 0.6, 0.7)
    assert row.error == pytest.approx(0.35)
    assert row.gap == pytest.approx(0.1)
    assert (row.series, row.seed, row.train, row.epochs, row.resolution) == ("small", 0, 200, 2, 16)


def test_a_training_that_does_not_fit_into_the_time_left_is_not_begun(tmp_path):
    _, planner = begun(study(tmp_path))
    first = trained(0, planner.next((), Budget(100.0, 5.0)))
    assert planner.next((first,), Budget(100.0, 20.0)) is not None
    assert planner.next((first,), Budget(100.0, 85.0)) is None
    assert planner.next((), Budget(100.0, 100.0)) is None


def test_sizes_that_no_search_tries_are_allowed_and_costs_can_be_matched(tmp_path):
    text = TABLE.replace('set = { "simple_cnn.kernel" = "3x3" }', 'set = { "simple_cnn.kernel" = "3x3", width = 0.7, resolution = 20 }').replace(
        'set = { "simple_cnn.kernel" = "7x7" }', 'set = { "simple_cnn.kernel" = "7x7", width = 0.1 }\nmatch = { to = "small", by = "width", times = 2.0 }'
    )
    course, _ = begun(study(tmp_path, text))
    small, large = (dict(training.configuration) for training in course.trainings[:2])
    assert (small["width"], small["resolution"]) == (0.7, 20)
    assert cost(large).mult_adds == pytest.approx(2 * cost(small).mult_adds, rel=0.03)
    assert large["simple_cnn.kernel"] == "7x7"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('"simple_cnn.kernel" = "9x9"', "'small' cannot be built: simple_cnn.kernel"),
        ('"simple_cnn.colour" = 3', "Unknown parameter 'simple_cnn.colour'"),
        ('"augment.flip" = "none"', "'augment.flip' has no effect here"),
    ],
)
def test_a_value_that_no_plugin_has_is_named(tmp_path, change, message):
    with pytest.raises(ConfigError) as error:
        begun(study(tmp_path, TABLE.replace('"simple_cnn.kernel" = "3x3"', change)))
    assert message in str(error.value)


def test_a_search_of_the_same_name_is_not_gone_on_with(tmp_path):
    comparison = study(tmp_path)
    course = Course(comparison, Results(comparison, ()).missing_on(comparison.sets[0]))
    _, planner = begun(comparison)
    trial = trained(0, planner.next((), FREE))
    with pytest.raises(ConfigError, match="is a search, not a comparison"):
        course.plan(Sizing(SPACE, cost, 200), FakeRecord((dataclasses.replace(trial, stage="search"),)), print)
