"""`automl-cnn report`, on a study that was never run."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import webbrowser

import pytest

from automl_cnn.config import StudyConfig
from automl_cnn.errors import TrialError
from automl_cnn.evidence import Evidence
from automl_cnn.records import Epoch, Fidelity, Finished, Job, NetCost, Started, State, StudyResult
from automl_cnn.space import Choice, Int, Parameter, Space
from automl_cnn.store import Store
from automl_cnn.study.finish import asked, reporting
from automl_cnn.study.identity import write_toml
from automl_cnn.study.record.record import DATA, RESULT, Record
from automl_cnn.study.stored.overview import overview

SPACE = Space((Parameter("architecture", Choice("vgg", "resnet")), Parameter("resolution", Int(8, 224))))
DATA_SET = {
    "name": "pets",
    "folder": "/photos/pets",
    "fingerprint": "f" * 32,
    "classes": ["cat", "dog"],
    "images": 200,
    "splits": {"train": [70, 70], "val": [15, 15], "test": [15, 15]},
    "skipped": 0,
    "duplicates": 0,
    "channels": 3,
    "native": 200,
}
SEEN = Evidence(0, 1.4, ((14, 1), (2, 13)))


@pytest.fixture
def store(tmp_path):
    """A store with one finished study, `pets`: its trial 0 won, its trial 1 failed."""
    store = Store(tmp_path / "runs")
    folder = store.study("pets")
    record = Record(store.journal, "pets")
    record.keep(DATA, DATA_SET)
    record.use("session", 100.0)
    for number, score in enumerate((0.9, None)):
        configuration = {"architecture": ("vgg", "resnet")[number], "resolution": 64}
        record.start(Job(configuration, Fidelity(3), "a default", "defaults"), SPACE)
        record.event(number, Started(NetCost(1000, 5000, 4), 3))
        for epoch in (1, 2, 3):
            record.event(number, Epoch(epoch, 3, epoch * 1.0, 1 / epoch, 0.3 * epoch, 1 / epoch, 0.3 * epoch, 0.3 * epoch, 0.001))
        ended = Finished(State.COMPLETE, 0.9, 3, 3.0, interval=(0.75, 0.97)) if score else Finished(State.FAILED, failure="out of memory", seconds=1.0)
        record.finish(number, ended)
    result = StudyResult("pets", "accuracy", configuration, 1000, 5000, 0.9, (0.75, 0.97), 0.87, (0.7, 0.95), 2, 100.0, str(folder.model), 0, "budget")
    record.keep(RESULT, result.as_dict())
    write_toml(folder.toml, StudyConfig(data="/photos/pets", store=store.root, budget=100), "pets")
    folder.best.joinpath("model.keras").write_bytes(b"weights")
    return store


@pytest.fixture
def no_worker(monkeypatch):
    """Whatever wants a look at images says so here."""
    asked = []
    monkeypatch.setattr("automl_cnn.cli.backend.require", lambda: "jax")
    monkeypatch.setattr(reporting, "look", lambda study: (asked.append(study.name), (SEEN, ""))[1])
    return asked


def test_the_report_lies_in_the_studys_folder(cli, store, no_worker):
    done = cli("report", "pets", "--store", store.root)
    assert done.exit_code == 0, done.output
    place = store.find("pets").report
    assert done.stdout == f"{place}\n"
    text = place.read_text()
    assert "correctly classified 87.0\u00a0%" in text
    assert "of the 30 test images" in text
    assert "What it confuses" in text
    assert no_worker == ["pets"]


def test_the_study_last_worked_on_is_the_default(cli, store, no_worker):
    assert cli("report", "--store", store.root).exit_code == 0
    assert store.find("pets").report.is_file()


def test_what_was_found_out_once_is_not_asked_for_again(cli, store, no_worker):
    SEEN.save(store.find("pets").folder / reporting.EVIDENCE)
    assert cli("report", "pets", "--store", store.root).exit_code == 0
    assert no_worker == []


def test_evidence_of_an_earlier_winner_does_not_count(cli, store, no_worker):
    dataclasses.replace(SEEN, trial=7).save(store.find("pets").folder / reporting.EVIDENCE)
    assert cli("report", "pets", "--store", store.root).exit_code == 0
    assert no_worker == ["pets"]


def test_quick_looks_at_no_images(cli, store, no_worker, tmp_path):
    out = tmp_path / "deep" / "page.html"
    done = cli("report", "pets", "--quick", "--out", out, "--store", store.root)
    assert done.exit_code == 0
    assert no_worker == []
    assert "since --quick was given" in out.read_text()
    assert not store.find("pets").report.exists()


def test_it_opens_in_a_browser(cli, store, no_worker, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    assert cli("report", "pets", "--open", "--store", store.root).exit_code == 0
    assert opened == [store.find("pets").report.resolve().as_uri()]


def test_without_a_backend_the_rest_is_written(cli, store, monkeypatch):
    monkeypatch.setattr("automl_cnn.backend._installed", lambda name: False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    done = cli("report", "pets", "--store", store.root)
    assert done.exit_code == 0
    assert "none of tensorflow, jax and torch is installed" in done.stderr
    assert "Leaderboard" in store.find("pets").report.read_text()


def test_a_worker_that_fails_is_told_and_the_rest_is_written(store, monkeypatch):
    class Broken:
        def __init__(self, log): ...
        def configure(self, setting): ...
        def close(self): ...
        def examine(self, model, patience=None):
            raise TrialError("the decoded images were deleted")

    monkeypatch.setattr(asked, "LocalExecutor", Broken)
    evidence, why = reporting.look(overview(store, "pets"))
    assert evidence is None
    assert why.startswith("The winner's mistakes could not be looked at: The data set's description")
    monkeypatch.setattr(reporting, "looked_for", lambda folder: (folder, ""))
    evidence, why = reporting.look(overview(store, "pets"))
    assert evidence is None
    assert why == "The winner's mistakes could not be looked at: the decoded images were deleted"


def test_an_unknown_study_and_a_place_that_cannot_be_written(cli, store, no_worker, tmp_path):
    assert "There is no study 'pest'" in cli("report", "pest", "--store", store.root).stderr
    (tmp_path / "file").write_text("")
    done = cli("report", "pets", "--out", tmp_path / "file" / "page.html", "--store", store.root)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_the_end_of_a_search_leaves_report_card_and_evidence(store):
    study = overview(store, "pets")
    report, card = reporting.conclude(dataclasses.replace(study, pid=1), store, SEEN, "")
    assert ">finished: no further trial fits into the budget" in report.read_text(), "the search that writes it is not still running"
    assert report == study.folder.report
    assert card == study.folder.folder / "best" / "model_card.md"
    assert "| test, scored once at the end | 30 | 0.870 | 0.700 to 0.950 |" in card.read_text()
    assert json.loads((study.folder.folder / reporting.EVIDENCE).read_text())["trial"] == 0
    assert reporting.kept(study) == SEEN


def test_the_evidence_of_a_damaged_file_is_made_anew(store):
    (store.find("pets").folder / reporting.EVIDENCE).write_text("{")
    assert reporting.kept(overview(store, "pets")) is None


def test_nothing_heavy_is_imported(store):
    SEEN.save(store.find("pets").folder / reporting.EVIDENCE)
    code = f"""
import sys
from automl_cnn.cli import main
sys.argv = ["automl-cnn", "report", "pets", "--store", {str(store.root)!r}]
try:
    main()
except SystemExit as end:
    assert end.code in (0, None), end.code
print("HEAVY", sorted(set(sys.modules) & {{"tensorflow", "keras", "mlflow", "sklearn"}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"
