"""Studies that were never run, written through Record and Store."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import subprocess
import sys

import pytest
from cli_fakes import ENDED, RESULT, trial

from automl_cnn.config import StudyConfig, study_config
from automl_cnn.errors import Cause, StoreError
from automl_cnn.records import Epoch, Finished, Job, NetCost, Refit, Started, State
from automl_cnn.space import Choice, Float, Int, Parameter, Space
from automl_cnn.store import Store
from automl_cnn.study.identity import write_toml
from automl_cnn.study.record.lock import held
from automl_cnn.study.record.record import DATA, Record
from automl_cnn.study.record.record import RESULT as KEPT
from automl_cnn.study.stored.compare import newcombe
from automl_cnn.study.stored.delete import delete

SPACE = Space(
    (
        Parameter("architecture", Choice("vgg", "resnet", "mobilenet_v2", "inception_resnet_v2")),
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
SUMMARY = {
    "name": "flowers",
    "folder": "/photos/flowers",
    "fingerprint": "f" * 32,
    "classes": ["daisy", "rose"],
    "images": 1000,
    "splits": {"train": [350, 350], "val": [75, 75], "test": [75, 75]},
    "skipped": 0,
    "duplicates": 0,
    "channels": 3,
    "native": 200,
}
CROSSED = tuple(dataclasses.replace(one, folds=5, val_score=one.score) for one in ENDED)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture
def make(store):
    """Writes a study as a search would have."""

    def make(name, ran=ENDED, /, *, result=RESULT, seconds=593.0, data=SUMMARY, age=0.0, **settings):
        folder = store.study(name)
        record = Record(store.journal, name)
        record.keep(DATA, data)
        record.use("session", seconds)
        for one in ran:
            number = record.start(Job(one.configuration, one.fidelity, one.reason, one.stage), SPACE)
            if one.params is not None:
                record.event(number, Started(NetCost(one.params, one.mult_adds, 9), 12))
            for epoch in one.epochs:
                record.event(number, Epoch(*dataclasses.astuple(epoch)))
            if one.state is not State.RUNNING:
                record.finish(
                    number, Finished(one.state, one.score, 1, one.seconds, failure=one.failure, interval=one.interval, folds=one.folds, val_score=one.val_score)
                )
        if result is not None:
            record.keep(KEPT, dataclasses.replace(result, study=name).as_dict())
        images = store.root.parent / "photos"
        images.mkdir(exist_ok=True)
        config = StudyConfig(data=images, store=store.root, **{"budget": 600, **settings})
        write_toml(folder.toml, config, name)
        folder.best.joinpath("model.keras").write_bytes(b"x" * 5000)
        for path in (folder.folder / "best", folder.model, folder.toml, folder.folder):
            os.utime(path, (1_800_000_000 - age, 1_800_000_000 - age))
        return folder

    return make


def files(store):
    return sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*"))


@pytest.mark.parametrize("arguments", [["studies", "--help"], ["studies", "list", "--help"], ["studies", "list"], ["studies", "show", "s"]])
def test_nothing_heavy_is_imported(arguments, make, store):
    make("s")
    where = [] if "--help" in arguments else ["--store", str(store.root)]
    code = f"""
import sys
from automl_cnn.cli import main
sys.argv = ["automl-cnn", *{arguments + where!r}]
try:
    main()
except SystemExit as end:
    assert end.code in (0, None), end.code
print("HEAVY", sorted(set(sys.modules) & {{"tensorflow", "keras", "mlflow", "sklearn"}} | (set(sys.modules) & {{"optuna"}} if "--help" in sys.argv else set())))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize("command", [["studies"], ["studies", "list"]])
def test_an_empty_store_is_said_in_a_sentence_and_left_as_it_is(cli, store, command):
    done = cli(*command, "--store", store.root)
    assert done.exit_code == 0
    assert done.stdout == ""
    assert done.stderr == f"There is no study in the store {store.root} yet. Begin one with: automl-cnn search --data FOLDER\n"
    assert json.loads(cli(*command, "--store", store.root, "--json").stdout) == []
    assert not store.root.exists()


