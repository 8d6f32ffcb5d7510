"""How photos that are not square become so: the same in files, arrays, the proof and every split of one search."""

import io
import typing

import numpy as np
import pytest
from PIL import Image

from automl_cnn import config
from automl_cnn.data import dataset_of, in_fit, prepare, prepare_arrays, read, resize_array
from automl_cnn.data.decode import open_image
from automl_cnn.data.fit import FITS, GRAY, Fit, squared
from automl_cnn.errors import DataError
from automl_cnn.export.inputs import as_batches


def stripes(width: int = 40, height: int = 20) -> np.ndarray:
    """Red on the left quarter, blue on the right quarter, green between."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :, 1] = 200
    image[:, : width // 4], image[:, -width // 4 :] = (200, 0, 0), (0, 0, 200)
    return image


def png(image: np.ndarray, **options) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG", **options)
    return out.getvalue()


def test_the_settings_names_are_those_of_the_images():
    assert typing.get_args(config.Fit) == ("auto", *typing.get_args(Fit)) == ("auto", *FITS)


def test_squash_keeps_all_and_changes_shapes():
    seen = open_image(png(stripes()), 20, 3)
    assert seen[10, 2, 0] == 200
    assert seen[10, 17, 2] == 200
    np.testing.assert_array_equal(seen, open_image(png(stripes()), 20, 3, fit="squash"))


def test_pad_keeps_all_between_bars_of_gray():
    seen = open_image(png(stripes()), 20, 3, fit="pad")
    assert (seen[:4] == GRAY).all()
    assert (seen[-4:] == GRAY).all()
    assert seen[10, 2].tolist() == [200, 0, 0]
    assert seen[10, 17].tolist() == [0, 0, 200]


def test_crop_keeps_the_middle():
    seen = open_image(png(stripes()), 20, 3, fit="crop")
    np.testing.assert_array_equal(seen, np.broadcast_to([0, 200, 0], (20, 20, 3)))


@pytest.mark.parametrize("fit", FITS)
def test_square_photos_are_the_same_in_every_way(fit):
    image = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    np.testing.assert_array_equal(open_image(png(image), 16, 3, fit=fit), open_image(png(image), 16, 3))


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", [(33, 90), (90, 32), (51, 20)])
def test_files_and_arrays_are_made_square_alike(fit, shape):
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    of_file = open_image(png(image), 24, 3, fit=fit).astype(int)
    assert np.abs(of_file - resize_array(image[None], 24, fit)[0]).max() <= 1
    (batch,) = as_batches([image], 24, 3, 8, stored=24, fit=fit)
    np.testing.assert_array_equal(batch[0], resize_array(image[None], 24, fit)[0])


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_a_photo_is_turned_upright_before_its_middle_is_taken(fit):
    upright = np.random.default_rng(2).integers(0, 256, (35, 20, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter to the right
    turned = png(np.rot90(upright), exif=exif)
    np.testing.assert_array_equal(open_image(turned, 12, 3, fit=fit), open_image(png(upright), 12, 3, fit=fit))


def test_transparent_photos_lie_on_white_between_gray_bars():
    clear = np.zeros((10, 40, 4), np.uint8)
    seen = open_image(png(clear), 40, 3, fit="pad")
    assert (seen[:10] == GRAY).all()
    assert (seen[18:22] == 255).all()


def test_the_bars_of_a_panorama_take_no_memory():
    assert max(squared(Image.new("RGB", (20_000, 40)), 32, "pad").size) <= 32 * 6


def test_a_search_is_of_one_way_and_remembers_it(tmp_path):
    for name in ("a", "b"):
        for number in range(12):
            (tmp_path / "images" / name).mkdir(parents=True, exist_ok=True)
            image = np.random.default_rng([number, ord(name)]).integers(0, 256, (16, 24, 3), dtype=np.uint8)
            (tmp_path / "images" / name / f"{number}.png").write_bytes(png(image))
    made = {fit: prepare(tmp_path / "images", tmp_path / "cache", fit=fit) for fit in FITS}
    assert {fit: dataset.fit for fit, dataset in made.items()} == {fit: fit for fit in FITS}
    assert len({dataset.fingerprint for dataset in made.values()}) == len({dataset.array for dataset in made.values()}) == 3
    made["pad"].save(tmp_path / "manifest.json")
    assert type(made["pad"]).load(tmp_path / "manifest.json").fit == "pad"


def test_pictures_in_memory_are_made_square_in_the_same_way(tmp_path):
    images = np.random.default_rng(3).integers(0, 256, (24, 16, 30, 3), dtype=np.uint8)
    dataset = prepare_arrays(images, [0, 1] * 12, tmp_path, fit="crop")
    stored = np.load(dataset.array, mmap_mode="r")
    np.testing.assert_array_equal(stored[5], resize_array(images[5:6], dataset.side, "crop")[0])


def test_a_set_is_made_square_in_another_way_and_keeps_its_splits(tmp_path):
    for number in range(24):
        path = tmp_path / "images" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(np.random.default_rng(number).integers(0, 256, (16, 96, 3), dtype=np.uint8)))
    source = read(tmp_path / "images", tmp_path / "cache")
    squashed = dataset_of(source, tmp_path / "cache")
    padded, plain = in_fit(source, squashed, tmp_path / "cache", "pad"), prepare(tmp_path / "images", tmp_path / "other", fit="pad")
    assert (padded.fit, padded.fingerprint, padded.side) == ("pad", plain.fingerprint, plain.side)
    np.testing.assert_array_equal(np.load(padded.array), np.load(plain.array))
    np.testing.assert_array_equal(padded.splits, squashed.splits)
    assert padded.fingerprint != squashed.fingerprint

    (tmp_path / "images" / "a" / "0.png").write_bytes(png(np.zeros((16, 96, 3), np.uint8)))
    with pytest.raises(DataError, match="changed while they were read"):
        in_fit(source, squashed, tmp_path / "cache", "crop")
