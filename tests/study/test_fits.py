"""How a study's images become square: measured where the shapes are extreme, and nothing new everywhere else."""

import dataclasses

import numpy as np
import pytest
from PIL import Image
from session_fakes import FakeWorker, pictures, search

from automl_cnn.data import Dataset, prepare
from automl_cnn.data.fit import FITS
from automl_cnn.errors import ConfigError, TrialError
from automl_cnn.modelfile.file import read_card
from automl_cnn.paired import packed
from automl_cnn.squares import Choice, Comparison, Score
from automl_cnn.store import Store
from automl_cnn.study.finish import reporting
from automl_cnn.study.fits import KEY
from automl_cnn.study.record.record import Record
from automl_cnn.study.stored.images import images_of
from automl_cnn.study.stored.overview import overview

BY_WEIGHTS = {"pretrained": "auto", "architectures": ("efficientnet_lite",)}


def strips(place):
    """Forty pictures of noise, six times as wide as high, in two classes."""
    rng = np.random.default_rng(0)
    for number in range(40):
        path = place / "images" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 96, 3), np.uint8)).save(path)
    return place / "images"


def scores(images=34, decoding=0.001, **right):
    """What a worker answers, given how many images each way has right."""
    of = {fit: Score(n / images, (n / images - 0.1, n / images + 0.1), packed(np.arange(images) < n)) for fit, n in right.items()}
    return Comparison(images, decoding, of)


@pytest.fixture
def compared(monkeypatch):
    """Requests to compare; `answer` is what the worker gives."""

    class Requests(list):
        answer = scores(squash=17, pad=33, crop=30)

    requests = Requests()

    def squares(self, candidates, patience=None):
        requests.append((candidates, Dataset.load(self.setting.dataset)))
        if isinstance(requests.answer, Exception):
            raise requests.answer
        return requests.answer

    monkeypatch.setattr(FakeWorker, "squares", squares, raising=False)
    return requests


def of_study(place, name="s"):
    store = Store(place / "store")
    return store.study(name), Record.all(store.journal)[name].settings


def test_of_extreme_shapes_the_way_that_reads_best_is_taken_and_stated(tmp_path, monkeypatch, compared):
    result, _, worker = search(tmp_path, monkeypatch, data=strips(tmp_path), **BY_WEIGHTS)
    study, kept = of_study(tmp_path)
    dataset = Dataset.load(study.manifest)
    assert dataset.fit == kept["identity"]["fit"] == kept[KEY]["fit"] == read_card(study.model)["fit"] == "pad"
    assert set(kept[KEY]["comparison"]["scores"]) == set(FITS)
    assert 'fit = "pad"' in study.toml.read_text()
    assert worker.setting.dataset == str(study.manifest)
    (note,) = [note for note in result.notes if "shapes are extreme" in note]
    assert "pad 0.971 (0.871 to 1.071), crop 0.882 (0.782 to 0.982), squash 0.500 (0.400 to 0.600)" in note
    assert "goes on with pad, ahead of squash by more than chance explains" in note
    reporting.conclude(overview(Store(tmp_path / "store"), "s"), Store(tmp_path / "store"), None, "not looked at")
    assert "goes on with pad" in study.report.read_text(encoding="utf-8")
    assert not list(study.folder.glob(".squares*"))


def test_no_test_image_takes_part(tmp_path, monkeypatch, compared):
    search(tmp_path, monkeypatch, data=strips(tmp_path), **BY_WEIGHTS)
    ((candidates, dataset),) = compared
    judged = Dataset.load(of_study(tmp_path)[0].manifest)
    assert sorted(candidates.rows) == sorted([*dataset.rows("train"), *dataset.rows("val")])
    np.testing.assert_array_equal(judged.splits, dataset.splits)
    assert not set(candidates.rows) & set(judged.rows("test"))


def test_a_study_that_goes_on_keeps_its_way_and_compares_nothing(tmp_path, monkeypatch, compared):
    data = strips(tmp_path)
    search(tmp_path, monkeypatch, data=data, **BY_WEIGHTS)
    before = Dataset.load(of_study(tmp_path)[0].manifest)
    compared.answer = scores(squash=34, pad=0, crop=0)
    result, observer, _ = search(tmp_path, monkeypatch, data=data, **{**BY_WEIGHTS, "trials": 5})
    after = Dataset.load(of_study(tmp_path)[0].manifest)
    assert len(compared) == 1
    assert result.trials == 5
    assert (after.fit, after.fingerprint, after.splits.tolist()) == ("pad", before.fingerprint, before.splits.tolist())
    assert any("goes on with pad" in note for note in result.notes)
    assert not any("goes on with the split" in note for note in observer.notes)


def test_images_that_were_deleted_are_decoded_again_in_the_chosen_way(tmp_path, monkeypatch, compared):
    def delete(number):
        if number == 1:
            for file in (tmp_path / "store" / "cache").glob("*.npy"):
                file.unlink()

    result, observer, _ = search(tmp_path, monkeypatch, data=strips(tmp_path), seconds=delete, **BY_WEIGHTS)
    assert any("decoded again" in note for note in observer.notes)
    assert result.trials == 4
    for file in (tmp_path / "store" / "cache").glob("*.npy"):
        file.unlink()
    assert images_of(of_study(tmp_path)[0]).fit == "pad"


