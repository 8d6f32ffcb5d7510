"""`automl-cnn predict` on images of the model's own search: the accuracy is not that of new images, and the command says so."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from automl_cnn.cli import predict
from automl_cnn.data import Dataset
from automl_cnn.modelfile.file import write_card
from automl_cnn.tasks import Multiclass

PARTS = {"train": 4, "val": 2, "test": 2}  # images of each class
CARD = {"classes": ["cat", "dog"], "size": 8, "channels": 3}


class Classifier:
    """Right about every image but the cats of the test part and `new` ones."""

    classes = ("cat", "dog")
    task = Multiclass(2)

    def answers(self, paths):
        cats = [path.parent.name == "cat" and not path.name.startswith(("test", "new")) for path in paths]
        return np.array([[0.9, 0.1] if cat else [0.1, 0.9] for cat in cats])


@pytest.fixture
def pets(tmp_path, monkeypatch):
    """A folder of images and a study of it in a store; `pets(refitted=...)` writes the model's card and returns the command's message."""
    images, store = tmp_path / "images", tmp_path / "store"
    paths, labels, splits = [], [], []
    for label, name in enumerate(Classifier.classes):
        (images / name).mkdir(parents=True)
        for code, (part, count) in enumerate(PARTS.items()):
            for number in range(count):
                Image.new("RGB", (8, 8), (40 * label, 20 * number, code)).save(images / name / f"{part}{number}.png")
                paths.append(f"{name}/{part}{number}.png")
                labels.append(label)
                splits.append(code)
    study = store / "studies" / "pets"
    (study / "best").mkdir(parents=True)
    made = Dataset("pets", str(images.resolve()), Classifier.classes, 3, 8, tuple(paths), np.array(labels), np.array(splits, np.int8), "f" * 8, "pixels.npy")
    made.save(study / "dataset.json")
    monkeypatch.setattr(predict, "classifier_of", lambda model, store, trust=False: Classifier())

    def run(*given: str, model: str = "pets", fingerprint: str = "f" * 8, refitted: tuple[str, ...] = ()) -> str:
        from automl_cnn.cli import app

        with zipfile.ZipFile(study / "best" / "model.keras", "w") as archive:
            archive.writestr("config.json", json.dumps({}))
        refit = {"refit": {"images": 16, "scored_images": 8, "splits": list(refitted)}} if refitted else {}
        write_card(study / "best" / "model.keras", {**CARD, "data_fingerprint": fingerprint, **refit})
        done = CliRunner().invoke(app, ["predict", model, *(given or [str(images)]), "--store", str(store)])
        assert done.exit_code == 0, done.output
        return done.stderr

    run.images = images
    return run


def test_images_it_learned_from_are_counted_and_the_others_are_scored_alone(pets):
    words = pets()
    assert "accuracy 0.875: 14 of the 16 images in folders named after a class" in words
    assert "The model learned from 8 of them and was chosen by 4 of them, so this does not show how good it is on new images." in words
    assert "On the other 4 images: accuracy 0.500: 2 of the 4 images in folders named after a class" in words


def test_a_model_trained_on_every_image_knows_the_test_images_too(pets):
    words = pets(refitted=("train", "val", "test"))
    assert "The model learned from 16 of them, so this does not show how good it is on new images." in words
    assert "`automl-cnn report pets` shows its scores on test images." in words
    assert "On the other" not in words


def test_images_that_it_was_only_chosen_by(pets):
    only = [str(path) for path in pets.images.rglob("val*.png")]
    assert "\nThe model was chosen by 4 of them, so this" in pets(*only)


def test_new_images_have_no_warning(pets):
    (pets.images.parent / "more" / "cat").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(pets.images.parent / "more" / "cat" / "new.png")
    assert "learned" not in pets(str(pets.images.parent / "more"))
    assert "learned" not in pets(*(str(path) for path in pets.images.rglob("test*.png")))


def test_a_link_to_the_folder_leads_to_the_same_images(pets):
    link = pets.images.parent / "link"
    link.symlink_to(pets.images, target_is_directory=True)
    assert "The model learned from 8 of them" in pets(str(link))


def test_an_export_of_the_study_is_known_by_its_images(pets, monkeypatch):
    monkeypatch.setattr(predict, "described", lambda model, store: {**CARD, "study": "pets", "data_fingerprint": "f" * 8})
    assert "The model learned from 8 of them" in pets(model="exported")
    monkeypatch.setattr(predict, "described", lambda model, store: {**CARD, "study": "pets", "data_fingerprint": "another"})
    assert "learned" not in pets(model="exported")


def test_a_models_file_is_known_by_its_folder(pets):
    study = pets.images.parent / "store" / "studies" / "pets"
    for model in (study, study / "best", study / "best" / "model.keras"):
        assert "The model learned from 8 of them" in pets(model=str(model))


def test_a_model_of_other_images_knows_nothing_of_these(pets):
    assert "learned" not in pets(fingerprint="another")
