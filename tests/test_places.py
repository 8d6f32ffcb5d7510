"""Names and paths that users, journals and moved folders bring along."""

import os
from pathlib import Path

import pytest
from sqlalchemy import make_url

from automl_cnn.config import study_config
from automl_cnn.errors import ConfigError, StoreError
from automl_cnn.places import after_move, is_study_name, sqlite_url, store_option

ODD = ["st?ore", "a%20b", "a#b", "x y", "[x]", "ü", "$HOME", "~x", "a+b&c=d", "quo'te\"s", "back\\slash", "new\nline", "a@b:c", "%%s", "100%"]


@pytest.mark.parametrize("name", ODD)
def test_an_sqlite_url_leads_back_to_its_path(name):
    path = Path("/somewhere") / name / "mlflow.db"
    url = sqlite_url(path)
    assert make_url(url).database == str(path)
    assert url.startswith("sqlite+pysqlite:") == (url != f"sqlite:///{path}"), "MLflow makes a folder named as the URL is spelled"


def test_a_plain_path_gives_the_url_that_everybody_knows():
    assert sqlite_url(Path("/home/me/automl-cnn-runs/mlflow.db")) == "sqlite:////home/me/automl-cnn-runs/mlflow.db"
    assert sqlite_url(Path("automl-cnn-runs/mlflow.db")) == "sqlite:///automl-cnn-runs/mlflow.db"


def test_a_path_that_no_url_can_name_is_refused():
    with pytest.raises(StoreError, match="valid UTF-8"):
        sqlite_url(Path(os.fsdecode(b"/caf\xe9/mlflow.db")))


@pytest.mark.parametrize("name", ["flowers", "my flowers", "größe", "a..b", "fr.2", "it's", "می\u200cخواهم"])
def test_these_can_name_a_study(name):
    assert is_study_name(name)


@pytest.mark.parametrize("name", ["", " ", ".", "..", "../x", "/x", "a/b", "a\\b", "c:d", ".hidden", "a\0b", "a\nb", "a\x1bb", "\udcff", "a\u2028b", "x" * 256])
def test_these_cannot(name):
    assert not is_study_name(name)


@pytest.mark.parametrize("name", ["", "  ", "\t"])
def test_a_store_without_a_name_is_refused(name):
    with pytest.raises(ConfigError, match="the name of the store is empty"):
        store_option(name)
    with pytest.raises(ConfigError, match="the name of the store is empty"):
        study_config({"data": Path("images"), "store": name})


def test_a_file_in_the_place_of_a_store_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "file/below", "link", "link/below"):
        with pytest.raises(ConfigError, match="not a folder"):
            store_option(tmp_path / name)
        with pytest.raises(ConfigError, match="not a folder"):
            study_config({"data": tmp_path, "store": tmp_path / name})
    with pytest.raises(ConfigError, match="cannot be a folder"):
        store_option(str(tmp_path / ("x" * 5000)))
    assert store_option(".") == Path()
    assert store_option(tmp_path / "not" / "yet") == tmp_path / "not" / "yet"


def test_what_lay_beside_a_store_is_looked_for_beside_it_again(tmp_path):
    before, now = tmp_path / "old" / "runs", tmp_path / "new" / "runs"
    images = tmp_path / "old" / "images"
    assert after_move(images, before, now) == images
    (tmp_path / "new" / "images").mkdir(parents=True)
    assert after_move(images, before, now) == tmp_path / "new" / "images"
    images.mkdir(parents=True)
    assert after_move(images, before, now) == images
