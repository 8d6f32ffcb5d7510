import io

import numpy as np
import pytest
from PIL import Image

from automl_cnn.data.decode import as_uint8, open_image, probe, resize_array
from automl_cnn.data.levels import Levels
from automl_cnn.errors import DataError


def quarters(size=16):
    """Red, green / blue, yellow: no two corners alike, so that every turn and mirror shows."""
    image = np.zeros((size, size, 3), np.uint8)
    half = size // 2
    image[:half, :half] = 255, 0, 0
    image[:half, half:] = 0, 255, 0
    image[half:, :half] = 0, 0, 255
    image[half:, half:] = 255, 255, 0
    return image


def encoded(image, form="PNG", **options):
    out = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(out, form, **options)
    return out.getvalue()


def close(decoded, expected, tolerance=8):
    assert decoded.shape == expected.shape
    assert np.abs(decoded.astype(int) - expected.astype(int)).max() <= tolerance


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "GIF"])
def test_lossless_formats_give_the_exact_pixels(form):
    assert np.array_equal(open_image(encoded(quarters(), form), 16, 3), quarters())


@pytest.mark.parametrize(("form", "options"), [("JPEG", {"quality": 95, "subsampling": 0}), ("WEBP", {"quality": 95})])
def test_lossy_formats_give_nearly_the_pixels(form, options):
    decoded = open_image(encoded(quarters(64), form, **options), 64, 3)
    close(decoded[[8, 8, 56, 56], [8, 56, 8, 56]], quarters(64)[[8, 8, 56, 56], [8, 56, 8, 56]], 12)


def test_a_path_reads_as_its_bytes_whatever_the_suffix_says(tmp_path):
    path = tmp_path / "really a png.jpg"
    path.write_bytes(encoded(quarters()))
    assert np.array_equal(open_image(path, 16, 3), quarters())


def test_large_jpeg_through_draft_mode_is_the_antialiased_image():
    decoded = open_image(encoded(quarters(1024), "JPEG", quality=95), 32, 3)
    close(decoded[[4, 4, 28, 28], [4, 28, 4, 28]], quarters(32)[[4, 4, 28, 28], [4, 28, 4, 28]], 6)


def test_shrinking_averages_instead_of_skipping_pixels():
    board = np.indices((64, 64)).sum(0) % 2 * 255
    close(open_image(encoded(board.astype(np.uint8)), 8, 1), np.full((8, 8, 1), 127, np.uint8), 3)


def test_an_oblong_image_is_squashed_whole():
    wide = np.concatenate([quarters(16), quarters(16)], axis=1)
    decoded = open_image(encoded(wide), 16, 3)
    close(decoded[[2, 2, 13, 13], [1, 14, 1, 14]], np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], np.uint8), 40)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_every_exif_orientation_comes_out_upright(orientation, form):
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }[orientation](quarters(32))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95, "subsampling": 0} if form == "JPEG" else {}
    decoded = open_image(encoded(np.ascontiguousarray(stored), form, exif=exif, **options), 32, 3)
    close(decoded[[4, 4, 28, 28], [4, 28, 4, 28]], quarters(32)[[4, 4, 28, 28], [4, 28, 4, 28]], 12)


def test_damaged_exif_does_not_cost_the_image():
    assert np.array_equal(open_image(encoded(quarters(), exif=b"Exif\0\0MM nonsense"), 16, 3), quarters())


def test_modes_become_gray_or_rgb_with_the_right_values():
    gray = np.full((8, 8), 100, np.uint8)
    assert np.array_equal(open_image(encoded(gray), 8, 1), np.full((8, 8, 1), 100))
    assert np.array_equal(open_image(encoded(gray), 8, 3), np.full((8, 8, 3), 100))
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    assert np.array_equal(open_image(encoded(red), 8, 1), np.full((8, 8, 1), 76))  # 0.299 of 255
    bits = np.zeros((8, 8), bool)
    bits[:, 4:] = True
    assert np.array_equal(open_image(encoded(Image.fromarray(bits)), 8, 1)[..., 0], bits * 255)
    assert np.array_equal(open_image(encoded(Image.fromarray(quarters()).quantize(4)), 16, 3), quarters())


def test_transparency_lies_on_white():
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:, :4] = 200, 10, 10, 255  # what is opaque stays; the rest is transparent black
    expected = np.full((8, 8, 3), 255, np.uint8)
    expected[:, :4] = 200, 10, 10
    assert np.array_equal(open_image(encoded(rgba), 8, 3), expected)
    half = np.full((8, 8, 4), 128, np.uint8)
    half[..., :3] = 0
    close(open_image(encoded(half), 8, 3), np.full((8, 8, 3), 127, np.uint8), 1)
    la = np.zeros((8, 8, 2), np.uint8)
    la[..., 0], la[:, :4, 1] = 50, 255
    assert np.array_equal(open_image(encoded(Image.fromarray(la, "LA")), 8, 1)[..., 0], np.where(la[..., 1], 50, 255))


