import keras
import numpy as np
import pytest

from automl_cnn import registry
from automl_cnn.train.rates import NOMINAL_STEPS, factors_of, slower, with_own_rate

OPTIMIZERS = registry.load().names("optimizer")


def two_layers():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="low"), keras.layers.Dense(2, name="high")])
    return model, [layer.get_weights()[0].copy() for layer in model.layers]


def moved(optimizer, model, before):
    model.compile(optimizer=optimizer, loss="mse", jit_compile=False)
    rng = np.random.default_rng(0)
    model.train_on_batch(rng.normal(size=(8, 4)).astype("float32"), rng.normal(size=(8, 2)).astype("float32"))
    return [np.abs(layer.get_weights()[0] - old) for layer, old in zip(model.layers, before, strict=True)]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_layer_with_a_factor_takes_that_share_of_the_step(name):
    plain, _ = with_own_rate(registry.load().get("optimizer", name)(schedule="constant", warm_up=0.0).build(NOMINAL_STEPS))
    if getattr(plain, "weight_decay", None):
        plain.weight_decay = 0.0  # decay goes by the full rate
    model, before = two_layers()
    start = [weight.copy() for weight in model.get_weights()]
    full = moved(type(plain).from_config(plain.get_config()), model, before)
    model.set_weights(start)
    slow = moved(slower(plain, model, {"low": 0.1}), model, before)
    np.testing.assert_allclose(slow[0], 0.1 * full[0], rtol=2e-2, atol=1e-8)
    np.testing.assert_allclose(slow[1], full[1], rtol=1e-4)


def test_lower_layers_learn_slower_where_they_are_thawed_gradually():
    factors = factors_of(["a", "b", "c"], "head", mode="gradual", rate=0.1, lowest=0.1)
    assert [factors[name] for name in ("a", "b", "c", "head")] == pytest.approx([0.01, 0.0316, 0.1, 0.1], rel=1e-2)


def test_a_classifier_that_is_new_learns_at_the_full_rate_and_one_that_was_probed_does_not():
    assert factors_of(["a"], "head", mode="all", rate=0.1, lowest=0.1) == {"a": 0.1, "head": 1.0}
    assert factors_of(["a"], "head", mode="head_first", rate=0.1, lowest=0.1) == {"a": 0.1, "head": 0.1}


def test_the_plan_of_a_schedule_is_read_off_it():
    optimizer, rates = with_own_rate(keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, NOMINAL_STEPS)))
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
    assert rates[0] == pytest.approx(0.1)
    assert rates[NOMINAL_STEPS // 2] == pytest.approx(0.05, rel=1e-2)
    assert (np.diff(rates) <= 0).all()
