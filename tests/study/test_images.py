"""A study's images after its store, or they, were moved, and after their decoded copy was deleted."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset, pixels, prepare
from automl_cnn.data.cache import prepare_arrays
from automl_cnn.errors import DataError
from automl_cnn.export.samples import samples
from automl_cnn.store import Store
from automl_cnn.study.identity import same_study, write_toml
from automl_cnn.study.record.record import Record
from automl_cnn.study.stored.images import images_of, looked_for


@pytest.fixture
def project(tmp_path):
    """A folder with images and a store with a study of them, as a search leaves it."""
    rng = np.random.default_rng(0)
    for index in range(24):
        place = tmp_path / "project" / "images" / f"class{index % 2}" / f"{index}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)).save(place)
    store = Store(tmp_path / "project" / "runs")
    config = StudyConfig(data=tmp_path / "project" / "images", store=store.root, seed=3, val_share=0.25)
    Record(store.journal, "s")
    prepare(config.data, store.cache, seed=3, val_share=0.25).save(store.study("s").manifest)
    write_toml(store.study("s").toml, config, "s")
    return tmp_path / "project"


def test_a_moved_store_finds_its_images_in_itself(project, tmp_path):
    before = Dataset.load(project / "runs" / "studies" / "s" / "dataset.json")
    assert not json.loads((project / "runs" / "studies" / "s" / "dataset.json").read_text())["array"].startswith("/")
    shutil.move(project / "runs", tmp_path / "moved")
    shutil.rmtree(project)
    dataset = images_of(Store(tmp_path / "moved").find("s"))
    assert dataset.array.startswith(str(tmp_path / "moved" / "cache"))
    assert pixels(dataset, 16).shape == (24, 16, 16, 3)
    assert dataset.fingerprint == before.fingerprint
    notes = []
    assert samples(dataset, 16, notes) is not None
    assert notes == []


def test_a_description_of_an_earlier_version_finds_them_too(project, tmp_path):
    """It names an absolute place; a copy does not look into the store it was copied from."""
    manifest = project / "runs" / "studies" / "s" / "dataset.json"
    values = json.loads(manifest.read_text())
    values["array"] = Dataset.load(manifest).array
    assert values["array"].startswith("/")
    manifest.write_text(json.dumps(values))
    assert Dataset.load(manifest).array == values["array"]
    shutil.copytree(project / "runs", tmp_path / "copy")
    dataset = images_of(Store(tmp_path / "copy").find("s"))
    assert dataset.array.startswith(str(tmp_path / "copy" / "cache"))


def test_a_description_outside_a_store_keeps_an_absolute_place(project, tmp_path):
    dataset = Dataset.load(project / "runs" / "studies" / "s" / "dataset.json")
    dataset.save(tmp_path / "alone.json")
    assert Dataset.load(tmp_path / "alone.json").array == dataset.array


@pytest.mark.parametrize("moved", ["nothing", "the project", "the images"])
def test_images_are_decoded_again_where_the_files_are_now(project, tmp_path, moved):
    before, data = Dataset.load(project / "runs" / "studies" / "s" / "dataset.json"), None
    shutil.rmtree(project / "runs" / "cache")
    if moved == "the project":
        project = project.rename(tmp_path / "elsewhere")
    if moved == "the images":
        data = (project / "images").rename(tmp_path / "photos")
    folder = Store(project / "runs").find("s")
    dataset = images_of(folder, data)
    assert (dataset.splits == before.splits).all()
    assert pixels(dataset, 16).shape == (24, 16, 16, 3)
    assert dataset.folder == str(data or project / "images")
    assert images_of(folder).array == dataset.array, "the description was not written again"


def test_what_is_missing_is_said(project, tmp_path):
    shutil.rmtree(project / "runs" / "cache")
    (project / "images").rename(tmp_path / "photos")
    folder = Store(project / "runs").find("s")
    dataset, missing = looked_for(folder)
    assert dataset is None
    assert missing == (
        f"The images of the study 's' are not at {project / 'images'}, and their decoded copy is gone. "
        "Pass --data FOLDER to say where they are, or search again."
    )
    notes = []
    assert samples(None, 16, notes, missing) is None
    assert notes == [f"Checked on synthetic images, so its quality was not measured. {missing}"]


def test_other_images_are_refused(project, tmp_path):
    shutil.rmtree(project / "runs" / "cache")
    (project / "images" / "class0" / "0.png").write_bytes((project / "images" / "class1" / "1.png").read_bytes())
    folder = Store(project / "runs").find("s")
    assert "are not those of the study 's'" in looked_for(folder)[1]
    with pytest.raises(DataError, match="are not those of the study 's'"):
        looked_for(folder, project / "images")


def test_arrays_whose_copy_is_gone_are_gone(tmp_path):
    store = Store(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), np.uint8)
    prepare_arrays(images, [0, 1] * 12, store.cache).save(store.study("s").manifest)
    assert images_of(store.find("s")).folder == ""
    shutil.rmtree(tmp_path / "cache")
    assert "were arrays in memory" in looked_for(store.find("s"))[1]


def test_a_file_of_weights_may_move(project):
    record = Record(project / "runs" / "optuna.journal", "w")
    dataset = Dataset.load(project / "runs" / "studies" / "s" / "dataset.json")

    def config(weights):
        return StudyConfig(data=project / "images", pretrained="lite0", weights=weights)

    same_study(record, config(project / "old" / "net.th"), dataset, "w")
    same_study(record, config("new/net.th"), dataset, "w")
