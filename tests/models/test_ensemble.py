"""Several networks in one file: they answer as the mean of them would, load anywhere, and calibrate."""

import keras
import numpy as np
import pytest
from PIL import Image

from automl_cnn.errors import ConfigError
from automl_cnn.layers import Downsample
from automl_cnn.models.cost import cost
from automl_cnn.models.ensemble import ensemble, size_of
from automl_cnn.tasks import Multiclass
from automl_cnn.train.calibrate import calibrate, logits_of

CLASSES = 4
TASK = Multiclass(CLASSES)


def member(size, seed, channels=3):
    """A small network as `build` makes them, its batch norm's statistics far from where they begin."""
    keras.utils.set_random_seed(seed)
    from automl_cnn.layers import Resize

    pixels = keras.Input((None, None, channels), name="pixels")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(Resize(size, name="resize")(pixels))
    x = keras.layers.Conv2D(4, 3, strides=2, name="conv")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Activation("relu")(x))
    x = keras.layers.Dense(CLASSES, kernel_initializer=keras.initializers.RandomNormal(stddev=3), name="classifier")(x)
    model = keras.Model(pixels, keras.layers.Softmax(name="probabilities")(x), name="small")
    norm = model.get_layer("norm")
    norm.set_weights([*norm.get_weights()[:2], np.full(4, 0.3, np.float32), np.full(4, 0.2, np.float32)])
    return model


def photos(size, count=9, channels=3, seed=0):
    """Smooth images, as photos are: noise enlarged."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 8, 8, channels), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(one.squeeze()).resize((size, size), Image.Resampling.BICUBIC)).reshape(size, size, channels) for one in coarse])


@pytest.fixture(scope="module")
def two():
    members = [member(16, 0), member(16, 1)]
    images = photos(16)
    alone = [one.predict(images, verbose=0) for one in members]
    return ensemble(members, [2 / 3, 1 / 3], ["member_1", "member_2"], stored=16), images, alone


def test_it_answers_with_the_mean_of_its_members(two):
    together, images, (first, second) = two
    predicted = together.predict(images, verbose=0)
    np.testing.assert_allclose(predicted, 2 / 3 * first + 1 / 3 * second, atol=1e-6)
    assert not np.allclose(predicted, first, atol=1e-3)


def test_an_image_is_answered_alike_alone_and_among_others_and_nothing_is_learned(two):
    together, images, _ = two
    before = [np.array(weight) for weight in together.get_weights()]
    batch = np.asarray(together(images))  # without `training=`, as exports trace it
    np.testing.assert_allclose(np.asarray(together(images[:1])), batch[:1], atol=1e-5)
    for was, now in zip(before, together.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


def test_its_cost_is_the_sum_of_its_members(two):
    together, _, _ = two
    alone = cost(member(16, 0))
    paid = cost(together)
    assert (paid.params, paid.mult_adds) == (2 * alone.params, 2 * alone.mult_adds)
    assert paid.weights == 2 * alone.weights + 1


def test_one_file_loads_in_safe_mode_and_answers_alike(two, tmp_path):
    together, images, _ = two
    together.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_array_equal(again.predict(images, verbose=0), together.predict(images, verbose=0))
    assert size_of(again) == 16


@pytest.mark.parametrize("stored", [48, 70, 32])
def test_members_of_different_sizes_see_what_they_were_trained_on(stored):
    large, small = member(48, 0), member(20, 1)
    images = photos(stored)

    def resized(size):
        return np.stack([np.asarray(Image.fromarray(one).resize((size, size), Image.Resampling.BILINEAR)) for one in images])

    wanted = (large.predict(resized(48), verbose=0) + small.predict(resized(20), verbose=0)) / 2
    together = ensemble([large, small], [0.5, 0.5], ["a", "b"], stored=stored)
    np.testing.assert_allclose(together.predict(images, verbose=0), wanted, atol=0.01)
    assert size_of(together) == stored
    assert together.predict(photos(90), verbose=0).shape == (9, CLASSES)


@pytest.mark.parametrize(("given", "size"), [(48, 20), (64, 32), (33, 32), (24, 24), (224, 96)])
def test_downsampling_is_that_of_the_images_on_disk(given, size):
    image = photos(given, 1)
    wanted = np.asarray(Image.fromarray(image[0]).resize((size, size), Image.Resampling.BILINEAR))
    made = np.asarray(Downsample(size)(image))[0]
    assert np.abs(made - wanted).max() <= 1.01  # Pillow rounds after each direction


def test_the_temperature_of_an_ensemble_changes_its_confidence_and_no_label(tmp_path):
    members = [member(16, 0), member(16, 1)]
    together = ensemble(members, [0.5, 0.5], ["a", "b"], stored=16)
    images = photos(16, 200)
    predicted = together.predict(images, verbose=0)
    rng = np.random.default_rng(0)
    labels = np.array([rng.choice(CLASSES, p=TASK.activate(np.log(row[None]), 4.0)[0]) for row in predicted])  # far less sure than it says
    calibration = calibrate(TASK, together, logits_of(TASK, together, images, np.arange(200)), labels)
    cooled = together.predict(images, verbose=0)
    assert calibration.temperature > 2
    assert calibration.loss_after < calibration.loss
    np.testing.assert_array_equal(cooled.argmax(axis=1), predicted.argmax(axis=1))
    np.testing.assert_allclose(cooled, TASK.activate(np.log(predicted), calibration.temperature), atol=1e-4)
    together.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(again.predict(images, verbose=0), cooled, atol=1e-6)
    assert calibrate(TASK, again, logits_of(TASK, again, images, np.arange(200)), labels).temperature == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shares": [0.5, 0.6]}, "sum is 1"),
        ({"names": ["a", "a"]}, "name of its own"),
        ({"shares": [1.0]}, "at least two"),
        ({"members": lambda: [member(16, 0), member(16, 1, channels=1)]}, "channels and classes"),
    ],
)
def test_what_does_not_fit_together_is_refused(change, words):
    given = {"members": lambda: [member(16, 0), member(16, 1)], "shares": [0.5, 0.5], "names": ["a", "b"], **change}
    with pytest.raises(ConfigError, match=words):
        ensemble(given["members"](), given["shares"], given["names"], stored=16)
