import keras
import numpy as np
import pytest

from automl_cnn import blocks, registry

REGISTRY = registry.load()
NAMES = REGISTRY.names("optimizer")


def rate(optimizer, step):
    optimizer.iterations.assign(step)
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [10, 1000])
def test_cosine_warms_up_and_ends_near_zero(name, steps):
    plugin = REGISTRY.get("optimizer", name)(schedule="cosine", warm_up=0.2)
    optimizer = plugin.build(steps)
    rates = [rate(optimizer, step) for step in range(steps)]
    assert rates[0] == pytest.approx(plugin.learning_rate / 10)
    assert np.argmax(rates) == steps // 5
    assert max(rates) == pytest.approx(plugin.learning_rate)
    assert rate(optimizer, steps) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_constant_stays(name):
    plugin = REGISTRY.get("optimizer", name)(schedule="constant", warm_up=0.1)
    optimizer = plugin.build(100)
    assert rate(optimizer, 0) < plugin.learning_rate
    assert [rate(optimizer, step) for step in (10, 50, 100)] == pytest.approx([plugin.learning_rate] * 3)


@pytest.mark.parametrize("name", NAMES)
def test_every_edge_builds_and_takes_a_step_downhill(name):
    kind = REGISTRY.get("optimizer", name)
    for key, domain in kind.domains().items():
        for value in domain.edges():
            optimizer = kind(**{key: value}).build(1)
            weight = keras.Variable(np.ones(3, "float32"))
            optimizer.apply([keras.ops.ones(3)], [weight])
            assert (keras.ops.convert_to_numpy(weight) < 1).all()


def test_an_unknown_schedule_is_said():
    with pytest.raises(ValueError, match="'cosine' or 'constant'"):
        blocks.learning_rate(0.1, 10, schedule="cosin")
