import os
import socket

import pytest

from automl_cnn.data import regular
from automl_cnn.data.decode import open_image
from automl_cnn.data.decoded import look
from automl_cnn.errors import DataError


def test_a_regular_file_is_read_and_digested_a_chunk_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(regular, "CHUNK", 1000)
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)) * 20)
    with regular.opened(path, 10_000) as (file, size):
        assert size == 5120
        assert regular.digest_of_file(file) == regular.digest_of(path.read_bytes())
        assert file.read() == path.read_bytes()


@pytest.mark.skipif(os.name == "nt", reason="no pipes among files there")
def test_a_pipe_does_not_make_anybody_wait(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.jpg").symlink_to("pipe")
    assert look(tmp_path / "a.jpg").reason == "it is a pipe, not a regular file"
    with pytest.raises(DataError, match="it is a pipe"):
        open_image(tmp_path / "a.jpg", 8, 3)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such device")
def test_an_endless_device_is_not_read(tmp_path):
    (tmp_path / "a.png").symlink_to("/dev/zero")
    assert look(tmp_path / "a.png").reason == "it is a device, not a regular file"


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets among files there")
def test_folders_and_sockets_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.png")
        assert look(tmp_path / "s.png").reason == "it is a socket, not a regular file"
    assert look(tmp_path).reason == "it is a folder, not a regular file"


def test_a_sparse_file_of_gigabytes_is_refused_unread(tmp_path):
    path = tmp_path / "a.bmp"
    with path.open("wb") as file:
        file.write(b"BM")
        file.truncate(8 * 2**30)
    assert look(path).reason == "the file is too large: 8,590 MB, at most 640 MB are read"
    with pytest.raises(DataError, match="too large"):
        open_image(path, 8, 3)


def test_a_name_with_a_zero_byte_is_an_unreadable_file(tmp_path):
    assert "cannot be read" in look(tmp_path / "a\0.png").reason


def test_a_disk_that_fails_while_it_is_read_is_a_reason(tmp_path, monkeypatch):
    def fail(file):
        raise OSError(5, "Input/output error")

    (tmp_path / "a.png").write_bytes(b"x")
    monkeypatch.setattr(regular, "digest_of_file", fail)
    assert look(tmp_path / "a.png").reason == "the file cannot be read: Input/output error"
