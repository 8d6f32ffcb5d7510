"""The Pareto front, from the arithmetic to a whole study driven by fakes."""

import dataclasses
import io
import itertools
import json
import random
import statistics
import zipfile
from pathlib import Path

import pytest
from rich.console import Console

from automl_cnn.cli.board import leaderboard
from automl_cnn.cli.front import front_table, model_of_trial
from automl_cnn.cli.summary import print_summary
from automl_cnn.config import StudyConfig, study_config
from automl_cnn.errors import ConfigError, StoreError, TrialError
from automl_cnn.facts import Facts
from automl_cnn.modelfile.file import read_card
from automl_cnn.pareto import crowding, dominates, front, fronts, hypervolume, point, ranked, winner
from automl_cnn.ranking import incumbent
from automl_cnn.records import Epoch, Fidelity, Finished, NetCost, Started, State, StudyResult, Trial
from automl_cnn.space import Choice, Float, Int, Parameter, Space
from automl_cnn.study.identity import name_of
from automl_cnn.study.model_files import ModelFiles
from automl_cnn.study.observer import NullObserver
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.engines import engine_for
from automl_cnn.study.plan.engines.optuna import OptunaEngine
from automl_cnn.study.plan.limits import size
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.stages import Promotion, Situation, Sizing, kept
from automl_cnn.study.plan.wishes import Measure, Unmeasured
from automl_cnn.study.record.record import Record
from automl_cnn.study.running.crew import Crew, Slot
from automl_cnn.study.running.loop import Loop
from automl_cnn.study.running.prices import Prices
from automl_cnn.track import NullTracker

BOTH = ("accuracy", "latency")


def trial(number, score, latency, *, state=State.COMPLETE, **given):
    plain = Trial(number, {"architecture": "a", "resolution": 32, "width": 1.0}, Fidelity(5, 10.0), "", "search", state, score, latency=latency)
    return dataclasses.replace(plain, **given)


def numbers(trials):
    return [trial.number for trial in trials]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((1, 1), (0, 0), True),
        ((1, 0), (0, 0), True),
        ((1, 0), (0, 1), False),
        ((0, 0), (0, 0), False),
        ((0, 0), (1, 1), False),
        ((2, 2, 1), (2, 2, 0), True),
    ],
)
def test_a_point_dominates_another_that_it_is_nowhere_worse_than_and_somewhere_better(one, other, expected):
    assert dominates(one, other) is expected


def test_points_are_sorted_into_fronts():
    points = [(1, 5), (2, 4), (1, 4), (3, 1), (0, 0), (2, 4)]
    assert fronts(points) == [[0, 1, 3, 5], [2], [4]]
    assert fronts([]) == []


def test_the_first_front_is_what_no_point_dominates():
    rng = random.Random(0)
    points = [(rng.random(), rng.random(), rng.random()) for _ in range(60)]
    sorted_ = fronts(points)
    assert sorted(place for places in sorted_ for place in places) == list(range(60))
    assert sorted_[0] == [place for place in range(60) if not any(dominates(other, points[place]) for other in points)]
    for better, worse in itertools.pairwise(sorted_):
        assert all(any(dominates(points[one], points[other]) for one in better) for other in worse)


def test_the_crowding_distance_is_that_of_the_paper():
    assert crowding([(0, 10), (4, 4), (10, 0), (2, 9)]) == [float("inf"), pytest.approx(0.8 + 0.9), float("inf"), pytest.approx(0.4 + 0.6)]
    assert crowding([(1, 1)]) == [float("inf")]
    assert crowding([(1, 1), (1, 1), (1, 1)])[1] == 0.0
    assert crowding([]) == []


def test_the_hypervolume_is_the_area_of_the_stairs():
    assert hypervolume([(1, 3), (2, 2), (3, 1)], (0, 0)) == 6
    assert hypervolume([(1, 3), (2, 2), (3, 1), (1, 1), (9, -1), (-1, 9)], (0, 0)) == 6
    assert hypervolume([], (0, 0)) == 0
    with pytest.raises(ValueError, match="two objectives"):
        hypervolume([(1, 2, 3)], (0, 0, 0))


