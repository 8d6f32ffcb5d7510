"""A diagnosis in one paragraph."""

import dataclasses

from diagnosis_fakes import overfitted

from automl_cnn.diagnosis import Helped, story
from automl_cnn.records import Finding

CLEAR = Finding("overfitting", "high", "It is right on 99% of the training images but on 80% of the validation images.", {}, probability=0.95)
EFFECTS = (Helped("augment on", 3, 0.021, (0.004, 0.038)), Helped("dropout on", 1, -0.01, None))


def test_it_says_what_was_seen_how_certain_it_is_and_what_the_user_can_do():
    text = story(overfitted(number=7), [CLEAR])
    assert text.startswith("Trial 7 shows overfitting (95 % certain). It is right on 99%")
    assert "What you can do: Add images. They help most" in text


def test_it_says_what_was_tried_and_what_that_gave():
    text = story(overfitted(), [CLEAR], EFFECTS, metric="accuracy")
    assert "augment on +0.021 (+0.004 to +0.038, 3 trials); dropout on -0.010 (one trial)." in text


def test_an_undecided_diagnosis_says_so_and_gives_advice_for_each_explanation():
    unsure = dataclasses.replace(CLEAR, probability=0.55, others=(("label_noise", 0.4),))
    text = story(overfitted(number=7), [unsure])
    assert "probably shows overfitting, but that is not certain (55 % certain; or label noise (40 %))" in text
    assert "Review the labels" in text
    assert "Add images." in text


def test_a_counted_finding_has_no_probability_and_nothing_found_is_no_paragraph():
    leak = Finding("leak", "high", "30% of the validation images are copies of training images.", {"copies": 0.3})
    assert story(overfitted(number=2), [leak]).startswith("Trial 2 shows leak. 30% of the validation images")
    assert story(overfitted(), []) == ""
    assert "What you can do" not in story(overfitted(), [dataclasses.replace(CLEAR, kind="rate_too_low")])


def test_labels_that_it_contradicts_count_for_or_against_label_noise():
    noise = dataclasses.replace(CLEAR, kind="label_noise")
    assert "It contradicts the labels of the 310 validation images, which it did not learn from, in 14 cases. What" in story(
        overfitted(), [noise], doubted=(14, 310)
    )
    assert "did not learn from, in 1 case." in story(overfitted(), [noise], doubted=(1, 310))
    unsure = dataclasses.replace(CLEAR, probability=0.55, others=(("label_noise", 0.4),))
    assert "contradicts none of the labels of the 310 validation images, which it did not learn from. That speaks against label noise." in story(
        overfitted(), [unsure], doubted=(0, 310)
    )
    assert "contradicts" not in story(overfitted(), [CLEAR], doubted=(14, 310)), "nobody asks for label noise"
    assert "contradicts" not in story(overfitted(), [noise]), "it was not counted"
