import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import optuna
import pytest
from loop_fakes import SPACE, Study, outcomes
from postgres import ADMIN, HOST, PASSWORD
from session_fakes import search
from sqlalchemy import event
from typer.testing import CliRunner

from automl_cnn.cli import app
from automl_cnn.databases import parse
from automl_cnn.errors import Cause, ConfigError, StoreError
from automl_cnn.records import Fidelity, Finished, Job, State
from automl_cnn.store import Store
from automl_cnn.study.record import lease
from automl_cnn.study.record.postgres import MARK, PostgreSQL
from automl_cnn.study.record.record import Record
from automl_cnn.study.stored.overview import Condition, overview, overviews

JOB = Job({"architecture": "good", "resolution": 32, "width": 1.0, "rate": 0.01}, Fidelity(3), "a test")
HERE = socket.gethostname()[:40]

COORDINATOR = """
import sys, time
sys.path.insert(0, sys.argv[3])
from loop_fakes import SPACE
from test_postgres import JOB
from automl_cnn.databases import parse
from automl_cnn.study.record.postgres import PostgreSQL
from automl_cnn.study.record.record import Record
storage = PostgreSQL(parse(sys.argv[1]))
with storage.held(sys.argv[2]):
    Record(storage, sys.argv[2]).start(JOB, SPACE)
    print("training", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(lease, "PATIENCE", 0.5)


@pytest.fixture
def where(database):
    return PostgreSQL(parse(database))


@pytest.fixture
def coordinator(database):
    """A process that is at work on the study `s`, in the middle of a trial."""
    words = [sys.executable, "-P", "-c", COORDINATOR, database, "s", str(Path(__file__).parent)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert process.stdout.readline() == "training\n"
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("workers", [1, 3])
def test_a_database_gives_the_same_trials_as_a_journal(where, tmp_path, workers):
    journal, database = tmp_path / "a", tmp_path / "b"
    journal.mkdir()
    database.mkdir()
    alone, shared = (Study(place, trials=4, workers=workers, part=1 / workers, where=there) for place, there in ((journal, None), (database, where)))
    assert alone.loop.run() == shared.loop.run() == "trials"
    assert outcomes(shared) == outcomes(alone)
    assert shared.record.seconds == alone.record.seconds
    again = Record.all(where)["s"]
    assert again.trials == shared.record.trials
    assert again.settings == shared.record.settings


def test_a_turn_of_the_search_asks_the_database_as_often_after_thirty_trials_as_after_five(where, tmp_path):
    study, counts = Study(tmp_path, trials=1, where=where), []
    engine = study.record._storage._storage._backend.engine
    event.listen(engine, "before_cursor_execute", lambda *given: counts.append(given[2]))

    def asked() -> int:
        counts.clear()
        assert len(study.record.trials) == 1 + finished
        return len(counts)

    study.loop.run()
    few = many = finished = 0
    for finished in range(1, 31):
        number = study.record.start(JOB, SPACE)
        study.record.finish(number, Finished(State.COMPLETE, 0.5))
        asked()
        few, many = (asked(), many) if finished == 5 else (few, asked()) if finished == 30 else (few, many)
    assert 0 < many == few


def test_choices_may_differ_between_trials(where):
    record = Record(where, "s")
    record.start(JOB, SPACE)
    record.start(Job({**JOB.configuration, "width": 0.55}, Fidelity(1), "scaled"), SPACE)
    assert [trial.configuration["width"] for trial in Record.all(where)["s"].trials] == [1.0, 0.55]


def test_facts_of_any_length_are_kept(where):
    record = Record(where, "s")
    key, value = json.dumps({f"architecture.{number}": number for number in range(100)}), "\x00\ud800" + "x" * 100_000
    record.keep_one("costs", key, [1, 2])
    record.keep("text", value)
    assert Record.all(where)["s"].group("costs") == {key: [1, 2]}
    assert Record.all(where)["s"].settings["text"] == value


def test_a_trial_that_another_program_ended_is_tried_again_and_no_error(where):
    record = Record(where, "s")
    number = record.start(JOB, SPACE)
    other = optuna.load_study(study_name="s", storage=optuna.storages.RDBStorage(where.database.text, {"connect_args": {"password": PASSWORD}}))
    other.tell(number, state=optuna.trial.TrialState.FAIL)
    record.finish(number, Finished(State.COMPLETE, 0.9))
    assert record.trials[0].lost
    assert "another program ended it" in record.trials[0].failure


def test_other_programs_studies_are_neither_shown_nor_touched(where):
    Record(where, "ours")
    connect = {"connect_args": {"password": PASSWORD}}
    study = optuna.create_study(study_name="theirs", storage=optuna.storages.RDBStorage(where.database.text, connect))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert set(Record.all(where)) == {"ours"}
    with pytest.raises(StoreError, match="another program began"):
        Record(where, "theirs")
    assert MARK not in study._storage.get_study_system_attrs(study._study_id)


def test_a_second_search_is_refused_and_takes_over_when_the_first_is_killed(where, database, coordinator, tmp_path, monkeypatch):
    with pytest.raises(StoreError, match=rf"Process {coordinator.pid} on {HERE} is at work on the study 's'"):
        search(tmp_path, monkeypatch, storage=database)
    with PostgreSQL(parse(database)).held("another"):
        pass  # a study of its own
    study = overview(Store(tmp_path / "elsewhere"), "s", database=parse(database))
    assert (study.state, study.pid, study.host) == (Condition.RUNNING, coordinator.pid, HERE)
    coordinator.kill()
    coordinator.wait()
    result, _, worker = search(tmp_path, monkeypatch, storage=database)
    lost, *trials = result.leaderboard
    assert (lost.state, lost.cause) == (State.FAILED, Cause.INTERRUPTED)
    assert len(trials) == len(worker.jobs) == 3
    assert Path(result.model_path).is_file()
    assert not (tmp_path / "store" / "optuna.journal").exists()


def test_a_search_goes_on_where_it_ended(database, tmp_path, monkeypatch):
    first, _, _ = search(tmp_path, monkeypatch, storage=database)
    again, _, worker = search(tmp_path, monkeypatch, storage=database, trials=5)
    assert again.leaderboard[:3] == first.leaderboard
    assert (again.trials, len(worker.jobs)) == (5, 2)
    assert [study.name for study in overviews(Store(tmp_path / "store"))] == ["s"]  # by its study.toml


def test_a_server_that_is_restarted_holds_up_the_search_and_nothing_is_lost(postgres, where, tmp_path):
    restarts, threads = [], []

    def restart(number, epoch):
        if (number, epoch) in ((1, 1), (3, 2)):
            restarts.append(number)
            postgres.stop()
            threads.append(threading.Timer(0.5, postgres.start))
            threads[-1].start()

    with where.held("s"):
        study = Study(tmp_path, trials=4, where=where)
        study.executor.at_epoch = restart
        try:
            assert study.loop.run() == "trials"
        finally:
            for thread in threads:
                thread.join()
        with pytest.raises(StoreError, match=f"Process {os.getpid()} on"), PostgreSQL(where.database).held("s"):
            pass  # the lock is ours again
    alone = tmp_path / "alone"
    alone.mkdir()
    undisturbed = Study(alone, trials=4)
    undisturbed.loop.run()
    assert restarts == [1, 3]
    assert outcomes(study) == outcomes(undisturbed)
    assert all(trial.state is not State.RUNNING for trial in study.record.trials)


def _cut(postgres) -> None:
    """End the connection that holds a lock, as a firewall may."""
    postgres.run("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'", "studies")


def test_who_was_cut_off_takes_the_lock_again(postgres, where):
    with where.held("s"):
        record = Record(where, "s")
        _cut(postgres)
        record.finish(record.start(JOB, SPACE), Finished(State.COMPLETE, 0.9))
        assert where.holders(["s"])["s"].pid == os.getpid()


@pytest.mark.parametrize("ended", [False, True], ids=["at work", "ended since"])
def test_who_was_cut_off_while_another_took_over_writes_no_more(postgres, where, ended):
    other = PostgreSQL(where.database)
    with where.held("s"):
        record = Record(where, "s")
        number = record.start(JOB, SPACE)
        _cut(postgres)
        with other.held("s"):
            taken = Record(other, "s")
            assert taken.bury() == 1
            if not ended:
                with pytest.raises(StoreError, match=r"cut off from the database.*took it over"):
                    record.finish(number, Finished(State.COMPLETE, 0.9))
        if ended:
            with pytest.raises(StoreError, match=r"cut off from the database.*another search worked on it"):
                record.start(JOB, SPACE)
    assert [trial.cause for trial in Record.all(where)["s"].trials] == [Cause.INTERRUPTED]


def test_a_sign_of_life_is_written_for_each_running_trial(postgres, where, monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.05)
    with where.held("s"):
        record = Record(where, "s")
        number = record.start(JOB, SPACE)
        deadline = time.monotonic() + 20
        while not postgres.run("SELECT 1 FROM trial_heartbeats", "studies") and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(postgres.run("SELECT 1 FROM trial_heartbeats", "studies")) == 1
        record.finish(number, Finished(State.COMPLETE, 0.9))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda address: address.replace(ADMIN, f"{ADMIN}:wrong-word"), ["password authentication failed", "PGPASSWORD", "~/.pgpass"]),
        (lambda address: address.replace("/studies", "/nothing"), ['"nothing" does not exist', "createdb"]),
        (lambda address: address.replace(address.rpartition(":")[2].partition("/")[0], "1"), ["refused", "Is the server running"]),
    ],
    ids=["password", "database", "server"],
)
def test_what_is_wrong_with_a_database_is_a_sentence(database, tmp_path, change, words):
    for call in (lambda: Record(parse(change(database)), "s"), lambda: Record.all(parse(change(database))), lambda: _held(change(database))):
        with pytest.raises(StoreError) as raised:
            call()
        assert all(word in str(raised.value) for word in words)
        assert "wrong-word" not in str(raised.value)


def _held(address):
    with PostgreSQL(parse(address)).held("s"):
        pass


def test_without_psycopg_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install 'automl-cnn\[postgres\]'"):
        Record(parse("postgresql://u@127.0.0.1:1/d"), "s")


def test_tables_of_another_version_of_optuna_are_refused(postgres, where):
    Record(where, "s")
    postgres.run("UPDATE alembic_version SET version_num = 'v99.0.0'", "studies")
    with pytest.raises(StoreError, match="another version of Optuna"):
        Record.all(where)


def test_looking_writes_nothing(postgres, where):
    assert Record.all(where) == {}
    assert postgres.run("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", "studies") == [(0,)]


def test_a_password_in_the_address_is_shown_and_kept_nowhere(postgres, database, tmp_path, monkeypatch):
    monkeypatch.delenv("PGPASSWORD")
    secret = "s3cret%2F%40%20word"
    address = database.replace(f"{ADMIN}@", f"{ADMIN}:{secret}@")
    result, observer, _ = search(tmp_path, monkeypatch, storage=address)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    rows = postgres.run("SELECT value_json FROM study_user_attributes UNION ALL SELECT value_json FROM trial_user_attributes", "studies")
    texts = [*observer.notes, json.dumps(result.as_dict()), repr(parse(address)), str(rows)]
    for path in (tmp_path / "store").rglob("*"):
        if path.is_file() and path.suffix not in (".npy", ".keras"):
            texts.append(path.read_bytes().decode("utf-8", "replace"))
    for text in texts:
        assert PASSWORD not in text
        assert secret not in text
    assert f'storage = "{database}"' in (tmp_path / "store" / "studies" / "s" / "study.toml").read_text()
    for command in ("list", "show s"):
        shown = CliRunner().invoke(app, ["studies", *command.split(), "--storage", address, "--store", str(tmp_path / "other"), "--json"])
        assert shown.exit_code == 0, shown.output
        assert secret not in shown.output
        assert PASSWORD not in shown.output


def test_a_study_is_shown_on_a_machine_without_its_files(database, tmp_path, monkeypatch):
    search(tmp_path, monkeypatch, storage=database, metric="balanced_accuracy")
    elsewhere = Store(tmp_path / "elsewhere")
    study = overviews(elsewhere, parse(database))[0]
    assert (study.name, study.state, study.metric, study.done) == ("s", Condition.FINISHED, "balanced_accuracy", 3)
    assert study.elsewhere == f"{(tmp_path / 'store' / 'studies' / 's').absolute()} on {socket.gethostname()}"
    shown = CliRunner().invoke(app, ["studies", "show", "s", "--storage", database, "--store", str(elsewhere.root)])
    assert shown.exit_code == 0, shown.output
    assert study.elsewhere in shown.output.replace("\n", "")
    assert not elsewhere.root.exists()


def test_another_study_of_the_same_name_in_the_store_is_not_taken_for_it(database, tmp_path, monkeypatch):
    search(tmp_path, monkeypatch, storage=database)
    there = tmp_path / "there"
    search(tmp_path, monkeypatch, store=there, metric="f1")  # of the same name, in a file of its own
    study = overview(Store(there), "s", database=parse(database))
    assert (study.metric, study.as_dict()["model_path"], study.as_dict()["folder"]) == ("accuracy", None, None)
    assert overview(Store(there), "s").metric == "f1"


def test_older_files_are_called_so_where_the_last_search_ran_on_another_machine(database, tmp_path, monkeypatch):
    search(tmp_path, monkeypatch, storage=database)
    here, there = Store(tmp_path / "store"), tmp_path / "there"
    assert overview(here, "s").elsewhere is None
    search(tmp_path, monkeypatch, storage=database, store=there, trials=4)
    assert overview(here, "s").elsewhere == f"{there / 'studies' / 's'} on {socket.gethostname()}"
    shown = CliRunner().invoke(app, ["studies", "show", "s", "--store", str(here.root)])
    assert f"its files are in {there}" in shown.output.replace("\n", "")


def test_a_list_of_studies_does_without_a_database_that_cannot_be_reached(postgres, database, tmp_path, monkeypatch):
    search(tmp_path, monkeypatch, storage=database)
    search(tmp_path, monkeypatch, name="own")
    postgres.stop()
    try:
        shown = CliRunner().invoke(app, ["studies", "list", "--store", str(tmp_path / "store")])
        assert shown.exit_code == 0, shown.output
        assert "unreachable" in shown.output
        assert "own" in shown.output
        assert "Is the server running" in shown.output.replace("\n", " ")
    finally:
        postgres.start()


def test_one_study_has_one_record(database, tmp_path, monkeypatch):
    search(tmp_path, monkeypatch, storage=database)
    with pytest.raises(ConfigError, match=f"its record in the database .*@{HOST}:.*/studies, not in the file of this store. Pass --storage"):
        search(tmp_path, monkeypatch)
    search(tmp_path, monkeypatch, name="own")
    with pytest.raises(ConfigError, match="Leave --storage out"):
        search(tmp_path, monkeypatch, name="own", storage=database)


def test_a_study_is_deleted_from_its_database(database, tmp_path, monkeypatch):
    search(tmp_path, monkeypatch, storage=database)
    done = CliRunner().invoke(app, ["studies", "delete", "s", "--yes", "--store", str(tmp_path / "store")])
    assert done.exit_code == 0, done.output
    assert Record.all(parse(database)) == {}
    assert not (tmp_path / "store" / "studies" / "s").exists()
