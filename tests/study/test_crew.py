"""The threads that drive several executors, with executors that are made up."""

import threading

import pytest

from automl_cnn.records import Finished, Progress, State
from automl_cnn.study.running.crew import Crew, Slot
from automl_cnn.workers import Place

LAST = Finished(State.COMPLETE, 0.5)


class Worker:
    """Reports a number of steps; with `hold`, each waits until the test lets it go."""

    def __init__(self, steps=3, ready=True, error=None):
        self.steps, self.ready, self.error = steps, ready, error
        self.hold = threading.Semaphore(0)
        self.stopped, self.closed, self.settings = threading.Event(), threading.Event(), []

    def run(self):
        for step in range(1, self.steps + 1):
            assert self.hold.acquire(timeout=30)
            if self.closed.is_set():
                raise EOFError
            if self.error is not None:
                raise self.error
            yield Progress(1, 1, step, self.steps)
            if self.stopped.is_set():
                break
        yield LAST

    def configure(self, setting):
        self.settings.append(setting)

    def wait(self, seconds):
        return self.ready

    def stop(self):
        self.stopped.set()

    def close(self):
        self.closed.set()
        self.hold.release(1000)


def started(*workers, whole=None):
    crew = Crew([Slot(worker, Place(number, part=1 / len(workers))) for number, worker in enumerate(workers, start=1)], whole)
    for number, slot in enumerate(crew.slots):
        crew.start(slot, number, lambda executor: executor.run())
    return crew


def drained(crew):
    """(worker, event) of everything until all trials are over."""
    seen = []
    while crew.running:
        message = crew.next(30)
        assert message is not None
        seen.append((message.slot.place.worker, message.event))
        if message.event is not None:
            crew.resume(message.slot)
    return seen


def test_every_event_of_every_worker_arrives_in_its_order():
    workers = [Worker(), Worker()]
    crew = started(*workers)
    for worker in workers:
        worker.hold.release(3)
    seen = drained(crew)
    for number in (1, 2):
        assert [event for worker, event in seen if worker == number] == [*(Progress(1, 1, step, 3) for step in (1, 2, 3)), LAST, None]
    assert not crew.running


def test_a_slot_stands_still_until_its_event_was_dealt_with():
    worker = Worker()
    crew = started(worker)
    worker.hold.release(3)
    message = crew.next(30)
    assert message.event == Progress(1, 1, 1, 3)
    assert crew.next(0.2) is None
    crew.resume(message.slot)
    assert crew.next(30).event == Progress(1, 1, 2, 3)
    crew.close()


def test_nothing_within_the_time_is_none():
    crew = started(Worker())
    assert crew.next(0.01) is None
    crew.close()


def test_all_running_trials_are_stopped_and_end():
    workers = [Worker(steps=100), Worker(steps=100)]
    crew = started(*workers)
    crew.stop()
    for worker in workers:
        worker.hold.release(1)
    assert [event for _, event in drained(crew)].count(LAST) == 2


def test_a_defect_in_a_worker_is_raised_where_it_is_listened_to():
    worker = Worker(error=ZeroDivisionError("a defect"))
    crew = started(worker)
    worker.hold.release()
    with pytest.raises(ZeroDivisionError, match="a defect"):
        crew.next(30)
    crew.close()


def test_closing_ends_every_thread():
    before = set(threading.enumerate())
    workers = [Worker(steps=100) for _ in range(4)]
    crew = started(*workers)
    workers[0].hold.release(1)  # one waits for its event to be dealt with, the others are within their trials
    threads = set(threading.enumerate()) - before
    assert len(threads) == 4
    crew.close()
    assert all(worker.closed.is_set() for worker in workers)
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_a_process_that_is_starting_is_not_idle_yet():
    slow = Worker(ready=False)
    crew = Crew([Slot(slow), Slot(Worker(), Place(2))])
    assert [slot.place.worker for slot in crew.idle] == [2]
    slow.ready = True
    assert len(crew.idle) == 2


def test_one_worker_with_all_cores_takes_the_place_of_all_when_it_is_ready():
    all_cores = Worker(ready=False)
    workers = [Worker(), Worker()]
    crew = started(*workers, whole=lambda: Slot(all_cores))
    crew.configure("setting")
    assert not crew.gather()
    for worker in workers:
        worker.hold.release(3)
    drained(crew)
    assert not crew.gather()
    all_cores.ready = True
    assert crew.gather()
    assert crew.gather()
    assert [slot.executor for slot in crew.slots] == [all_cores]
    assert crew.executor is all_cores
    assert all_cores.settings == ["setting"]
    assert all(worker.closed.is_set() for worker in workers)
    assert not all_cores.closed.is_set()


def test_a_worker_that_is_busy_is_never_asked_for_anything_else():
    worker, other = Worker(), Worker()
    crew = Crew([Slot(worker), Slot(other, Place(2))])
    crew.start(crew.slots[0], 0, lambda executor: executor.run())
    assert crew.executor is other
    crew.slots[1].trial = 1
    with pytest.raises(RuntimeError, match="every worker is at work"):
        _ = crew.executor
    crew.close()
