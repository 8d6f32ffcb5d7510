import dataclasses
import os

import pytest

from automl_cnn.errors import Cause, StoreError
from automl_cnn.records import Epoch, Fidelity, Finished, Job, NetCost, Started, State
from automl_cnn.space import Choice, Float, Int, Parameter, Space
from automl_cnn.study.record.record import OFTEN, Record, _cause

SPACE = Space(
    (
        Parameter("architecture", Choice("a", "b")),
        Parameter("a.depth", Int(1, 5), (("architecture", "a"),)),
        Parameter("regularizer.x", Choice(False, True)),
        Parameter("rate", Float(1e-4, 1e-1, log=True)),
    )
)
JOB = Job(SPACE.defaults(), Fidelity(10, 5.5), "default of a", "defaults")
EPOCHS = tuple(Epoch(n, 2, 1.5 * n, 0.9, 0.6, 0.8, 0.7, 0.7 + n / 100, 0.01) for n in (1, 2))
END = Finished(State.COMPLETE, 0.72, 2, 3.0, setup=1.5, images_per_second=120.5, checkpoint="x.keras", interval=(0.6, 0.8))


def test_what_was_written_is_read_by_another_process(tmp_path):
    journal = tmp_path / "store" / "optuna.journal"
    record = Record(journal, "s")
    number = record.start(JOB, SPACE)
    record.event(number, Started(NetCost(1000, 20000, 7), 2))
    for epoch in EPOCHS:
        record.event(number, epoch)
    record.finish(number, END)
    record.start(JOB, SPACE)
    record.keep("k", {"a": 1})

    done, running = Record(journal, "s").trials
    assert (done.configuration, done.fidelity, done.reason, done.stage) == (JOB.configuration, JOB.fidelity, JOB.reason, JOB.stage)
    assert (done.state, done.score, done.interval, done.best_epoch, done.epochs) == (State.COMPLETE, 0.72, (0.6, 0.8), 2, EPOCHS)
    assert (done.params, done.mult_adds, done.kernels, done.seconds, done.setup, done.images_per_second) == (1000, 20000, 7, 3.0, 1.5, 120.5)
    assert running.state is State.RUNNING
    assert Record(journal, "s").settings["k"] == {"a": 1}
    assert Record(journal, "other").trials == ()


@pytest.mark.parametrize("state", [State.PRUNED, State.STOPPED, State.FAILED])
def test_every_end_is_kept(tmp_path, state):
    record = Record(tmp_path / "j", "s")
    number = record.start(JOB, SPACE)
    record.finish(number, dataclasses.replace(END, state=state, failure="why" if state is State.FAILED else None))
    trial = record.trials[0]
    assert trial.state is state
    assert trial.failure == ("why" if state is State.FAILED else None)


def test_what_a_kill_left_running_is_buried_as_interrupted(tmp_path):
    Record(tmp_path / "j", "s").start(JOB, SPACE)
    again = Record(tmp_path / "j", "s")
    assert again.bury() == 1
    assert again.trials[0].failure.startswith("interrupted")
    assert again.bury() == 0


def test_seconds_add_up_over_sessions(tmp_path):
    record = Record(tmp_path / "j", "s")
    record.use("one", 10)
    record.use("one", 25)
    record.use("two", 5)
    assert Record(tmp_path / "j", "s").seconds == 30


def test_seconds_are_written_now_and_then_and_at_the_end(tmp_path):
    journal = tmp_path / "j"
    record = Record(journal, "s")
    for tenth in range(6000):  # ten minutes, a step every tenth of a second
        record.use("one", tenth / 10)
    assert len([line for line in journal.read_bytes().splitlines() if b"seconds" in line]) <= 600 / OFTEN + 1
    assert Record(journal, "s").seconds >= 599.9 - max(OFTEN, 6)
    record.use("one", 599.9, last=True)
    assert Record(journal, "s").seconds == 599.9


def test_seconds_of_an_earlier_version_count(tmp_path):
    record = Record(tmp_path / "j", "s")
    record.keep("seconds", {"one": 10.0, "two": 5.5})
    record.use("three", 4.5)
    assert Record(tmp_path / "j", "s").seconds == 20.0


def test_a_half_written_last_line_is_survived(tmp_path):
    record = Record(tmp_path / "j", "s")
    number = record.start(JOB, SPACE)
    record.finish(number, END)
    with (tmp_path / "j").open("ab") as file:
        file.write(b'{"op_code": 4, "wor')  # a power cut
    again = Record(tmp_path / "j", "s")
    assert again.trials[0].score == 0.72
    again.start(JOB, SPACE)
    assert len(Record(tmp_path / "j", "s").trials) == 2


