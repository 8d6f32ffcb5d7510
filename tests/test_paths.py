import os
from pathlib import Path

import pytest

from automl_cnn import paths, registry
from automl_cnn.cli import predict
from automl_cnn.cli.given import Given
from automl_cnn.config import study_config
from automl_cnn.data import scan
from automl_cnn.errors import AutomlCnnError, ConfigError
from automl_cnn.export import bundle
from automl_cnn.store import Store

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


@pytest.mark.parametrize(("path", "reason"), [("x" * 5000, "too long"), ("loop", "leads to itself"), ("a\0b", "NUL")])
@pytest.mark.parametrize(
    "use",
    [
        registry.load,
        lambda given: bundle.resolve(given, Store(Path("store"))),
        lambda given: predict.classifier_of(str(given), Path("store")),
        lambda given: predict.find(Given((given,)), Path("cache")),
        scan,
    ],
    ids=["plugins_dir", "resolve", "model", "images", "data"],
)
def test_a_path_that_can_be_nothing_is_one_sentence_wherever_it_is_given(tmp_path, monkeypatch, path, reason, use):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(AutomlCnnError, match=reason) as caught:
        use(Path(path))
    assert len(str(caught.value)) < 600


def test_paths_that_may_come_into_being_are_usable(tmp_path):
    assert paths.unusable(tmp_path) is None
    assert paths.unusable(tmp_path / "new" / "folder") is None
    assert paths.unusable("photo.jpg/inner") is None