def test_a_trials_costs_count_with_a_minus_sign_and_none_that_is_unknown_is_made_up():
    one = trial(0, 0.8, 5.0, mult_adds=100, params=10, bytes=40)
    assert point(one, ("accuracy", "latency", "mult_adds", "params", "size")) == (0.8, -5.0, -100, -10, -40)
    assert point(one, ()) == (0.8,)
    assert point(trial(0, 0.8, None), BOTH) is None
    assert point(trial(0, None, 5.0), BOTH) is None


FIVE = (trial(0, 0.9, 9.0), trial(1, 0.8, 4.0), trial(2, 0.7, 5.0), trial(3, 0.6, 1.0), trial(4, 0.95, 3.0, state=State.PRUNED))


def test_the_front_begins_with_the_highest_score_and_leaves_out_what_is_beaten_pruned_or_not_measured():
    assert numbers(front(FIVE, BOTH)) == [0, 1, 3]
    assert numbers(front((*FIVE, trial(5, 0.99, None), trial(6, 0.8, 4.0)), BOTH)) == [0, 1, 3]  # 6 is 1 again
    assert front(FIVE, ()) == ()
    assert front((), BOTH) == ()


def test_the_winner_is_the_member_of_the_front_with_the_highest_score():
    dear, quick = trial(0, 0.9, 9.0, mult_adds=10), trial(1, 0.9, 3.0, mult_adds=20)
    assert incumbent((dear, quick)) is dear
    assert winner((dear, quick), BOTH) is quick  # which beats the other
    assert winner((dear, quick), ()) is dear
    assert winner((), BOTH) is None
    assert winner((trial(0, 0.5, None),), BOTH).number == 0  # a latency could not be measured: still a model


def test_report_board_and_model_have_the_same_winner():
    dear, quick = trial(0, 0.9, 9.0, mult_adds=10), trial(1, 0.9, 3.0, mult_adds=20)
    assert Facts("one", trials=(dear, quick), settings={"objectives": list(BOTH)}).best is quick
    assert Facts("one", trials=(dear, quick)).best is dear
    for objectives, first in ((BOTH, "1"), ((), "0")):
        screen = Console(width=120, file=io.StringIO(), record=True)
        screen.print(leaderboard((dear, quick), 120, objectives=objectives))
        rows = [line.split() for line in screen.export_text().splitlines() if line.split()[0].isdigit()]
        assert rows[0][1] == first


def test_trials_are_ranked_by_front_and_then_by_how_alone_they_are_whatever_their_order():
    crowded = (*FIVE, trial(7, 0.81, 4.1), trial(8, 0.82, 4.2))
    expected = [0, 3, 1, 8, 7, 2]
    rng = random.Random(0)
    for _ in range(5):
        assert numbers(ranked(crowded, BOTH)) == expected
        crowded = tuple(rng.sample(crowded, len(crowded)))
    assert numbers(ranked(FIVE, ())) == [0, 1, 2, 3]


def promoted(trials, objectives):
    space = Space((Parameter("architecture", Choice("a")), Parameter("resolution", Choice(32)), Parameter("width", Choice(1.0))))
    sizing = Sizing(space, lambda configuration: NetCost(1000, 1_000_000, 5), 1000)
    job = Promotion(sizing).next(Situation(tuple(trials), Budget(3600, 100), 30.0, 3, 60, objectives=objectives))
    return None if job is None else job.continue_from


