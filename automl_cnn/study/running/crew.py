"""The workers of a session: one executor a slot, each driven by a thread of its own. Whatever they report arrives in one queue.

    with contextlib.closing(Crew([Slot(executor)])) as crew:
        crew.start(crew.slots[0], 7, lambda executor: executor.run(job, 7))
        message = crew.next(1.0)            # a slot and an event; None when nothing happened within a second
        crew.resume(message.slot)           # the slot goes on

A thread hands one event over and waits until `resume`, so that an executor is never at work in two threads at once: between an event and
`resume`, its slot belongs to whoever took the event. Only `Executor.stop` may be called at any time.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from automl_cnn.records import Event
from automl_cnn.study.running.executors.protocol import Executor, Setting, Trainer
from automl_cnn.workers import WAITING, Place

Run = Callable[[Trainer], Iterator[Event]]


@dataclass(eq=False)
class Slot:
    """An executor, its place, and the number of the trial that it runs (None: idle)."""

    executor: Trainer
    place: Place = field(default_factory=Place)
    trial: int | None = None
    resumed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0), repr=False)


@dataclass(frozen=True)
class Message:
    """What a slot reports: an event; None when its trial is over."""

    slot: Slot
    event: Event | None


class Crew:
    """The slots of a session, and the threads that drive them.

    `whole` makes a slot with all cores. It takes the place of the others once `gather` is called; None: a slot has all that a trial can use anyway.
    Where the slots are on other machines, `home` is an executor on this one, which is asked for everything but trials. `each` says what a slot has,
    and `stranded` why no slot will ever be placed, or None.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        whole: Callable[[], Slot] | None = None,
        *,
        home: Executor | None = None,
        each: str = "",
        stranded: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.slots = list(slots)
        self.each, self.stranded, self._home = each, stranded, home
        self._make_whole, self._whole = whole, None if whole is not None else self.slots[0]
        self._messages: queue.SimpleQueue[tuple[Slot, Event | BaseException | None]] = queue.SimpleQueue()
        self._abandoned = False
        self._setting: Setting | None = None

    def configure(self, setting: Setting) -> None:
        """Say what every trial shares."""
        self._setting = setting
        trainers: list[Trainer] = [slot.executor for slot in self.slots]
        for trainer in [*trainers, *([self._home] if self._home is not None else [])]:
            trainer.configure(setting)

    @property
    def size(self) -> int:
        """How many trials at a time to plan for: slots that wait for a node do not count, but for the first."""
        return max(1, sum(slot.place.node != WAITING for slot in self.slots))

    @property
    def running(self) -> list[Slot]:
        """The slots at work."""
        return [slot for slot in self.slots if slot.trial is not None]

    @property
    def idle(self) -> list[Slot]:
        """The slots that may be given a trial at once. One whose process is still starting is left out, unless it is the only slot of this machine."""
        free = [slot for slot in self.slots if slot.trial is None]
        return free if len(self.slots) == 1 and self._home is None else [slot for slot in free if slot.executor.wait(0)]

    @property
    def executor(self) -> Executor:
        """One that may be asked something between two trials: the one at home, else that of an idle slot."""
        if self._home is not None:
            return self._home
        free = [slot for slot in self.slots if slot.trial is None]
        if not free:
            raise RuntimeError("every worker is at work on a trial, and none may be asked for anything else")
        return cast(Executor, (self.idle or free)[0].executor)  # without a home, the slots are on this machine

    def start(self, slot: Slot, trial: int, run: Run) -> None:
        """Have a slot run a trial."""
        slot.trial = trial
        threading.Thread(target=self._drive, args=(slot, run), name=f"worker-{slot.place.worker}", daemon=True).start()

    def next(self, seconds: float) -> Message | None:
        """What a slot reports next; None where nothing is reported within `seconds`. What an executor raises is raised here."""
        try:
            slot, event = self._messages.get(timeout=seconds)
        except queue.Empty:
            return None
        if event is None:
            slot.trial = None
        if isinstance(event, BaseException):
            raise event
        return Message(slot, event)

    def resume(self, slot: Slot) -> None:
        """Let a slot go on whose report was dealt with."""
        slot.resumed.release()

    def stop(self) -> None:
        """Ask every running trial to end at its next step and to keep its best epoch."""
        for slot in self.running:
            slot.executor.stop()

    def prepare(self) -> None:
        """Begin to start the slot with all cores, if there is to be one."""
        if self._whole is None and self._make_whole is not None:
            self._whole = self._make_whole()
            if self._setting is not None:
                self._whole.executor.configure(self._setting)

    def gather(self) -> bool:
        """Replace the slots by one with all cores; whether that is done. It is not while a trial runs, nor before its process has started."""
        if self._home is not None:
            return True
        self.prepare()
        if self._whole is None or self.slots == [self._whole]:
            return True
        if self.running or not self._whole.executor.wait(0):
            return False
        self._keep(self._whole)
        return True

    def dissolve(self) -> None:
        """Keep one slot alone, for what comes after the trials."""
        self._keep(self.slots[0] if self._home is None else Slot(self._home))

    def _keep(self, kept: Slot) -> None:
        others = [slot for slot in [*self.slots, self._whole] if slot is not None and slot is not kept]
        self.slots = [kept]
        self._whole = kept
        for slot in others:
            slot.executor.close()

    def abandon(self) -> None:
        """Listen no more: the threads end as soon as their executors say something, or are closed."""
        self._abandoned = True
        for slot in self.slots:
            slot.trial = None
            slot.resumed.release()

    def close(self) -> None:
        """End every process."""
        self.abandon()
        for slot in [*self.slots, *([self._whole] if self._whole is not None and self._whole not in self.slots else [])]:
            slot.executor.close()
        if self._home is not None:
            self._home.close()

    def _drive(self, slot: Slot, run: Run) -> None:
        last: BaseException | None = None
        try:
            for event in run(slot.executor):
                if not self._hand(slot, event):
                    return
        except BaseException as error:  # a defect, which ends the search in the thread of the loop
            last = error
        self._hand(slot, last)

    def _hand(self, slot: Slot, event: Event | BaseException | None) -> bool:
        """Report, and wait until that was dealt with; whether somebody still listens."""
        if not self._abandoned:
            self._messages.put((slot, event))
            if event is not None and not isinstance(event, BaseException):
                slot.resumed.acquire()
        return not self._abandoned
