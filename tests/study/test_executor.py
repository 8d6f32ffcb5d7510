"""The local executor with worker processes that are simulated, and what a real one says that cannot start."""

import os
import signal
import sys

import pytest

from automl_cnn.errors import Cause, PluginError, TrialError, WorkerLost
from automl_cnn.records import Fidelity, Finished, Job, State
from automl_cnn.study.running.executors import memory
from automl_cnn.study.running.executors.lastwords import last_words
from automl_cnn.study.running.executors.local import LocalExecutor
from automl_cnn.study.running.executors.memory import GROWTH, outgrown, total
from automl_cnn.study.running.executors.process import WorkerProcess
from automl_cnn.study.running.executors.protocol import Setting

GB = 2**30
JOB = Job({"architecture": "a"}, Fidelity(1), "why")
SETTING = Setting("data", "accuracy", "auto", 0, None, "trials")
DONE = Finished(State.COMPLETE, 0.5)
KILLED = "out of memory, most likely: the worker process was killed by the system"


@pytest.mark.parametrize(
    ("first", "now", "of", "answer"),
    [
        (1 * GB, 1.2 * GB, 8 * GB, False),  # it grew little
        (1 * GB, 1.9 * GB, 8 * GB, False),  # it grew much, and there is room
        (1 * GB, 2.1 * GB, 8 * GB, True),
        (3 * GB, 3.2 * GB, 8 * GB, False),  # a new one would be as large
        (3 * GB, 3 * GB + GROWTH + 1, 8 * GB, True),
        (None, 7 * GB, 8 * GB, False),  # it had no trial yet
        (1 * GB, None, 8 * GB, False),  # it is gone
    ],
)
def test_a_worker_gives_way_when_it_is_large_and_has_grown(first, now, of, answer):
    assert outgrown(first, now, of) is answer


def test_a_containers_limit_counts_and_none_does_not(tmp_path):
    for name, text in (("limited", "1073741824\n"), ("free", "max\n"), ("huge", f"{2**62}\n")):
        (tmp_path / name).write_text(text)
    machine = total(())
    assert total((str(tmp_path / "limited"),)) == GB
    assert total(tuple(str(tmp_path / name) for name in ("free", "huge", "missing"))) == machine
    assert machine > GB


def test_memory_is_read_of_a_process_that_lives():
    assert 2**20 < memory.held(os.getpid()) < 2**40
    assert memory.held(2**22 + 1) is None


class FakeProcess:
    """A worker that answers by script: each request is met by the next list of answers; an exception among them is raised."""

    def __init__(self, answers=(), *, prepared=True, starts=True, memory=GB):
        self.answers, self.prepared, self.starts, self.memory = list(answers), prepared, starts, memory
        self.requests, self.waiting, self.gone = [], [], False

    def ready(self):
        return self.prepared

    def connect(self, patience=None):
        if not self.starts:
            raise TrialError("the worker did not start: it was killed")

    def send(self, word, payload=None):
        self.requests.append(word)
        if word == "configure":
            self.waiting = ["done"] if self.prepared != "deaf" else [EOFError()]
        elif word != "stop":
            self.waiting += self.answers.pop(0) if self.answers else ["done"]

    def receive(self, silence):
        word = self.waiting.pop(0)
        if isinstance(word, Exception):
            raise word
        return word if isinstance(word, tuple) else (word, DONE)

    def death(self):
        return self.end_of if hasattr(self, "end_of") else (KILLED, Cause.MEMORY)

    def end(self):
        self.gone = True

    kill = end


class Fleet:
    """Hands out workers one after the other."""

    def __init__(self, *workers):
        self.workers, self.begun = list(workers), []

    def __call__(self, log):
        self.begun.append(self.workers.pop(0))
        return self.begun[-1]


@pytest.fixture
def executor_of(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "total", lambda: 8 * GB)

    def made(*workers):
        executor = LocalExecutor(tmp_path / "log", Fleet(*workers))
        executor.configure(SETTING)
        return executor

    return made


def train(executor):
    return [event for event in executor.run(JOB, 0) if isinstance(event, Finished)][-1]


def test_a_worker_that_has_grown_is_replaced_when_its_successor_is_ready(executor_of):
    old, new = FakeProcess(), FakeProcess(prepared=False)
    executor = executor_of(old, new)
    train(executor)
    old.memory = 3 * GB
    train(executor)  # the successor is begun, and nobody waits for it
    assert executor._begin.begun == [old, new]
    train(executor)
    assert (old.requests.count("train"), old.gone, new.requests) == (3, False, [])
    new.prepared = True
    assert train(executor) == DONE
    assert (old.gone, new.requests) == (True, ["configure", "train"])
    train(executor)
    assert new.requests == ["configure", "train", "train"]  # the new one is measured by its own first trial
    executor.close()
    assert new.gone


