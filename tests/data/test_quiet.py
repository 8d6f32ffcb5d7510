"""Lines of image libraries name no file: they must not reach the user."""

import io
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from automl_cnn.data import quiet
from automl_cnn.data.decode import open_image, probe
from automl_cnn.errors import DataError


def damaged(compression, mode="RGB"):
    """A TIFF whose compressed data are wrong in places; Pillow gets pixels out of some of these all the same."""
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).convert(mode).save(out, "TIFF", compression=compression)
    content = bytearray(out.getvalue())
    for at in [*range(30, 60), *range(200, 260, 3)]:
        content[at] ^= 0x5A
    return bytes(content)


@pytest.mark.skipif(quiet._handler() is None, reason="this Pillow keeps libtiff to itself")
@pytest.mark.parametrize(("compression", "mode"), [("tiff_lzw", "RGB"), ("tiff_deflate", "RGB"), ("jpeg", "RGB"), ("group4", "1")])
def test_libtiff_prints_nothing_and_its_complaint_is_the_reason(compression, mode, capfd):
    with pytest.raises(DataError, match="damaged or cut short: its TIFF data cannot be decoded in full"):
        open_image(damaged(compression, mode), 8, 3)
    assert capfd.readouterr() == ("", "")


def test_a_damaged_file_has_the_same_reason_as_its_bytes(tmp_path):
    (tmp_path / "a.tif").write_bytes(damaged("tiff_lzw"))
    with pytest.raises(DataError, match="damaged or cut short"):
        open_image(tmp_path / "a.tif", 8, 3)


def test_threads_that_begin_at_once_set_one_handler(monkeypatch):
    """The loser's handler would be freed, and called by libtiff all the same."""
    made = []

    def slow():
        made.append(object())
        time.sleep(0.05)
        return made[-1]

    monkeypatch.setattr(quiet, "_kept", [])
    monkeypatch.setattr(quiet, "_set", slow)
    gate = threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        handlers = list(pool.map(lambda _: (gate.wait(), quiet._handler())[1], range(8)))
    assert len(made) == 1
    assert set(handlers) == set(made)


def test_an_image_that_is_whole_is_no_complaint(capfd):
    out = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(out, "TIFF", compression="tiff_lzw")
    assert open_image(out.getvalue(), 8, 3).shape == (8, 8, 3)
    assert capfd.readouterr() == ("", "")


def test_pillow_warns_and_logs_nothing(capfd, monkeypatch):
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(20))
    odd = b"II*\0\x08\0\0\0\x04\0" + b"".join(
        tag.to_bytes(2, "little") + b"\x03\0\x01\0\0\0" + value.to_bytes(4, "little") for tag, value in ((256, 9), (257, 9), (258, 8), (277, 900))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        open_image(out.getvalue(), 8, 3)
        with pytest.raises(DataError, match="900 bands"):
            probe(odd + bytes(200))
    assert capfd.readouterr() == ("", "")
