"""Files of more bands than gray or color, as surveys and satellites make them."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from automl_cnn.data import prepare
from automl_cnn.data.decode import open_image, probe, read_image
from automl_cnn.errors import DataError

RGB = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
INFRARED = np.random.default_rng(1).integers(0, 256, (16, 16, 1), np.uint8)
MASK = np.where(np.arange(16)[:, None, None] < 4, 0, np.full((16, 16, 1), 255)).astype(np.uint8)


def tiff(bands, extra, order="<", big=False, photometric=2, kind=1):
    """An uncompressed TIFF of (h, w, n) values; `extra` is what the tag says of the bands after the colors, None for no tag."""
    height, width, count = bands.shape
    bits = bands.dtype.itemsize * 8
    data = bands.astype(bands.dtype.newbyteorder(order)).tobytes()
    tags = {256: [width], 257: [height], 258: [bits] * count, 259: [1], 262: [photometric], 273: [0], 277: [count], 278: [height], 279: [len(data)], 284: [1]}
    tags |= {338: list(extra)} if extra is not None else {}
    tags |= {339: [kind] * count} if kind != 1 else {}
    word, room, form = ("Q", 8, "HHQ") if big else ("I", 4, "HHI")
    start = 16 if big else 8
    directory = start + (8 if big else 2) + len(tags) * (20 if big else 12) + room
    tail = b"".join(struct.pack(f"{order}{len(values)}H", *values).ljust(16, b"\0") for values in tags.values())
    entries = b""
    for number, (tag, values) in enumerate(sorted(tags.items())):
        long = tag in (273, 279)
        raw = struct.pack(f"{order}{len(values)}{'I' if long else 'H'}", *([directory + len(tail)] if tag == 273 else values))
        value = raw.ljust(room, b"\0") if len(raw) <= room else struct.pack(f"{order}{word}", directory + 16 * number)
        entries += struct.pack(f"{order}{form}", tag, 4 if long else 3, len(values)) + value
    head = (b"II" if order == "<" else b"MM") + (struct.pack(f"{order}HHHQ", 43, 8, 0, 16) if big else struct.pack(f"{order}HI", 42, 8))
    tail = b"".join(struct.pack(f"{order}{len(values)}H", *(value & 0xFFFF for value in values)).ljust(16, b"\0") for _, values in sorted(tags.items()))
    return head + struct.pack(f"{order}{'Q' if big else 'H'}", len(tags)) + entries + bytes(room) + tail + data


def joined(*bands):
    return np.concatenate(bands, axis=2)


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)], ids=["little", "big-endian", "bigtiff"])
@pytest.mark.parametrize(
    ("bands", "extra"),
    [
        ((RGB, INFRARED), [2]),
        ((RGB, INFRARED), [1]),
        ((RGB, INFRARED), [0]),
        ((RGB, INFRARED), None),
        ((RGB, INFRARED, INFRARED), [0, 0]),
        ((RGB, INFRARED, INFRARED), [2, 0]),
        ((RGB, INFRARED, INFRARED), [0, 2]),
        ((RGB, INFRARED, INFRARED), None),
        ((RGB, INFRARED, MASK, INFRARED), [1, 2, 2]),
        ((RGB, np.zeros_like(INFRARED)), [2]),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else str(value),
)
def test_bands_that_are_no_opacity_are_left_out_whatever_their_tag_says(bands, extra, order, big):
    image, used = read_image(tiff(joined(*bands), extra, order, big), 16, 3)
    assert np.array_equal(image, RGB)
    assert used == 3
    assert probe(tiff(joined(*bands), extra, order, big)) == (16, False)


def test_sixteen_bits_with_infrared_tagged_as_opacity():
    content = tiff(joined(RGB, INFRARED).astype(np.uint16) * 257, [2])
    image, used = read_image(content, 16, 3)
    assert np.array_equal(image, RGB)
    assert used == 3


def test_plain_opacity_lies_on_white():
    image, used = read_image(tiff(joined(RGB, MASK), [2]), 16, 3)
    assert np.array_equal(image, np.where(MASK == 255, RGB, 255))
    assert used == 0
    assert read_image(tiff(joined(RGB, MASK, INFRARED), [2, 0]), 16, 3)[1] == 3


def test_gray_with_a_second_band():
    gray = RGB[..., :1]
    for extra in ([0], [2], [1]):
        image, used = read_image(tiff(joined(gray, INFRARED), extra, photometric=1), 16, 1)
        assert np.array_equal(image, gray)
        assert used == 1
    image, used = read_image(tiff(joined(gray, MASK), [2], photometric=1), 16, 1)
    assert np.array_equal(image, np.where(MASK == 255, gray, 255))
    assert used == 0


def test_compressed_files_of_other_programs():
    for compression in ("tiff_lzw", "tiff_deflate"):
        out = io.BytesIO()
        Image.fromarray(joined(RGB, INFRARED)).save(out, "TIFF", compression=compression)
        assert np.array_equal(open_image(out.getvalue(), 16, 3), RGB)


def test_opacity_of_other_formats_is_believed():
    out = io.BytesIO()
    Image.fromarray(joined(RGB, np.full_like(INFRARED, 128))).save(out, "PNG")
    assert np.abs(open_image(out.getvalue(), 16, 3).astype(int) - (RGB.astype(int) + 255) // 2).max() <= 2


@pytest.mark.parametrize(
    ("bands", "kind", "reason"),
    [
        (np.zeros((8, 8, 8), np.uint8), 1, "8 bands of 8 bits .whole numbers."),
        (np.zeros((8, 8, 5), np.uint16), 1, "5 bands of 16 bits"),
        (np.zeros((8, 8, 3), np.float32), 3, "3 bands of 32 bits .floating point."),
    ],
)
def test_what_cannot_be_decoded_says_what_it_is(bands, kind, reason):
    content = tiff(bands, [0] * (bands.shape[2] - 3) or None, kind=kind)
    with pytest.raises(DataError, match=f"this kind of TIFF cannot be decoded: {reason}.*save it as"):
        open_image(content, 8, 3)


def test_a_big_endian_bigtiff_says_what_it_is():
    with pytest.raises(DataError, match="big-endian BigTIFF cannot be decoded"):
        open_image(tiff(RGB, None, ">", big=True), 16, 3)


def test_one_note_counts_the_files(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(6):
            noise = np.random.default_rng(number + 10 * (name == "b")).integers(0, 256, (16, 16, 4), np.uint8)
            (tmp_path / "data" / name / f"{number}.tif").write_bytes(tiff(noise, [2]))
    first = prepare(tmp_path / "data", tmp_path / "cache")
    assert first.notes == ("12 files have more than three bands (such as 'a/0.tif'): only the first three are used.",)
    assert prepare(tmp_path / "data", tmp_path / "cache").notes == first.notes  # from the cache too