def test_a_worker_that_stays_as_it_is_is_kept(executor_of):
    executor = executor_of(FakeProcess(memory=3 * GB))
    for _ in range(50):
        assert train(executor) == DONE
    assert len(executor._begin.begun) == 1


def test_a_successor_on_its_way_takes_over_from_a_worker_that_dies(executor_of):
    old, new = FakeProcess([["done"], ["done"], [EOFError()]]), FakeProcess(prepared=False)
    executor = executor_of(old, new)
    train(executor)
    old.memory = 3 * GB
    train(executor)
    ended = train(executor)
    assert (ended.failure, ended.cause) == (KILLED, Cause.MEMORY)
    assert train(executor) == DONE
    assert new.requests == ["configure", "train"]


def test_both_processes_end_with_the_executor(executor_of):
    old, new = FakeProcess(), FakeProcess(prepared=False)
    executor = executor_of(old, new)
    train(executor)
    old.memory = 3 * GB
    train(executor)
    executor.close()
    assert (old.gone, new.gone) == (True, True)


def test_a_worker_in_the_middle_of_a_trial_is_not_waited_for_when_the_executor_is_closed(executor_of):
    busy, calls = FakeProcess([[("event", 1), ("event", 2)], ["done"]]), []
    busy.kill, busy.end = lambda: calls.append("killed"), lambda: calls.append("asked to end")
    executor = executor_of(busy)
    trial = executor.run(JOB, 0)
    assert next(trial) == 1
    executor.close()
    assert calls[0] == "killed"


def test_a_closed_executor_starts_no_process(executor_of):
    """A thread may have been waiting for one to start."""
    executor = executor_of(FakeProcess(starts=False), FakeProcess())
    executor.close()
    assert (train(executor).state, train(executor).cause) == (State.FAILED, Cause.INTERRUPTED)
    assert len(executor._begin.begun) == 1


def test_a_lost_worker_fails_its_trial_and_the_next_gets_a_new_one(executor_of):
    old, new = FakeProcess([[("event", 1), EOFError()]]), FakeProcess()
    executor = executor_of(old, new)
    assert (train(executor).state, old.gone) == (State.FAILED, True)
    assert train(executor) == DONE
    assert new.requests == ["configure", "train"]


def test_a_silent_worker_is_told_from_a_dead_one(executor_of):
    executor = executor_of(FakeProcess([[TimeoutError("no sign of life for 60 s, so its worker was ended")]]), FakeProcess())
    ended = train(executor)
    assert (ended.failure, ended.cause) == ("no sign of life for 60 s, so its worker was ended", Cause.WORKER)


def test_a_worker_killed_while_it_is_set_up_is_a_lost_worker_too(executor_of):
    executor = executor_of(FakeProcess(prepared="deaf"), FakeProcess())
    assert train(executor).failure == KILLED
    assert train(executor) == DONE


def test_a_worker_killed_at_its_start_is_started_once_more(executor_of):
    executor = executor_of(FakeProcess(starts=False), FakeProcess())
    assert train(executor) == DONE
    executor = executor_of(FakeProcess(starts=False), FakeProcess(starts=False), FakeProcess())
    assert "did not start" in train(executor).failure


def test_what_asks_for_little_is_asked_again_where_the_system_killed_the_worker(executor_of):
    executor = executor_of(FakeProcess([[EOFError()]]), FakeProcess([[("done", "cost")]]))
    assert executor.cost({"architecture": "a"}) == "cost"
    executor = executor_of(FakeProcess([[EOFError()]]), FakeProcess([[EOFError()]]), FakeProcess())
    with pytest.raises(WorkerLost):
        executor.cost({"architecture": "a"})


def test_what_crashes_the_worker_is_not_asked_again(executor_of):
    crashing = FakeProcess([[EOFError()]])
    crashing.end_of = ("the worker process was killed by signal 11", Cause.WORKER)
    executor = executor_of(crashing, FakeProcess())
    with pytest.raises(WorkerLost, match="signal 11"):
        executor.cost({"architecture": "a"})
    assert len(executor._begin.begun) == 1


