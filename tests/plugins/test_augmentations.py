import itertools

import numpy as np
import pytest
from automl_cnn_plugins.regularizers.augment import Augment
from automl_cnn_plugins.regularizers.cutmix import CutMix
from automl_cnn_plugins.regularizers.label_smoothing import LabelSmoothing
from automl_cnn_plugins.regularizers.mixup import MixUp
from automl_cnn_plugins.regularizers.randaugment import OPERATIONS, RandAugment
from PIL import Image

from automl_cnn.data.batches import Batches
from automl_cnn.tasks import Multiclass

STILL = {"flip": "none", "shift": 0.0, "zoom": 0.0, "rotation": 0.0, "colour": 0.0}
ROUNDING = 1  # Pillow's bilinear sampling rounds down
KINDS = (Augment, CutMix, LabelSmoothing, MixUp, RandAugment)
EDGES = [kind(**{key: value}) for kind in KINDS for key, domain in kind.domains().items() for value in domain.edges()]


def batch(count=6, size=(12, 12), channels=3, dtype=np.uint8):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, *size, channels)).astype(dtype), np.eye(count, dtype=np.float32)


def changed(images, labels, seed=0, **values):
    return Augment(**values).augment(images, labels, np.random.default_rng(seed))


def augmented(plugin, images, labels, seed=0):
    return plugin.augment(images, labels, np.random.default_rng(seed))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("plugin", EDGES, ids=repr)
def test_type_shape_and_range_stay_labels_are_distributions_and_nothing_given_is_written(plugin, dtype, channels):
    for count in (1, 6):
        images, labels = batch(count, channels=channels, dtype=dtype, size=(10, 14))
        before = images.copy()
        images.setflags(write=False)
        labels.setflags(write=False)
        outputs, targets = augmented(plugin, images, labels)
        assert (outputs.dtype, outputs.shape) == (images.dtype, images.shape)
        assert 0 <= outputs.min() <= outputs.max() <= 255
        assert (targets.dtype, targets.shape) == (np.float32, labels.shape)
        assert targets.min() >= 0
        np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
        np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("kind", [Augment, RandAugment])
def test_what_changes_images_alone_leaves_labels_alone(kind):
    images, labels = batch()
    np.testing.assert_array_equal(augmented(kind(), images, labels)[1], labels)


@pytest.mark.parametrize("kind", [Augment, CutMix, MixUp, RandAugment])
def test_the_generator_decides(kind):
    images, labels = batch(16)
    first, again, other = (augmented(kind(), images, labels, seed) for seed in (0, 0, 1))
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, same)
    assert (first[0] != other[0]).any()
    assert (first[0] != images).any()


@pytest.mark.parametrize("order", [KINDS, KINDS[::-1]], ids=["a to z", "z to a"])
@pytest.mark.parametrize("weights", [None, np.arange(1, 7)])
def test_all_at_once_in_any_order_give_batches_to_train_on(order, weights):
    pixels, _ = batch(20)
    plugins = [kind() for kind in order]

    def augment(images, labels, rng):
        for plugin in plugins:
            images, labels = plugin.augment(images, labels, rng)
        return images, labels

    def soften(labels):
        for plugin in plugins:
            labels = plugin.targets(labels, "multiclass")
        return labels

    batches = Batches(
        pixels, np.arange(20), (np.arange(20) % 6).__getitem__, Multiclass(6), 8, seed=0, shuffle=True, augment=augment, soften=soften, weights=weights
    )
    for images, labels, *weight in (batches[index] for index in range(3)):
        assert images.dtype == np.uint8
        assert images.shape[1:] == (12, 12, 3)
        np.testing.assert_allclose(labels.sum(axis=1), 1, atol=1e-5)
        assert labels.min() >= 0.1 / 6 - 1e-6  # smoothed
        assert [one.shape for one in weight] == ([] if weights is None else [(len(images),)])


@pytest.mark.parametrize("size", [(12, 12), (10, 15)])
@pytest.mark.parametrize("tiny", [{}, {"shift": 1e-9}, {"zoom": 1e-9}])
def test_no_strength_changes_nothing(size, tiny):
    images, labels = batch(size=size)
    np.testing.assert_allclose(changed(images, labels, **{**STILL, **tiny})[0].astype(int), images, atol=ROUNDING)


@pytest.mark.parametrize("way", [{}, {"shift": 1e-9}], ids=["slices", "affine"])
def test_flips_mirror_whole_images(way):
    images, labels = batch(40)
    outputs, _ = changed(images, labels, **{**STILL, **way, "flip": "both"})
    kinds = {"as it was": lambda i: i, "left-right": lambda i: i[:, ::-1], "up-down": lambda i: i[::-1], "both": lambda i: i[::-1, ::-1]}
    seen = [name for image, new in zip(images, outputs, strict=True) for name, flip in kinds.items() if np.allclose(flip(image), new, atol=ROUNDING, rtol=0)]
    assert len(seen) == len(images)
    assert set(seen) == set(kinds)


