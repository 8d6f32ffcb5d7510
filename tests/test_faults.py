"""Plugins and users at their worst: no finished trial is lost, and the search ends with a model."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
GOOD = next(block for block in re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL) if "class TinyNet" in block)
BAD = """
import os, signal, time
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


def trials_of(home, name):
    from automl_cnn.study.record import Record

    return Record(home / "automl-cnn-runs" / "optuna.journal", name).trials


@pytest.mark.slow
def test_plugins_that_raise_crash_hang_and_diverge_do_not_end_the_search(home, digits):
    words = ("--name", "faults", "--architectures", "tiny,raises,crashes,hangs", "--optimizers", "adam,diverges", "--budget", "4m", "--max-epochs", 8)
    result, _ = search(home, digits, *words)
    assert result["configuration"]["architecture"] == "tiny"
    assert result["val_score"] > 0.6
    assert result["seconds"] < 240 * 1.03
    failures = {trial.architecture: trial.failure for trial in trials_of(home, "faults") if trial.failure}
    assert "a plugin's own mistake" in failures["raises"]
    assert "signal 11" in failures["crashes"]
    assert "no sign of life" in failures["hangs"]
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
    told, repeated = ([(dict(trial.configuration), trial.score) for trial in trials_of(home, name)] for name in ("told", "again"))
    assert told == repeated
    assert all(trial.params <= 20_000 for trial in trials_of(home, "told"))