def test_palette_with_transparency_lies_on_white():
    indexed = Image.new("P", (8, 8), 1)
    indexed.putpalette([0, 0, 0, 10, 200, 10])
    indexed.paste(0, (0, 0, 4, 8))
    expected = np.full((8, 8, 3), 255, np.uint8)
    expected[:, 4:] = 10, 200, 10
    for form in ("PNG", "GIF"):
        assert np.array_equal(open_image(encoded(indexed, form, transparency=0), 8, 3), expected)


def test_cmyk():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    for form in ("TIFF", "JPEG"):
        close(open_image(encoded(image, form), 16, 3), np.full((16, 16, 3), (255, 0, 0), np.uint8), 6)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_range(form):
    ramp = np.repeat(np.array([[0, 257 * 100, 257 * 200, 65535]], np.uint16), 4, axis=0)
    assert open_image(encoded(ramp, form), 4, 1)[0, :, 0].tolist() == [0, 100, 200, 255]


def test_floats_are_read_at_the_levels_of_their_data_set():
    row = np.array([[0, 0.2, 0.6, 1]], np.float32)
    for factor, offset in ((1, 0), (255, 0), (5000, -700)):
        image = np.repeat(row * factor + offset, 4, axis=0)
        levels = Levels(float_files=(offset, offset + factor))
        assert open_image(encoded(image, "TIFF"), 4, 1, levels)[0, :, 0].tolist() == [0, 51, 153, 255]


def test_the_first_frame_of_an_animation():
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    for form, options in (("GIF", {}), ("WEBP", {"lossless": True})):
        decoded = open_image(encoded(frames[0], form, save_all=True, append_images=frames[1:], **options), 8, 3)
        assert np.array_equal(decoded, np.full((8, 8, 3), (255, 0, 0)))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"empty \(0 bytes\)"),
        (b"hello, I am a text", "not a JPEG, PNG"),
        (encoded(quarters(64))[:-40], "damaged or cut short"),
        (encoded(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8), "JPEG")[:1500], "damaged or cut short"),
        (encoded(quarters(64))[:30], "damaged or cut short|not a JPEG"),
        (encoded(np.zeros((3, 40), np.uint8)), "too small: 40x3 px"),
        (encoded(Image.new("RGB", (8, 8)), "PCX"), "not a JPEG, PNG"),
    ],
    ids=["empty", "text", "cut png", "cut jpeg", "header only", "three pixels high", "other format"],
)
def test_bad_files_say_why(content, reason):
    with pytest.raises(DataError, match=reason):
        open_image(content, 16, 3)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(DataError, match="cannot be read: No such file"):
        open_image(tmp_path / "none.png", 16, 3)


def test_probe_tells_size_and_color():
    assert probe(encoded(np.zeros((20, 30), np.uint8))) == (20, True)
    assert probe(encoded(np.zeros((30, 20, 3), np.uint8))) == (20, False)
    assert probe(encoded(Image.fromarray(quarters()).quantize(4))) == (16, False)
    assert probe(encoded(Image.new("P", (9, 9)), "PNG"))[0] == 9
    gray = Image.new("P", (9, 9))
    gray.putpalette([value for level in range(256) for value in (level,) * 3])
    assert probe(encoded(gray)) == (9, True)


def test_resize_array():
    batch = np.stack([quarters(16), 255 - quarters(16)])
    assert np.array_equal(resize_array(batch, 16), batch)
    small = resize_array(batch, 8)
    close(small[:, [1, 1, 6, 6], [1, 6, 1, 6]], np.stack([quarters(8), 255 - quarters(8)])[:, [1, 1, 6, 6], [1, 6, 1, 6]], 1)
    assert resize_array(batch[..., :1], 32).shape == (2, 32, 32, 1)
    assert resize_array(batch[:, :, :12], 8).shape == (2, 8, 8, 3)


def test_as_uint8_understands_the_usual_arrays():
    bytes_ = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4) * 8
    assert np.array_equal(as_uint8(bytes_)[..., 0], bytes_)
    assert np.array_equal(as_uint8(bytes_ / 255)[..., 0], bytes_)
    assert np.array_equal(as_uint8(bytes_.astype(np.float32), Levels(float_arrays=(0, 255)))[..., 0], bytes_)
    assert np.array_equal(as_uint8(bytes_.astype(np.int64))[..., 0], bytes_)
    assert np.array_equal(as_uint8(bytes_ > 9)[..., 0], (bytes_ > 9) * 255)
    clear = np.zeros((1, 4, 4, 4), np.uint8)
    assert np.array_equal(as_uint8(clear), np.full((1, 4, 4, 3), 255))


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (np.zeros((5, 64)), "shape"),
        (np.zeros((5, 8, 8, 2)), "channels"),
        (np.zeros((5, 3, 8)), "at least 4 px"),
        (np.full((1, 4, 4), np.nan), "not finite"),
        (np.full((1, 4, 4), -0.5), "Rescale"),
        (np.full((1, 4, 4), 256), "Rescale"),
        (np.full((1, 4, 4), "a"), "type"),
    ],
)
def test_as_uint8_refuses_what_it_cannot_understand(images, reason):
    with pytest.raises(DataError, match=reason):
        as_uint8(images)