def test_ordinary_photos_are_squashed_as_ever(tmp_path, monkeypatch, compared):
    data = pictures(tmp_path / "images")
    search(tmp_path, monkeypatch, data=data, **BY_WEIGHTS)
    study, kept = of_study(tmp_path)
    plain, dataset = prepare(data, tmp_path / "store" / "cache"), Dataset.load(study.manifest)
    assert compared == []
    assert KEY not in kept
    assert "fit" not in kept["identity"]
    assert (dataset.fit, dataset.fingerprint, dataset.array, dataset.notes) == ("squash", plain.fingerprint, plain.array, plain.notes)
    np.testing.assert_array_equal(dataset.splits, plain.splits)


@pytest.mark.parametrize("fit", FITS)
def test_a_set_way_is_taken_without_comparing(tmp_path, monkeypatch, compared, fit):
    search(tmp_path, monkeypatch, data=strips(tmp_path), fit=fit, **BY_WEIGHTS)
    assert compared == []
    assert Dataset.load(of_study(tmp_path)[0].manifest).fit == fit


@pytest.mark.parametrize(
    ("settings", "answer", "why"),
    [
        ({"pretrained": "none"}, None, "no pretrained weights"),
        ({"budget": 20, "trials": 3}, None, "no time for it within the budget"),
        ({}, TrialError("the worker died"), "the comparison failed (the worker died)"),
        ({}, scores(16, squash=1, pad=5, crop=2), "only 16 images"),
        ({}, Comparison(34, 0.001), "only 34 images"),
        ({"budget": 600, "trials": 3}, scores(decoding=1000.0, squash=1, pad=5, crop=2), "no time to read all images once more. --fit pad uses it"),
    ],
)
def test_what_cannot_be_compared_is_squashed_and_stays_so(tmp_path, monkeypatch, compared, settings, answer, why):
    compared.answer = answer or compared.answer
    data, given = strips(tmp_path), {**BY_WEIGHTS, **settings}
    result, _, _ = search(tmp_path, monkeypatch, data=data, **given)
    study, kept = of_study(tmp_path)
    assert Dataset.load(study.manifest).fit == kept[KEY]["fit"] == "squash"
    assert any(why in note and "squashed" in note for note in result.notes)
    asked = len(compared)
    compared.answer = scores(squash=1, pad=34, crop=2)
    search(tmp_path, monkeypatch, data=data, **{**given, "trials": 5})
    assert len(compared) == asked
    assert Dataset.load(study.manifest).fit == "squash"


def test_a_study_of_an_earlier_version_goes_on_squashed(tmp_path, monkeypatch, compared):
    data = strips(tmp_path)
    search(tmp_path, monkeypatch, data=data, fit="squash", **BY_WEIGHTS)  # what the default was
    result, _, _ = search(tmp_path, monkeypatch, data=data, **{**BY_WEIGHTS, "trials": 5})
    assert compared == []
    assert result.trials == 5


def test_a_chosen_study_refuses_another_way_under_its_name(tmp_path, monkeypatch, compared):
    data = strips(tmp_path)
    search(tmp_path, monkeypatch, data=data, **BY_WEIGHTS)
    with pytest.raises(ConfigError, match="fit was 'pad', now 'crop'"):
        search(tmp_path, monkeypatch, data=data, fit="crop", **BY_WEIGHTS)
    search(tmp_path, monkeypatch, data=data, fit="pad", **{**BY_WEIGHTS, "trials": 5})  # what its study.toml says


def test_squash_against_the_choice_is_a_study_of_its_own(tmp_path, monkeypatch, compared):
    data = strips(tmp_path)
    first, _, _ = search(tmp_path, monkeypatch, data=data, name=None, **BY_WEIGHTS)
    again, _, _ = search(tmp_path, monkeypatch, data=data, name=None, **BY_WEIGHTS)
    other, _, _ = search(tmp_path, monkeypatch, data=data, name=None, fit="squash", **BY_WEIGHTS)
    assert first.study == again.study
    assert other.study == f"{first.study}-squash"


def test_a_choice_before_its_study_began_is_made_again(tmp_path, monkeypatch, compared):
    record = Record(Store(tmp_path / "store").journal, "s")
    record.keep(KEY, Choice("crop", "they are long").as_dict())
    search(tmp_path, monkeypatch, data=strips(tmp_path), **BY_WEIGHTS)
    assert len(compared) == 1
    assert of_study(tmp_path)[1][KEY]["fit"] == "pad"


@pytest.mark.parametrize(
    ("right", "taken"),
    [
        ({"squash": 30, "pad": 30, "crop": 30}, "goes on with squash: no other way is ahead"),
        ({"squash": 30, "pad": 31, "crop": 30}, "goes on with pad, ahead of squash by no more than chance explains"),
        ({"squash": 10, "pad": 31, "crop": 34}, "goes on with crop, ahead of squash by more than chance explains"),
    ],
)
def test_the_sentence_states_what_chance_explains(right, taken):
    comparison = scores(**right)
    choice = Choice(comparison.best, "they are long", "balanced_accuracy", "net from w", 96, comparison)
    assert taken in choice.sentence
    assert "balanced accuracy" in choice.sentence
    assert Choice.of({**choice.as_dict(), "of_a_later_version": 1}) == dataclasses.replace(choice)
