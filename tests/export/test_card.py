"""The model card: true to the facts, valid Markdown, and never in the way."""

from __future__ import annotations

import dataclasses
import itertools
import json

import pytest

from automl_cnn.errors import StoreError
from automl_cnn.evidence import Bin, Evidence, Mistake
from automl_cnn.export.card import beside, model_card
from automl_cnn.export.counts import missed_most, rows_of
from automl_cnn.facts import Facts
from automl_cnn.records import Fidelity, Finding, Refit, State, Trial
from automl_cnn.tasks import Multiclass, Multilabel

BEST = Trial(
    number=3,
    configuration={
        "architecture": "vgg",
        "resolution": 64,
        "optimizer": "adam",
        "adam.learning_rate": 0.00123456,
        "regularizer.l2": False,
        "regularizer.augment": True,
    },
    fidelity=Fidelity(10),
    reason="the best so far with augment on",
    stage="search",
    state=State.COMPLETE,
    score=0.9,
    interval=(0.8, 0.95),
    params=1_234_567,
    mult_adds=20_000_000,
)
FACTS = Facts(
    name="flowers",
    data={
        "classes": ["daisy", "a|b", "tulip"],
        "images": 150,
        "splits": {"train": [60, 12, 38], "val": [10, 5, 5], "test": [10, 5, 5]},
        "duplicates": 2,
        "skipped": 1,
        "channels": 3,
    },
    skipped=(("a|b/1.jpg", "the file is empty (0 bytes)"),),
    trials=(BEST,),
    result={
        "trial": 3,
        "test_score": 0.85,
        "test_interval": [0.7, 0.93],
        "baseline": 0.5,
        "calibration": {"temperature": 1.5, "loss": 0.6, "loss_after": 0.5, "error": 0.1, "error_after": 0.03},
    },
    seconds=300,
    settings={"engine": "optuna", "sampler": "tpe", "seed": 7},
    toml='data = "x"\n',
    evidence=Evidence(3, 1.5, ((9, 1, 0), (0, 5, 0), (3, 0, 2)), test_confusion=((10, 0, 0), (0, 4, 1), (2, 0, 3))),
    findings={3: (Finding("overfitting", "high", "It learns by heart.", {}),)},
    versions={"keras": "3.15.1"},
    hashes={"model.keras (sha256)": "ab" * 32},
)


def rows(card: str, heading: str) -> list[str]:
    """The lines of the table that follows a heading."""
    after = card.partition(heading)[2].splitlines()
    start = next(number for number, line in enumerate(after) if line.startswith("|"))
    return list(itertools.takewhile(lambda line: line.startswith("|"), after[start:]))


@pytest.mark.parametrize(("copies", "sentence"), [(1, "1 image is an exact copy of another."), (2, "2 images are exact copies of others.")])
def test_the_card_counts_copies(copies, sentence):
    assert sentence in model_card(dataclasses.replace(FACTS, data={**FACTS.data, "duplicates": copies}))


def test_the_card_tells_data_scores_limits_origin_and_hashes():
    card = model_card(FACTS)
    assert card.startswith("# flowers\n")
    assert "150 images: 110 training, 20 validation, 20 test." in card
    assert "| test, scored once at the end | 20 | 0.850 | 0.700 to 0.930 |" in card
    assert "| validation, used to choose it | 20 | 0.900 | 0.800 to 0.950 |" in card
    assert "| always predicting the most frequent class, validation | 20 | 0.500 |  |" in card
    assert "calibration error went from 0.100 to 0.030" in card
    assert "- overfitting (high): It learns by heart." in card
    assert "Few training images: a\\|b (12)." in card
    assert "the largest has 5 times the training images of the smallest" in card
    assert "Its most frequent mistake is tulip predicted as daisy: 2 of 5." in card
    assert "Trial 3 of 1 (0 failed), found by automl-cnn in 5.0 minutes by the engine optuna (tpe), seed 7." in card
    assert "ab" * 32 in card
    assert "regularizer.augment | on" in card.replace("\\_", "_")
    assert "regularizer.l2" not in card