def test_promotion_serves_both_ends_of_the_front():
    trials = [trial(number, 0.9 - number / 100, 10.0 - number) for number in range(5)]  # each a little worse and a little faster
    trials.append(trial(5, 0.5, 9.5))
    assert promoted(trials, ()) == promoted(trials, BOTH) == 0
    trials.append(trial(6, 0.91, 10.0, fidelity=Fidelity(5, 30.0, 1), continue_from=0))
    assert promoted(trials, ()) == 1
    assert promoted(trials, BOTH) == 4


def test_every_member_of_the_front_keeps_its_checkpoint():
    many = [trial(number, 0.9 - number / 100, 20.0 - number, continue_from=number - 1) for number in range(9)]
    assert kept(many, BOTH) == set(range(9))
    assert len(kept(many)) < 9


def test_the_models_of_the_front_know_their_labels(tmp_path):
    model_files = ModelFiles(
        tmp_path / "best" / "model.keras", tmp_path / "trials", lambda trial: {"classes": ["a", "b"], "size": 8, "channels": 3, "trial": trial.number}, BOTH
    )
    (tmp_path / "trials").mkdir()
    for number in range(4):
        with zipfile.ZipFile(model_files.checkpoint(number), "w") as archive:
            archive.writestr("model.weights.h5", str(number))
    model_files.put(FIVE[:4])
    assert model_files.standing() == 0
    assert [read_card(model_files.checkpoint(number))["trial"] for number in (0, 1, 3)] == [0, 1, 3]
    assert read_card(model_files.checkpoint(3))["classes"] == ["a", "b"]


HILL = Space(
    (
        Parameter("architecture", Choice("a", "b")),
        Parameter("resolution", Choice(32, 64, 96, 128)),
        Parameter("width", Choice(0.25, 0.5, 0.75, 1.0, default=1.0)),
        Parameter("rate", Float(1e-4, 1e-1, log=True)),
    )
)


def cost(configuration):
    return NetCost(
        int(1e6 * configuration["width"] ** 2), int(1e6 * configuration["width"] ** 2 * configuration["resolution"]), 5, int(2e6 * configuration["width"])
    )


def latency(configuration):
    return configuration["width"] * configuration["resolution"] / 16 + (1.0 if configuration["architecture"] == "b" else 0.0)


def score(configuration):
    """The larger the better, "b" is never worth its time, and so is a rate far from 0.01."""
    return round(0.4 + 0.2 * configuration["width"] + configuration["resolution"] / 640 - abs(configuration["rate"] - 0.01), 4)


class FakeExecutor:
    def __init__(self, folder):
        self.folder, self.jobs = folder, []

    def run(self, job, number, patience=None):
        self.jobs.append(job)
        top = score(job.configuration)
        yield Started(cost(job.configuration), 2)
        yield Epoch(1, 2, 1.0, 1.0, 0.5, 1.0, 0.5, top, 0.01)
        with zipfile.ZipFile(self.folder / f"trial-{number:04d}.keras", "w") as archive:
            archive.writestr("model.weights.h5", str(number))
        yield Finished(State.COMPLETE, top, 1, 2.0, setup=1.0, images_per_second=500.0, interval=(top - 0.05, top + 0.05))

    def stop(self):
        pass


class Study:
    def __init__(self, place, trials, objectives=BOTH, sampler="tpe", seed=0):
        folder = Path(place) / "trials"
        folder.mkdir(exist_ok=True, parents=True)
        self.record = Record(Path(place) / "journal", "s")
        self.engine = OptunaEngine(HILL, seed, sampler, "none" if objectives else "percentile", objectives)
        self.executor, self.measured = FakeExecutor(folder), []
        model_files = ModelFiles(
            Path(place) / "best" / "model.keras", folder, lambda trial: {"classes": ["a", "b"], "size": 8, "channels": 3, "trial": trial.number}, objectives
        )
        self.loop = Loop(
            self.record,
            Planner(Sizing(HILL, cost, 100), self.engine, 60, objectives, timed=self._known if "latency" in objectives else None),
            Crew([Slot(self.executor)]),
            NullTracker(),
            NullObserver(),
            lambda: Budget(None, 0.0, trials),
            model_files.put,
            f"session-{trials}",
            0.0,
            measure=lambda need: self.measured.append(need.configuration),
        )

    def _known(self, configuration):
        if configuration not in self.measured:
            raise Unmeasured(Measure("latency", configuration))
        return latency(configuration)

    def run(self):
        self.loop.run()
        return self.record.trials


