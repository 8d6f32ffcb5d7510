"""Plugins and users at their worst: no finished trial is lost, and the search ends with a model."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "plugins" / "architecture.md"
GOOD = next(block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL) if "class TinyNet" in block)
BAD = """
import os, resource, signal, time
import numpy as np
from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Optimizer, keras


class Raises(Architecture):
    '''Raises. Choose it in tests.'''

    name = "raises"
    min_size = 16

    def features(self, x, net):
        raise RuntimeError("a plugin's own mistake")


class Crashes(Raises):
    '''Takes the interpreter with it. Choose it in tests.'''

    name = "crashes"

    def features(self, x, net):
        os.kill(os.getpid(), signal.SIGSEGV)


class Hangs(Raises):
    '''Never comes back. Choose it in tests.'''

    name = "hangs"

    def features(self, x, net):
        time.sleep(10_000)


class Hungry(Raises):
    '''Needs more memory than its process may have. Choose it in tests.'''

    name = "hungry"

    def features(self, x, net):
        before = resource.getrlimit(resource.RLIMIT_AS)
        held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + 2**28, before[1]))
        try:
            return np.ones(2**28)
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)


class Diverges(Optimizer):
    '''Climbs. Choose it in tests.'''

    name = "diverges"

    def build(self, steps):
        return keras.optimizers.SGD(1e30)
"""


@pytest.fixture
def home(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "tiny.py").write_text(GOOD)
    (tmp_path / "plugins" / "bad.py").write_text(BAD)
    return tmp_path


def search(home, data, *words):
    command = [sys.executable, "-m", "automl_cnn", "search", "--data", data, "--plugins-dir", "plugins", "--no-mlflow", "--json", *words]
    done = subprocess.run(list(map(str, command)), cwd=home, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def faults():
    """benchmarks/faults.py: the same faults, at more moments."""
    spec = importlib.util.spec_from_file_location("faults", ROOT / "benchmarks" / "faults.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["faults"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["faults"]


def trials_of(home, name):
    from automl_cnn.study.record.record import Record

    return Record(home / "automl-cnn-runs" / "optuna.journal", name).trials


@pytest.mark.slow
def test_plugins_that_raise_crash_hang_diverge_and_run_out_of_memory_do_not_end_the_search(home, digits):
    words = ("--name", "faults", "--architectures", "tiny,raises,crashes,hangs,hungry", "--optimizers", "adam,diverges", "--budget", "4m", "--max-epochs", 8)
    result, _ = search(home, digits, *words)
    assert result["configuration"]["architecture"] == "tiny"
    assert result["val_score"] > 0.6
    assert result["seconds"] < 240 * 1.03
    failures = {trial.architecture: trial.failure for trial in trials_of(home, "faults") if trial.failure}
    assert "a plugin's own mistake" in failures["raises"]
    assert "signal 11" in failures["crashes"]
    assert "no sign of life" in failures["hangs"]
    assert failures["hungry"].startswith("out of memory")
    assert all(trial.failure is None or "the loss became" in trial.failure for trial in trials_of(home, "faults") if trial.architecture == "tiny")
    benched = [trial.architecture for trial in trials_of(home, "faults") if trial.stage == "search"]
    assert benched.count("raises") <= 2


@pytest.mark.slow
def test_the_same_seed_tries_the_same_and_scores_the_same(home, digits):
    words = ("--architectures", "tiny", "--trials", 5, "--max-epochs", 4, "--seed", 3)
    search(home, digits, "--name", "first", *words)
    search(home, digits, "--name", "second", *words)
    search(home, digits, "--name", "other", *words[:-1], 4)
    first, second, other = ([(dict(trial.configuration), trial.score) for trial in trials_of(home, name)] for name in ("first", "second", "other"))
    assert first == second
    assert first != other


@pytest.mark.slow
def test_a_study_file_repeats_the_search_from_anywhere(home, digits, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    search(home, digits, "--name", "told", "--architectures", "tiny", "--trials", 3, "--max-epochs", 3, "--max-params", "20k")
    settings = home / "automl-cnn-runs" / "studies" / "told" / "study.toml"
    again = home / "again.toml"
    again.write_text(settings.read_text().replace('"told"', '"again"'))
    command = [sys.executable, "-m", "automl_cnn", "search", "--config", again, "--no-mlflow", "--json"]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    original, repeated = ([(dict(trial.configuration), trial.score) for trial in trials_of(home, name)] for name in ("told", "again"))
    assert original == repeated
    assert all(trial.params <= 20_000 for trial in trials_of(home, "told"))


@pytest.mark.slow
def test_killed_at_random_moments_a_search_loses_no_finished_trial_and_ends_with_a_model(faults, tmp_path):
    counts = faults.kills(tmp_path, faults.digits(tmp_path / "digits"), moments=3, seed=1, say=print)
    assert counts["kills of the main"] + counts["kills of the worker"] == 3
    assert counts["predictions"] >= 2


@pytest.mark.slow
def test_a_disk_that_fills_up_ends_the_search_with_its_model_and_room_lets_it_go_on(faults, tmp_path, small_disk):
    counts = faults.disk(small_disk(12), faults.digits(tmp_path / "digits"), say=print)
    assert counts["predictions"] == 2


@pytest.mark.slow
def test_two_searches_share_a_store_at_the_same_time(home, digits):
    """They make their store, its cache and its MLflow database together, too."""
    command = [sys.executable, "-m", "automl_cnn", "search", "--data", digits, "--plugins-dir", "plugins", "--architectures", "tiny", "--max-epochs", 4]
    both = {
        name: subprocess.Popen(
            [str(word) for word in (*command, "--trials", 4, "--seed", seed, "--name", name, "--json")],
            cwd=home,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed, name in enumerate(("one", "two"))
    }
    for name, process in both.items():
        out, err = process.communicate(timeout=400)
        assert process.returncode == 0, err
        assert "Traceback" not in err
        assert json.loads(out)["trials"] == 4
        assert "MLflow could not be written" not in err
        assert [trial.number for trial in trials_of(home, name)] == [0, 1, 2, 3]
        assert all(trial.score is not None for trial in trials_of(home, name))
    from automl_cnn.store import Store
    from automl_cnn.track.quiet import quiet_mlflow

    uri = Store(home / "automl-cnn-runs").mlflow_uri
    client = quiet_mlflow().MlflowClient(uri, uri)
    runs = {experiment.name: len(client.search_runs([experiment.experiment_id])) for experiment in client.search_experiments()}
    assert (runs["one"], runs["two"]) == (5, 5)
