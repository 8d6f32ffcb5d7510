"""Simulated studies: trials by formula and a clock that is counted, so that stages and planner are driven in milliseconds."""

import dataclasses

from automl_cnn.records import Epoch, Job, NetCost, State, Trial
from automl_cnn.space import Choice, Parameter, Space
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.engines.protocol import Proposal
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.stages import Sizing
from automl_cnn.study.plan.stages.sizing import READING
from automl_cnn.transfer import is_probe

SPACE = Space(
    (
        Parameter("architecture", Choice("big", "small", "slow")),
        Parameter("resolution", Choice(32, 64, 96)),
        Parameter("width", Choice(0.25, 0.5, 1.0, default=1.0)),
    )
)
BASE = {"big": 400e6, "small": 50e6, "slow": 100e6}
SPEED = {"big": 8e9, "small": 4e9, "slow": 1e9}
IMAGES = 1000
SETUP = 0.3


KERNELS = {"big": 10, "small": 20, "slow": 50}


def mult_adds(configuration):
    return int(BASE[configuration["architecture"]] * configuration["width"] ** 2 * (configuration["resolution"] / 64) ** 2)


def cost(configuration):
    return NetCost(1000, mult_adds(configuration), KERNELS[configuration["architecture"]])


class FakeEngine:
    def __init__(self):
        self.asked = 0

    def ask(self):
        self.asked += 1
        return Proposal(self.asked, {"architecture": "big", "resolution": 96, "width": 1.0}, "fake")

    def report(self, id, step, value):
        return True

    def refuse(self, proposal):
        pass

    def tell(self, trial):
        pass


def trained(number: int, job: Job, score: float, budget: float | None) -> Trial:
    configuration = job.configuration
    seconds = budget if budget is not None else 10.0
    epoch = Epoch(1, 1, seconds, 1.0, 0.5, 1.0, 0.5, score, 0.1)
    speed = SPEED[configuration["architecture"]] * (READING if is_probe(configuration) else 1.0)
    return Trial(
        number,
        configuration,
        job.fidelity,
        job.reason,
        job.stage,
        State.COMPLETE,
        score,
        interval=(score - 0.05, score + 0.05),
        epochs=(epoch,),
        mult_adds=mult_adds(configuration),
        kernels=KERNELS[configuration["architecture"]],
        setup=SETUP * KERNELS[configuration["architecture"]],
        images_per_second=speed / mult_adds(configuration),
        seconds=seconds,
    )


def simulate(total: float | None, trials_limit: int | None = None, limit: int = 200, images: int = IMAGES):
    planner = Planner(Sizing(SPACE, cost, images), FakeEngine(), 60)
    trials, used = [], 12.0
    for number in range(limit):
        budget = Budget(total, used, trials_limit)
        job = planner.next(trials, budget)
        if job is None:
            break
        setup = SETUP * KERNELS[job.configuration["architecture"]]
        spent = min(setup + job.fidelity.seconds, budget.left) if job.fidelity.seconds else 10.0
        trials.append(trained(number, job, 0.5 + 0.01 * (number % 7), spent))
        used += spent
    return trials, used


TRANSFER = Space(
    (
        Parameter("architecture", Choice("big", "small")),
        Parameter("pretrained.small", Choice("known", "none"), (("architecture", "small"),)),
        Parameter("finetune.small", Choice("probe", "head_first"), (("architecture", "small"),), (("pretrained.small", "none"),)),
        Parameter("resolution", Choice(32, 64, 96, 160, 224)),
        Parameter("width", Choice(0.25, 0.5, 1.0, default=1.0), unless=(("pretrained.small", "known"),)),
    )
)


class TransferEngine(FakeEngine):
    def ask(self):
        self.asked += 1
        return Proposal(self.asked, TRANSFER.defaults({"architecture": "big", "resolution": 224}), "fake")


def transfer_cost(configuration):
    return NetCost(1000, mult_adds({"width": 1.0, **configuration}), KERNELS[configuration["architecture"]])


class TuningEngine(FakeEngine):
    """Proposes nothing but a pretrained network that is trained on."""

    def ask(self):
        self.asked += 1
        given = {"architecture": "small", "pretrained.small": "known", "finetune.small": "head_first", "resolution": 224}
        return Proposal(self.asked, TRANSFER.defaults(given), "fake")


def transferred(total, scores, engine=TransferEngine):
    """A study with pretrained weights on photos of 64 px; `scores` says what a configuration is worth."""
    planner = Planner(Sizing(TRANSFER, transfer_cost, IMAGES, 64), engine(), 60)
    trials, used = [], 12.0
    for number in range(100):
        job = planner.next(trials, Budget(total, used))
        if job is None:
            break
        trial = dataclasses.replace(
            trained(number, Job({"width": 1.0, **job.configuration}, job.fidelity, job.reason, job.stage), scores(job), job.fidelity.seconds),
            configuration=job.configuration,
            continue_from=job.continue_from,
        )
        trials.append(trial)
        used += min(trial.seconds + 3, Budget(total, used).left)
    return trials, used


def is_known(job):
    return job.configuration.get("pretrained.small") == "known"
