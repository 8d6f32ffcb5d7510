"""Code that hangs: `test_foreign.py` runs these tests in a process of their own.

The alarm belongs to the whole process, and that of a long run holds other libraries' threads and alarms.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from automl_cnn import foreign, registry


def spins():
    while True:
        pass


def swallows_some():
    """Catches the first two interruptions."""
    for _ in range(2):
        try:
            spins()
        except BaseException:
            continue
    spins()


def waits():
    time.sleep(1000)


def waits_for_another_thread():
    threading.Event().wait()


def waits_for_a_process():
    subprocess.run(["sleep", "1000"], check=False)


@pytest.mark.parametrize(
    ("thread", "code"),
    [
        *(("main", code) for code in (spins, swallows_some, waits, waits_for_another_thread, waits_for_a_process)),
        *(("other", code) for code in (spins, swallows_some)),  # waiting outside the main thread cannot be interrupted
    ],
)
def test_what_hangs_is_interrupted(monkeypatch, thread, code):
    monkeypatch.setattr(foreign, "AGAIN", 0.5)
    seen = []

    def attempt():
        with pytest.raises(foreign.ForeignError, match=r"it did not finish within 0 s") as caught:
            foreign.call(code, "mine.py", seconds=0.1)
        seen.append(caught)

    if thread == "main":
        attempt()
    else:
        runner = threading.Thread(target=attempt)
        runner.start()
        runner.join()
    assert seen


def test_what_swallows_every_interruption_is_given_up(monkeypatch):
    free, given_up = threading.Event(), []
    monkeypatch.setattr(foreign, "AGAIN", 0.02)
    monkeypatch.setattr(foreign, "GRACE", 0.1)
    monkeypatch.setattr(foreign, "stuck", lambda what, seconds: (given_up.append(what), free.set()))

    def stubborn():
        while not free.is_set():
            try:
                time.sleep(0.01)
            except BaseException:
                continue

    foreign.call(stubborn, "mine.py", seconds=0.05)
    assert given_up == ["mine.py"]


def test_somebody_elses_alarm_still_rings():
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *given: rung.append(True))
    left = signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        foreign.call(lambda: None, "mine.py", seconds=60)
        deadline = time.monotonic() + 20
        while not rung and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *left)
    assert rung


def test_two_threads_leave_the_process_as_it_was():
    before = os._exit, sys.stdout, sys.stdin
    threads = [threading.Thread(target=lambda: [foreign.call(lambda: time.sleep(0.001), "mine.py", seconds=60) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (os._exit, sys.stdout, sys.stdin) == before


def test_no_alarm_rings_in_the_clean_up(monkeypatch):
    """On a busy machine, the second alarm can come before the first one's clean-up has ended."""
    monkeypatch.setattr(foreign, "AGAIN", 0.01)
    real, left = foreign.output_to_stderr, []

    @contextlib.contextmanager
    def slow():
        with real():
            try:
                yield
            finally:
                time.sleep(0.1)
                left.append("whole")

    monkeypatch.setattr(foreign, "output_to_stderr", slow)
    for _ in range(3):
        with pytest.raises(foreign.ForeignError):
            foreign.call(spins, "mine.py", seconds=0.05)
    assert left == ["whole"] * 3


def test_a_dropin_that_hangs_is_set_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "SECONDS", 0.3)
    monkeypatch.setattr(registry, "LEAST_SECONDS", 0.3)
    for name, code in (("a", "import time; time.sleep(1000)"), ("b", "while True: pass")):
        (tmp_path / f"{name}.py").write_text(code)
    plugins = registry.load(tmp_path)
    assert [plugins.broken.get(str(tmp_path / f"{name}.py")) for name in "ab"] == ["it did not finish within 0 s"] * 2
