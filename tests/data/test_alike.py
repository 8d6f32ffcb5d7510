import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from automl_cnn.data import alike


def photo(rng, side=64):
    """A picture of large shapes and ever smaller ones, as photos have them."""
    sizes = (3, 6, 12, 24, 48)
    layers = [Image.fromarray(rng.integers(0, 255, (cells, cells), np.uint8)).resize((side, side), Image.Resampling.BICUBIC) for cells in sizes]
    mixed = sum(np.asarray(layer, np.float32) * share for share, layer in zip((0.4, 0.25, 0.15, 0.12, 0.08), layers, strict=True))
    return Image.fromarray(mixed.astype(np.uint8)).convert("RGB")


def altered(picture, rng, turn=0.0):
    """Shifted, cropped, brightened, mirrored."""
    side = picture.size[0]
    picture = picture.rotate(turn, resample=Image.Resampling.BILINEAR)
    kept = int(side * 0.9)
    left, top = (int(rng.integers(0, side - kept)) for _ in range(2))
    picture = picture.crop((left, top, left + kept, top + kept)).resize((side, side), Image.Resampling.BILINEAR)
    return ImageEnhance.Brightness(ImageOps.mirror(picture)).enhance(float(rng.uniform(0.8, 1.2)))


@pytest.fixture(scope="module")
def photos():
    rng = np.random.default_rng(0)
    return [photo(rng) for _ in range(60)]


def stack(pictures):
    return np.stack([np.asarray(picture) for picture in pictures])


@pytest.mark.parametrize("turn", [0.0, 8.0])
def test_altered_copies_are_found_and_nothing_else(photos, turn):
    rng = np.random.default_rng(1)
    images = stack([*photos, *(altered(picture, rng, turn) for picture in photos[:20])])
    labels = np.arange(len(images)) % 2
    labels[60:] = labels[:20]
    pairs = alike.pairs(images, labels)
    assert set(pairs) <= {(row, 60 + row) for row in range(20)}
    assert len(pairs) >= 18


def test_photos_of_their_own_are_no_pairs(photos):
    assert alike.pairs(stack(photos), np.zeros(60, int)) == []


def test_copies_in_other_classes_are_not_compared(photos):
    images = stack([*photos[:10], *photos[:1]])
    assert (0, 10) not in alike.pairs(images, np.array([0] * 10 + [1]))


def test_one_scene_before_one_camera_is_no_set_of_copies(photos):
    rng = np.random.default_rng(2)
    scene = stack(photos[:1] * 80)
    for image in scene:
        top, left = rng.integers(8, 44, 2)
        image[top : top + 12, left : left + 12] = rng.integers(0, 255, 3)
    assert alike.pairs(scene, np.arange(80) % 2) == []


def test_small_pictures_are_not_compared():
    from sklearn.datasets import load_digits

    digits = load_digits()
    assert alike.pairs((digits.images * 255 / 16).astype(np.uint8)[..., None], digits.target) == []


def test_blank_pictures_and_single_ones_are_no_pairs():
    assert alike.pairs(np.full((30, 64, 64, 3), 127, np.uint8), np.zeros(30, int)) == []
    assert alike.pairs(np.zeros((2, 64, 64, 1), np.uint8), np.array([0, 1])) == []
    assert alike.pairs(np.zeros((0, 64, 64, 1), np.uint8), np.zeros(0, int)) == []


def test_of_too_many_images_none_is_compared():
    assert alike.too_many(alike.MOST + 1)
    assert not alike.too_many(1500)
