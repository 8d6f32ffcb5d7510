"""`automl-cnn diagnose` on studies that were never run, written through Record and Store."""

import dataclasses
import importlib
import json

import pytest
from cli_fakes import trial

from automl_cnn.growth import Growth, Point
from automl_cnn.records import Epoch, Finished, Guide, Job, State
from automl_cnn.space import Choice, Float, Int, Parameter, Space
from automl_cnn.store import Store
from automl_cnn.study.finish import growing
from automl_cnn.study.record.record import DATA, Record

SPACE = Space(
    (
        Parameter("architecture", Choice("vgg", "resnet")),
        Parameter("resolution", Int(32, 224)),
        Parameter("width", Float(0.1, 2.0)),
        Parameter("depth", Float(0.1, 2.0)),
        Parameter("optimizer", Choice("adam", "sgd")),
        Parameter("adam.learning_rate", Float(1e-4, 1e-1, log=True)),
        Parameter("regularizer.dropout", Choice(False, True)),
        Parameter("dropout.rate", Float(0.0, 0.9)),
        Parameter("regularizer.l2", Choice(False, True)),
    )
)
SUMMARY = {"name": "flowers", "classes": ["daisy", "rose"], "splits": {"train": [350, 350], "val": [75, 75], "test": [75, 75]}}


def curves(train, val):
    return tuple(Epoch(n, 8, float(n), 0.6 * 0.5**n, 0.9, 0.5, val, val, 1e-3, 0.6 * 0.5**n, train) for n in range(1, 9))


@pytest.fixture
def store(tmp_path):
    """A study of an overfitting trial, its counterfactual, a failed and a running one."""
    made = Store(tmp_path / "runs")
    record = Record(made.journal, "flowers")
    record.keep(DATA, SUMMARY)
    configuration = trial(0, "vgg", 0.7).configuration
    guide = Guide("overfitting", "augment on", 0, 0)
    kinds = (("search", 0.99, 0.7, None), ("guided", 0.9, 0.88, guide), ("search", None, None, None))
    for stage, train, val, why in kinds:
        number = record.start(Job(configuration, trial(0, "vgg", 0.7).fidelity, "made", stage, guide=why), SPACE)
        for epoch in curves(train, val) if train else ():
            record.event(number, epoch)
        failure = None if train else "out of memory at batch 128"
        record.finish(number, Finished(State.COMPLETE if train else State.FAILED, val, 8, failure=failure, interval=(val - 0.07, val + 0.07) if val else None))
    record.start(Job(configuration, trial(0, "vgg", 0.7).fidelity, "made", "search"), SPACE)
    return made


@pytest.fixture
def cli():
    from typer.testing import CliRunner

    commands = importlib.import_module("automl_cnn.cli.commands")
    return lambda *words: CliRunner().invoke(commands.app, [str(word) for word in words])


def test_the_best_trials_are_told_with_what_may_help_and_what_helped(cli, store):
    done = cli("diagnose", "flowers", "--store", store.root)
    assert done.exit_code == 0, done.output
    flat = " ".join(done.stdout.split())
    assert flat.index("trial 1") < flat.index("trial 0")
    assert "overfitting (high" in flat
    assert "right on 99% of the training images" in flat
    assert "may help: augmentation, dropout" in flat
    assert "augment on 1 +0.180" in flat


def test_one_trial_alone_as_json(cli, store):
    done = cli("diagnose", "flowers", "--trial", 0, "--json", "--store", store.root)
    printed = json.loads(done.stdout)
    assert [entry["trial"] for entry in printed["trials"]] == [0]
    main = printed["trials"][0]["findings"][0]
    assert (main["kind"], main["severity"]) == ("overfitting", "high")
    assert main["evidence"]["gap"] == pytest.approx(0.29)
    assert printed["helped"][0]["action"] == "augment on"