@pytest.mark.parametrize("sampler", ["tpe", "nsga2", "nsga3", "random"])
def test_a_study_finds_a_front_and_the_same_one_after_an_interruption(tmp_path, sampler):
    trials = Study(tmp_path / "whole", 15, sampler=sampler).run()
    best = front(trials, BOTH)
    assert len(best) >= 4
    assert all(trial.latency == latency(trial.configuration) for trial in trials)
    assert winner(trials, BOTH) is best[0]
    Study(tmp_path / "parts", 12, sampler=sampler).run()
    again = Study(tmp_path / "parts", 15, sampler=sampler)
    resumed = again.run()
    assert len(again.executor.jobs) == 3
    assert [(trial.configuration, trial.score, trial.latency) for trial in resumed] == [(trial.configuration, trial.score, trial.latency) for trial in trials]
    assert numbers(front(resumed, BOTH)) == numbers(best)
    files = {path.name for path in (tmp_path / "parts" / "trials").iterdir()}
    assert files >= {f"trial-{number:04d}.keras" for number in numbers(best)}


SLOPE = Space((Parameter("architecture", Choice("a", "b")), *(Parameter(f"x{n}", Int(0, 9)) for n in range(5))))


def grown(sampler, seed, objectives=BOTH):
    """The area under the front of 40 trials, ten of them by chance; "x0" costs what it gives, the others are best at 6 for both objectives."""
    engine, rng, done = OptunaEngine(SLOPE, seed, sampler, "none", objectives), random.Random(seed), []
    for number in range(40):
        given = SLOPE.sample(rng) if number < 10 else engine.ask().configuration
        off = sum(abs(given[f"x{n}"] - 6) for n in range(1, 5)) / 24
        worth = 0.4 + 0.05 * given["x0"] - 0.3 * off - (0.2 if given["architecture"] == "b" else 0.0)
        done.append(trial(number, worth, 1.0 + given["x0"] + 4 * off, configuration=given))
        engine.tell(done[-1])
    return hypervolume([point(one, BOTH) for one in done], (0.0, -15.0))


def test_a_sampler_that_knows_both_objectives_has_the_larger_front():
    both, chance, score_alone = (
        statistics.mean(grown(sampler, seed, objectives) for seed in range(3)) for sampler, objectives in (("tpe", BOTH), ("random", BOTH), ("tpe", ()))
    )
    assert both > 1.08 * max(chance, score_alone)


def test_the_size_is_had_from_the_weights_and_one_objective_measures_no_latency(tmp_path):
    study = Study(tmp_path, 4, objectives=())
    trials = study.run()
    assert not study.measured
    assert {trial.latency for trial in trials} == {None}
    assert all(trial.bytes == size(cost(trial.configuration)) for trial in trials)


def test_the_result_tells_the_front_in_figures(tmp_path):
    trials = Study(tmp_path, 8).run()
    best = front(trials, BOTH)
    result = StudyResult(
        "s", "accuracy", best[0].configuration, 1, 1, 0.9, (0.8, 1.0), None, None, 8, 60.0, "m", best[0].number, "trials",
        objectives=BOTH, front=tuple(numbers(best)), leaderboard=trials,
    )  # fmt: skip
    rows = result.as_dict()["front"]
    assert [row["trial"] for row in rows] == numbers(best)
    assert [row["winner"] for row in rows] == [True] + [False] * (len(best) - 1)
    assert set(rows[0]) == {"trial", "winner", "network", "score", "low", "high", "latency_ms", "mult_adds", "params", "bytes"}
    table = front_table(rows, "accuracy")
    assert table.row_count == len(best)
    assert list(table.columns[7].cells) == ["winner"] + [""] * (len(best) - 1)