def test_a_horizontal_flip_never_turns_upside_down():
    images, labels = batch(30)
    outputs, _ = changed(images, labels, **{**STILL, "flip": "horizontal"})
    turned = [np.array_equal(new, image[:, ::-1]) for image, new in zip(images, outputs, strict=True)]
    kept = [np.array_equal(new, image) for image, new in zip(images, outputs, strict=True)]
    assert all(a or b for a, b in zip(turned, kept, strict=True))
    assert any(turned)
    assert any(kept)


@pytest.mark.parametrize("values", [{}, {"shift": 0.0}, {"zoom": 0.0}, {"rotation": 0.0}], ids=str)
def test_no_black_comes_in_at_the_border(values):
    images, labels = np.full((8, 16, 16, 3), 200, np.uint8), np.eye(8, dtype=np.float32)
    outputs, _ = changed(images, labels, **{**STILL, "shift": 0.25, "zoom": 0.5, "rotation": 30.0, **values})
    np.testing.assert_allclose(outputs, images, atol=ROUNDING)


def test_a_shift_moves_at_most_its_share():
    images = np.zeros((50, 20, 20, 1), np.uint8)
    images[:, 10, 10] = 255
    outputs, _ = changed(images, np.eye(50, dtype=np.float32), **{**STILL, "shift": 0.1})
    rows, columns = np.nonzero(outputs.max(axis=(0, 3)))
    assert {abs(rows - 10).max(), abs(columns - 10).max()} <= {2, 3}
    assert len(set(rows)) > 2


def test_colour_changes_brightness_but_no_edges():
    images = np.zeros((20, 8, 8, 3), np.uint8) + np.array([60, 120, 180], np.uint8)
    outputs, _ = changed(images, np.eye(20, dtype=np.float32), **{**STILL, "colour": 0.3})
    assert (outputs == outputs[:, :1, :1]).all()
    assert outputs.mean(axis=(1, 2, 3)).std() > 5
    assert (np.diff(outputs[:, 0, 0].astype(int)) > 0).all()


def test_mixup_blends_images_and_labels_in_one_proportion():
    images, labels = batch(64, dtype=np.float32)
    outputs, targets = augmented(MixUp(alpha=1.0), images, labels)
    np.testing.assert_allclose(outputs, np.einsum("ij,jhwc->ihwc", targets, images), atol=1e-3)  # every image has a label of its own
    own = targets[np.arange(64), np.arange(64)]
    assert len(np.unique(own)) > 40
    assert ((targets > 0).sum(axis=1) <= 2).all()


def test_mixup_draws_its_proportion_from_beta():
    images, labels = batch(4000, size=(1, 1))
    for alpha, variance in ((0.2, 1 / (4 * 1.4)), (1.0, 1 / 12)):
        own = augmented(MixUp(alpha=alpha), images, labels)[1].diagonal()
        assert own.mean() == pytest.approx(0.5, abs=0.03)
        assert own.var() == pytest.approx(variance, rel=0.06)


def test_mixed_bytes_are_rounded():
    images, labels = batch(64)
    outputs, targets = augmented(MixUp(alpha=1.0), images, labels)
    np.testing.assert_allclose(outputs, np.einsum("ij,jhwc->ihwc", targets, images.astype(float)), atol=0.501)


@pytest.mark.parametrize("size", [(12, 12), (7, 20)])
def test_cutmix_weighs_labels_by_the_very_pixels_it_pastes(size):
    count = 60
    images = np.zeros((count, *size, 1), np.uint8) + np.arange(count, dtype=np.uint8)[:, None, None, None]
    outputs, targets = augmented(CutMix(), images, np.eye(count, dtype=np.float32))
    area = np.stack([(outputs[..., 0] == number).mean(axis=(1, 2)) for number in range(count)], axis=1)
    np.testing.assert_allclose(targets, area, atol=1e-6)
    assert ((targets > 0) & (targets < 1)).any()


def test_cutmix_pastes_one_rectangle_in_its_place():
    images, labels = batch(50, size=(16, 16))
    outputs, targets = augmented(CutMix(), images, labels)
    for index, (new, target) in enumerate(zip(outputs, targets, strict=True)):
        other = next((place for place in np.flatnonzero(target) if place != index), index)
        changed = (new != images[index]).any(axis=-1)
        rows, columns = changed.any(axis=1), changed.any(axis=0)
        inside = np.ix_(rows, columns)
        np.testing.assert_array_equal(new[inside], images[other][inside])
        assert all(np.diff(np.flatnonzero(line)).max(initial=1) == 1 for line in (rows, columns))


