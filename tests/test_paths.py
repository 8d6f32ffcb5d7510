import os
from pathlib import Path

import pytest

from automl_cnn import paths
from automl_cnn.config import study_config
from automl_cnn.errors import ConfigError

POSIX = pytest.mark.skipif(os.name == "nt", reason="paths are Unicode there")


@pytest.mark.parametrize("given", ["https://example.org/cat.jpg", "s3://bucket/cats", "ftp://host/x", "models:/flowers@champion", "HTTP://X/y"])
def test_an_address_is_no_path(given):
    for text in (given, Path(given)):
        with pytest.raises(ValueError, match="Download it first"):
            paths.read(text)


@pytest.mark.parametrize("given", ["photos", "C:/photos", "a:b", "https", "https:", "a b://c", "./https:/x"])
def test_what_only_looks_like_an_address_is_a_path(given):
    assert paths.read(given) == Path(given)


def test_a_folder_that_has_the_name_of_an_address_is_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "https:" / "example.org").mkdir(parents=True)
    assert paths.read("https://example.org") == Path("https:/example.org")


def test_a_file_address_is_a_path():
    assert paths.read("file:///home/a%20b") == paths.read(Path("file:///home/a%20b")) == Path("/home/a b")


@POSIX
def test_any_bytes_are_written_as_text_and_read_again():
    path = Path(os.fsdecode(b"/tmp/caf\xe9 x"))
    text = paths.written(path)
    text.encode("utf-8")
    assert text == "file:///tmp/caf%E9%20x"
    assert paths.read(text) == path
    assert paths.written(Path("photos/é")) == "photos/é"


@POSIX
def test_settings_with_such_a_path_are_json_and_come_back():
    config = study_config({"data": os.fsdecode(b"/tmp/caf\xe9"), "store": os.fsdecode(b"/tmp/st\xff")})
    assert study_config({"data": config.model_dump(mode="json")["data"]}).data == config.data
    assert '"file:///tmp/st%FF"' in config.model_dump_json()


def test_a_nul_or_an_address_is_a_config_error():
    for bad in ({"data": "a\0b"}, {"data": "x", "store": "https://example.org"}, {"data": "x", "plugins_dir": "a\0b"}):
        with pytest.raises(ConfigError):
            study_config(bad)