def test_the_summary_shows_the_front_and_where_its_models_are(tmp_path):
    trials = Study(tmp_path, 8).run()
    best = front(trials, BOTH)
    of_two = StudyResult(
        "s", "accuracy", best[0].configuration, 1, 1, 0.9, (0.8, 1.0), None, None, 8, 60.0, str(tmp_path / "best" / "model.keras"), best[0].number, "trials",
    )  # fmt: skip
    both = dataclasses.replace(of_two, objectives=BOTH, front=tuple(numbers(best)), leaderboard=trials)

    def shown(result):
        out = io.StringIO()
        print_summary(Console(file=out, width=140), result, tmp_path)
        return out.getvalue()

    assert "Pareto front" not in shown(of_two)
    assert "Pareto front" in shown(both)
    joined = "".join(shown(both).split())
    assert f"Theirmodelsarein{tmp_path / 'trials'}." in joined
    assert f"forexample--trial{best[-1].number}." in joined
    assert f"{best[-1].latency:.2f}" in shown(both)


def test_a_trial_of_the_front_is_found_by_its_number_and_another_is_not(tmp_path):
    folder = tmp_path / "studies" / "s"
    trials = Study(folder, 8).run()
    best = front(trials, BOTH)
    (folder / "trials" / "trial-0099.keras").write_bytes(b"one that may yet be trained on")
    for member in best:
        assert (
            model_of_trial("s", member.number, tmp_path)
            == model_of_trial(None, member.number, tmp_path)
            == folder / "trials" / f"trial-{member.number:04d}.keras"
        )
    with pytest.raises(StoreError, match=r"no model of trial 99: it is not on the Pareto front. Kept are those of trials \d"):
        model_of_trial("s", 99, tmp_path)
    with pytest.raises(StoreError, match="There is no study 't'"):
        model_of_trial("t", 0, tmp_path)


def test_a_latency_that_cannot_be_measured_is_unknown_and_not_none_at_all(tmp_path):
    class Broken:
        def latency(self, configuration):
            raise TrialError("it cannot be built")

    prices = Prices(Record(tmp_path / "journal", "s"), Broken)
    assert prices.measured({"architecture": "a"}) is None


@pytest.mark.parametrize("given", ["accuracy,latency", ["accuracy", "latency"], "Accuracy, latency"])
def test_objectives_are_named_with_commas_or_as_a_list(given):
    config = StudyConfig(data="x", objectives=given)
    assert (config.objectives, config.metric, config.pruner) == (BOTH, "accuracy", "none")