def test_list_shows_the_latest_first_a_line_each_and_writes_nothing(cli, make, store):
    make("old", age=5000)
    make("cut", (*ENDED, trial(5, "resnet", None, State.RUNNING)), age=100)
    before = files(store)
    done = cli("studies", "--store", store.root)
    assert done.exit_code == 0, done.output
    head, first, second = done.stdout.splitlines()
    assert head.split() == ["study", "state", "data", "images", "trials", "metric", "best", "test", "time", "worked", "on", "size"]
    assert first.split()[:2] == ["cut", "interrupted"]
    expected = "old finished flowers 1,000 4 +1 failed accuracy 0.873 ± 0.040 0.823 ± 0.039 9:53 of 10:00"
    assert " ".join(second.split()).startswith(expected)
    assert second.split()[-1] == "kB"
    assert files(store) == before


def test_list_as_json_has_every_fact(cli, make, store):
    make("old")
    (study,) = json.loads(cli("studies", "list", "--store", store.root, "--json").stdout)
    wanted = {"study": "old", "state": "finished", "images": 1000, "trials": 5, "done": 4, "failed": 1, "metric": "accuracy", "trial": 2}
    wanted |= {"val_score": 0.873, "test_score": 0.8234, "seconds": 593.0, "budget": 600.0, "params": 2_345_678, "touched": 1_800_000_000}
    assert {key: study[key] for key in wanted} == wanted
    assert study["bytes"] > 5000


@pytest.mark.parametrize(
    ("trials", "result", "state"),
    [
        (ENDED, RESULT, "finished"),
        (ENDED, dataclasses.replace(RESULT, stopped_by="user"), "interrupted"),
        (ENDED, None, "interrupted"),
        ((*ENDED, trial(5, "vgg", 0.5)), RESULT, "interrupted"),  # gone on with, and killed
        ((), None, "interrupted"),
    ],
)
def test_a_study_is_finished_where_its_last_search_came_to_its_end(cli, make, store, trials, result, state):
    make("s", trials, result=result)
    assert json.loads(cli("studies", "--store", store.root, "--json").stdout)[0]["state"] == state


def test_a_held_lock_is_a_running_study(cli, make, store):
    folder = make("s")
    with held(folder.lock, "s"):
        (study,) = json.loads(cli("studies", "--store", store.root, "--json").stdout)
        assert (study["state"], study["pid"]) == ("running", os.getpid())
        assert f"running, by process {os.getpid()}" in cli("studies", "show", "s", "--store", store.root).stdout
        refused = cli("studies", "delete", "s", "--yes", "--store", store.root)
        assert refused.exit_code == 2
        assert f"Process {os.getpid()} is at work on the study 's'" in refused.stderr
    assert folder.model.exists()
    assert len(Record.all(store.journal)["s"].trials) == 5


def test_a_test_score_of_a_trial_that_is_no_longer_the_best_is_not_shown(cli, make, store):
    make("s", (*ENDED, trial(5, "vgg", 0.95)))
    (study,) = json.loads(cli("studies", "--store", store.root, "--json").stdout)
    assert (study["trial"], study["test_score"]) == (5, None)


def test_half_a_study_is_listed_and_can_be_deleted(cli, make, store):
    (store.study("folder").folder / "worker.log").write_text("x")
    Record(store.journal, "record")
    assert {study["study"] for study in json.loads(cli("studies", "--store", store.root, "--json").stdout)} == {"folder", "record"}
    for name in ("folder", "record"):
        assert cli("studies", "show", name, "--store", store.root).exit_code == 0
        assert cli("studies", "delete", name, "--yes", "--store", store.root).exit_code == 0
    assert store.studies == ()
    assert Record.all(store.journal) == {}


def test_show_says_everything(cli, make, store):
    folder = make("my flowers", (*ENDED, *(trial(number, "vgg", 0.3) for number in range(5, 12)), trial(12, "vgg", None, State.FAILED, failure="NaN")))
    done = cli("studies", "show", "my flowers", "--store", store.root)
    assert done.exit_code == 0, done.output
    output = " ".join(done.stdout.split())
    for words in (
        "/photos/flowers: 1,000 images of 2 classes: 700 training, 150 validation, 150 test",
        "winner inception_resnet_v2 (trial 2), 2.3M parameters, 123M mult-adds",
        "validation accuracy 0.873 (95 % interval 0.83 to 0.91)",
        "test accuracy 0.823 (95 % interval 0.78 to 0.86)",
        "used 9:53 of 10:00; 13 trials, 11 done, 2 failed",
        "and 5 more trials: --all shows them",
        "1 x out of memory at batch 128 (trial 4)",
        "1 x NaN (trial 12)",
        "val_share 0.15",
        f"automl-cnn predict 'my flowers' photo.jpg --store {store.root}",
        "automl-cnn studies resume 'my flowers' --budget 10m",
        str(folder.model),
    ):
        assert words in output
    every = cli("studies", "show", "my flowers", "--all", "--store", store.root).stdout
    assert len(every.splitlines()) == len(done.stdout.splitlines()) + 5 - 1


