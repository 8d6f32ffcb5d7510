"""Every kind of input is searched end to end, and can be decoded again from what the study keeps."""

import csv
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
from session_fakes import FakeWorker, pictures, search

from automl_cnn import api
from automl_cnn.config import study_config
from automl_cnn.data import Dataset
from automl_cnn.errors import ConfigError, DataError
from automl_cnn.store import Store
from automl_cnn.study import session
from automl_cnn.study.stored.images import images_of


def folder(place):
    return pictures(place / "images")


def table(place):
    pictures(place / "images")
    rows = [{"file": f"images/{path.parent.name}/{path.name}", "species": path.parent.name} for path in sorted((place / "images").rglob("*.png"))]
    pd.DataFrame(rows).to_csv(place / "pets.csv", index=False)
    return place / "pets.csv"


def parquet(place):
    pictures(place / "images")
    rows = [{"image": {"bytes": path.read_bytes(), "path": path.name}, "label": path.parent.name} for path in sorted((place / "images").rglob("*.png"))]
    pd.DataFrame(rows).to_parquet(place / "pets.parquet")
    shutil.rmtree(place / "images")
    return place / "pets.parquet"


def archive(place):
    pictures(place / "images")
    with zipfile.ZipFile(place / "pets.zip", "w") as out:
        for path in sorted((place / "images").rglob("*.png")):
            out.write(path, f"pets/{path.parent.name}/{path.name}")
    shutil.rmtree(place / "images")
    return place / "pets.zip"


def hugging_face(place):
    images = pictures(place / "images")
    rows = []
    for number, path in enumerate(sorted(images.rglob("*.png"))):
        path.rename(images / f"{number}.png")
        rows.append({"file_name": f"{number}.png", "label": path.parent.name})
    pd.DataFrame(rows).to_csv(images / "metadata.csv", index=False)
    return images