def test_the_first_objective_is_the_metric_and_alone_it_is_no_list():
    config = study_config({"data": "x", "objectives": "balanced-accuracy,mult-adds,size"})
    assert (config.metric, config.objectives) == ("balanced_accuracy", ("balanced_accuracy", "mult_adds", "size"))
    alone = study_config({"data": "x", "objectives": "f1"})
    assert alone == study_config({"data": "x", "metric": "f1"})
    assert name_of(alone) == name_of(study_config({"data": "x", "metric": "f1"})) != name_of(study_config({"data": "x", "objectives": "f1,size"}))
    assert study_config({"data": "x", "metric": "f1", "objectives": "f1,size"}).metric == "f1"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objectives": "latency,accuracy"}, "the first objective is the metric.*received latency, accuracy; expected one of accuracy"),
        ({"objectives": "accuracy,speed"}, "no objective 'speed'.*latency, mult_adds, params, size"),
        ({"objectives": "accuracy,f1"}, "there is one metric alone"),
        ({"objectives": "accuracy,latency,latency"}, "comes twice"),
        ({"objectives": ""}, "received nothing"),
        ({"objectives": "f1,latency", "metric": "auc"}, "begins with another metric than metric = auc"),
        ({"objectives": "accuracy,latency", "engine": "keras-tuner"}, "KerasTuner's oracles know one objective only"),
        ({"objectives": "accuracy,latency", "sampler": "cmaes"}, "the sampler cmaes knows one objective only; choose one of tpe, gp, nsga2, nsga3, random"),
        ({"objectives": "accuracy,latency", "pruner": "median"}, "not defined for several objectives; leave pruner = median out"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_started(settings, message):
    with pytest.raises(ConfigError, match=message):
        study_config({"data": "x", **settings})


def test_the_settings_give_the_engine_its_objectives():
    assert engine_for(StudyConfig(data="x", objectives="accuracy,size"), HILL).objectives == ("accuracy", "size")
    assert engine_for(StudyConfig(data="x"), HILL).objectives == ()


def test_no_trial_is_stopped_half_way_and_the_first_proposals_vary_the_front():
    engine = OptunaEngine(HILL, 0, objectives=BOTH, pruner="none")
    for number, one in enumerate((0.9, 0.8, 0.7)):
        configuration = HILL.defaults({"architecture": "ab"[number % 2]})
        engine.tell(trial(number, one, 5.0 - number, configuration=configuration, epochs=(Epoch(1, 1, 1, 1, 1, 1, 1, one, 1),)))
    proposal = engine.ask()
    assert proposal.reason.startswith("one of the Pareto front with ")
    assert all(engine.report(proposal.id, step, 0.0) for step in range(1, 11))
    engine.tell(trial(3, None, None, state=State.FAILED, configuration=proposal.configuration, failure="it raised"))
    engine.tell(trial(4, 0.5, None, configuration=proposal.configuration))  # not measured
    assert HILL.check(engine.ask().configuration)


@pytest.mark.slow
def test_a_real_search_with_two_objectives_ends_with_a_front_of_models_that_load(tmp_path):
    import mlflow
    import numpy as np
    from PIL import Image

    from automl_cnn.export import bundle
    from automl_cnn.store import Store
    from automl_cnn.study import run
    from automl_cnn.study.stored.overview import overview

    rng = np.random.default_rng(0)
    for place, name in enumerate(("dark", "bright")):
        folder = tmp_path / "images" / name
        folder.mkdir(parents=True)
        for number in range(40):
            Image.fromarray((rng.random((16, 16, 3)) * 100 + 150 * place).astype("uint8")).save(folder / f"{number}.png")
    settings = {
        "data": tmp_path / "images", "store": tmp_path / "store", "name": "both", "objectives": "accuracy,latency", "trials": 4, "max_epochs": 2,
        "architectures": "simple_cnn,mobilenet", "regularizers": "dropout", "pretrained": "none", "max_resolution": 16,
    }  # fmt: skip
    result = run(study_config(settings))
    assert result.trial == result.front[0]
    rows = result.as_dict()["front"]
    assert all(row["latency_ms"] > 0 and row["bytes"] > 0 for row in rows)
    client = mlflow.MlflowClient(Store(tmp_path / "store").mlflow_uri)
    (tracked,) = [entry for entry in client.search_runs([client.get_experiment_by_name("both").experiment_id]) if entry.data.tags.get("front")]
    table = json.loads(Path(client.download_artifacts(tracked.info.run_id, "front.json", str(tmp_path))).read_text())
    assert [dict(zip(table["columns"], row, strict=True)) for row in table["data"]] == rows
    assert overview(Store(tmp_path / "store"), "both").front == rows
    for row in rows:
        file = tmp_path / "store" / "studies" / "both" / "trials" / f"trial-{row['trial']:04d}.keras"
        classifier = bundle.load(file)
        assert classifier.unchecked is None
        assert set(classifier.predict([tmp_path / "images" / "dark" / "0.png"])) <= {"dark", "bright"}
        assert abs(file.stat().st_size / row["bytes"] - 1) < 0.3