def test_show_says_how_the_score_was_measured_and_what_the_model_was_trained_on(cli, make, store):
    refit = Refit(1000, 700)
    folder = make("s", CROSSED, result=dataclasses.replace(RESULT, refit=refit))
    folder.best.joinpath("scored.keras").write_bytes(b"x")
    shown = " ".join(cli("studies", "show", "s", "--store", store.root).stdout.split())
    assert "0.873 (95 % interval 0.83 to 0.91), by 5-fold cross-validation over training and validation images" in shown
    assert refit.sentence in shown
    printed = json.loads(cli("studies", "show", "s", "--store", store.root, "--json").stdout)
    assert (printed["folds"], printed["result"]["refit"]["images"]) == (5, 1000)


def test_a_refit_that_was_undone_is_not_shown(cli, make, store):
    make("s", result=dataclasses.replace(RESULT, refit=Refit(1000, 700)))  # and there is no scored.keras: the scored model is back in its place
    assert "The model was trained on" not in cli("studies", "show", "s", "--store", store.root).stdout


def test_a_refit_that_was_not_kept_is_explained(cli, make, store):
    refit = Refit(1000, 700, kept="no time was left to train it on all 1,000 images")
    make("s", result=dataclasses.replace(RESULT, refit=refit))
    assert refit.sentence in " ".join(cli("studies", "show", "s", "--store", store.root).stdout.split())


def test_failures_of_one_reason_are_one_line(cli, make, store):
    make("s", tuple(trial(number, "vgg", None, State.FAILED, failure="too large" if number else "odd") for number in range(4)), result=None)
    output = cli("studies", "show", "s", "--store", store.root).stdout
    assert output.index("3 x too large  (trials 1, 2, 3)") < output.index("1 x odd  (trial 0)")


def test_show_as_json_has_trials_and_epochs(cli, make, store):
    make("s")
    shown = json.loads(cli("studies", "show", "s", "--store", store.root, "--json").stdout)
    assert shown["dataset"] == SUMMARY
    assert shown["settings"]["budget"] == 600
    assert shown["result"]["stopped_by"] == "budget"
    assert [entry["state"] for entry in shown["leaderboard"]] == ["complete", "complete", "complete", "pruned", "failed"]
    assert shown["leaderboard"][0]["epochs"][5]["score"] == 0.5
    assert shown["failures"] == {"out of memory at batch 128": [4]}


@pytest.mark.parametrize("command", [["show"], ["resume"], ["delete", "--yes"], ["compare", "flowers"]])
def test_an_unknown_name_is_answered_with_the_nearest(cli, make, store, command):
    make("flowers")
    done = cli("studies", *command, "flowrs", "--store", store.root)
    assert done.exit_code == 2
    assert f"There is no study 'flowrs' in the store {store.root}. Did you mean 'flowers'?" in done.stderr


def test_a_name_in_an_empty_store_is_told_where_to_begin(cli, store):
    done = cli("studies", "show", "flowers", "--store", store.root)
    assert done.exit_code == 2
    assert "Run `automl-cnn search --data FOLDER` first" in done.stderr


def test_a_damaged_record_is_an_error_in_a_sentence(cli, make, store):
    make("flowers")
    store.journal.write_text("nonsense\nmore\n")
    done = cli("studies", "--store", store.root)
    assert done.exit_code == 2
    assert f"error: The record {store.journal} cannot be opened" in done.stderr


def test_options_before_the_command_are_not_silently_lost(cli, store):
    done = cli("studies", "--store", store.root, "show", "x")
    assert done.exit_code == 2
    assert "after it: automl-cnn studies" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("flags", "budget", "trials"),
    [
        (["--budget", "10m"], 593 + 600, None),
        (["--trials", "5"], None, 4 + 5),
        (["--budget", "1m", "--trials", "2"], 653, 6),
    ],
)
def test_resume_goes_on_for_so_much_more(cli, make, store, fake_search, flags, budget, trials):
    interrupted = trial(4, "resnet", None, State.FAILED, failure="interrupted: the search ended", cause=Cause.INTERRUPTED)
    make("s", (*ENDED[:4], interrupted), seed=7, metric="f1", trials=5)
    done = cli("studies", "resume", "s", *flags, "--store", store.root, "--no-mlflow")
    assert done.exit_code == 0, done.output
    config = fake_search.config
    assert (config.budget, config.trials) == (budget, trials)
    assert (config.name, config.store, config.seed, config.metric, str(config.data)) == ("s", store.root, 7, "f1", str(store.root.parent / "photos"))
    assert fake_search.options["track"] is False
    assert "winner" in done.stdout


