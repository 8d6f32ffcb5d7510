"""The portfolio: what of it a study gets, and when."""

import dataclasses
import json

import pytest
from planner_fakes import IMAGES, SPACE, TRANSFER, FakeEngine, cost, simulate, trained, transfer_cost

from automl_cnn import registry
from automl_cnn.records import Fidelity, Job, State
from automl_cnn.space import Choice, Float, Parameter, Space
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.space import study_space
from automl_cnn.study.plan.stages import Portfolio, Situation, Sizing
from automl_cnn.study.plan.stages import portfolio as stage
from automl_cnn.study.plan.stages.portfolio import adapted, entries
from automl_cnn.transfer import is_probe

REST = (
    Parameter("batch_size", Choice(16, 32, 64, 128, default=32)),
    Parameter("optimizer", Choice("adam", "sgd")),
    Parameter("adam.rate", Float(1e-4, 1e-1, default=1e-3, log=True), (("optimizer", "adam"),)),
    Parameter("sgd.rate", Float(1e-3, 1.0, default=1e-1, log=True), (("optimizer", "sgd"),)),
    Parameter("regularizer.dropout", Choice(False, True)),
    Parameter("dropout.rate", Float(0.1, 0.9, default=0.5), (("regularizer.dropout", True),)),
)
WIDE = Space((*SPACE.parameters, *REST))
ENTRY = {"architecture": "small", "batch_size": 64, "optimizer": "sgd", "sgd.rate": 0.05, "regularizer.dropout": True, "dropout.rate": 0.2}
OTHER = {"architecture": "big", "batch_size": 32, "optimizer": "adam", "adam.rate": 0.01}


def wished(*done, known=(ENTRY, OTHER), space=WIDE, budget=None, defaults=6, share=30.0, price=cost):
    now = Situation(tuple(done), budget or Budget(3600, 60), share, defaults, 60)
    return Portfolio(Sizing(space, price, IMAGES), known).next(now)


def done(number, job, state=State.COMPLETE):
    return dataclasses.replace(trained(number, job, 0.5, 30), state=state)


def test_an_entry_is_tried_at_the_size_that_the_study_affords():
    job = wished()
    assert job.stage == "portfolio"
    assert {name: value for name, value in job.configuration.items() if name not in ("resolution", "width")} == ENTRY
    assert job.fidelity.seconds == 30


def test_each_entry_is_tried_once_and_not_after_a_trial_of_the_same():
    first = wished()
    second = wished(done(0, first))
    assert second.configuration["architecture"] == "big"
    assert wished(done(0, first), done(1, second)) is None
    same = dataclasses.replace(first, stage="search", configuration={**first.configuration, "width": 0.25})
    assert wished(done(0, same)).configuration["architecture"] == "big"
    assert wished(done(0, first, State.FAILED)).configuration["architecture"] == "big"


def test_it_leaves_half_of_the_first_trials_to_the_defaults():
    first = done(0, wished())
    assert wished(first, defaults=3) is not None
    assert wished(first, defaults=2) is None
    assert wished(first, defaults=2, share=None) is not None


def test_an_entry_that_no_longer_fits_into_the_time_is_left_out():
    first = done(0, Job({**OTHER, "resolution": 32, "width": 1.0}, Fidelity(60, 30), "", "defaults"))
    assert wished(first, budget=Budget(120, 100)) is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"architecture": "unheard_of"}, "no such architecture"),
        ({"optimizer": "lion"}, "no such optimizer"),
        ({"sgd.rate": 5.0}, "out of range"),
        ({"regularizer.mixup": True, "mixup.alpha": 0.2}, "no such regularizer"),
        ({"pretrained.small": "known", "finetune.small": "head_first"}, "no weights"),
    ],
)
def test_an_entry_that_does_not_exist_in_the_space_is_skipped(changed, why):
    assert adapted({**ENTRY, **changed}, WIDE) is None
    assert wished(known=({**ENTRY, **changed}, OTHER)).configuration["architecture"] == "big"


def test_what_is_off_needs_no_plugin_and_what_the_entry_does_not_know_gets_its_default():
    given = adapted({**OTHER, "regularizer.mixup": False}, WIDE)
    assert given == {**OTHER, "regularizer.dropout": False}


def test_a_batch_size_that_the_study_lacks_becomes_the_nearest():
    few = Space((*SPACE.parameters, Parameter("batch_size", Choice(16, 32)), *REST[1:]))
    assert adapted(ENTRY, few)["batch_size"] == 32


def test_an_entry_from_scratch_stays_from_scratch_where_there_are_weights():
    assert adapted({"architecture": "small"}, TRANSFER)["pretrained.small"] == "none"
    tuned = {"architecture": "small", "pretrained.small": "known", "finetune.small": "head_first"}
    assert adapted(tuned, TRANSFER) == tuned
    assert adapted({**tuned, "pretrained.small": "others"}, TRANSFER) is None


def test_a_study_begins_with_probes_then_the_portfolio_then_defaults(monkeypatch):
    tuned = {"architecture": "small", "pretrained.small": "known", "finetune.small": "head_first"}
    monkeypatch.setattr(stage, "entries", lambda: (tuned, {"architecture": "big"}))
    monkeypatch.setattr(
        Portfolio, "__init__", lambda self, sizing: (object.__setattr__(self, "sizing", sizing), object.__setattr__(self, "known", stage.entries()))[0]
    )
    planner, trials = Planner(Sizing(TRANSFER, transfer_cost, IMAGES, 64), FakeEngine(), 60), []
    for number in range(4):
        job = planner.next(trials, Budget(3600, 60 + 30 * number))
        trials.append(
            dataclasses.replace(
                trained(number, Job({"width": 1.0, **job.configuration}, job.fidelity, "", job.stage), 0.5, 30), configuration=job.configuration
            )
        )
    assert [trial.stage for trial in trials] == ["defaults", "portfolio", "portfolio", "defaults"]
    assert is_probe(trials[0].configuration)
    assert trials[3].architecture == "small"  # the other defaults were tried as entries


def test_an_empty_portfolio_changes_nothing():
    assert wished(known=()) is None


def test_the_portfolio_that_is_shipped_fits_the_built_in_plugins():
    plugins = registry.load(None)
    weights = {"efficientnet_lite": ("lite0", "lite1", "lite2")}
    space = study_space(plugins, native=224, images=2000, max_resolution=224, weights=weights)
    known = entries()
    assert known
    assert all(adapted(entry, space) is not None for entry in known)
    assert not any(is_probe(entry) for entry in known)
    scratch = study_space(plugins, native=224, images=2000, max_resolution=224)
    assert any(adapted(entry, scratch) is not None for entry in known)


def test_the_portfolio_says_where_it_comes_from():
    import importlib.resources

    content = json.loads((importlib.resources.files("automl_cnn.study.plan") / "portfolio.json").read_text())
    assert {"script", "sets", "seconds", "version", "date", "note", "value"} <= set(content["provenance"])
    assert all(set(entry["scores"]) == set(content["provenance"]["sets"]) for entry in content["entries"])


def test_a_simulated_study_without_any_entry_goes_on_as_before():
    assert [trial.stage for trial in simulate(480)[0][:3]] == ["defaults"] * 3
