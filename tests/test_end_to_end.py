"""The main job as a person does it: the real command line, real images, a real worker, MLflow."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "plugins" / "architecture.md"
PLUGIN = next(block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL) if "class TinyNet" in block)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "plugins").mkdir()
    (folder / "plugins" / "tiny.py").write_text(PLUGIN)
    return folder


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "automl_cnn", *map(str, words)]


def run(home: Path, *words: object, expect: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run(command(*words), cwd=home, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == expect, f"{done.stdout}\n{done.stderr}"
    return done


TINY = ("--plugins-dir", "plugins", "--architectures", "tiny", "--max-epochs", 12)


@pytest.fixture(scope="module")
def searched(home, digits) -> dict:
    """A search with a drop-in plugin, three trials."""
    done = run(home, "search", "--data", digits, "--name", "main", "--trials", 3, "--json", *TINY)
    return json.loads(done.stdout)


def test_one_json_object_tells_the_result(searched):
    assert searched["study"] == "main"
    assert searched["trials"] == 3
    assert searched["configuration"]["architecture"] == "tiny"
    assert searched["params"] > 0
    assert searched["mult_adds"] > 0
    assert searched["val_score"] > 0.7
    low, high = searched["test_interval"]
    assert low <= searched["test_score"] <= high


def test_predict_reads_the_photos_with_labels_inside_the_model(home, digits, searched):
    done = run(home, "predict", searched["model_path"], digits)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 72
    assert list(rows[0]) == ["path", "label", "confidence", "0", "1", "2"]
    assert sum(Path(row["path"]).parent.name == row["label"] for row in rows) > 72 * 0.7
    assert all(abs(sum(float(row[c]) for c in "012") - 1) < 1e-3 for row in rows)


def test_export_and_predict_by_study_name_agree(home, digits, searched):
    run(home, "export", "main", "--out", "exported")
    assert (home / "exported" / "labels.txt").read_text().split() == ["0", "1", "2"]
    file = next((home / "exported").glob("*.keras"))
    photo = digits / "1" / "0.png"
    assert run(home, "predict", file, photo).stdout == run(home, "predict", "main", photo).stdout


def test_the_same_command_again_says_the_study_is_done_and_more_trials_continue(home, digits, searched):
    again = json.loads(run(home, "search", "--data", digits, "--name", "main", "--trials", 4, "--json", *TINY).stdout)
    assert again["trials"] == 4
    assert again["val_score"] >= searched["val_score"]


def test_mlflow_holds_every_run_and_the_champion(home, digits, searched):
    import mlflow
    from mlflow import MlflowClient

    uri = f"sqlite:///{home}/automl-cnn-runs/mlflow.db"
    client = MlflowClient(uri, uri)
    runs = [run for experiment in client.search_experiments() for run in client.search_runs([experiment.experiment_id])]
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert len(children) >= 3
    assert len(runs) - len(children) == 1
    assert client.get_metric_history(children[0].info.run_id, "score")
    mlflow.set_tracking_uri(uri)
    assert client.get_model_version_by_alias("main", "champion").version


def test_what_is_known_of_imagenet_is_tried_first(home, digits):
    words = ("--architectures", "efficientnet_lite", "--max-resolution", 96, "--trials", 1, "--no-mlflow", "--json")
    result = json.loads(run(home, "search", "--data", digits, "--name", "known", *words).stdout)
    assert result["configuration"]["pretrained.efficientnet_lite"] == "lite0"
    assert result["configuration"]["finetune.efficientnet_lite"] == "probe"
    assert result["val_score"] > 0.8
    rows = list(csv.DictReader(io.StringIO(run(home, "predict", "known", digits).stdout)))
    assert sum(Path(row["path"]).parent.name == row["label"] for row in rows) > 72 * 0.85


def test_weights_that_cannot_be_had_are_said_and_the_search_goes_on(home, digits):
    words = ("--architectures", "mobilenet", "--pretrained", "mobilenet", "--max-epochs", 1, "--trials", 1, "--no-mlflow", "--json")
    done = subprocess.run(
        command("search", "--data", digits, "--name", "offline", *words),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=400,
        check=True,
        env={**os.environ, "KERAS_HOME": str(home / "no-keras"), "HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"},
    )
    assert "goes on without the pretrained weights 'mobilenet'" in done.stderr
    assert json.loads(done.stdout)["configuration"]["architecture"] == "mobilenet"


def test_a_killed_search_goes_on(home, digits):
    words = command("search", "--data", digits, "--name", "killed", "--budget", "45s", "--no-mlflow", *TINY)
    with (home / "killed.log").open("w") as log:
        process = subprocess.Popen(words, cwd=home, stdout=log, stderr=log)
        record = trials_of(home, "killed", at_least=2, seconds=70)
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = [trial for trial in record.trials if trial.scored]
    used = record.seconds
    assert kept
    assert used > 5
    started = time.time()
    result = json.loads(run(home, "search", "--data", digits, "--name", "killed", "--budget", "45s", "--no-mlflow", "--json", *TINY).stdout)
    took = time.time() - started
    again = trials_of(home, "killed", at_least=1, seconds=1).trials
    assert [again[trial.number].score for trial in kept] == [trial.score for trial in kept]
    assert result["seconds"] >= used + took * 0.5
    assert took < 45


def test_ctrl_c_ends_well_with_the_best_so_far(home, digits):
    words = command("search", "--data", digits, "--name", "stopped", "--budget", "10m", "--no-mlflow", "--json", *TINY)
    process = subprocess.Popen(words, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    trials_of(home, "stopped", at_least=2, seconds=90)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    result = json.loads(out)
    assert result["stopped_by"] == "user"
    assert Path(home / result["model_path"]).exists()
    assert "Traceback" not in err


def test_the_worker_does_not_outlive_a_killed_search(home, digits):
    import psutil

    words = command("search", "--data", digits, "--name", "orphan", "--trials", 50, "--no-mlflow", *TINY)
    process = subprocess.Popen(words, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    trials_of(home, "orphan", at_least=1, seconds=90, state=None)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert workers
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive


def trials_of(home: Path, name: str, *, at_least: int, seconds: float, state: str | None = "scored"):
    """The record, once that number of trials is in it (scored, or at all)."""
    from automl_cnn.study.record.record import Record

    deadline = time.time() + seconds
    journal = home / "automl-cnn-runs" / "optuna.journal"
    while time.time() < deadline + 60:
        if journal.exists() and os.path.getsize(journal):
            record = Record(journal, name)
            if len([trial for trial in record.trials if state is None or trial.scored]) >= at_least:
                return record
        time.sleep(0.5)
    raise AssertionError(f"{name} had no {at_least} trials in time")
