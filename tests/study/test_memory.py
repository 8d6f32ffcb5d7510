"""Memory does not grow with the number of trials: that of the main process, and that of a worker."""

import os
import re
from collections import deque
from pathlib import Path

import pytest
from test_loop import Study

from automl_cnn.data import prepare
from automl_cnn.records import Fidelity, Finished, Job, State
from automl_cnn.study.running.executors.local import LocalExecutor
from automl_cnn.study.running.executors.memory import held
from automl_cnn.study.running.executors.protocol import Setting

MB = 2**20
NETWORK = {"architecture": "tiny", "resolution": 32, "width": 0.5, "depth": 1.0, "batch_size": 16, "optimizer": "adam"}
PAGE = Path(__file__).parents[2] / "docs" / "plugins" / "architecture.md"


@pytest.mark.slow
def test_the_main_process_is_as_large_after_200_trials_as_after_50(tmp_path):
    sizes = {}
    study = Study(tmp_path, trials=200)
    keep = study.loop.shelve

    def shelve(trials):
        keep(trials)
        sizes[len(trials)] = held(os.getpid())

    study.loop.shelve = shelve
    assert study.loop.run() == "trials"
    print({count: size // MB for count, size in sizes.items() if count % 25 == 0})
    assert sizes[200] - sizes[50] < 20 * MB


@pytest.mark.slow
def test_a_worker_is_about_as_large_after_20_trials_as_after_5(tmp_path, digits):
    executor = LocalExecutor(tmp_path / "log")
    sizes = []
    try:
        blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        (tmp_path / "plugins").mkdir()
        (tmp_path / "plugins" / "tiny.py").write_text(next(block for block in blocks if "class TinyNet" in block))
        manifest = tmp_path / "dataset.json"
        prepare(digits, tmp_path / "cache").save(manifest)
        executor.configure(Setting(str(manifest), "accuracy", "auto", 0, str(tmp_path / "plugins"), str(tmp_path / "trials")))
        for number in range(20):
            job = Job({**NETWORK, "regularizer.augment": number % 2 == 0}, Fidelity(2), "measured")
            end = deque(executor.run(job, number), maxlen=1)[0]
            assert isinstance(end, Finished)
            assert end.state is State.COMPLETE, end
            sizes.append(executor._worker.memory)
    finally:
        executor.close()
    print([size // MB for size in sizes])
    assert sizes[-1] - sizes[4] < 150 * MB
