import pytest

from automl_cnn.study.running.times import Times


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_what_is_within_something_counts_there_alone():
    clock = Clock()
    times = Times(clock=clock)
    with times.within("trials"):
        clock.now += 5
        with times.within("keeping"):
            clock.now += 2
        clock.now += 1
    with times.within("keeping"):
        clock.now += 1
    assert times.spent == {"keeping": 3, "trials": 6}


def test_what_raises_counts_too():
    clock = Clock()
    times = Times(clock=clock)

    def fail():
        with times.within("planning"):
            clock.now += 4
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert times.spent == {"planning": 4}
