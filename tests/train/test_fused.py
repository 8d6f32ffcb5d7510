"""The kernels compute what Keras composes."""

import keras
import numpy as np
import pytest

from automl_cnn.train.fused import fused_norms, fused_step
from automl_cnn.train.rates import slower

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the kernels are TensorFlow's")
IMAGES = np.random.default_rng(0).normal(3, 2, (16, 6, 6, 3)).astype("float32")
LABELS = np.eye(2, dtype="float32")[np.arange(16) % 2]


def network(**norm):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Conv2D(4, 3, use_bias=False),
            keras.layers.BatchNormalization(name="norm", **norm),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax", name="dense"),
        ]
    )


def trained(model, optimizer, steps=5):
    """The losses of some steps."""
    model.compile(optimizer=optimizer, loss="categorical_crossentropy", jit_compile=False)
    return [float(model.train_on_batch(IMAGES, LABELS)) for _ in range(steps)]


@pytest.mark.parametrize("norm", [{}, {"scale": False}, {"center": False}, {"momentum": 0.5, "epsilon": 1e-2}, {"trainable": False}])
def test_a_batch_norm_learns_and_predicts_as_keras_has_it(norm):
    plain, fused = network(**norm), network(**norm)
    fused_norms(fused)
    assert "call" in vars(fused.get_layer("norm"))
    assert trained(fused, keras.optimizers.SGD(0.1)) == pytest.approx(trained(plain, keras.optimizers.SGD(0.1)), rel=1e-4)
    assert np.allclose(fused.predict_on_batch(IMAGES), plain.predict_on_batch(IMAGES), atol=2e-3)
    for mine, theirs in zip(fused.weights, plain.weights, strict=True):
        unbiased = 256 / 255 if "moving_variance" in mine.path and norm.get("trainable", True) else 1.0  # of 16 images with 4 x 4 places
        assert np.allclose(mine, theirs, rtol=unbiased - 1 + 1e-3, atol=1e-5), mine.path


def test_the_moving_variance_is_the_unbiased_one():
    model = network(momentum=0.0)
    fused_norms(model)
    model(IMAGES, training=True)
    seen = np.asarray(model.layers[0](IMAGES)).reshape(-1, 4)
    assert np.allclose(model.get_layer("norm").moving_variance, seen.var(axis=0, ddof=1), rtol=1e-4)
    assert np.allclose(model.get_layer("norm").moving_mean, seen.mean(axis=0), rtol=1e-4)


def test_norms_that_the_kernel_does_not_know_stay_as_they_are():
    features = keras.Sequential([keras.Input((5,)), keras.layers.BatchNormalization()])
    before = np.asarray(features(np.ones((2, 5), "float32"), training=True))
    fused_norms(features)
    assert np.array_equal(before, features(np.ones((2, 5), "float32"), training=True))
    crossways = keras.Sequential([keras.Input((6, 6, 3)), keras.layers.BatchNormalization(axis=1)])
    before = np.asarray(crossways(IMAGES, training=True))
    fused_norms(crossways)
    assert np.allclose(before, crossways(IMAGES, training=True), atol=1e-5)
    unlike = keras.Sequential([keras.Input((6, 6, 3)), *(keras.layers.BatchNormalization(**{name: True}) for name in ("renorm", "synchronized"))])
    fused_norms(unlike)
    assert not any("call" in vars(layer) for layer in unlike.layers)


def test_the_saved_model_is_kerass_own(tmp_path):
    model = network()
    fused_norms(model)
    trained(model, keras.optimizers.SGD(0.1))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(loaded.get_layer("norm")) is keras.layers.BatchNormalization
    assert "call" not in vars(loaded.get_layer("norm"))
    assert np.allclose(loaded.predict_on_batch(IMAGES), model.predict_on_batch(IMAGES), atol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.optimizers.Adam(0.01),
        lambda: keras.optimizers.Adam(0.02, beta_1=0.8, epsilon=1e-4, global_clipnorm=0.1),
        lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
        lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5),
    ],
)
def test_adam_steps_as_keras_has_it(make):
    plain, fused = network(), network()
    optimizer = fused_step(make())
    assert isinstance(optimizer, type(make()))
    assert type(optimizer) is not type(make())
    assert trained(fused, optimizer) == pytest.approx(trained(plain, make()), rel=1e-4)
    for mine, theirs in zip(fused.weights, plain.weights, strict=True):
        assert np.allclose(mine, theirs, rtol=1e-3, atol=1e-4), mine.path


def test_layers_may_be_slower_on_top():
    model = network()
    before = {layer.name: [np.array(weight) for weight in layer.trainable_weights] for layer in model.layers}
    trained(model, slower(fused_step(keras.optimizers.Adam(0.01)), model, {"dense": 0.0}), steps=2)
    assert all(np.array_equal(old, new) for old, new in zip(before["dense"], model.get_layer("dense").trainable_weights, strict=True))
    assert not np.array_equal(before[model.layers[0].name][0], model.layers[0].trainable_weights[0])


def test_what_the_variables_share_is_in_the_graph_once():
    import tensorflow

    model = network()
    optimizer = slower(fused_step(keras.optimizers.Adam(0.01)), model, {"dense": 0.1, "norm": 0.1})
    optimizer.build(model.trainable_variables)

    @tensorflow.function
    def step():
        optimizer.apply([tensorflow.ones_like(variable) for variable in model.trainable_variables])

    operations = [operation.type for operation in step.get_concrete_function().graph.get_operations()]
    assert operations.count("ResourceApplyAdam") == len(model.trainable_variables) == 5
    assert operations.count("Pow") == 2
    assert operations.count("Mul") == 2  # a rate for each of the two factors


@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD(0.1), keras.optimizers.RMSprop(0.1), keras.optimizers.Adam(amsgrad=True)])
def test_other_optimizers_stay_as_they_are(optimizer):
    assert fused_step(optimizer) is optimizer
