"""The report where images have several labels: a row for each label, decisions, mistakes with all labels, counts of labels and of images."""

import re

import pytest
from report_fakes import COUNTS, LABELED, checked, evidence, jpeg, labeled, problem, result, study, trial

from automl_cnn.evidence import Mistake
from automl_cnn.report import page, view


def test_labels_have_a_row_each_and_no_confusion_matrix():
    shown = view(labeled())
    assert shown.confusion is None
    night, dog, cat = shown.labels.rows  # the lowest F1 first
    assert (night.label, night.images, night.recall, night.precision, night.f1, night.threshold) == ("night", 2, "0\xa0%", "-", "0.000", "0.50")
    assert (dog.label, dog.recall, dog.precision, dog.f1, dog.threshold) == ("dog", "50\xa0%", "50\xa0%", "0.500", "0.42")
    assert (cat.images, cat.recall, cat.margin, cat.precision, cat.f1) == (10, "90\xa0%", "60\xa0% to 98\xa0%", "90\xa0%", "0.900")
    assert shown.labels.split == "validation"
    assert shown.labels.sentence == "Of the 18 labels on these images, 12 were predicted and 6 missed; 4 predictions were false positives."
    assert "macro F1 0.810 instead of 0.740 at 0.5" in shown.labels.cuts


def test_test_images_come_first_where_they_were_counted():
    shown = view(labeled(evidence=evidence(1, confusion=COUNTS, mistakes=(), test_confusion=((9, 0, 0, 11), (6, 0, 0, 14), (2, 0, 0, 18)))))
    assert shown.labels.split == "test"
    assert {row.f1 for row in shown.labels.rows} == {"1.000"}


def test_without_a_look_at_the_mistakes_the_result_has_the_counts():
    scores = {"cat": (9, 10, 8), "dog": (6, 0, 0), "night": (2, 2, 2)}
    kept = {name: dict(zip(("images", "answered", "right"), counts, strict=True)) for name, counts in scores.items()}
    best = trial(1, 0.82, "resnet")
    without = labeled(evidence=None, without_evidence="No time was left.", result={**result(best, 0.8), "per_label": kept})
    shown = view(without).labels
    assert shown.split == "test"
    assert [(row.label, row.f1, row.threshold) for row in shown.rows] == [("dog", "0.000", "-"), ("cat", "0.842", "-"), ("night", "1.000", "-")]
    looked = labeled(result={**result(best, 0.8), "per_label": kept})  # later, when nobody scored the test images again
    assert view(looked).labels == shown
    assert view(labeled(result={**result(best, None), "per_label": kept})).labels.sentence.startswith("Of the 18 labels")
    assert view(labeled(evidence=None, result={**result(trial(0, 0.7), 0.8), "per_label": kept})).labels is None


def test_many_labels_are_behind_a_fold():
    names = [f"label {number}" for number in range(50)]
    data = {**LABELED, "classes": names, "splits": {split: [5] * 50 for split in ("train", "val", "test")}}
    shown = view(labeled(data=data, evidence=evidence(1, confusion=((1, 1, 1, 9),) * 50, mistakes=())))
    assert (len(shown.labels.rows), len(shown.labels.more)) == (30, 20)
    assert {row.threshold for row in shown.labels.rows} == {"-"}  # those that are kept are of three labels
    assert "20 more</summary>" in page(labeled(data=data, evidence=evidence(1, confusion=((1, 1, 1, 9),) * 50, mistakes=())))


def test_confidence_is_that_of_decisions():
    shown = view(labeled())
    assert shown.believable.sentence.startswith("Of each image, every label is a decision")
    assert "no predicted label changes" not in shown.believable.sentence
    assert "60 decisions, confidence" in shown.believable.chart
    assert '<th scope="col" class="n">decisions</th>' in page(labeled())


def test_labels_that_the_winner_doubts_are_missing_or_too_much():
    missing, extra, bare = (
        Mistake("c.jpg", 1, 1, 0.9769, 0.02, jpeg(), truths=(0, 2), answers=(0, 1, 2)),
        Mistake("d.jpg", 2, 2, 0.9999, 0.0001, jpeg(), truths=(0, 2), answers=(0,)),
        Mistake("e.jpg", 0, 0, 0.95, 0.05, jpeg(), truths=(), answers=(0,)),
    )
    known = labeled(checked=checked(), evidence=evidence(1, confusion=COUNTS, mistakes=(), suspects=(missing, extra, bare)))
    (trouble,) = view(known).images.look.troubles
    assert trouble.sentence.startswith("The winner doubts 3 labels of the 20 validation images, which it did not learn from: it contradicts them.")
    assert [sample.detail for sample in trouble.pictured] == [
        "labeled 'cat|night', 'dog' is likely missing (0.97)",
        "labeled 'cat|night', 'night' is likely too much (0.99)",
        "without a label, 'cat' is likely missing (0.95)",
    ]


def test_mistakes_show_all_labels_and_the_one_in_question():
    missed, wrong = view(labeled()).mistakes
    assert (missed.has, missed.answered, missed.error) == ("cat, night", "cat", "night is missing, at 3.0\xa0%")
    assert (wrong.has, wrong.answered, wrong.error) == ("(no label)", "dog", "dog is wrong, at 91.0\xa0%")
    text = page(labeled())
    assert "has: cat, night<br>predicted: cat" in text
    assert "the evidence for the label in question" in text
    assert "but it is" not in text


def test_images_are_counted_once_and_labels_by_name():
    shown = view(labeled()).images
    facts = dict(shown.facts)
    assert facts["labels"] == "3"
    assert facts["labels per image"] == "1.0 on average: none on 10, 1 on 77, 2 on 13 images"
    assert facts["split"] == "60 training, 20 validation, 20 test"
    assert facts["imbalance"] == "the most frequent label is on 5.0 times as many training images as the rarest"
    assert ("night", 8, 2, 2) in shown.counts
    assert "How many of each label" in page(labeled())


def test_verdict_counts_images_and_names_the_same_answer():
    verdict = view(labeled()).verdict
    assert "reached a mean average precision of 0.820" in verdict
    assert "on the 20 validation images" in verdict
    assert "the same prediction for every image would give 0.450" in verdict
    assert "most frequent class" not in page(labeled())


def test_curves_are_of_images_with_all_labels_right():
    assert 'aria-label="Share with all labels right of trial 1' in page(labeled())


def test_what_was_not_checked_does_not_promise_the_labels():
    known = labeled(checked=checked(problem("small_class", "warning", heading="Rare labels")))
    assert view(known).images.look.troubles[0].title == "Rare labels"
    text = page(known)
    assert "checks the labels and looks for these copies" in text
    assert "checks everything" not in text


@pytest.mark.parametrize("word", ["class", "classes"])
def test_nothing_on_the_page_speaks_of_classes(word):
    body = re.sub(r"<(style|script)>.*?</\1>|<[^>]*>", " ", page(labeled(findings={}, effects=(), notes=())), flags=re.DOTALL)
    assert not re.search(rf"\b{word}\b", body)


def test_classes_are_shown_as_before():
    shown = view(study())
    assert shown.labels is None
    assert shown.confusion is not None
    text = page(study())
    assert "Accuracy and cost" in text
    assert "How many of each class" in text
    assert "but it is <strong>" in text