def test_a_study_goes_on_where_its_store_and_its_images_are_now(cli, make, store, fake_search, tmp_path):
    make("s", result=None, seconds=100)
    project = tmp_path / "moved"
    project.mkdir()
    store.root.rename(project / "runs")
    done = cli("studies", "resume", "s", "--store", project / "runs")
    assert done.exit_code == 0, done.output
    assert (fake_search.config.store, fake_search.config.data) == (project / "runs", tmp_path / "photos"), "the images stayed behind"
    (tmp_path / "photos").rename(project / "photos")
    done = cli("studies", "resume", "s", "--store", project / "runs")
    assert done.exit_code == 0, done.output
    assert fake_search.config.data == project / "photos", "the images moved along"
    (project / "photos").rename(tmp_path / "elsewhere")
    done = cli("studies", "resume", "s", "--store", project / "runs")
    assert done.exit_code == 2
    assert f"The images of the study 's' are not at {tmp_path / 'photos'}. Pass --data FOLDER" in done.stderr
    done = cli("studies", "resume", "s", "--data", tmp_path / "elsewhere", "--store", project / "runs")
    assert done.exit_code == 0, done.output
    assert fake_search.config.data == tmp_path / "elsewhere"
    assert not store.root.exists()


def test_the_study_file_of_a_moved_store_means_that_store(make, store, tmp_path):
    folder = make("s", result=None)
    moved = tmp_path / "moved"
    store.root.rename(moved)
    config = study_config({}, moved / "studies" / "s" / folder.toml.name)
    assert (config.store, config.name, config.data) == (moved, "s", tmp_path / "photos")
    copied = tmp_path / "mine.toml"
    copied.write_bytes((moved / "studies" / "s" / "study.toml").read_bytes())
    assert study_config({}, copied).store == store.root


def test_where_the_model_of_a_moved_store_is(cli, make, store, tmp_path):
    make("s")
    store.root.rename(tmp_path / "moved")
    shown = json.loads(cli("studies", "show", "s", "--json", "--store", tmp_path / "moved").stdout)
    assert shown["model_path"] == shown["result"]["model_path"] == str(tmp_path / "moved" / "studies" / "s" / "best" / "model.keras")


def test_what_the_system_refuses_is_a_sentence(cli, make, store, monkeypatch):
    make("s")

    def refuse(*_):
        raise PermissionError(13, "Permission denied", "/somewhere/file")

    monkeypatch.setattr("automl_cnn.study.stored.overview.overviews", refuse)
    done = cli("studies", "list", "--store", store.root)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: /somewhere/file cannot be used: Permission denied. Free the permission")


