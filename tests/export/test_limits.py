"""What one request to a served model may ask for."""

import base64
import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from automl_cnn.data import decode, guard
from automl_cnn.errors import DataError
from automl_cnn.export import limits
from automl_cnn.export.inputs import as_batches, from_request


def text(side: int, form: str = "PNG") -> str:
    out = io.BytesIO()
    Image.new("RGB", (side, side)).save(out, form)
    return base64.b64encode(out.getvalue()).decode()


def test_too_many_images_or_too_much_text_is_refused_undecoded(monkeypatch):
    monkeypatch.setattr(limits, "IMAGES", 3)
    assert len(from_request([text(8)] * 3, paths=False)) == 3
    with pytest.raises(DataError, match=r"holds 4 images: expected at most 3\. Send them in several requests"):
        from_request([text(8)] * 4, paths=False)
    assert len(from_request([text(8)] * 4, paths=True)) == 4  # on one's own machine there is no request
    with pytest.raises(DataError, match="at most 3"):
        from_request([text(8)] * 4, paths=True, served=True)
    monkeypatch.setattr(limits, "CHARACTERS", 100)
    with pytest.raises(DataError, match="MB of images"):
        from_request(text(64), paths=False)


def test_pixels_are_counted_over_the_whole_request(monkeypatch):
    monkeypatch.setenv("AUTOML_CNN_MAX_PIXELS", "10k")
    assert len(from_request([text(100)] * 10, paths=False)) == 10
    with pytest.raises(DataError, match=r"more than 0\.1 million pixels to decode.*AUTOML_CNN_MAX_PIXELS"):
        from_request([text(100)] * 11, paths=False)
    assert len(from_request([text(100, "JPEG")] * 200, paths=False)) == 200  # an eighth of each side is decoded
    with pytest.raises(DataError, match=r"an image of .* bytes cannot be used: the image is too large"):
        list(as_batches(from_request([text(200)], paths=False), 8, 3, 4, stored=8))


def test_arrays_have_a_limit_too(monkeypatch):
    monkeypatch.setenv("AUTOML_CNN_MAX_PIXELS", "1000")
    for given in (np.zeros((2, 20, 30, 3)), [np.zeros((20, 30, 3)).tolist()]):
        with pytest.raises(DataError, match="numbers: expected at most 1,000"):
            from_request(given, paths=False)


def test_large_images_of_a_request_are_decoded_one_at_a_time(monkeypatch):
    """917 kB took 6.6 GB: images of many pixels, eight of them at once."""
    inside, most, lock, square = 0, 0, threading.Lock(), decode._square

    def counted(*arguments):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.02)
        with lock:
            inside -= 1
        return square(*arguments)

    monkeypatch.setattr(decode, "_square", counted)
    given = from_request([text(64), text(64, "WEBP"), text(64, "TIFF"), text(64, "BMP")] * 2, paths=False)
    list(as_batches(given, 8, 3, 64, stored=8))
    assert most > 1
    most = 0
    monkeypatch.setattr(guard, "LARGE", 1000)
    list(as_batches(given, 8, 3, 64, stored=8))
    assert most == 1