def test_cutmix_with_alpha_one_draws_any_area():
    images, labels = batch(3000, size=(24, 24), channels=1)
    own = augmented(CutMix(alpha=1.0), images, labels)[1].diagonal()
    assert own.min() < 0.25
    assert own.max() > 0.98
    assert 0.55 < own.mean() < 0.75  # rectangles are cut off at the border, so more than half is left


def test_label_smoothing_spreads_its_share_over_all_classes():
    labels = np.eye(4, dtype=np.float32)
    targets = LabelSmoothing(epsilon=0.2).targets(labels, "multiclass")
    np.testing.assert_allclose(targets, np.full((4, 4), 0.05) + 0.8 * np.eye(4), atol=1e-6)
    np.testing.assert_array_equal(LabelSmoothing(epsilon=0.0).targets(labels, "multiclass"), labels)


@pytest.mark.parametrize("labels", [1, 3, 80])
def test_label_smoothing_of_several_labels_goes_toward_one_half_however_many_there_are(labels):
    given = (np.arange(5 * labels).reshape(5, labels) % 3 == 0).astype(np.float32)
    given[0] = 0
    targets = LabelSmoothing(epsilon=0.2).targets(given, "multilabel")
    np.testing.assert_allclose(targets, np.where(given == 1, 0.9, 0.1), atol=1e-6)
    np.testing.assert_allclose(LabelSmoothing(epsilon=0.2).targets(given * 0.5, "multilabel")[given == 1], 0.5, atol=1e-6)  # one half has no side to take


def test_the_tasks_that_built_in_regularizers_are_for():
    assert {kind.name: kind.tasks for kind in KINDS if kind.tasks is not None} == {
        "cutmix": ("multiclass", "multilabel"),
        "label_smoothing": ("multiclass", "multilabel"),
    }


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize(("first", "second"), itertools.permutations([MixUp, CutMix], 2))
def test_smoothing_before_or_after_mixing_is_the_same(first, second, task):
    images, labels = batch(20)
    smooth = LabelSmoothing()

    def mixed(labels):
        rng = np.random.default_rng(3)
        for kind in (first, second):
            _, labels = kind().augment(images, labels, rng)
        return labels

    before, after = mixed(smooth.targets(labels, task)), smooth.targets(mixed(labels), task)
    np.testing.assert_allclose(before, after, atol=1e-6)


@pytest.mark.parametrize("kind", [MixUp, CutMix])
def test_mixed_images_have_each_label_by_the_share_of_the_images_that_have_it(kind):
    """Which image was mixed with which, and how, shows where every image has a label of its own."""
    images, own = batch(40)
    several = np.random.default_rng(1).random((40, 7)) < 0.4
    several[:3] = [[True] * 7, [False] * 7, [True] + [False] * 6]
    shares = augmented(kind(alpha=1.0), images, own)[1]
    outputs, targets = augmented(kind(alpha=1.0), images, several.astype(np.float32))
    np.testing.assert_array_equal(outputs, augmented(kind(alpha=1.0), images, own)[0])
    np.testing.assert_allclose(targets, shares @ several, atol=1e-6)
    both = (shares[:, several.all(axis=1)] > 0).any(axis=1)
    assert targets.max() <= 1 + 1e-6
    assert both.any()
    assert (targets.sum(axis=1) > 1).any()  # no distribution


def photo(size=(20, 28), mode="RGB"):
    bands = len(Image.new(mode, (1, 1)).getbands())
    ramp = np.add.outer(np.linspace(40, 120, size[0]), np.linspace(0, 90, size[1]))[..., None] + np.arange(bands) * 12
    array = ramp.astype(np.uint8)
    return Image.fromarray(array if bands > 1 else array[..., 0])


def operated(number, strength, image=None):
    return np.asarray(OPERATIONS[number](image or photo(), strength)).astype(int)


(IDENTITY, AUTOCONTRAST, EQUALIZE, ROTATE, SOLARIZE, POSTERIZE, COLOUR, CONTRAST, BRIGHTNESS, SHARPNESS, SHEAR_X, SHEAR_Y, MOVE_X, MOVE_Y) = range(14)
WITHOUT_STRENGTH = {IDENTITY, AUTOCONTRAST, EQUALIZE}


def test_there_are_the_papers_fourteen_operations():
    assert len(OPERATIONS) == 14


