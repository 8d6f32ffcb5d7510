"""The best probe is read at more sizes and from more stages, once for each of the weights."""

import dataclasses

import pytest
from planner_fakes import IMAGES, TRANSFER, trained, transfer_cost

from automl_cnn.cli.words import short
from automl_cnn.records import NetCost, State
from automl_cnn.space import Choice, Parameter, Space
from automl_cnn.study.plan.budget import Budget
from automl_cnn.study.plan.limits import Limits
from automl_cnn.study.plan.stages import Readouts, Situation, Sizing
from automl_cnn.study.plan.stages.readouts import LEAST, pixels
from automl_cnn.study.running.prices import network_key
from automl_cnn.transfer import Readout, name_of, readout_of

HERE = (("architecture", "small"), ("finetune.small", "probe"))
SPACE = Space(
    (
        *TRANSFER.parameters,
        Parameter("readout_sizes.small", Choice(1, 2, 3), HERE),
        Parameter("readout_stages.small", Choice(1, 2, 3, 4), HERE),
        Parameter("readout_mirror.small", Choice(False, True), HERE),
    )
)
PROBE = SPACE.defaults({"architecture": "small", "pretrained.small": "known", "finetune.small": "probe", "resolution": 96})


def situation(total, used, *done, share=30.0):
    return Situation(tuple(done), Budget(total, used), share, 3, 60)


def probed(number=0, score=0.8, speed=200.0, stage="defaults", **changed):
    from automl_cnn.records import Fidelity, Job

    job = Job({**PROBE, **changed}, Fidelity(1, 30.0), "", stage)
    made = trained(number, Job({"width": 1.0, **job.configuration}, job.fidelity, "", stage), score, 10.0)
    return dataclasses.replace(made, configuration=job.configuration, images_per_second=speed)


@pytest.fixture
def stage():
    return Readouts(Sizing(SPACE, transfer_cost, IMAGES, 64))


def test_nothing_is_read_before_a_probe_has_a_score(stage):
    assert stage.next(situation(600, 20)) is None
    assert stage.next(situation(600, 20, dataclasses.replace(probed(), state=State.FAILED, score=None))) is None


def test_with_time_the_dearest_readout_is_chosen(stage):
    job = stage.next(situation(3600, 20, probed()))
    assert readout_of(job.configuration) == Readout(2, 4, True)
    assert job.configuration["resolution"] == 224
    assert job.fidelity.seconds <= 3600
    assert job.stage == "readouts"


def test_less_time_gives_smaller_images_and_never_more_than_is_left(stage):
    sizes = []
    for total in (3600, 400, 120, 60):
        now = situation(total, 20, probed())
        job = stage.next(now)
        if job is not None:
            sizes.append(int(job.configuration["resolution"]))
            assert job.fidelity.seconds <= now.left
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) > 1


def test_on_a_slow_machine_the_probes_own_size_is_read_from_more_stages(stage):
    job = stage.next(situation(60, 20, probed(speed=2.0)))
    assert readout_of(job.configuration) == Readout(1, 4, False)
    assert job.configuration["resolution"] == 96
    job = stage.next(Situation((probed(speed=2.0),), Left(LEAST + 0.1), 30.0, 3, 60))
    assert job.fidelity.seconds == pytest.approx(LEAST), "what the probe has read costs nothing, so little time is enough"
    assert stage.next(Situation((probed(speed=2.0),), Left(LEAST - 0.1), 30.0, 3, 60)) is None


class Left(Budget):
    """A budget that has `left` seconds left."""

    def __init__(self, left):
        super().__init__(left, 0.0)

    @property
    def left(self):
        return self.total


def test_a_readout_of_two_sizes_looks_at_more_pixels_than_the_probe(stage):
    for total in range(60, 4000, 60):
        for size in (96, 160, 224):
            job = stage.next(situation(total, 20, probed(resolution=size)))
            readout = readout_of(job.configuration)
            assert readout.sizes == 1 or pixels(int(job.configuration["resolution"]), readout) > size**2


def test_limits_are_kept_and_the_cost_of_few_readouts_is_asked():
    asked = []

    def cost(configuration):
        asked.append(configuration)
        readout = readout_of(configuration)
        return NetCost(1000, 1000 * pixels(int(configuration["resolution"]), readout), 20)

    def chosen(most):
        asked.clear()
        sizing = Sizing(SPACE, cost, IMAGES, 64, Limits(mult_adds=most))
        job = Readouts(sizing).next(situation(36000, 20, probed()))
        return None if job is None else (int(job.configuration["resolution"]), readout_of(job.configuration))

    dearest = 1000 * pixels(224, Readout(2, 4, True))
    assert chosen(dearest) == (224, Readout(2, 4, True))
    assert chosen(dearest - 1) == (160, Readout(2, 4, True))
    assert len(asked) <= 4
    assert chosen(1000 * 96**2) == (96, Readout(1, 4, False))
    assert chosen(1000 * 96**2 - 1) is None


def test_each_of_the_weights_is_read_once(stage):
    first = probed()
    job = stage.next(situation(3600, 20, first))
    read = dataclasses.replace(probed(1, stage="readouts"), configuration=job.configuration)
    assert stage.next(situation(3600, 80, first, read)) is None


def test_a_space_without_readouts_has_none():
    assert Readouts(Sizing(TRANSFER, transfer_cost, IMAGES, 64)).next(situation(3600, 20, probed())) is None


def test_readouts_of_one_network_have_prices_of_their_own():
    plain = network_key(PROBE)
    assert network_key({**PROBE, "finetune.small": "head_first"}) == plain, "what is trained does not change the cost"
    assert len({plain, *(network_key({**PROBE, f"readout_{key}.small": value}) for key, value in (("sizes", 2), ("stages", 2), ("mirror", True)))}) == 4


def test_a_readout_says_what_it_reads():
    assert name_of(PROBE) == "small from known, probe"
    read = {**PROBE, "resolution": 224, "readout_sizes.small": 2, "readout_stages.small": 4, "readout_mirror.small": True}
    assert name_of(read) == "small from known, probe of 4 stages at 224 and 128 px, mirrored"
    assert short(read) == name_of(read), "it has the resolution already"
    assert short({**PROBE, "resolution": 224}) == "small from known, probe, 224 px"
