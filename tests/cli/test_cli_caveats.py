import dataclasses
import io
from pathlib import Path

import cli_fakes
import pytest
from rich.console import Console

from automl_cnn.caveats import behind, caveats, leaks, silent, unequal
from automl_cnn.cli.summary import print_summary
from automl_cnn.export.card import model_card
from automl_cnn.facts import Facts
from automl_cnn.report.view import view

DATA = {"classes": ["defect", "ok"], "splits": {"train": [14, 266], "val": [3, 57], "test": [3, 57]}, "copies": 0.0, "copies_test": 0.0}
EVEN = {"classes": ["a", "b"], "splits": {"train": [50, 50], "val": [10, 10], "test": [10, 10]}}


def result(metric="balanced_accuracy", test=0.5, span=(0.45, 0.7), **changes):
    return dataclasses.replace(cli_fakes.RESULT, metric=metric, test_score=test, test_interval=span, **changes)


def test_copies_in_validation_and_test_are_shares_in_words():
    assert leaks(DATA) == leaks({}) == leaks({"copies": None, "copies_test": 0.004}) == ()
    assert leaks({"copies": 0.5, "copies_test": 0.12}) == (
        "50 % of the validation images are copies of training images (mirrored, shifted or re-encoded): the true score is likely lower.",
        "12 % of the test images are copies of training images (mirrored, shifted or re-encoded): the true score is likely lower.",
    )


def test_unequal_classes_and_what_changes_the_metric():
    assert unequal(DATA, "balanced_accuracy")[0].startswith("The classes are imbalanced (380 : 20): models are chosen by balanced accuracy")
    assert "--metric accuracy changes that" in unequal(DATA, "balanced_accuracy")[0]
    assert "always predicting 'ok' has an accuracy of 0.950; --metric balanced_accuracy" in unequal(DATA, "accuracy")[0]
    assert unequal(EVEN, "accuracy") == unequal(EVEN, "balanced_accuracy") == unequal(DATA, "auc") == unequal({}, "accuracy") == ()


@pytest.mark.parametrize(
    ("metric", "score", "span", "words"),
    [
        ("accuracy", 0.95, (0.86, 0.98), "is no better than always predicting 'ok': its test accuracy is 0.950, that of the constant prediction 0.950."),
        ("accuracy", 0.967, (0.88, 0.99), "may be no better than always predicting 'ok'"),
        ("balanced_accuracy", 0.5, (0.4, 0.7), "is no better than always predicting 'ok': its test balanced accuracy is 0.500"),
        ("balanced_accuracy", 0.83, (0.6, 0.95), None),
        ("accuracy", 1.0, (0.96, 1.0), None),
    ],
)
def test_a_model_no_better_than_one_answer_never_looks_good(metric, score, span, words):
    caveats = behind(DATA, result(metric, score, span))
    assert [words in text for text in caveats] == ([True] if words else [])


def test_without_test_images_the_validation_images_decide():
    caveats = behind(DATA, dataclasses.replace(result("accuracy", None, None), val_score=0.95, val_interval=(0.9, 0.98)))
    assert "its validation accuracy is 0.950" in caveats[0]


def test_a_class_that_is_never_answered_is_named():
    two = {"classes": ["defect", "ok"]}
    assert silent(two, "test", ((0, 3), (0, 57))) == ("Never predicted on the test images: 'defect' (0 of 3 right).",)
    assert silent(two, "test", ((1, 2), (0, 57))) == silent({"classes": ["a"]}, "test", ()) == ()
    assert silent(two, "test", ((0, 0), (0, 57))) == ()  # there is none
    many = tuple(tuple(1 if column == 0 else 0 for column in range(9)) for _ in range(9))
    assert silent({"classes": [f"c{number}" for number in range(9)]}, "validation", many)[0].endswith("'c5' (0 of 1 right) and 3 more.")


def test_a_label_that_is_never_answered_is_named():
    data = {"classes": ["cat", "dog"], "task": "multilabel"}
    assert silent(data, "test", ((0, 0, 4, 6), (3, 0, 2, 5))) == ("Never predicted on the test images: 'cat' (0 of 4 right).",)


def test_terminal_report_and_card_show_the_same_before_or_beside_the_score():
    data = {"classes": list("abc"), "splits": {"train": [50, 10, 40], "val": [10, 4, 9], "test": [10, 4, 9]}, "copies": 0.0, "copies_test": 0.2}
    texts = caveats(data, result("accuracy", 0.9, (0.85, 0.95)), "test", ((5, 0, 5), (0, 0, 4), (1, 0, 8)))
    assert len(texts) == 2
    out = io.StringIO()
    print_summary(Console(file=out, width=200), result("accuracy", 0.9, (0.85, 0.95), caveats=texts, notes=texts), Path("store"))
    shown = out.getvalue()
    assert all(shown.count(text) == 1 for text in texts)
    assert shown.index(texts[0]) < shown.index("validation  ")
    assert "never looked at before" not in shown
    kept = {"trial": 2, "test_score": 0.9, "test_interval": (0.85, 0.95), "caveats": list(texts)}
    facts = Facts(name="flowers", data=data, trials=cli_fakes.ENDED, result=kept)
    assert all(text in view(facts).verdict for text in texts)
    assert "which it had never seen" not in view(facts).verdict
    assert "20 % of the test images are copies" in model_card(facts)


def test_without_caveats_the_test_images_are_said_to_be_new():
    out = io.StringIO()
    print_summary(Console(file=out, width=200), result("accuracy", 0.9, (0.85, 0.95)), Path("store"))
    assert "on images never looked at before" in out.getvalue()
    assert "warning" not in out.getvalue()