@pytest.mark.parametrize(
    ("kind", "columns"),
    [(folder, None), (table, "label=species"), (parquet, None), (archive, None), (hugging_face, None)],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_an_input_is_searched_and_can_be_decoded_again(tmp_path, monkeypatch, kind, columns):
    result, _, _ = search(tmp_path, monkeypatch, data=kind(tmp_path), columns=columns)
    assert result.trials == 3
    study = Store(tmp_path / "store").study("s")
    assert len(list(csv.DictReader(study.splits.open()))) == 40
    for stored in (tmp_path / "store" / "cache").glob("*.npy"):
        stored.unlink()
    again = images_of(study)
    assert len(again) == 40
    assert again.classes == ("a", "b")


def test_labels_that_were_changed_stay_changed(tmp_path, monkeypatch):
    data = folder(tmp_path)
    (tmp_path / "fix.csv").write_text("action,path,label\nrelabel,a/0.png,b\nexclude,a/2.png,\n")
    search(tmp_path, monkeypatch, data=data, labels=tmp_path / "fix.csv")
    study = Store(tmp_path / "store").study("s")
    assert "fix.csv changed the labels of 1 image and left 1 image out." in Dataset.load(study.manifest).notes
    for stored in (tmp_path / "store" / "cache").glob("*.npy"):
        stored.unlink()
    again = images_of(study)
    assert len(again) == 39
    assert again.labels[again.paths.index("a/0.png")] == 1


def test_groups_make_another_study(tmp_path, monkeypatch):
    data = folder(tmp_path)
    search(tmp_path, monkeypatch, data=data)
    with pytest.raises(ConfigError, match="group_by was None"):
        search(tmp_path, monkeypatch, data=data, group_by=r"/(\d)")


def test_groups_stay_on_one_side_in_a_search(tmp_path, monkeypatch):
    search(tmp_path, monkeypatch, data=folder(tmp_path), group_by=r"/(\d)")
    rows = list(csv.DictReader(Store(tmp_path / "store").study("s").splits.open()))
    sides = {}
    for row in rows:
        sides.setdefault(row["path"].split("/")[1][0], set()).add(row["split"])
    assert all(len(side) == 1 for side in sides.values())


@pytest.mark.parametrize(
    ("settings", "words"), [({"columns": "path=x"}, "names the columns of a table"), ({"group_by": "nothing"}, "it puts no two images together")]
)
def test_settings_that_do_not_fit_the_input_are_refused(tmp_path, monkeypatch, settings, words):
    with pytest.raises((ConfigError, DataError), match=words):
        search(tmp_path, monkeypatch, data=folder(tmp_path), **settings)
    assert np.size(list((tmp_path / "store").glob("studies/*/best/*.keras"))) == 0


@pytest.mark.parametrize("form", [np.asarray, lambda has: [[name for name, one in zip("ab", row, strict=True) if one] for row in has]])
def test_pictures_in_memory_may_have_several_labels(tmp_path, form):
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    has = np.random.default_rng(1).integers(0, 2, (40, 2))
    config = study_config({"data": tmp_path, "task": "multilabel"})
    dataset = api.held((images, form(has)), config, Store(tmp_path / "store"))
    np.testing.assert_array_equal(dataset.truth(np.arange(40)), has)
    with pytest.raises(DataError, match="argmax"):
        api.held((images, has), study_config({"data": tmp_path}), Store(tmp_path / "store"))


def test_pictures_in_memory_are_searched_from_python(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "LocalExecutor", FakeWorker)
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    settings = {"store": tmp_path / "store", "trials": 2, "pretrained": "none", "architectures": ("simple_cnn",), "track": False}
    first = api.search((images, [0, 1] * 20), **settings)
    assert first.trials == 2
    assert first.study.startswith("memory-")
    assert api.search(pd.DataFrame({"image": list(images), "label": [0, 1] * 20}), **{**settings, "trials": 3}).trials == 3  # the same images: it goes on
    pictures(tmp_path / "images")
    monkeypatch.chdir(tmp_path)
    paths = sorted((tmp_path / "images").rglob("*.png"))
    frame = pd.DataFrame({"path": [str(path) for path in paths], "label": [path.parent.name for path in paths]})
    assert api.search(frame, name="frame", **settings).trials == 2
    with pytest.raises(DataError, match="pictures in memory have no names"):
        api.search((images, [0, 1] * 20), group_by="auto", **settings)


def test_classes_with_an_order_keep_it_and_are_judged_by_kappa(tmp_path, monkeypatch):
    result, _, _ = search(tmp_path, monkeypatch, data=folder(tmp_path), ordered="b,a")
    assert result.metric == "quadratic_kappa"
    study = Store(tmp_path / "store").study("s")
    assert Dataset.load(study.manifest).classes == ("b", "a")
    for stored in (tmp_path / "store" / "cache").glob("*.npy"):
        stored.unlink()
    again = images_of(study)
    assert again.classes == ("b", "a")
    assert again.task.metrics[0] == "quadratic_kappa"


def several_labels(place):
    pictures(place / "images")
    paths = sorted((place / "images").rglob("*.png"))
    rows = [{"path": str(path.relative_to(place)), "label": path.parent.name if number % 3 else "|".join(("a", "b"))} for number, path in enumerate(paths)]
    pd.DataFrame(rows).to_csv(place / "pets.csv", index=False)
    return place / "pets.csv"


def test_several_labels_are_searched_and_can_be_decoded_again(tmp_path, monkeypatch):
    monkeypatch.setattr(FakeWorker, "confusion", ((4, 1, 1, 4), (3, 2, 2, 3)))
    result, _, _ = search(tmp_path, monkeypatch, data=several_labels(tmp_path))
    assert result.metric == "mean_average_precision"
    study = Store(tmp_path / "store").study("s")
    assert {row["class"] for row in csv.DictReader(study.splits.open())} == {"a", "b", "a|b"}
    before = Dataset.load(study.manifest)
    for stored in (tmp_path / "store" / "cache").glob("*.npy"):
        stored.unlink()
    again = images_of(study)
    assert again.label_sets == before.label_sets
    assert again.task == before.task


def test_one_class_each_is_asked_of_a_table_with_bars_where_the_task_says_so(tmp_path, monkeypatch):
    result, _, _ = search(tmp_path, monkeypatch, data=several_labels(tmp_path), task="multiclass")
    assert result.metric == "accuracy"
    assert Dataset.load(Store(tmp_path / "store").study("s").manifest).classes == ("a", "a|b", "b")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"metric": "accuracy"}, "The images have several labels each, and --metric accuracy does not suit that: expected one of mean_average_precision"),
        ({"ordered": "a,b"}, "these images have several labels each"),
    ],
)
def test_settings_that_do_not_suit_several_labels_are_refused(tmp_path, monkeypatch, settings, words):
    with pytest.raises(ConfigError, match=words):
        search(tmp_path, monkeypatch, data=several_labels(tmp_path), **settings)


def test_kappa_without_an_order_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"It needs classes with an order: --ordered low,medium,high\."):
        search(tmp_path, monkeypatch, data=folder(tmp_path), metric="quadratic_kappa")