@pytest.mark.parametrize("words", ["studies list", "studies show s", "report", "export", "predict s x.png", "dashboard", "diagnose s"])
def test_no_command_takes_the_current_folder_for_a_store_without_a_name(cli, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    for name in ("", "  "):
        done = cli(*words.split(), "--store", name)
        assert done.exit_code == 2
        assert "the name of the store is empty" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_leads_out_of_the_store_is_shown_and_refused(cli, make, store):
    make("s")
    Record(store.journal, "../../victim\x1b[31m")
    listed = cli("studies", "list", "--store", store.root)
    assert listed.exit_code == 0, listed.output
    assert "\x1b" not in listed.output
    assert "refused" in listed.output
    for command in (["show"], ["delete", "--yes"], ["resume"]):
        done = cli("studies", command[0], "../../victim\x1b[31m", *command[1:], "--store", store.root)
        assert done.exit_code == 2
        assert "a name that no study can have" in done.stderr


def test_an_interrupted_study_goes_on_within_its_limits(cli, make, store, fake_search):
    make("s", result=None, seconds=100)
    done = cli("studies", "resume", "s", "--store", store.root, "--json")
    assert done.exit_code == 0, done.output
    assert (fake_search.config.budget, fake_search.config.trials) == (600, None)
    assert json.loads(done.stdout)["study"] == RESULT.study


def test_a_finished_study_asks_how_much_more(cli, make, store, fake_search):
    make("s")
    make("t", result=dataclasses.replace(RESULT, stopped_by="trials"), trials=5)
    for name, why in (("s", "its budget is used (593 of 600 seconds)"), ("t", "its 5 trials are done")):
        done = cli("studies", "resume", name, "--store", store.root)
        assert done.exit_code == 2
        assert f"The study '{name}' is finished: {why}. Say how much more: --budget 10m" in done.stderr
    assert fake_search.config is None


@pytest.mark.parametrize(("budget", "why"), [("soon", "not a duration"), ("0", "not above zero")])
def test_resume_refuses_what_is_no_time(cli, make, store, fake_search, budget, why):
    make("s")
    done = cli("studies", "resume", "s", "--budget", budget, "--store", store.root)
    assert done.exit_code == 2
    assert why in done.stderr


def test_arrays_in_memory_cannot_be_gone_on_with_from_here(cli, make, store, fake_search):
    folder = make("s", data={**SUMMARY, "name": "arrays", "folder": ""})
    done = cli("studies", "resume", "s", "--budget", "1m", "--store", store.root)
    assert done.exit_code == 2
    assert "arrays in memory. To go on with it, call `fit` again where they are, with warm_start=True" in done.stderr
    folder.toml.unlink()
    assert "no readable" in cli("studies", "resume", "s", "--budget", "1m", "--store", store.root).stderr


def test_delete_removes_the_study_and_nothing_else(cli, make, store):
    make("gone")
    kept = make("kept")
    (store.cache / "pixels.npy").write_bytes(b"x")
    done = cli("studies", "delete", "gone", "--yes", "--store", store.root)
    assert done.exit_code == 0, done.output
    assert done.stderr.startswith("Deleted the study 'gone': 5.")
    assert " kB freed." in done.stderr
    assert store.studies == ("kept",)
    assert set(Record.all(store.journal)) == {"kept"}
    assert len(Record.all(store.journal)["kept"].trials) == 5
    assert (store.cache / "pixels.npy").exists()
    assert kept.model.exists()
    assert Record(store.journal, "gone").trials == ()  # a new study of the name starts again


def test_a_search_at_work_on_another_study_goes_on_after_a_delete(make, store):
    make("gone")
    at_work = Record(store.journal, "kept")
    number = at_work.start(Job(ENDED[0].configuration, ENDED[0].fidelity, "r"), SPACE)
    delete(store, "gone")
    at_work.finish(number, Finished(State.COMPLETE, 0.5))
    assert Record.all(store.journal)["kept"].trials[0].score == 0.5


def test_without_a_terminal_delete_wants_yes(cli, make, store):
    folder = make("s")
    done = cli("studies", "delete", "s", "--store", store.root)
    assert done.exit_code == 2
    assert "Pass --yes" in done.stderr
    assert folder.model.exists()


@pytest.mark.parametrize("answer", ["y", "n"])
def test_on_a_terminal_delete_asks(cli, make, store, monkeypatch, answer):
    import typer

    asked = []
    monkeypatch.setattr(importlib.import_module("automl_cnn.cli.studies"), "_terminal", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda question: asked.append(question) or answer == "y")
    folder = make("s")
    done = cli("studies", "delete", "s", "--store", store.root)
    assert done.exit_code == 0, done.output
    assert asked == [f"Delete the study 's' (5 trials, best accuracy 0.873 ± 0.040) and its model in {folder.folder}?"]
    assert folder.folder.exists() is (answer == "n")
    assert ("Nothing was deleted." in done.stderr) is (answer == "n")


def test_what_mlflow_refuses_is_a_note_and_the_rest_is_deleted(cli, make, store):
    folder = make("s")
    (store.root / "mlflow.db").write_bytes(b"this is no database at all")
    done = cli("studies", "delete", "s", "--yes", "--store", store.root)
    assert done.exit_code == 0, done.output
    assert "note: MLflow still shows the study 's'" in done.stderr
    assert not folder.folder.exists()


def test_files_that_cannot_be_removed_are_named(make, store, monkeypatch):
    make("s")

    def refuse(path):
        raise PermissionError(13, "Permission denied", "best/model.keras")

    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(StoreError, match=r"best/model.keras cannot be removed: Permission denied"):
        delete(store, "s")


def scored(test: float, **changes: object):
    return dataclasses.replace(RESULT, test_score=test, test_interval=(test - 0.05, test + 0.05), **changes)


def test_compare_counts_right_answers_on_the_same_test_images(cli, make, store):
    make("a", result=scored(0.9))
    make("b", (*ENDED[:2], trial(2, "vgg", 0.873)), result=scored(0.7, trials=3))
    make("c", result=scored(0.88))
    done = cli("studies", "compare", "a", "b", "c", "--store", store.root)
    assert done.exit_code == 0, done.output
    output = " ".join(done.stdout.split())
    assert "a is 0.200 ahead of b (95 % interval +0.111 to +0.287): more than chance" in output
    assert "a is 0.020 ahead of c (95 % interval -0.052 to +0.093): not shown to be more than chance" in output
    assert "from the counts on the same 150 test images" in output
    assert "architecture inception_resnet_v2 vgg inception_resnet_v2" in output
    assert "adam.learning_rate" not in output  # equal in all
    assert "do not compare" not in output


def test_newcombes_interval_is_the_published_one():
    """Newcombe 1998, table II: 9/10 against 3/10 by method 10."""
    low, high = newcombe(9, 3, 10)
    assert (round(low, 4), round(high, 4)) == (0.1705, 0.8090)


@pytest.mark.parametrize(
    ("data", "settings", "result", "warning"),
    [
        ({"fingerprint": "e" * 32}, {}, {}, "The images differ."),
        ({"fingerprint": None}, {}, {}, "It is not known on which images these studies worked: b."),
        ({}, {"seed": 3}, {}, "The images were split differently: seed is 0 against 3."),
        ({}, {"test_share": 0.2}, {}, "The images were split differently: test_share is 0.15 against 0.2."),
        ({}, {"metric": "f1"}, {"metric": "f1"}, "The metrics differ: accuracy against f1."),
    ],
)
def test_scores_that_do_not_compare_are_not_compared(cli, make, store, data, settings, result, warning):
    make("a", result=scored(0.9))
    make("b", result=scored(0.5, **result), data={**SUMMARY, **data}, **settings)
    done = cli("studies", "compare", "a", "b", "--store", store.root)
    assert warning in done.stdout
    assert "So their scores do not compare." in done.stdout
    assert "ahead" not in done.stdout
    as_json = json.loads(cli("studies", "compare", "a", "b", "--store", store.root, "--json").stdout)
    assert (as_json["warnings"], as_json["differences"]) == ([warning], [])


@pytest.mark.parametrize(("second", "more"), [(0.79, True), (0.85, False)])
def test_other_metrics_are_compared_by_their_intervals(cli, make, store, second, more):
    make("a", result=scored(0.9, metric="f1"), metric="f1")
    make("b", result=scored(second, metric="f1"), metric="f1")
    printed = json.loads(cli("studies", "compare", "a", "b", "--store", store.root, "--json").stdout)
    assert (printed["differences"][0]["more_than_chance"], printed["differences"][0]["interval"]) == (more, None)
    assert "do not overlap" in printed["method"]


def test_without_test_scores_validation_is_compared_and_said_to_flatter(cli, make, store):
    make("a", result=None)
    make("b")
    printed = json.loads(cli("studies", "compare", "a", "b", "--store", store.root, "--json").stdout)
    assert printed["split"] == "val"
    assert "150 validation images" in printed["method"]
    assert "so they flatter" in printed["method"]


def test_scores_of_different_kinds_are_not_compared_without_test_scores(cli, make, store):
    make("a", CROSSED, result=None)
    make("b", result=None)
    shown = " ".join(cli("studies", "compare", "a", "b", "--store", store.root).stdout.split())
    assert "The scores were measured differently: by 5-fold cross-validation and by validation. So their scores do not compare." in shown
    assert "0.873 (95 % interval 0.83 to 0.91), 5-fold" in shown


def test_cross_validated_scores_are_compared_over_all_their_images(cli, make, store):
    for name in ("a", "b"):
        make(name, CROSSED, result=None)
    assert "850 training and validation images" in json.loads(cli("studies", "compare", "a", "b", "--store", store.root, "--json").stdout)["method"]


def test_one_study_cannot_be_compared(cli, make, store):
    make("a")
    done = cli("studies", "compare", "a", "a", "--store", store.root)
    assert done.exit_code == 2
    assert "nothing to compare 'a' with" in done.stderr
