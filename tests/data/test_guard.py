"""Small files that would cost a lot, and large ones that do not."""

import io
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from automl_cnn.data import guard
from automl_cnn.data.decode import open_image, probe
from automl_cnn.data.decoded import look
from automl_cnn.errors import ConfigError, DataError

BIG = (8000, 6000)  # 48 million pixels


def saved(image, form, **options):
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def photo():
    return saved(Image.new("RGB", (1000, 800), (90, 120, 30)), "JPEG", quality=60)


def of_size(jpeg, width, height):
    """The same file with another size in its header."""
    at = jpeg.index(b"\xff\xc0") if b"\xff\xc0" in jpeg else jpeg.index(b"\xff\xc2")
    return jpeg[: at + 5] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + jpeg[at + 9 :]


def png_header(width, height, depth=8, color=2):
    head = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, color, 0, 0, 0])
    data = b"IDAT" + zlib.compress(bytes(100))
    chunks = [len(chunk[4:]).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big") for chunk in (head, data, b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


HUGE = {
    "png": png_header(*BIG),
    "png of 16 bits": png_header(*BIG, 16, 0),
    "png of any size": png_header(2**31 - 1, 2**31 - 1),
    "gif": b"GIF89a" + (8000).to_bytes(2, "little") * 2 + bytes([0xF0, 0, 0]) + bytes(6) + b"," + bytes(9) + b"\x02\x02\x44\x01\x00;",
    "bmp": b"BM" + bytes(8) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little") + (8000).to_bytes(4, "little") * 2 + b"\x01\0\x18\0" + bytes(24),
    "webp": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(4) + (7999).to_bytes(3, "little") * 2,
    "webp, lossy": b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\x30\x01\0\x9d\x01\x2a" + (8000).to_bytes(2, "little") * 2,
    "webp, lossless": b"RIFF\x16\0\0\0WEBPVP8L\x0a\0\0\0\x2f" + (7999 | 7999 << 14).to_bytes(4, "little") + bytes(5),
    "tiff of floats": saved(Image.new("F", (4, 4)), "TIFF")
    .replace(b"\x00\x01\x04\x00\x01\x00\x00\x00\x04\x00", b"\x00\x01\x04\x00\x01\x00\x00\x00\xff\xff")
    .replace(b"\x01\x01\x04\x00\x01\x00\x00\x00\x04\x00", b"\x01\x01\x04\x00\x01\x00\x00\x00\xff\xff"),
}


@pytest.mark.parametrize("name", HUGE)
def test_too_many_pixels_are_refused_from_the_header(name, monkeypatch, tmp_path):
    monkeypatch.setattr(Image.core, "new", lambda *_: pytest.fail("memory was taken"))
    with pytest.raises(DataError, match=r"the image is too large: .* million pixels, at most 40 million are decoded; .*--max-pixels"):
        open_image(HUGE[name], 64, 3)
    (tmp_path / "a.img").write_bytes(HUGE[name])
    assert "too large" in look(tmp_path / "a.img").reason


def test_a_bomb_is_refused():
    with pytest.raises(DataError, match="20000x20000 are 400 million pixels"):
        open_image(saved(Image.new("1", (20000, 20000)), "PNG"), 32, 3)


def test_the_limit_can_be_set_lower_and_higher(monkeypatch):
    content = saved(Image.new("L", (100, 50)), "PNG")
    assert open_image(content, 8, 1, max_pixels=5000).shape == (8, 8, 1)
    with pytest.raises(DataError, match=r"100x50 are 0\.005 million pixels, at most 0\.004 million"):
        open_image(content, 8, 1, max_pixels=4000)
    monkeypatch.setenv(guard.VARIABLE, "4k")
    with pytest.raises(DataError, match="too large"):
        open_image(content, 8, 1)
    assert open_image(content, 8, 1, max_pixels=5000).shape == (8, 8, 1)  # what is passed counts more
    monkeypatch.setenv(guard.VARIABLE, "many")
    with pytest.raises(ConfigError, match="AUTOML_CNN_MAX_PIXELS, is not a number of pixels"):
        open_image(content, 8, 1)
    monkeypatch.setenv(guard.VARIABLE, "200M")
    assert probe(png_header(15000, 13000)) == (13000, False)


def test_a_large_jpeg_is_read_where_an_eighth_of_it_suffices(photo):
    content = saved(Image.new("L", (16000, 12000), 80), "JPEG")  # 192 million pixels
    assert np.abs(open_image(content, 64, 1).astype(int) - 80).max() <= 1
    with pytest.raises(DataError, match="too large"):
        open_image(content, 12000, 1)  # no smaller scale would do
    with pytest.raises(DataError, match="65500x65500 are 4,290 million pixels, at most 640 million"):
        open_image(of_size(photo, 65500, 65500), 8, 3)


def test_a_jpeg_in_several_scans_keeps_its_coefficients_at_full_size():
    progressive = saved(Image.new("RGB", (640, 480)), "JPEG", progressive=True, subsampling=0)
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(progressive))
    assert guard.cost(image, 64, progressive, 10**6) > 640 * 480 * 6
    with pytest.raises(DataError, match=r"in several scans of 0\.307 million pixels takes 2 MB to decode, at most 1 MB"):
        guard.cost(image, 8, progressive, 50_000)
    baseline = saved(Image.new("RGB", (640, 480)), "JPEG")
    assert guard.cost(JpegImagePlugin.JpegImageFile(io.BytesIO(baseline)), 8, baseline, 50_000) < 200_000


