import keras
import numpy as np
import pytest
from automl_cnn_plugins.optimizers.adamw import AdamW
from automl_cnn_plugins.optimizers.lion import Lion
from automl_cnn_plugins.optimizers.rmsprop import RMSprop
from automl_cnn_plugins.optimizers.sgd import SGD

from automl_cnn import blocks, registry
from automl_cnn.train.rates import NOMINAL_STEPS, slower, with_own_rate

REGISTRY = registry.load()
NAMES = REGISTRY.names("optimizer")
every = pytest.mark.parametrize("name", NAMES)


def rate(optimizer, step):
    optimizer.iterations.assign(step)
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


def rates(name, steps, **values):
    """(peak, the rate before each of `steps` and once more after the last)."""
    plugin = REGISTRY.get("optimizer", name)(**values)
    optimizer = plugin.build(steps)
    return plugin.learning_rate, np.array([rate(optimizer, step) for step in range(steps + 1)])


def steps_of(optimizer, gradients, start=1.0):
    weight = keras.Variable(np.array([start], "float32"), name="kernel")
    seen = []
    for gradient in gradients:
        optimizer.apply([keras.ops.full((1,), gradient)], [weight])
        seen.append(float(keras.ops.convert_to_numpy(weight)[0]))
    return seen


def test_the_five_are_there():
    assert {"sgd", "rmsprop", "adam", "adamw", "lion"} <= set(NAMES)


@every
@pytest.mark.parametrize("steps", [10, 100])
def test_cosine_warms_up_and_ends_at_zero(name, steps):
    peak, seen = rates(name, steps, schedule="cosine", warm_up=0.2)
    assert seen[0] == pytest.approx(peak / 10)
    assert np.argmax(seen) == steps // 5
    assert seen[steps * 6 // 10] == pytest.approx(peak / 2)
    assert seen.max() == pytest.approx(peak)
    assert seen[-1] == pytest.approx(0, abs=1e-8)


@every
def test_constant_warms_up_and_stays(name):
    peak, seen = rates(name, 50, schedule="constant", warm_up=0.1)
    np.testing.assert_allclose(seen[:5], peak * np.array([0.1, 0.28, 0.46, 0.64, 0.82]), rtol=1e-4)
    np.testing.assert_allclose(seen[5:], peak, rtol=1e-5)


@every
def test_steps_fall_tenfold_at_half_and_at_three_quarters(name):
    peak, seen = rates(name, 40, schedule="step", warm_up=0.0)
    np.testing.assert_allclose(seen[:20], peak, rtol=1e-5)
    np.testing.assert_allclose(seen[20:30], peak / 10, rtol=1e-5)
    np.testing.assert_allclose(seen[30:], peak / 100, rtol=1e-5)
    _, warm = rates(name, 40, schedule="step", warm_up=0.2)
    np.testing.assert_allclose(warm[:9], np.linspace(peak / 10, peak, 9), rtol=1e-5)
    np.testing.assert_allclose(warm[8:], seen[8:], rtol=1e-5)


@every
@pytest.mark.parametrize("warm_up", [0.0, 0.2])
def test_one_cycle_rises_for_three_tenths_and_falls_to_zero(name, warm_up):
    peak, seen = rates(name, 100, schedule="one_cycle", warm_up=warm_up)
    assert seen[0] == pytest.approx(peak / 25)
    assert np.argmax(seen) == 30
    assert seen[30] == pytest.approx(peak)
    assert seen[65] == pytest.approx(peak / 2)
    assert seen[-1] == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("schedule", ["cosine", "constant", "step", "one_cycle"])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_shortest_trainings_have_a_rate_above_zero(schedule, steps):
    made = blocks.learning_rate(0.1, steps, schedule=schedule, warm_up=0.2)
    seen = [made if isinstance(made, float) else float(made(step)) for step in range(steps)]
    assert min(seen) > 0
    assert max(seen) <= 0.1 + 1e-7


def test_nothing_to_change_is_a_plain_number():
    assert blocks.learning_rate(0.1, 100, schedule="constant") == 0.1


def test_an_unknown_schedule_is_said():
    with pytest.raises(ValueError, match=r"'cosin': expected one of 'cosine', 'constant', 'step', 'one_cycle'"):
        blocks.learning_rate(0.1, 10, schedule="cosin")


@every
def test_every_schedule_is_read_off_by_the_trainer(name):
    kind = REGISTRY.get("optimizer", name)
    for schedule in kind.domains()["schedule"].options:
        built = kind(schedule=schedule, warm_up=0.1).build(NOMINAL_STEPS)
        wanted = [rate(built, step) for step in (0, 50, 250, 600, 900)]
        plain, plan = with_own_rate(kind(schedule=schedule, warm_up=0.1).build(NOMINAL_STEPS))
        np.testing.assert_allclose(plan[[0, 50, 250, 600, 900]], wanted, rtol=1e-4)
        plain.learning_rate = 0.5
        assert float(plain.learning_rate) == 0.5


@every
def test_every_edge_builds_and_takes_a_step_downhill(name):
    kind = REGISTRY.get("optimizer", name)
    for key, domain in kind.domains().items():
        for value in domain.edges():
            optimizer = kind(**{key: value}).build(1)
            weight = keras.Variable(np.ones(3, "float32"))
            optimizer.apply([keras.ops.ones(3)], [weight])
            assert (keras.ops.convert_to_numpy(weight) < 1).all()


@every
def test_gradients_are_clipped_to_a_norm_of_five(name):
    assert REGISTRY.get("optimizer", name)().build(10).global_clipnorm == 5


def test_momentum_is_the_sum_of_the_steps_and_zero_is_plain_descent():
    still = {"learning_rate": 0.1, "schedule": "constant", "warm_up": 0.0}
    assert steps_of(SGD(**still, momentum=0.0).build(9), [1.0, 1.0]) == pytest.approx([0.9, 0.8])
    assert steps_of(SGD(**still, momentum=0.5, nesterov=False).build(9), [1.0, 1.0]) == pytest.approx([0.9, 0.75])
    assert steps_of(SGD(**still, momentum=0.5, nesterov=True).build(9), [1.0, 1.0]) == pytest.approx([0.85, 0.675])


def test_rmsprop_divides_by_the_root_of_the_mean_square():
    steps = steps_of(RMSprop(learning_rate=0.01, rho=0.9, schedule="constant", warm_up=0.0).build(9), [2.0, 2.0])
    assert steps == pytest.approx([1 - 0.01 / 0.1**0.5, 1 - 0.01 / 0.1**0.5 - 0.01 / 0.19**0.5], rel=1e-4)


def test_lion_steps_by_the_rate_whatever_the_gradient():
    built = Lion(learning_rate=1e-3, weight_decay=1e-3, schedule="constant", warm_up=0.0).build(9)
    assert steps_of(built, [4.0, 1e-4, -1e-4], start=0.0) == pytest.approx([-1e-3, -2e-3, -3e-3], rel=1e-3)  # the memory outweighs the last


def a_model():
    model = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            keras.layers.DepthwiseConv2D(3, name="low", bias_initializer="ones"),
            keras.layers.Conv2D(3, 1, bias_initializer="ones"),
            keras.layers.BatchNormalization(beta_initializer="ones"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, bias_initializer="ones"),
        ]
    )
    return model, [keras.ops.convert_to_numpy(weight).copy() for weight in model.trainable_variables]


