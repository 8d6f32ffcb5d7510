"""Formats beside the common ones: AVIF, and HEIC where its decoder is installed."""

import io

import numpy as np
import pytest
from PIL import Image

from automl_cnn.data import kinds, open_image, scan
from automl_cnn.data.decode import header_of
from automl_cnn.errors import DataError


def quarters(side=32):
    image = np.zeros((side, side, 3), np.uint8)
    image[: side // 2, : side // 2, 0] = image[side // 2 :, side // 2 :, 2] = 220
    return image


def avif(image, **options):
    out = io.BytesIO()
    Image.fromarray(image).save(out, "AVIF", quality=95, speed=10, **options)
    return out.getvalue()


needs_avif = pytest.mark.skipif(not kinds.AVIF, reason="this build of Pillow has no AVIF decoder")


@needs_avif
def test_avif_is_read_as_any_other_format(tmp_path):
    pixels = open_image(avif(quarters()), 32, 3)
    assert np.abs(pixels.astype(int) - quarters()).mean() < 8
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.avif").write_bytes(avif(quarters()))
    assert [path for path, _, _ in scan(tmp_path).files] == ["a/1.avif", "b/1.avif"]


@needs_avif
def test_avif_is_turned_upright_and_its_header_is_read(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = open_image(avif(np.ascontiguousarray(np.rot90(quarters())), exif=exif), 32, 3)
    assert np.abs(turned.astype(int) - quarters()).mean() < 12
    header = header_of(avif(quarters()))
    assert (header.width, header.height, header.format, header.gray) == (32, 32, "AVIF", False)


def test_what_a_file_says_stays_in_one_line(monkeypatch):
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x0110] = "a \x1b[31mcamera\n" + "x" * 100
    Image.fromarray(quarters()).save(out, "JPEG", exif=exif)
    camera = header_of(out.getvalue()).camera
    assert camera.startswith("a \\x1b[31mcamera xx")
    assert len(camera) == 64

    def broken(file, pixels):
        raise ValueError("could not parse 'aux\x03'\nat all")

    monkeypatch.setattr("automl_cnn.data.formats.opened", broken)
    with pytest.raises(DataError, match=r"cut short: could not parse 'aux\\x03' at all$"):
        open_image(out.getvalue(), 32, 3)


@needs_avif
@pytest.mark.parametrize("cut", [20, 60, 200])
def test_a_damaged_avif_is_one_sentence(cut):
    with pytest.raises(DataError):
        open_image(avif(quarters(64))[:cut], 32, 3)


@needs_avif
def test_a_large_avif_is_refused():
    with pytest.raises(DataError, match="too large"):
        open_image(avif(quarters(64)), 32, 3, max_pixels=1000)


@pytest.mark.skipif(kinds.HEIF, reason="pillow-heif is installed")
def test_without_its_decoder_heic_is_named_with_what_to_do():
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    with pytest.raises(DataError, match="pip install pillow-heif"):
        open_image(content, 32, 3)