def test_a_failed_trial_is_told_with_its_failure(cli, store):
    done = cli("diagnose", "flowers", "--trial", 2, "--store", store.root)
    assert "out of memory at batch 128" in done.stdout
    assert "the trial ended before an epoch was scored" in done.stdout


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("flowers", "--trial", 9), "has no trial 9: expected 0 to 3"),
        (("flowers", "--trial", 3), "still being trained"),
        (("flower",), "Did you mean 'flowers'"),
    ],
)
def test_what_is_not_there_is_said(cli, store, words, wanted):
    done = cli("diagnose", *words, "--store", store.root)
    assert done.exit_code == 2
    assert wanted in " ".join(done.stderr.split())


def test_a_study_without_a_trial_says_what_to_do(cli, tmp_path):
    made = Store(tmp_path / "runs")
    Record(made.journal, "new")
    done = cli("diagnose", "new", "--store", made.root)
    assert done.exit_code == 2
    assert "nothing to diagnose" in done.stderr


def test_old_records_without_scores_of_training_images_are_diagnosed(cli, tmp_path):
    made = Store(tmp_path / "runs")
    record = Record(made.journal, "old")
    number = record.start(Job(trial(0, "vgg", 0.7).configuration, trial(0, "vgg", 0.7).fidelity, "made"), SPACE)
    for epoch in curves(0.99, 0.7):
        old = dataclasses.astuple(epoch)[:9]
        record._storage.set_trial_user_attr(record._ids[number], f"epoch:{epoch.number}", old)
    record.finish(number, Finished(State.COMPLETE, 0.7, 8))
    assert Record(made.journal, "old").trials[0].epochs[0].clean_loss is None
    done = cli("diagnose", "old", "--store", made.root)
    assert "as trained" in done.stdout


GROWTH = Growth(
    (Point(250, 0.70, (0.67, 0.73)), Point(500, 0.80, (0.77, 0.83)), Point(1000, 0.86, (0.84, 0.88))),
    Point(2000, 0.90, (0.87, 0.93)),
    0.04,
    (0.02, 0.06),
    "training",
)


@pytest.fixture
def asked(monkeypatch, store):
    """What was to be measured; the result is kept as the real one is."""
    calls = []

    def planned(study, trial, budget):
        calls.append((study.name, trial, budget))
        return growing.Plan(study.trials[1 if trial is None else trial], None, (), budget, "Training the network of trial 1 twice: about 4:30.")

    def measure(study, where, plan, step):
        step("training on 250 images")
        Record(where.journal, study.name).keep_one(growing.GROWTH, str(plan.trial.number), GROWTH.as_dict())
        return GROWTH

    monkeypatch.setattr(growing, "planned", planned)
    monkeypatch.setattr(growing, "measure", measure)
    return calls


def test_more_images_are_measured_and_shown_from_then_on(cli, store, asked):
    before = cli("diagnose", "flowers", "--store", store.root)
    assert "More images" not in before.stdout
    done = cli("diagnose", "flowers", "--more-images", "--budget", "5m", "--store", store.root)
    assert done.exit_code == 0, done.output
    assert asked == [("flowers", None, 300.0)]
    assert "about 4:30" in done.stderr
    assert "automl-cnn report flowers" in done.stderr
    later = cli("diagnose", "flowers", "--store", store.root)
    assert later.stdout == done.stdout
    flat = " ".join(later.stdout.split())
    assert "More images would help: from 500 to 1,000 images its accuracy rose from 0.800 to 0.860; 2,000 should give 0.870 to 0.930." in flat
    assert "2,000 0.900 (0.870 to 0.930), forecast ------" in flat
    assert flat.index("trial 1") < flat.index("More images") < flat.index("trial 0")


def test_more_images_for_one_trial_as_json(cli, store, asked):
    done = cli("diagnose", "flowers", "--trial", 0, "--more-images", "--json", "--store", store.root)
    assert asked == [("flowers", 0, None)]
    (entry,) = json.loads(done.stdout)["trials"]
    assert Growth.of(entry["growth"]) == GROWTH


@pytest.mark.parametrize(("words", "wanted"), [(("--budget", "5m"), "give both, or neither"), (("--more-images", "--budget", "soon"), "not a duration")])
def test_a_budget_that_cannot_be_meant_measures_nothing(cli, store, asked, words, wanted):
    done = cli("diagnose", "flowers", *words, "--store", store.root)
    assert done.exit_code == 2
    assert wanted in " ".join(done.stderr.split())
    assert asked == []