def decayed(optimizer):
    """Each variable's share left after one step without a gradient."""
    model, before = a_model()
    optimizer.apply([keras.ops.zeros_like(weight) for weight in model.trainable_variables], model.trainable_variables)
    pairs = zip(model.trainable_variables, before, strict=True)
    return {weight.path: float(np.mean(keras.ops.convert_to_numpy(weight) / old)) for weight, old in pairs}


@pytest.mark.parametrize("kind", [AdamW, Lion])
@pytest.mark.parametrize("way", ["as built", "with the trainer's rate", "with slower layers"])
def test_weight_decay_shrinks_kernels_and_nothing_else(kind, way):
    optimizer = kind(learning_rate=1e-3, weight_decay=0.1, schedule="constant", warm_up=0.1).build(NOMINAL_STEPS)
    if way != "as built":
        optimizer, _ = with_own_rate(optimizer)
    if way == "with slower layers":
        optimizer = slower(optimizer, a_model()[0], {"low": 1.0})
    left = decayed(optimizer)
    kernels = {path: share for path, share in left.items() if "kernel" in path}
    assert len(kernels) == 3
    assert list(kernels.values()) == pytest.approx([1 - 1e-4 * 0.1] * 3, abs=2e-6)  # the first rate is a tenth
    assert {share for path, share in left.items() if path not in kernels} == {1.0}


def test_a_decay_in_a_compiled_training_spares_biases_too():
    model, before = a_model()
    model.layers[-1].activation = lambda x: 0 * x  # no gradient
    optimizer, _ = with_own_rate(AdamW(learning_rate=0.03, weight_decay=0.5, schedule="step", warm_up=0.0).build(NOMINAL_STEPS))
    model.compile(optimizer=optimizer, loss="mse", jit_compile=False)
    model.fit(np.ones((4, 4, 4, 2), "float32"), np.zeros((4, 2), "float32"), batch_size=2, epochs=1, verbose=0)
    for weight, old in zip(model.trainable_variables, before, strict=True):
        share = (1 - 0.03 * 0.5) ** 2 if "kernel" in weight.path else 1.0
        np.testing.assert_allclose(keras.ops.convert_to_numpy(weight), old * share, rtol=1e-4, err_msg=weight.path)