def test_a_trial_that_nobody_listens_to_any_more_does_not_answer_the_next_question(executor_of):
    old, new = FakeProcess([[("event", 1), ("event", 2), ("done", "a trial")]]), FakeProcess([[("done", "a score")]])
    executor = executor_of(old, new)
    assert next(executor.run(JOB, 0)) == 1
    assert executor.test("best.keras") == "a score"
    assert old.gone


def test_a_process_that_cannot_start_says_so_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    worker = WorkerProcess(tmp_path / "log")
    with pytest.raises(TrialError, match="did not start: the worker process ended with code 1"):
        worker.connect()
    assert not worker.ready()
    worker.end()


def test_a_start_is_waited_for_only_as_long_as_the_budget_lasts(tmp_path, monkeypatch):
    script = tmp_path / "worker"
    script.write_text("#!/bin/sh\nexec sleep 1000\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    executor = LocalExecutor(tmp_path / "log")
    (last,) = executor.run(JOB, 0, lambda: 0.3)
    assert (last.state, last.cause, last.failure) == (State.FAILED, Cause.INTERRUPTED, "the budget ended while its worker started")
    assert executor._worker is not None  # it goes on starting, for whoever asks next
    executor.close()


def test_a_process_killed_before_it_is_ready_is_told(tmp_path, monkeypatch):
    script = tmp_path / "worker"
    script.write_text("#!/bin/sh\necho 'its last words'\nkill -9 $$\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(TrialError, match=r"out of memory.*its last words"):
        WorkerProcess(tmp_path / "log").connect()


def test_a_process_that_does_not_leave_is_ended(tmp_path, monkeypatch):
    script = tmp_path / "worker"
    script.write_text("#!/bin/sh\nexec sleep 1000\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    worker = WorkerProcess(tmp_path / "log")
    assert not worker.ready()
    worker.end()
    assert worker._process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("cause", "start", "expected"),
    [
        (MemoryError("2 GiB"), "out of memory: a smaller batch", Cause.MEMORY),
        (OSError(28, "No space left on device"), "the disk is full: ", Cause.DISK),
        (ValueError("3 is not a size"), "features raised", Cause.OTHER),
    ],
)
def test_what_a_plugin_met_is_recognized_behind_its_error(cause, start, expected):
    from automl_cnn.study.running.executors.worker import failure_of

    try:
        raise PluginError("features raised something") from cause
    except PluginError as error:
        sentence, kind = failure_of(error)
    assert sentence.startswith(start)
    assert kind is expected


GREETING = """\
2026-11-30 10:00:00.123456: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on. You may see slightly different numerical results.
2026-11-30 10:00:00.223456: I tensorflow/core/platform/cpu_feature_guard.cc:210] This TensorFlow binary is optimized to use available CPU instructions.
To enable the following instructions: AVX2 AVX512F FMA, in other operations, rebuild TensorFlow with the appropriate compiler flags.
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1760000000.123456    4242 port.cc:153] oneDNN custom operations are on.
W0000 00:00:1760000000.123456    4242 gpu_device.cc:2430] Cannot dlopen some GPU libraries.
E0000 00:00:1760000000.123456    4242 cuda_dnn.cc:8579] Unable to register cuDNN factory: one has already been registered
"""


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        (GREETING, ""),
        ("", ""),
        (f"{GREETING}ImportError: no module named numpy\n{GREETING}", "ImportError: no module named numpy"),
        (f"Fatal Python error: Aborted\n\nThread 0x1\n  File x\n{GREETING}", "Fatal Python error: Aborted"),
        (f"F0000 00:00:1760000000.1 42 cuda.cc:1] Check failed\n{GREETING}", "F0000 00:00:1760000000.1 42 cuda.cc:1] Check failed"),
    ],
)
def test_the_last_words_of_a_worker_are_its_own(tmp_path, printed, words):
    (tmp_path / "log").write_text(f"an earlier worker's words\n{printed}")
    assert last_words(tmp_path / "log", len("an earlier worker's words\n")) == words
    (tmp_path / "long").write_text("x\n" * 10**6 + printed)
    assert last_words(tmp_path / "long") == (words or "x")
    assert last_words(tmp_path / "none") == ""


def test_a_worker_that_printed_only_a_greeting_has_no_last_words(tmp_path, monkeypatch):
    (tmp_path / "log").write_text("what an earlier session left\n")
    (tmp_path / "greeting").write_text(GREETING)
    script = tmp_path / "worker"
    script.write_text(f"#!/bin/sh\ncat {tmp_path / 'greeting'}\nkill -9 $$\n")
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    with pytest.raises(TrialError, match=r"killed by the system$"):
        WorkerProcess(tmp_path / "log").connect()
