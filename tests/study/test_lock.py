import os
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest
from PIL import Image

from automl_cnn.config import StudyConfig
from automl_cnn.errors import StoreError
from automl_cnn.store import Store
from automl_cnn.study.record.lock import held, holder
from automl_cnn.study.record.record import Record

HOLD = """
import sys, time
from pathlib import Path
from automl_cnn.study.record.lock import held
with held(Path(sys.argv[1]), "s"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "running.lock"


@pytest.fixture
def other(lock):
    """Another process that holds the lock."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_is_held_within_the_block_and_gone_after_it(lock):
    assert holder(lock) is None
    inside = []

    def fail():
        inside.append(holder(lock))
        raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"), held(lock, "s"):
        fail()
    assert inside == [os.getpid()]
    assert holder(lock) is None


def test_a_live_process_keeps_others_out_by_name_and_pid(lock, other):
    assert holder(lock) == other.pid
    with pytest.raises(StoreError, match=rf"Process {other.pid} is at work on the study 'flowers'.*--name"), held(lock, "flowers"):
        pass
    assert holder(lock) == other.pid


def test_what_a_killed_process_left_is_taken_over_silently(lock, other):
    other.kill()
    while psutil.Process(other.pid).status() != psutil.STATUS_ZOMBIE:  # its parent, this test, has not waited for it
        time.sleep(0.01)
    assert lock.exists()
    assert holder(lock) is None
    with held(lock, "s"):
        assert holder(lock) == os.getpid()


@pytest.mark.parametrize("left", [str(os.getpid()), str(2**22 - 1), "x", ""], ids=["a reused number", "nobody", "nonsense", "nothing"])
def test_a_name_without_a_lock_is_stale(lock, left):
    lock.with_suffix(".pid").write_text(left)
    assert holder(lock) is None
    with held(lock, "s"):
        assert holder(lock) == os.getpid()


def test_a_folder_that_became_read_only_does_not_hide_what_happened(lock, monkeypatch):
    def refuse(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    def work():
        monkeypatch.setattr(type(lock), "unlink", refuse)
        raise StoreError("what happened")

    with pytest.raises(StoreError, match="what happened"), held(lock, "s"):
        work()
    assert holder(lock) is None, "the lock was not released"
    with held(lock, "s"):
        assert holder(lock) == os.getpid()


def test_of_many_at_once_one_gets_in(lock):
    inside, refused, gate, leave = [], [], threading.Barrier(8), threading.Event()

    def enter():
        gate.wait()
        try:
            with held(lock, "s"):
                inside.append(1)
                leave.wait(10)
        except StoreError:
            refused.append(1)
        if len(refused) == 7:
            leave.set()

    threads = [threading.Thread(target=enter) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(inside), len(refused)) == (1, 7)


def test_a_second_search_on_the_study_is_refused_before_it_writes_anything(tmp_path):
    from automl_cnn.study.session import run

    for index in range(8):
        place = tmp_path / "images" / f"class{index % 2}" / f"{index}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), index, np.uint8)).save(place)
    store = Store(tmp_path / "store")
    settings = StudyConfig(data=tmp_path / "images", store=store.root, name="flowers", trials=1)
    with held(store.study("flowers").lock, "flowers"), pytest.raises(StoreError, match=f"Process {os.getpid()} is at work on the study 'flowers'"):
        run(settings, track=False)
    assert Record.all(store.journal) == {}
    assert [path.name for path in store.find("flowers").folder.iterdir()] == ["running.lock"]
