"""The tracker in the background: in order, and nobody waits until the end."""

import threading
from pathlib import Path

import numpy as np

from automl_cnn.track import NullTracker
from automl_cnn.track.later import Later


class Slow(NullTracker):
    """Writes only when it may; remembers what it was told, and in which thread."""

    def __init__(self):
        self.may, self.told, self.threads = threading.Event(), [], set()

    def _tell(self, what):
        assert self.may.wait(20)
        self.told.append(what)
        self.threads.add(threading.current_thread())

    def start(self, config, dataset_summary):
        self._tell("start")

    def trial(self, trial):
        self._tell(trial)

    def rebuild(self, trials):
        self._tell(("all", *trials))

    def finish(self, result, model_file, example):
        self._tell("finish")


def test_only_who_asks_waits_and_the_order_is_kept():
    slow = Slow()
    later = Later(slow)
    later.start({}, {})
    later.trial(1)
    later.trial(2)
    later.rebuild((1, 2))
    later.finish(None, Path(), np.zeros(1))
    assert slow.told == []
    slow.may.set()
    later.wait()
    assert slow.told == ["start", 1, 2, ("all", 1, 2), "finish"]
    later.close()
    assert slow.threads.isdisjoint({threading.current_thread()})
    assert len(slow.threads) == 1


def test_closing_waits_for_what_was_told():
    slow = Slow()
    later = Later(slow)
    later.trial(1)
    threading.Timer(0.05, slow.may.set).start()
    later.close()
    assert slow.told == [1]
