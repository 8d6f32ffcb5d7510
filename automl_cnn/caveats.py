"""Warnings about scores, in sentences: the same in terminal, JSON, report and model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from automl_cnn.config import METRICS
from automl_cnn.dataset_summary import SAME_ANSWER, counts_of, names_of, task_of, words_of
from automl_cnn.judged import metric_name
from automl_cnn.measure import Measure, reaching, spelled
from automl_cnn.metrics import always, suited

if TYPE_CHECKING:
    from automl_cnn.evidence import Matrix
    from automl_cnn.records import StudyResult

COPIES, COPIES_TEST = "copies", "copies_test"  # what the shares of copies are called in a study's record
INDEPENDENT = "independent"  # and the numbers of different photos by split
NAMED = 5  # classes that are named
TINY = 1e-9
LEAST = 0.01  # share of copies from which a score is visibly too good
SPLITS = ((COPIES, "validation"), (COPIES_TEST, "test"))


def leaks(data: Mapping[str, Any]) -> tuple[str, ...]:
    """A warning about copies that inflate the scores; empty where there are none."""
    shares = [(float(data.get(key) or 0.0), words) for key, words in SPLITS]
    return tuple(
        f"{_percent(share)} of the {words} images are copies of training images (mirrored, shifted or re-encoded): the true score is likely lower."
        for share, words in shares
        if share >= LEAST
    )


def unequal(data: Mapping[str, Any], metric: str) -> tuple[str, ...]:
    """A warning that the classes are imbalanced, and how the metric treats that; empty where they are not."""
    trained, classes = counts_of(data, "train"), names_of(data)
    if not trained or suited(trained) == "accuracy" or metric not in ("accuracy", "balanced_accuracy"):
        return ()
    sizes = sorted((sum(counts) for counts in zip(*(counts_of(data, split) for split in ("train", "val", "test")), strict=True)), reverse=True)
    ratio = " : ".join(f"{size:,}" for size in sizes) if len(sizes) == 2 else f"{sizes[0]:,} to {sizes[-1]:,} images"
    if metric == "balanced_accuracy":
        return (
            f"The classes are imbalanced ({ratio}): models are chosen by balanced accuracy, which weights every class equally; --metric accuracy changes that.",
        )
    most = classes[trained.index(max(trained))]
    score = always("accuracy", trained, counts_of(data, "val"))
    return (
        f"The classes are imbalanced ({ratio}): always predicting '{most}' has an accuracy of {score:.3f}; --metric balanced_accuracy weights classes equally.",
    )


def caveats(data: Mapping[str, Any], result: StudyResult, split: str, confusion: Matrix) -> tuple[str, ...]:
    """All warnings about the scores of a result. `confusion` is the winner's on the images of a `split`."""
    return (*leaks(data), *unequal(data, result.metric), *behind(data, result), *silent(data, split, confusion))


def behind(data: Mapping[str, Any], result: StudyResult) -> tuple[str, ...]:
    """That the model is no better than always predicting the most frequent class, or may not be; by the test images where they were scored."""
    tested = result.test_score is not None
    words, name = ("test", "test") if tested else ("validation", "val")
    score, span = (result.test_score or 0.0, result.test_interval) if tested else (result.val_score, result.val_interval)
    trained, metric = counts_of(data, "train"), next((one for one in METRICS if one == result.metric), METRICS[0])
    bound = without_looking(data, metric, name)
    if bound is None:
        return ()
    answer = f"always predicting '{names_of(data)[trained.index(max(trained))]}'" if SAME_ANSWER not in data else words_of(data).same
    measure = Measure.of(metric, data)
    what = f"{words} {metric_name(metric)}"
    if score <= bound + TINY:
        return (f"The model is no better than {answer}: its {what} is {spelled(measure, score)}, that of the constant prediction {spelled(measure, bound)}.",)
    if span is not None and span[0] <= bound:
        reach = f"the 95 % interval of its {what} {reaching(measure)} {spelled(measure, span[0])}, and the constant prediction has {spelled(measure, bound)}"
        return (f"The model may be no better than {answer}: {reach}.",)
    return ()


def without_looking(data: Mapping[str, Any], metric: str, split: str) -> float | None:
    """The score of the same answer to every image of a split, from a data set in figures; None where that is not known."""
    if SAME_ANSWER in data:
        score = data[SAME_ANSWER].get(split, {}).get(metric)
        return None if score is None else float(score)
    trained, counts = counts_of(data, "train"), counts_of(data, split)
    known = next((one for one in METRICS if one == metric), METRICS[0])
    return always(known, trained, counts) if trained and sum(counts) else None


def silent(data: Mapping[str, Any], split: str, confusion: Matrix) -> tuple[str, ...]:
    """A warning about classes that have images but are never predicted."""
    classes = names_of(data)
    if len(classes) != len(confusion):
        return ()
    never = [f"'{classes[number]}' (0 of {images} right)" for number, images in task_of(data).silent(confusion)]
    if not never:
        return ()
    more = f" and {len(never) - NAMED} more" if len(never) > NAMED else ""
    return (f"Never predicted on the {split} images: {', '.join(never[:NAMED])}{more}.",)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
