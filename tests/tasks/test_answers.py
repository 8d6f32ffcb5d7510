"""What tasks make of a network's answers: names, how sure they are, whether two networks agree; and the task that a model's card states."""

import numpy as np
import pytest

from automl_cnn.tasks import TASKS, Multiclass, Multilabel, of_card

NAMES = ("cat", "dog", "night")
ANSWERS = np.array([[0.7, 0.2, 0.1], [0.35, 0.3, 0.35], [0.1, 0.45, 0.45]])
LABELS = Multilabel(3, (0.5, 0.25, 0.4))


def test_an_image_has_one_class_or_every_label_that_reaches_its_threshold():
    assert Multiclass(3).named(ANSWERS, NAMES) == ["cat", "cat", "dog"]
    assert LABELS.named(ANSWERS, NAMES) == [["cat"], ["dog"], ["dog", "night"]]
    assert Multilabel(3).named(ANSWERS, NAMES) == [["cat"], [], []]


def test_several_labels_are_as_sure_as_the_least_sure_decision():
    np.testing.assert_allclose(Multiclass(3).sureness(ANSWERS), [0.7, 0.35, 0.45])
    np.testing.assert_allclose(LABELS.sureness(ANSWERS), [0.7, 0.3, 0.45])


def test_agreement_is_one_only_if_all_answers_are_the_same():
    other = ANSWERS.copy()
    assert Multiclass(3).agreement(other, ANSWERS) == LABELS.agreement(other, ANSWERS) == 1.0
    other[0] = [0.3, 0.2, 0.5]
    assert Multiclass(3).agreement(other, ANSWERS) == pytest.approx(2 / 3)
    assert LABELS.agreement(other, ANSWERS) == pytest.approx(3 / 5)  # cat is gone, night has come, three stay
    assert Multilabel(3).agreement(np.zeros((4, 3)), np.zeros((4, 3))) == 1.0


def test_images_without_labels_do_not_hide_those_that_changed():
    before = np.zeros((100, 3))
    before[0] = 0.9
    assert LABELS.agreement(np.zeros((100, 3)), before) == 0.0


def test_a_label_on_its_threshold_may_fall_on_either_side():
    before, after = np.array([[0.5, 0.1, 0.1]]), np.array([[0.5 - 1e-7, 0.1, 0.1]])
    assert Multilabel(3).agreement(after, before) == 0.0
    assert Multilabel(3).agreement(after, before, 1e-4) == 1.0
    assert Multilabel(3).agreement(np.array([[0.4, 0.1, 0.1]]), before, 1e-4) == 0.0


def test_names_of_labels_are_truth():
    assert Multiclass(3).truth_of(("dog",), NAMES).tolist() == [1]
    assert Multiclass(3).truth_of(("owl",), NAMES) is None
    assert LABELS.truth_of(("night", "cat"), NAMES).tolist() == [[1, 0, 1]]
    assert LABELS.truth_of((), NAMES).tolist() == [[0, 0, 0]]
    assert LABELS.truth_of(("cat", "owl"), NAMES) is None


def test_a_card_states_its_task_and_one_of_classes_states_nothing():
    assert Multiclass(3).stated() == {}
    assert of_card({"classes": NAMES}) == Multiclass(3)
    assert Multilabel(2).stated() == {"task": "multilabel", "thresholds": [0.5, 0.5]}
    assert of_card({"classes": NAMES, **LABELS.stated()}) == LABELS
    assert of_card({"classes": NAMES, "task": "multilabel"}) == Multilabel(3)
    assert of_card({"classes": NAMES, "thresholds": [0.1, 0.2, 0.3]}) == Multiclass(3)


@pytest.mark.parametrize("task", [task for task in TASKS.values() if task.probable])
def test_the_share_of_right_images_is_one_of_the_metrics(task):
    truth = {"multiclass": np.array([0, 1, 1]), "multilabel": np.array([[1, 0, 0], [0, 0, 0], [0, 1, 1]])}[task.name]
    made = task(3)
    assert made.score(task.share, truth, ANSWERS) == made.share_right(truth, ANSWERS) > 0