def test_classes_are_scored_on_the_test_images_where_they_were_counted():
    card = model_card(FACTS)
    assert "### Class by class, test images" in card
    assert rows(card, "### Class by class")[2:] == [
        "| daisy | 10 | 1.00 | 0.72 to 1.00 | 0.83 |",
        "| a\\|b | 5 | 0.80 | 0.38 to 0.96 | 1.00 |",
        "| tulip | 5 | 0.60 | 0.23 to 0.88 | 0.75 |",
    ]
    without = dataclasses.replace(FACTS, evidence=dataclasses.replace(FACTS.evidence, test_confusion=()))
    assert "### Class by class, validation images" in model_card(without)


def test_an_ensemble_is_told_with_the_size_and_the_scores_of_all():
    ensemble = {"members": {"3": 0.7, "1": 0.3}, "params": 5_000_000, "mult_adds": 60_000_000, "val_score": 0.93, "val_interval": [0.85, 0.97]}
    card = model_card(dataclasses.replace(FACTS, result={**FACTS.result, **ensemble}))
    assert "an ensemble, the mean of the probabilities of trial 3 (70%), trial 1 (30%), 5,000,000 parameters, 60,000,000 multiply-accumulates" in card
    assert "| 0.930 | 0.850 to 0.970 |" in card
    assert "Its first member is trial 3 of 1" in card


def test_every_row_of_a_table_has_the_same_columns():
    for heading in ("## Scores", "### Class by class", "## Configuration", "## Versions"):
        lines = rows(model_card(FACTS), heading)
        assert len({line.replace("\\|", "").count("|") for line in lines}) == 1, heading


def test_what_is_not_known_is_not_made_up():
    card = model_card(Facts(name="bare", trials=(BEST,)))
    assert "The number of images is unknown" in card
    assert "It was not scored on test images" in card
    assert "Not calibrated" in card
    assert "Class by class" not in card
    assert "nan" not in card
    assert "None" not in card


def test_a_search_without_a_model():
    failed = dataclasses.replace(BEST, state=State.FAILED, score=None)
    assert model_card(Facts(name="none", trials=(failed,))) == "# none\n\nNo network could be trained yet.\n"


def test_names_cannot_become_markup():
    data = {**FACTS.data, "classes": ["<b>x</b>", "*y*", "# z"]}
    card = model_card(dataclasses.replace(FACTS, name="a *star* <i>", data=data))
    assert card.startswith("# a \\*star\\* &lt;i>")
    assert "&lt;b>x&lt;/b>" in card
    assert "\\*y\\*" in card
    assert "<b>" not in card


def test_a_class_without_images_has_no_score():
    assert rows_of(Multiclass(2), ((0, 0), (1, 4)), ["a", "b"]) == [("a", "0", "-", "", "0.00"), ("b", "5", "0.80", "0.38 to 0.96", "1.00")]


LABELS = dataclasses.replace(
    FACTS,
    metric="mean_average_precision",
    data={**FACTS.data, "task": "multilabel", "images_by_split": {"train": 100, "val": 25, "test": 25}},
    result={**FACTS.result, "calibration": {**FACTS.result["calibration"], "thresholds": [0.3, 0.5, 0.625], "f1": 0.75, "f1_at_half": 0.7}},
    evidence=Evidence(3, 1.5, ((9, 1, 0, 15),) * 3, test_confusion=((8, 2, 2, 13), (5, 0, 0, 20), (0, 0, 3, 22))),
)


