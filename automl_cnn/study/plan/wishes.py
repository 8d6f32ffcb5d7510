"""What a plan may ask for: train a network, measure one, wait, or finish. And what a measurement gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from automl_cnn.records import Job, Trial
from automl_cnn.space import Configuration

Quantity = Literal["cost", "latency", "interventions"]


@dataclass(frozen=True)
class Train:
    """Train `job`; after `silence` seconds without a step, it hangs.

    `latency` are the milliseconds of its network for one image, where they were measured. `broken` says why its network cannot be built: the trial fails then.
    `alone` asks for all cores: the trial begins once no other is running.
    """

    job: Job
    silence: float
    latency: float | None = None
    broken: str = ""
    alone: bool = False


@dataclass(frozen=True)
class Measure:
    """Build the network of a configuration, and count what it costs or time it; or change the training of a `trial`. Planning waits for it."""

    what: Quantity
    configuration: Configuration
    trial: Trial | None = None


@dataclass(frozen=True)
class Finish:
    """Nothing is left to do: budget, trials, or exhausted. `note` is what the user should know of it."""

    why: str
    note: str = ""


@dataclass(frozen=True)
class Wait:
    """Nothing to do until one of the running trials has ended."""


Wish = Train | Measure | Wait | Finish


@dataclass(frozen=True)
class Unknown:
    """What a measurement gives that failed."""

    reason: str


class Unmeasured(Exception):  # not an error: it interrupts a plan, which is made again once the quantity is known
    """A plan needs to know what a network costs, how long it takes, or what interventions do to it."""

    def __init__(self, need: Measure) -> None:
        super().__init__(f"{need.what} of a network: not known yet")
        self.need = need
