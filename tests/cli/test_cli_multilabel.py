"""What the command line prints of images with several labels: lines of the data set, summary, `studies show`, JSON."""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cli_fakes import RESULT, TRIALS, FakeDataset
from rich.console import Console

from automl_cnn.cli.board import Running, View, panel
from automl_cnn.cli.studies_show import _data
from automl_cnn.cli.summary import print_summary
from automl_cnn.cli.words import dataset_lines, outcome
from automl_cnn.data import prepare_arrays
from automl_cnn.judged import cuts, metric_name
from automl_cnn.records import Calibration, Fidelity, Job
from automl_cnn.study.identity import summary

CUTS = Calibration(1.3, 0.24, 0.22, 0.03, 0.02, 0.02, (0.3, 0.41), 0.812, 0.741)
LABELED = dataclasses.replace(
    RESULT,
    metric="mean_average_precision",
    baseline=0.229,
    calibration=CUTS,
    task="multilabel",
    thresholds={"cat": 0.3, "dog": 0.41},
    per_label={"cat": {"images": 9, "recall": 0.5, "precision": None, "f1": 0.0}},
)


def printed(result, **options):
    screen = Console(record=True, width=250)
    print_summary(screen, result, Path("store"), **options)
    return screen.export_text()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """40 pictures of noise with the labels cat, dog and night: ten have none, ten one, ten two, ten all three."""
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 1), dtype=np.uint8)
    labels = np.array([[row % 4 > label for label in range(3)] for row in range(40)], np.uint8)
    return prepare_arrays(images, labels, cache=tmp_path_factory.mktemp("cache"), task="multilabel", names=("cat", "dog", "night"))


def test_the_first_line_states_the_task(dataset):
    (line, *_) = dataset_lines(dataset)
    sizes = ", ".join(f"{len(dataset.rows(split))} {word}" for split, word in (("train", "training"), ("val", "validation"), ("test", "test")))
    assert line == f"{dataset.name}: 40 images (gray), several of 3 labels each: {sizes}; 1.5 labels an image on average"


def test_the_first_line_of_classes_is_as_it_was():
    assert dataset_lines(FakeDataset())[0] == "flowers: 3,210 images (color) of 3 classes: 2,248 training, 481 validation, 481 test"


def test_a_stored_study_counts_each_image_once(dataset):
    stored = SimpleNamespace(data={**summary(dataset), "folder": "photos"}, settings={}, images=40)
    assert summary(dataset)["labels_per_image"] == [10, 10, 10, 10]
    text = _data(stored)
    assert text.startswith("photos: 40 images, several of 3 labels each: ")
    assert text.endswith("; 1.5 labels an image on average")
    assert sum(int(part.split()[0]) for part in text.partition("each: ")[2].partition(";")[0].split(", ")) == 40


def test_summary_names_baseline_thresholds_and_metric():
    text = printed(LABELED)
    assert "baseline    mean average precision 0.229, for the same prediction for every image" in text
    assert "thresholds  one for each label, from 0.30 to 0.41: macro F1 0.812 instead of 0.741 at 0.5, on held-out images" in text
    assert "validation  mean average precision 0" in text
    assert "mean_average_precision" not in text
    assert "most frequent class" not in text


def test_summary_of_classes_has_no_line_on_thresholds():
    text = printed(dataclasses.replace(RESULT, baseline=0.5, calibration=dataclasses.replace(CUTS, thresholds=(), f1=None, f1_at_half=None)))
    assert "for always predicting the most frequent class" in text
    assert "thresholds" not in text


@pytest.mark.parametrize(
    ("thresholds", "f1", "half", "words"),
    [
        ((), None, None, ""),
        ((0.5, 0.5), 0.7, 0.71, "0.5 for every label: others gave a macro F1 of 0.700 instead of 0.710 on held-out images"),
        ((0.5, 0.5), 0.0, 0.0, "0.5 for every label: there was nothing to choose other thresholds by"),
        ((0.4, 0.4), 0.8, 0.7, "one for each label, 0.40: macro F1 0.800 instead of 0.700 at 0.5, on held-out images"),
    ],
)
def test_thresholds_in_a_line(thresholds, f1, half, words):
    assert cuts(dataclasses.replace(CUTS, thresholds=thresholds, f1=f1, f1_at_half=half)) == words


def test_json_has_task_thresholds_and_labels():
    values = json.loads(json.dumps(LABELED.as_dict()))
    assert values["task"] == "multilabel"
    assert values["thresholds"] == {"cat": 0.3, "dog": 0.41}
    assert values["per_label"]["cat"] == {"images": 9, "recall": 0.5, "precision": None, "f1": 0.0}
    assert values["calibration"]["f1_at_half"] == 0.741
    plain = RESULT.as_dict()
    assert (plain["task"], plain["thresholds"], plain["per_label"]) == ("multiclass", {}, {})


def test_metrics_are_printed_with_spaces_while_a_search_runs():
    assert metric_name("mean_average_precision") == "mean average precision"
    done = TRIALS[0]
    assert "mean average precision 0.8" in outcome(done, "mean_average_precision")
    running = Running(1, Job(done.configuration, Fidelity(4), "why", "defaults"), epoch=2, epochs=4, score=0.7)
    screen = Console(record=True, width=200)
    screen.print(panel(View("labels", "mean_average_precision", trials=(done,), running={1: running}), 200))
    text = screen.export_text()
    assert "best" in text
    assert "last mean average precision 0.700" in text
    assert "mean_average_precision" not in text
