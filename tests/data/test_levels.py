"""Black and white belong to the data set: no picture and no batch changes how another one is read."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from automl_cnn.data import Dataset, pixels, prepare, prepare_arrays
from automl_cnn.data.decode import as_uint8, open_image, span_of
from automl_cnn.data.levels import Levels, levels_of_arrays
from automl_cnn.errors import DataError
from automl_cnn.export.inputs import as_batches

MASK = np.random.default_rng(0).integers(0, 2, (30, 8, 8))
LABELS = np.arange(30) % 2


def saved(path, values, form="PNG", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (values if isinstance(values, Image.Image) else Image.fromarray(values)).save(path, form, **options)


@pytest.mark.parametrize(("fitted", "new"), list(itertools.permutations([bool, int, float, np.uint8], 2)))
def test_zeros_and_ones_are_black_and_white_whatever_their_type(tmp_path, fitted, new):
    dataset = prepare_arrays(MASK.astype(fitted), LABELS, tmp_path)
    assert np.array_equal(pixels(dataset, 8)[..., 0], MASK * 255)
    assert np.array_equal(as_uint8(MASK.astype(new), dataset.levels)[..., 0], MASK * 255)


def test_a_dark_picture_alone_is_read_as_in_a_batch(tmp_path):
    bright = np.random.default_rng(0).uniform(0, 255, (30, 8, 8))
    bright[0] = np.linspace(0, 1, 64).reshape(8, 8)
    levels = prepare_arrays(bright, LABELS, tmp_path).levels
    assert levels.float_arrays == (0, 255)
    assert np.array_equal(as_uint8(bright[:1], levels), as_uint8(bright, levels)[:1])


@pytest.mark.parametrize(
    ("values", "field", "pair"),
    [
        (np.uint8([3, 200]), "uint8_arrays", (0, 255)),
        (np.int64([3, 200]), "integer_arrays", (0, 255)),
        (np.uint16([3, 300]), "integer_arrays", (0, 1023)),
        (np.int32([3, 4095]), "integer_arrays", (0, 4095)),
        (np.uint16([3, 4096]), "integer_arrays", (0, 16383)),
        (np.uint16([3, 65535]), "integer_arrays", (0, 65535)),
        (np.float32([0.1, 0.9]), "float_arrays", (0, 1)),
        (np.float32([0, 1.0005]), "float_arrays", (0, 1)),  # rounding
        (np.float16([0.5, 3]), "float_arrays", (0, 255)),
    ],
)
def test_the_training_arrays_decide(values, field, pair):
    levels = levels_of_arrays([values])
    assert levels == Levels(**{field: pair}).for_files()
    assert levels.deep_files == (pair if field == "integer_arrays" and pair[1] > 255 else (0, 65535))
    assert levels.float_files == levels.float_arrays


@pytest.mark.parametrize("values", [np.int64([-1, 5]), np.int64([0, 70000]), np.float32([-1, 1]), np.float32([0, 1.2]), np.float32([0, 300])])
def test_what_cannot_be_known_must_be_stated(tmp_path, values):
    low, high = float(values.min()), float(values.max())
    images = np.random.default_rng(0).uniform(low, high, (30, 8, 8)).astype(values.dtype)
    images[:, 0, :2] = low, high
    with pytest.raises(DataError, match=r"pass scale=\(black, white\)"):
        prepare_arrays(images, LABELS, tmp_path)
    dataset = prepare_arrays(images, LABELS, tmp_path, scale=(low, high))
    assert (pixels(dataset, 8).min(), pixels(dataset, 8).max()) == (0, 255)
    assert dataset.levels.float_arrays == dataset.levels.uint8_arrays == (low, high)


@pytest.mark.parametrize("scale", [(1, 0), (1,), "wide", (0, float("nan")), (0, 0), 0])
def test_a_scale_that_is_none_is_refused(scale):
    with pytest.raises(DataError, match="not a pixel scale"):
        Levels().stated(scale)


@pytest.mark.parametrize("values", [5, [1, 2], "x", {"deep_files": 3}, {"deep_files": [1, 0]}, {"float_files": [0, float("inf")]}])
def test_damaged_levels_are_refused(values):
    with pytest.raises(DataError, match="Expected black and white"):
        Levels.from_dict(values)


def test_values_outside_the_levels_are_refused_not_guessed():
    for images in (np.full((1, 8, 8), 200.0), np.full((1, 8, 8), 3000), np.full((1, 8, 8), -1)):
        with pytest.raises(DataError, match=r"lie within .*expected 0 \(black\) to .* pass scale="):
            as_uint8(images)
    assert as_uint8(np.full((1, 8, 8), 2047.5), Levels().stated(4095)).max() == 128


def test_the_same_bytes_at_other_levels_are_another_data_set(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8)
    images[0, 0, 0] = 255
    plain, unit, floats = (prepare_arrays(given, LABELS, tmp_path) for given in (images, images / 255, images.astype(float)))
    assert plain.fingerprint == unit.fingerprint != floats.fingerprint
    assert np.array_equal(pixels(plain, 8), pixels(floats, 8))


def test_levels_are_kept_and_an_older_file_has_the_convention(tmp_path):
    dataset = prepare_arrays(np.random.default_rng(0).integers(0, 3000, (30, 8, 8)), LABELS, tmp_path)
    dataset.save(tmp_path / "dataset.json")
    assert Dataset.load(tmp_path / "dataset.json").levels == dataset.levels == Levels(integer_arrays=(0, 4095), deep_files=(0, 4095))
    text = (tmp_path / "dataset.json").read_text()
    start = text.index(', "levels"')
    (tmp_path / "dataset.json").write_text(text[:start] + text[text.index("}", start) + 1 :])
    assert Dataset.load(tmp_path / "dataset.json").levels == Levels()


def folder(root, high, dtype=np.uint16, form="PNG", count=6):
    rng = np.random.default_rng(0)
    for name, number in itertools.product(("a", "b"), range(count)):
        values = rng.uniform(0, high / 2, (16, 16)).astype(dtype)
        values[0, 0] = high if (name, number) == ("b", 3) else 0  # the brightest of all is in one file
        saved(root / name / f"{number}.{form.lower()}", values, form)
    return root


@pytest.mark.parametrize(("high", "white"), [(200, 255), (1000, 1023), (1730, 4095), (9000, 16383), (65535, 65535)])
def test_deep_files_are_read_at_the_depth_of_the_whole_data_set(tmp_path, high, white):
    root = folder(tmp_path / "p", high)
    for dataset in (prepare(root, tmp_path / "cache"), prepare(root, tmp_path / "cache")):  # decoded, then recalled
        assert dataset.levels == Levels(deep_files=(0, white), integer_arrays=(0, white))
        assert f"16-bit files hold values up to {high:,}: read as {white.bit_length()}-bit, 0 to {white:,}." in dataset.notes
        stored = pixels(dataset, 16)
        for row, path in enumerate(dataset.paths):
            values = np.asarray(Image.open(root / path)).astype(float)
            assert np.array_equal(stored[row, ..., 0], np.rint(values * 255 / white))
            assert np.array_equal(stored[row], open_image(root / path, 16, 1, dataset.levels))


@pytest.mark.parametrize(("high", "pair"), [(0.7, (0, 1)), (200.0, (0, 255)), (3.0, (0, 3.3)), (1730.0, (0, 4095)), (70000.0, (0, 77000))])
def test_float_files_share_one_range(tmp_path, high, pair):
    dataset = prepare(folder(tmp_path / "p", high, np.float32, "TIFF"), tmp_path / "cache")
    assert dataset.levels == Levels(float_files=pair, float_arrays=pair)
    assert any(note.startswith("Floating-point files hold values from 0 to") for note in dataset.notes)


def test_files_of_eight_bits_have_no_note(tmp_path):
    dataset = prepare(folder(tmp_path / "p", 255, np.uint8), tmp_path / "cache")
    assert (dataset.levels, dataset.notes) == (Levels(), ())


def shuffled(values, seed):
    return np.random.default_rng(seed).permutation(values).reshape(8, 8).astype(np.int32)


def test_signed_files_have_the_range_of_their_data_set(tmp_path):
    for name, number in itertools.product(("a", "b"), range(4)):
        saved(tmp_path / "p" / name / f"{number}.tiff", shuffled(np.linspace(-1000, 3000, 64), ord(name) + 10 * number), "TIFF")
    dataset = prepare(tmp_path / "p", tmp_path / "cache")
    assert dataset.levels.deep_files == (-1400, 3400)  # with room for new files
    assert (pixels(dataset, 8).min(), pixels(dataset, 8).max()) == (round(400 / 4800 * 255), round(4400 / 4800 * 255))


def encoded(values, form, **options):
    out = io.BytesIO()
    Image.fromarray(values).save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_makes_a_file_unusable(tmp_path, value):
    root = folder(tmp_path / "p", 1.0, np.float32, "TIFF")
    values = np.full((16, 16), 0.5, np.float32)
    values[3, 3] = value
    saved(root / "a" / "bad.tiff", values, "TIFF")
    dataset = prepare(root, tmp_path / "cache")
    assert [(item.path, item.reason) for item in dataset.skipped] == [("a/bad.tiff", "the image holds values that are not finite (NaN or infinity)")]
    assert dataset.levels.float_files == (0, 1)


def test_a_few_hot_pixels_are_clipped_and_another_scale_is_refused():
    levels = Levels(deep_files=(0, 4095))
    hot = np.full((32, 32), 2000, np.uint16)
    hot[0, :5] = 65535
    assert open_image(encoded(hot, "PNG"), 32, 1, levels)[..., 0].max() == 255
    hot[0] = 65535
    with pytest.raises(DataError, match=r"within 2,000\.\.65,535, and 3% of them outside 0 to 4,095, the scale of the 16-bit files"):
        open_image(encoded(hot, "PNG"), 32, 1, levels)


def sixteen(values, samples, form):
    """16-bit colors, which Pillow cannot write: a PNG (gray with alpha, RGB, RGBA) or a TIFF (RGB), unpacked or deflated."""
    import struct
    import zlib

    height, width = values.shape[:2]
    if form == "PNG":
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

        def chunk(name, body):
            return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

        header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[samples], 0, 0, 0)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    order, packed = ("<", False) if form == "TIFF" else (">", form == "TIFF deflated")
    data = values.astype(f"{order}u2").tobytes()
    data = zlib.compress(data) if packed else data
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 0),
        (259, 3, 8 if packed else 1),
        (262, 3, 2),
        (273, 4, 0),
        (277, 3, 3),
        (278, 4, height),
        (279, 4, len(data)),
    ]
    at = 8 + 2 + 12 * len(tags) + 4
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    for tag, kind, value in tags:
        count, entry = (3, at) if tag == 258 else (1, at + 6 if tag == 273 else value)
        short = kind == 3 and count == 1
        head += struct.pack(f"{order}HHI", tag, kind, count) + (struct.pack(f"{order}HH", entry, 0) if short else struct.pack(f"{order}I", entry))
    return head + struct.pack(f"{order}IHHH", 0, 16, 16, 16) + data


@pytest.mark.parametrize("opaque", [4095, 65535])
@pytest.mark.parametrize(("form", "samples"), [("PNG", 2), ("PNG", 3), ("PNG", 4), ("TIFF", 3), ("TIFF big endian", 3), ("TIFF deflated", 3)])
def test_all_sixteen_bits_of_colors_are_read(form, samples, opaque):
    values = np.random.default_rng(0).integers(0, 4096, (16, 16, samples))
    values[0, 0, 0] = 4095
    colors = samples if samples == 3 else samples - 1
    if samples != 3:
        values[..., -1] = opaque
    content = sixteen(values, samples, form)
    span = span_of(content)
    assert (span.low, span.high) == (values[..., :colors].min(), 4095)
    image = open_image(content, 16, 3, Levels(deep_files=(0, 4095)))
    expected = np.rint(values[..., :colors] * 255 / 4095)
    assert np.array_equal(image, np.repeat(expected, 3 // colors, axis=2))


def test_a_picture_of_pillow_is_read_as_its_file(tmp_path):
    values = np.random.default_rng(0).integers(0, 4096, (16, 16))
    levels = Levels(deep_files=(0, 4095), float_files=(0, 4095))
    for kind, form in ((np.uint16, "PNG"), (np.int32, "TIFF"), (np.float32, "TIFF")):
        saved(tmp_path / "photo", values.astype(kind), form)
        with Image.open(tmp_path / "photo") as image:
            (batch,) = as_batches(image, 16, 1, 4, stored=16, levels=levels)
        assert np.array_equal(batch[0, ..., 0], np.rint(values * 255 / 4095))


def test_deep_files_that_pillow_opens_are_probed():
    for values, form in ((np.full((8, 8), 300, np.uint16), "PNG"), (np.full((8, 8), 300, np.int32), "TIFF"), (np.full((8, 8), 0.5, np.float32), "TIFF")):
        assert span_of(encoded(values, form)) is not None
    for form in ("PNG", "TIFF", "JPEG", "BMP", "GIF", "WEBP"):
        assert span_of(encoded(np.full((8, 8), 30, np.uint8), form)) is None
