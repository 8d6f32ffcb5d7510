import numpy as np
import pytest

from automl_cnn.diagnosis.copies import share_of_copies


@pytest.fixture(scope="module")
def photos():
    """200 smooth pictures of 40 px, all different."""
    rng = np.random.default_rng(0)
    small = rng.integers(20, 230, (200, 5, 5, 3)).astype(np.uint8)
    return np.kron(small, np.ones((1, 8, 8, 1), np.uint8))


def share(images):
    return share_of_copies(images, np.arange(150), np.arange(150, 200))


def test_different_photos_are_no_copies(photos):
    assert share(photos) == 0


def test_a_copy_is_found_whatever_its_brightness_and_noise(photos):
    images = photos.copy()
    rng = np.random.default_rng(1)
    images[150:160] = np.clip(images[:10] * 0.9 + 8 + rng.normal(0, 1, images[:10].shape), 0, 255).astype(np.uint8)
    assert share(images) == pytest.approx(0.2)


def test_digits_of_the_same_hand_are_no_copies():
    from sklearn.datasets import load_digits

    digits = (load_digits().images * 255 / 16).astype(np.uint8)[..., None]
    assert share_of_copies(digits, np.arange(1500), np.arange(1500, 1797)) == 0


def test_blank_images_are_not_taken_for_copies_and_nothing_is_no_error(photos):
    assert share(np.full_like(photos, 127)) == 0
    assert share_of_copies(photos, np.arange(0), np.arange(3)) == 0
    assert share_of_copies(photos, np.arange(3), np.arange(0)) == 0
