"""The benchmark of several workers, with trials of no length."""

import importlib.util
import json
import sys
from pathlib import Path

from automl_cnn.records import State

FILE = Path(__file__).parent.parent / "benchmarks" / "workers.py"


def test_it_runs_every_trial_and_writes_what_it_measured(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(FILE.parent)
    spec = importlib.util.spec_from_file_location("workers_benchmark", FILE)
    benchmark = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    with benchmark.asleep(3, 0.0) as crew:
        trials, _, _, held = benchmark.searched(crew, 9)
    assert all(one > 0 for one in held)
    assert [trial.state for trial in trials] == [State.COMPLETE] * 9
    assert {trial.worker for trial in trials} <= {1, 2, 3}
    benchmark.main(["--workers", "1,2", "--rounds", "2", "--sleep", "0", "--out", str(tmp_path / "rows.json")])
    assert [(row["workers"], row["trials"]) for row in json.loads((tmp_path / "rows.json").read_text())] == [(1, 2), (2, 4)]