def test_thousands_of_scans_are_refused():
    content = saved(Image.new("RGB", (64, 64), (90, 120, 30)), "JPEG", progressive=True)
    at, end = content.rindex(b"\xff\xda"), content.rindex(b"\xff\xd9")
    many = content[:end] + content[at:end] * 20_000 + content[end:]
    with pytest.raises(DataError, match="a JPEG of 1,001 scans"):
        open_image(many, 8, 3)
    assert open_image(content[:end] + content[at:end] * 50 + content[end:], 8, 3).shape == (8, 8, 3)
    assert open_image(content + b"\xff\xda\0\x02" * 2000, 8, 3).shape == (8, 8, 3)  # what comes after the image does not count


def test_large_images_wait_for_each_other(monkeypatch):
    monkeypatch.setattr(guard, "LARGE", 1000)
    inside, most, lock = 0, 0, threading.Lock()

    def decode(size):
        nonlocal inside, most
        with guard.turn(size):
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.01)
            with lock:
                inside -= 1

    for size, expected in ((1000, 1), (999, 4)):
        most, gate = 0, threading.Barrier(4)
        threads = [threading.Thread(target=lambda size=size, gate=gate: (gate.wait(), decode(size))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (most == 1) == (expected == 1)


def tiff(*entries):
    body = b"".join(
        tag.to_bytes(2, "little") + kind.to_bytes(2, "little") + count.to_bytes(4, "little") + value.to_bytes(4, "little")
        for tag, kind, count, value in entries
    )
    return b"II*\0\x08\0\0\0" + len(entries).to_bytes(2, "little") + body + bytes(4) + bytes(2000)


SMALL = ((256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1))


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        (((273, 4, 2**31, 100), (278, 4, 1, 1)), "in 2,147,483,648 strips"),
        (((322, 4, 1, 2**31), (323, 4, 1, 2**31), (324, 4, 1, 8)), "a tile of the TIFF has 2147483648x2147483648 pixels"),
        (((273, 4, 1, 100), (320, 3, 4_000_000, 100)), "4,000,00. numbers in its tags"),
    ],
)
def test_tiffs_of_absurd_tags(entries, reason):
    with pytest.raises(DataError, match=reason):
        open_image(tiff(*SMALL, *entries), 8, 3)


def test_a_tiff_directory_outside_the_file_is_damage():
    with pytest.raises(DataError, match="TIFF directory cannot be read"):
        open_image(b"II*\0\xff\xff\xff\x7f" + bytes(100), 8, 3)
