"""The journal's lock: nobody waits for the dead, and nothing is glued to what they left half-written."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from automl_cnn.records import Fidelity, Finished, Job, State
from automl_cnn.space import Choice, Parameter, Space
from automl_cnn.study.record.journal import JournalLock, mend, share
from automl_cnn.study.record.record import Record

SPACE = Space((Parameter("architecture", Choice("a", "b")),))
JOB = Job(SPACE.defaults(), Fidelity(1), "why")
WRITER = """
import sys
from pathlib import Path
from test_journal import JOB, SPACE
from automl_cnn.records import Finished, State
from automl_cnn.study.record.record import Record

journal, study = Path(sys.argv[1]), sys.argv[2]
record = Record(journal, study)
for step in range(10):
    number = record.start(JOB, SPACE)
    record.finish(number, Finished(State.COMPLETE, step / 100))
"""
HOLDER = """
import os, signal, sys
from pathlib import Path
from automl_cnn.study.record.journal import JournalLock

JournalLock(Path(sys.argv[1])).acquire()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_lets_go_of_the_lock(tmp_path):
    journal = tmp_path / "j"
    Record(journal, "s").keep("k", 1)
    assert subprocess.run([sys.executable, "-c", HOLDER, journal], check=False).returncode == -9
    taken = threading.Event()

    def take():
        lock = JournalLock(journal)
        lock.acquire()
        taken.set()
        lock.release()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    assert taken.wait(10)  # Optuna's own lock takes half a minute


def test_half_a_line_of_a_process_that_was_killed_does_not_spoil_what_another_writes_on(tmp_path):
    journal = tmp_path / "j"
    alive, other = Record(journal, "alive"), Record(journal, "other")
    number = alive.start(JOB, SPACE)
    with journal.open("ab") as file:
        file.write(b'{"op_code": 4, "wor')  # of a third one
    alive.finish(number, Finished(State.COMPLETE, 0.5))
    other.keep("k", 1)
    assert Record(journal, "alive").trials[0].score == 0.5
    assert Record(journal, "other").settings == {"k": 1}


@pytest.mark.parametrize(("before", "after"), [(b"", b""), (b"{}\n", b"{}\n"), (b'{}\n{"a', b"{}\n"), (b'{"a', b"")])
def test_only_half_a_last_line_is_cut_off(tmp_path, before, after):
    (tmp_path / "j").write_bytes(before)
    mend(tmp_path / "j")
    assert (tmp_path / "j").read_bytes() == after
    mend(tmp_path / "missing")
    assert not (tmp_path / "missing").exists()


def test_two_processes_write_two_studies_into_one_journal_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / "j", name]) for name in ("one", "two")]
    assert [writer.wait(100) for writer in writers] == [0, 0]
    studies = Record.all(tmp_path / "j")
    for name in ("one", "two"):
        assert [(trial.number, trial.score) for trial in studies[name].trials] == [(step, step / 100) for step in range(10)]


def test_the_share_of_a_study_is_what_its_entries_take(tmp_path):
    journal = tmp_path / "j"
    written = {"one": 0, "two": 0, "gone": 0}

    def counted(name, action):
        before = journal.stat().st_size if journal.exists() else 0
        answer = action()
        written[name] += journal.stat().st_size - before
        return answer

    for _ in range(2):  # the second time, the studies are opened again
        for name in ("gone", "one", "two"):
            record = counted(name, lambda name=name: Record(journal, name))
            number = counted(name, lambda record=record: record.start(JOB, SPACE))
            counted(name, lambda record=record, number=number: record.finish(number, Finished(State.COMPLETE, 0.5)))
            counted(name, lambda record=record: record.keep("k", "v" * 100))
    counted("gone", lambda: Record.delete(journal, "gone"))
    record = counted("one", lambda: Record(journal, "one"))
    counted("one", lambda: record.start(JOB, SPACE))
    assert {name: share(journal, name) for name in written} == written
    assert share(journal, "never") == share(tmp_path / "none", "one") == 0
