"""Addresses are recognized, and their credentials are neither shown nor stored."""

import pickle
from pathlib import Path

import pytest

from automl_cnn import paths
from automl_cnn.config import study_config
from automl_cnn.data import set_name
from automl_cnn.errors import ConfigError
from automl_cnn.urls import Url, hidden, parse

SECRETS = {
    "https://me:pass@host/photos.zip": "https://host/photos.zip",
    "https://pass@host/photos.zip": "https://host/photos.zip",
    "https://host/photos.zip?X-Amz-Signature=pass&X-Amz-Date=1": "https://host/photos.zip",
    "https://host/photos.zip#pass": "https://host/photos.zip",
    "https://host?pass": "https://host",
    "ftp://me:pass@host:21/photos": "ftp://host:21/photos",
    "ftp://me:pa@pass@host/photos": "ftp://host/photos",
    "ftp://me:pa/pass@host/photos": "ftp://host/photos",
    "s3://key:pass@bucket/photos": "s3://bucket/photos",
    "abfs://photos@account/train?sig=pass&sv=1": "abfs://photos@account/train&sv=1",
    "abfs://photos@account/train?sv=1&sig=pass": "abfs://photos@account/train?sv=1",
}
PLAIN = [
    "s3://bucket/a:b@c/d",
    "sftp://me@host/photos",
    "ftp://host:21/a@b",
    "webdav://[::1]/a@b",
    "gs://bucket/a b?c=d/é",
    "hdfs:///photos",
    "local:///photos/x",
]


@pytest.mark.parametrize("given", SECRETS)
def test_credentials_stay_out_of_everything_that_is_kept(given):
    url = paths.location(given)
    assert (str(url), url.has_secret) == (SECRETS[given], True)
    assert "pass" in url.full
    config = study_config({"data": given})
    for text in (
        repr(url),
        str(url),
        repr(config),
        config.model_dump_json(),
        paths.stored(url),
        url.clean(f"GET {given} failed: pass is wrong"),
        hidden(given),
    ):
        assert "pass" not in text
    assert pickle.loads(pickle.dumps(url)).full == url.full
    assert study_config({"data": config.model_dump(mode="json")["data"]}).data == url


@pytest.mark.parametrize("given", PLAIN)
def test_what_holds_no_credentials_stays_as_it_is(given):
    url = paths.location(given)
    assert (str(url), url.full, url.has_secret) == (given, given, False)
    assert ":///" in given or paths.location(Path(given)) == url, "one slash of two is mended"


@pytest.mark.parametrize(("given", "text"), [("S3://Bucket/x/", "s3://Bucket/x"), ("memory:///x", "memory://x"), ("local://x/y", "local:///x/y")])
def test_one_place_has_one_name(given, text):
    assert str(parse(given)) == text


def test_paths_stay_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in ("photos", "C:/photos", "./s3://x", "s3:", "s3://"):
        assert paths.location(given) == Path(given)
    assert paths.location("file:///home/a%20b") == Path("/home/a b")
    (tmp_path / "s3:" / "bucket").mkdir(parents=True)
    assert paths.location("s3://bucket") == Path("s3:/bucket")
    with pytest.raises(ValueError, match="NUL"):
        paths.location("s3://a\0b")


def test_a_refused_setting_is_shown_without_its_credentials():
    for key, given in (("data", "zip://me:pass@host/x"), ("data", "simplecache::ftp://me:pass@host/x"), ("store", "https://me:pass@host/x")):
        with pytest.raises(ConfigError) as caught:
            study_config({"data": "x", key: given})
        assert "pass@" not in str(caught.value)
        assert "host/x" in str(caught.value)


def test_a_name_for_the_images():
    names = {"s3://bucket/flowers": "flowers", "s3://bucket/flowers/train": "flowers-train", "s3://data": "s3-data"}
    assert {url: set_name(Url(url, url)) for url in names} == names
    assert paths.named(Url("s3://bucket/flowers", "")) == "flowers"
