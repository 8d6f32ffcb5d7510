import pytest

from automl_cnn.train.plan import LEAST_PART, PLANNED, fitting

PACE = {"step": 0.1, "between": 1.0, "steps": 40}  # an epoch takes five seconds


def seconds(steps):
    """What that number of steps from an epoch's beginning take, scoring included."""
    whole, part = divmod(steps, PACE["steps"])
    return whole * 5 + (part * PACE["step"] + PACE["between"] if part else 0)


@pytest.mark.parametrize("left", [0.0, 1.0, 4.9, 5.1, 7.0, 9.9, 12.5, 61.7, 1000.0])
def test_what_is_planned_fits_and_little_is_left_over(left):
    planned = fitting(left, within=0, **PACE)
    assert seconds(planned) <= PLANNED * left + 1e-6
    assert PLANNED * left - seconds(planned) < PACE["between"] + LEAST_PART * 4 + PACE["step"]


def test_the_last_epoch_may_be_a_part_but_no_splinter():
    assert fitting(10 / PLANNED, within=0, **PACE) == 80
    assert fitting(13.05 / PLANNED, within=0, **PACE) == 100
    assert fitting(11.5 / PLANNED, within=0, **PACE) == 80


def test_the_epoch_under_way_is_counted_whole_and_paid_first():
    assert fitting(0.5, within=30, **PACE) == 30
    assert fitting((4 + 5) / PLANNED + 1e-6, within=30, **PACE) == 70


def test_steps_that_take_no_time_to_speak_of_are_many_and_not_an_error():
    assert fitting(1.0, step=1e-6, between=0.0, within=0, steps=3) > 100_000