def test_something_else_than_a_journal_is_refused(tmp_path):
    (tmp_path / "j").mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        Record(tmp_path / "j", "s")


def test_all_studies_are_read_without_a_trace(tmp_path):
    journal = tmp_path / "store" / "j"
    assert Record.all(journal) == {}
    assert not journal.parent.exists()
    first = Record(journal, "one")
    first.finish(first.start(JOB, SPACE), END)
    Record(journal, "two").keep("k", 1)
    with journal.open("ab") as file:
        file.write(b'{"op_code": 4, "wor')  # a search is writing just now
    before = journal.read_bytes()
    studies = Record.all(journal)
    assert [(name, len(record.trials)) for name, record in studies.items()] == [("one", 1), ("two", 0)]
    assert studies["one"].trials[0].score == 0.72
    assert studies["two"].settings == {"k": 1}
    assert journal.read_bytes() == before


@pytest.mark.parametrize("line", ["{}", "[]", "null", "7", '{"op_code": 99}', '{"op_code": 4, "study_id": 5}', '{"op_code": 0}', "[" * 50_000])
def test_an_entry_of_somebody_elses_is_one_sentence(tmp_path, line):
    journal = tmp_path / "j"
    Record(journal, "one")
    with journal.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(StoreError, match="cannot be opened") as error:
        Record.all(journal)
    assert len(str(error.value)) < 1000
    with pytest.raises(StoreError, match="cannot be opened"):
        Record(journal, "two")


def test_a_pipe_in_place_of_the_journal_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "j")
    for call in (lambda: Record.all(tmp_path / "j"), lambda: Record(tmp_path / "j", "one")):
        with pytest.raises(StoreError, match="not a regular file"):
            call()


def test_a_deleted_study_begins_anew_and_others_stay(tmp_path):
    journal = tmp_path / "j"
    for name in ("gone", "kept"):
        record = Record(journal, name)
        record.keep("k", name)
        record.start(JOB, SPACE)
    with journal.open("ab") as file:
        file.write(b'{"op_code": 4, "wor')  # a power cut
    Record.delete(journal, "gone")
    Record.delete(journal, "never there")
    assert list(Record.all(journal)) == ["kept"]
    again = Record(journal, "gone")
    assert (again.trials, again.settings) == ((), {})
    assert again.start(JOB, SPACE) == 0
    assert len(Record(journal, "kept").trials) == 1


def test_an_epoch_is_kept_by_the_names_of_its_figures_and_those_of_other_versions_are_read(tmp_path):
    record = Record(tmp_path / "j", "s")
    number = record.start(JOB, SPACE)
    record.event(number, EPOCHS[0])
    trial_id = record._ids[number]
    kept = record._storage.get_trial(trial_id).user_attrs["epoch:1"]
    assert kept["val_loss"] == EPOCHS[0].val_loss
    record._storage.set_trial_user_attr(trial_id, "epoch:1", {**kept, "a_later_figure": 3})
    record._storage.set_trial_user_attr(trial_id, "epoch:2", list(dataclasses.astuple(EPOCHS[1])))
    assert Record(tmp_path / "j", "s").trials[0].epochs == EPOCHS


@pytest.mark.parametrize(
    ("sentence", "cause"),
    [
        ("interrupted: the search ended while it was trained", Cause.INTERRUPTED),
        ("out of memory: a smaller batch may help", Cause.MEMORY),
        ("the validation loss became nan in epoch 3: a lower learning rate may help", Cause.DIVERGED),
        ("it raised", Cause.OTHER),
        (None, None),
    ],
)
def test_the_kind_of_a_failure_that_an_earlier_version_kept_is_read_off_its_sentence(sentence, cause):
    assert _cause({"failure": sentence}) is cause


@pytest.mark.parametrize("cause", list(Cause))
def test_the_kind_of_a_failure_is_kept(tmp_path, cause):
    record = Record(tmp_path / "j", "s")
    number = record.start(JOB, SPACE)
    record.finish(number, Finished(State.FAILED, failure="out of memory, it says", cause=cause))
    trial = Record(tmp_path / "j", "s").trials[0]
    assert (trial.cause, trial.lost) == (cause, cause in (Cause.INTERRUPTED, Cause.NODE))