def test_a_card_of_labels_counts_images_and_has_a_row_for_each_label():
    card = model_card(LABELS)
    assert "It finds which of 3 labels apply to an image, none to all of them: daisy, a\\|b, tulip." in card
    assert "150 images: 100 training, 25 validation, 25 test. They were split so that every split has its share of each label" in card
    assert "| test, scored once at the end | 25 | 0.850 |" in card
    assert "| the same prediction for every image, validation | 25 | 0.500 |" in card
    assert "### Label by label, test images" in card
    assert rows(card, "### Label by label")[2:] == [
        "| daisy | 10 | 0.80 | 0.49 to 0.94 | 0.80 | 0.80 | 0.30 |",
        "| a\\|b | 5 | 1.00 | 0.57 to 1.00 | 1.00 | 1.00 | 0.50 |",
        "| tulip | 3 | 0.00 | 0.00 to 0.56 | - | 0.00 | 0.62 |",
    ]
    assert "the macro F1 on held-out images went from 0.700 (0.5 for all) to 0.750." in card
    assert "Its most frequent false negative is tulip: on 3 of the 3 images with it. Its most frequent false positive is daisy: on 2 of the 15" in card
    assert "It knows only these labels" in card
    for words in ("Class by class", "No label changed", "summing to one", "most frequent class"):
        assert words not in card


def test_thresholds_of_one_half_are_explained_too():
    half = {**LABELS.result["calibration"], "thresholds": [0.5] * 3}
    assert "Every label has a threshold of 0.5" in model_card(dataclasses.replace(LABELS, result={**LABELS.result, "calibration": half}))
    uncalibrated = model_card(dataclasses.replace(LABELS, result={**LABELS.result, "calibration": None}))
    assert "| daisy | 10 | 0.80 | 0.49 to 0.94 | 0.80 | 0.80 | - |" in uncalibrated


def test_a_label_without_images_has_no_score():
    assert rows_of(Multilabel(1), ((0, 0, 0, 9),), ["a"]) == [("a", "0", "-", "", "-", "-", "-")]
    assert missed_most(((5, 1, 1, 3),), ["a"]) == ""


def test_the_card_beside_a_model_is_that_of_its_search(tmp_path):
    model = tmp_path / "model.keras"
    card = {
        "classes": ["a", "b"],
        "study": "pets",
        "metric": "accuracy",
        "val_score": 0.9,
        "val_interval": [0.8, 0.95],
        "configuration": {"architecture": "vgg"},
    }
    short = beside(model, card)
    assert short.startswith("# pets\n")
    assert "left no model card" in short
    assert "| val score | 0.900 |" in short
    assert "| val interval | 0.800 to 0.950 |" in short
    (tmp_path / "model_card.md").write_text("# the real one\n")
    assert beside(model, card) == "# the real one\n"


def test_evidence_survives_being_written(tmp_path):
    path = tmp_path / "evidence.json"
    known = Evidence(3, None, ((1, 0), (0, 2)), (Bin(3, 0.9, 1.0),), (), (Mistake("a.jpg", 0, 1, 0.6, 0.4, "pic", "heat"),), ((2,),), "a note")
    assert Evidence.load(path) is None
    known.save(path)
    assert Evidence.load(path) == known
    assert json.loads(path.read_text())["mistakes"][0]["predicted"] == 1
    path.write_text(path.read_text().replace('"predicted"', '"said"'))  # as earlier versions wrote it
    assert Evidence.load(path) == known
    path.write_text(path.read_text().replace('"note"', '"of_a_later_version": 1, "note"'))
    assert Evidence.load(path) == known
    path.write_text("{")
    with pytest.raises(StoreError, match="Delete it"):
        Evidence.load(path)


def test_a_cross_validated_score_and_a_refit_are_explained():
    best = dataclasses.replace(BEST, folds=5)
    card = model_card(dataclasses.replace(FACTS, trials=(best,), result={**FACTS.result, "refit": dataclasses.asdict(Refit(150, 110))}))
    assert "| training and validation, 5-fold cross-validation, used to choose it | 130 | 0.900 |" in card
    assert f"\n\n{Refit(150, 110).sentence}\n" in card
    assert "| validation, used to choose it | 20 | 0.900 |" in model_card(FACTS)


def test_a_model_file_alone_says_what_it_was_trained_on(tmp_path):
    card = {"study": "s", "classes": ["a", "b"], "refit": {"images": 150, "scored_images": 110, "splits": ["train", "val", "test"]}}
    assert Refit(150, 110).sentence in beside(tmp_path / "model.keras", card)
