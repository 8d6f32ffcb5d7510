"""A search on a cluster in a process of its own, which a test kills: `python coordinator.py FOLDER ADDRESS`."""

from __future__ import annotations

import sys
from pathlib import Path

from formula import SleepingAgent
from session_fakes import FakeWorker
from test_search_on_ray import OnCluster, Watch, run

from automl_cnn.study import session


class Telling(Watch):
    """Prints the number of each trial that ends."""

    def trial_finished(self, trial, trials):
        print(trial.number, flush=True)


if __name__ == "__main__":
    OnCluster.agent, session.LocalExecutor = SleepingAgent, FakeWorker

    class Place:
        address = sys.argv[2]

    run(Path(sys.argv[1]), Place, Telling(), trials=8)
