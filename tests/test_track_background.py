"""The tracker in the background: in order, and nobody waits until the end."""

import contextlib
import threading
from pathlib import Path

import numpy as np
import pytest

from automl_cnn.errors import ConfigError, TrialError
from automl_cnn.track import NullTracker, background
from automl_cnn.track.background import Background, ending


class Slow(NullTracker):
    """Writes only when it may; remembers the calls and their threads."""

    def __init__(self):
        self.may, self.calls, self.threads = threading.Event(), [], set()

    def _tell(self, what):
        assert self.may.wait(20)
        self.calls.append(what)
        self.threads.add(threading.current_thread())

    def start(self, config, dataset_summary):
        self._tell("start")

    def trial(self, trial):
        self._tell(trial)

    def rebuild(self, trials):
        self._tell(("all", *trials))

    def finish(self, result, model_file, example):
        self._tell("finish")

    def end(self, status):
        self._tell(status)


def test_only_who_asks_waits_and_the_order_is_kept():
    slow = Slow()
    later = Background(slow)
    later.start({}, {})
    later.trial(1)
    later.trial(2)
    later.rebuild((1, 2))
    later.finish(None, Path(), np.zeros(1))
    assert slow.calls == []
    slow.may.set()
    later.wait()
    assert slow.calls == ["start", 1, 2, ("all", 1, 2), "finish"]
    later.close()
    assert slow.threads.isdisjoint({threading.current_thread()})
    assert len(slow.threads) == 1


def test_a_database_that_hangs_is_not_waited_for(monkeypatch, caplog):
    monkeypatch.setattr(background, "LONGEST", 0.01)
    monkeypatch.setattr(background, "PATIENCE", 0.01)
    slow = Slow()
    later = Background(slow)
    later.start({}, {})
    later.trial(1)
    later.wait()
    later.close()
    assert "was not written" in caplog.text
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "track"), "it would keep the process from ending"
    slow.may.set()


def test_a_tracker_that_breaks_its_contract_keeps_nobody_waiting(caplog):
    class Broken(NullTracker):
        def trial(self, trial):
            raise RuntimeError("broken")

    later = Background(Broken())
    later.trial(1)
    later.wait()
    later.close()
    assert "broken" in caplog.text


@pytest.mark.parametrize(("error", "status"), [(None, "KILLED"), (KeyboardInterrupt, "KILLED"), (TrialError, "FAILED"), (ConfigError, "FAILED")])
def test_however_a_search_ends_its_run_ends(error, status):
    slow = Slow()
    slow.may.set()
    with contextlib.suppress(*([error] if error else [])), ending(Background(slow)) as later:
        later.start({}, {})
        if error:
            raise error
    assert slow.calls == ["start", status]


def test_closing_waits_for_what_was_told():
    slow = Slow()
    later = Background(slow)
    later.trial(1)
    threading.Timer(0.05, slow.may.set).start()
    later.close()
    assert slow.calls == [1]