@pytest.mark.parametrize("number", sorted(set(range(14)) - WITHOUT_STRENGTH))
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_an_operation_of_no_strength_changes_nothing_and_a_strong_one_does(number, mode):
    image = photo(mode=mode)
    np.testing.assert_allclose(operated(number, 0.0, image), np.asarray(image), atol=ROUNDING)
    gray_has_no_colour = (number, mode) == (COLOUR, "L")
    noisy = Image.fromarray(np.random.default_rng(0).integers(0, 256, np.asarray(image).shape, dtype=np.uint8))
    for strength in (-1.0, 1.0):
        assert (operated(number, strength, noisy) == np.asarray(noisy)).all() == gray_has_no_colour


def test_operations_of_colour_do_what_they_are_called():
    before = np.asarray(photo()).astype(int)
    np.testing.assert_array_equal(operated(IDENTITY, 1.0), before)
    assert [(band.min(), band.max()) for band in np.moveaxis(operated(AUTOCONTRAST, 1.0), -1, 0)] == [(0, 255)] * 3
    assert np.std(np.histogram(operated(EQUALIZE, 1.0), 8, (0, 256))[0]) < np.std(np.histogram(before, 8, (0, 256))[0])
    np.testing.assert_array_equal(operated(SOLARIZE, 0.5), np.where(before < 128, before, 255 - before))
    np.testing.assert_array_equal(operated(SOLARIZE, -1.0), 255 - before)
    np.testing.assert_array_equal(operated(POSTERIZE, 1.0), before // 16 * 16)
    np.testing.assert_array_equal(operated(POSTERIZE, -0.5), before // 4 * 4)
    np.testing.assert_allclose(operated(BRIGHTNESS, -1.0), before * 0.1, atol=1)
    np.testing.assert_allclose(operated(BRIGHTNESS, 0.1), before * 1.09, atol=1)
    assert operated(CONTRAST, -1.0).std() == pytest.approx(before.std() / 10, rel=0.2)
    assert np.ptp(operated(COLOUR, -1.0), axis=-1).mean() < 0.2 * np.ptp(before, axis=-1).mean()


@pytest.mark.parametrize("sign", [-1, 1])
def test_operations_of_shape_move_what_they_are_called(sign):
    array = np.zeros((41, 41), np.uint8)
    array[20, 20] = array[20, 30] = array[30, 20] = 255
    image = Image.fromarray(array)

    def brightest(number, strength, near, reach=6):
        y, x = near
        part = operated(number, sign * strength, image)[y - reach : y + reach + 1, x - reach : x + reach + 1].copy()
        part[part == 128] = 0
        return np.subtract(np.unravel_index(part.argmax(), part.shape), reach)

    for number in (ROTATE, SHEAR_X, SHEAR_Y):
        np.testing.assert_array_equal(brightest(number, 1.0, (20, 20), 3), (0, 0))  # the centre stays
    np.testing.assert_allclose(np.abs(brightest(ROTATE, 1.0, (20, 30))), (5, 1), atol=1)
    np.testing.assert_array_equal(brightest(SHEAR_X, 1.0, (30, 20)), (0, -3 * sign))
    np.testing.assert_array_equal(brightest(SHEAR_Y, 1.0, (20, 30)), (-3 * sign, 0))
    moved = operated(MOVE_X, sign * 10 / 41 / 0.45, image)
    assert moved[20, 20 if sign > 0 else 40] == 255
    assert (moved[:, -10:] if sign > 0 else moved[:, :10]).min() == 128
    np.testing.assert_allclose(moved, operated(MOVE_Y, sign * 10 / 41 / 0.45, image).T, atol=ROUNDING)


def test_randaugment_draws_every_operation_for_every_image_anew():
    images, labels = batch(300, size=(20, 20))  # Pillow equalizes nothing below 256 pixels
    images = images // 2 + 40  # room for autocontrast
    for operations, unchanged in ((1, 1 / 14), (2, 1 / 196)):
        outputs = augmented(RandAugment(operations=operations, magnitude=10.0), images, labels)[0]
        assert (outputs == images).all(axis=(1, 2, 3)).mean() == pytest.approx(unchanged, abs=0.035)


def test_randaugment_never_mirrors():
    images = np.zeros((200, 9, 9, 1), np.uint8)
    images[:, :, :3] = 200
    outputs = augmented(RandAugment(operations=1, magnitude=3.0), images, np.eye(200, dtype=np.float32))[0].astype(int)
    contrast = np.median(outputs[:, 3:6, :2], axis=(1, 2, 3)) - np.median(outputs[:, 3:6, 5:8], axis=(1, 2, 3))
    assert (contrast >= 0).all()
