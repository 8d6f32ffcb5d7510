import dataclasses
from pathlib import Path

import numpy as np
import pytest

from automl_cnn import metrics, predictions
from automl_cnn.data import pixels
from automl_cnn.modelfile import file as modelfile
from automl_cnn.modelfile.file import load_model
from automl_cnn.study.running.executors.protocol import Recipe
from automl_cnn.study.running.executors.worker import Worker
from automl_cnn.tasks import Multiclass
from automl_cnn.train import predict, train
from automl_cnn.train.calibrate import best_temperature, calibrate, calibration_error, logits_of, out_of_fold


def task_of(logits):
    return Multiclass(logits.shape[1])


def activate(logits, temperature):
    return task_of(logits).activate(logits, temperature)


def overconfident(temperature, count=4000, classes=3, seed=0):
    """Labels drawn from activate(z), and the logits z * temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, classes)) * 2
    labels = np.array([rng.choice(classes, p=row) for row in activate(logits, 1.0)])
    return labels, logits * temperature


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_lost_is_found_again(temperature):
    labels, logits = overconfident(temperature)
    fitted = best_temperature(task_of(logits), labels, logits)
    assert fitted == pytest.approx(temperature, rel=0.1)
    raw, cooled = activate(logits, 1.0), activate(logits, fitted)
    np.testing.assert_array_equal(cooled.argmax(axis=1), raw.argmax(axis=1))
    assert calibration_error(Multiclass(cooled.shape[1]), labels, cooled) < 0.03
    if temperature > 1:
        assert calibration_error(Multiclass(raw.shape[1]), labels, raw) > 0.1


def test_images_without_an_error_do_not_ask_for_infinite_confidence():
    labels = np.arange(60) % 3
    logits = np.where(np.eye(3)[labels] == 1, 3.0, 0.0)
    cooled = activate(logits, best_temperature(task_of(logits), labels, logits))
    assert 0.95 < cooled.max() < 1 - 1 / 100


def test_certainty_that_is_right_has_no_error():
    labels = np.array([0, 1, 1])
    assert calibration_error(Multiclass(2), labels, np.eye(2)[labels]) == 0
    assert calibration_error(Multiclass(2), labels, np.eye(2)[1 - labels]) == 1


def test_a_calibrated_model_gives_the_same_labels_with_better_probabilities(dataset, plugins, spec):
    finished = train(spec(epochs=20), dataset, plugins, lambda event: True)
    model = load_model(Path(finished.checkpoint))
    layer = model.get_layer("classifier")
    layer.set_weights([weight * 40 for weight in layer.get_weights()])  # far too sure of itself
    rows = dataset.rows("val")
    labels, images = dataset.labels[rows], pixels(dataset, 8)
    before = predict(model, images, rows)
    report = calibrate(dataset.task, model, logits_of(dataset.task, model, images, rows), labels)
    after = predict(model, images, rows)
    assert report.temperature > 1
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    assert metrics.cross_entropy(labels, after) == pytest.approx(report.loss_after, rel=1e-3)
    assert report.loss_after < report.loss == pytest.approx(metrics.cross_entropy(labels, before), rel=1e-3)
    assert calibrate(dataset.task, model, logits_of(dataset.task, model, images, rows), labels).temperature == pytest.approx(1, rel=0.05)


def test_a_training_goes_on_from_where_another_ended(dataset, plugins, spec, tmp_path):
    first = train(spec(epochs=8), dataset, plugins, lambda event: True)
    kept = tmp_path / "first.keras"
    kept.write_bytes(Path(first.checkpoint).read_bytes())
    seen = []
    train(dataclasses.replace(spec(epochs=1), start=str(kept)), dataset, plugins, lambda event: seen.append(event) or True)
    fresh = []
    train(spec(epochs=1), dataset, plugins, lambda event: fresh.append(event) or True)
    assert seen[-1].loss < fresh[-1].loss
    assert seen[-1].val_accuracy >= first.score - 0.15


def test_two_trials_become_one_model_that_calibrates_and_keeps_its_labels(dataset, plugins, spec, tmp_path):
    """By way of what a worker does when it is asked for an ensemble."""
    files = {}
    for number, resolution in ((3, 8), (5, 12)):
        checkpoint = str(tmp_path / f"trial-{number:04d}.keras")
        train(spec({"resolution": resolution}, epochs=4, checkpoint=checkpoint, seed=number), dataset, plugins, lambda event: True)
        files[number] = checkpoint
    worker = Worker.__new__(Worker)
    worker._dataset = dataset
    out = tmp_path / "ensemble.keras"
    made = worker._ensemble(Recipe(files, {3: 0.75, 5: 0.25}, str(out)))
    wanted = sum(share * predictions.recall(Path(files[number])) for number, share in ((3, 0.75), (5, 0.25)))
    assert made.size == dataset.side == 8
    np.testing.assert_allclose(made.probabilities, wanted, atol=0.01)  # a larger one sees the images enlarged, as it was trained
    rows = dataset.rows("val")
    labels, images = dataset.labels[rows], pixels(dataset, 8)
    model = load_model(out)
    report = calibrate(dataset.task, model, logits_of(dataset.task, model, images, rows), labels)
    assert report.temperature != 1
    assert report.loss_after < report.loss == pytest.approx(metrics.cross_entropy(labels, made.probabilities), rel=1e-3)
    np.testing.assert_array_equal(predict(model, images, rows).argmax(axis=1), made.probabilities.argmax(axis=1))


def test_what_is_told_already_is_not_asked_again(dataset, plugins, spec):
    finished = train(spec(epochs=3), dataset, plugins, lambda event: True)
    model, rows, images = load_model(Path(finished.checkpoint)), dataset.rows("val"), pixels(dataset, 8)
    kept = predictions.recall(Path(finished.checkpoint))
    asked = logits_of(dataset.task, model, images, rows)
    np.testing.assert_allclose(activate(logits_of(dataset.task, model, images, rows, kept), 3.0), activate(asked, 3.0), atol=1e-5)
    model.get_layer("classifier").set_weights([0 * weight for weight in model.get_layer("classifier").get_weights()])
    np.testing.assert_allclose(activate(logits_of(dataset.task, model, images, rows, kept), 1.0), kept, atol=1e-6, err_msg="the model was run")
    for unusable in (None, kept[:-1], np.where(kept == kept.min(), 0.0, kept)):
        assert not logits_of(dataset.task, model, images, rows, unusable).any(), "the model was run"


def test_what_calibration_computed_is_used_as_long_as_the_file_is_asked_about_and_kept_in_it(dataset, plugins, spec, monkeypatch):
    checkpoint = train(spec(epochs=2), dataset, plugins, lambda event: True).checkpoint
    modelfile.write_card(Path(checkpoint), {"size": 8, "trial": 0, "channels": 1, "classes": list(dataset.classes)})
    worker, asked = Worker.__new__(Worker), []
    worker._dataset, worker._scored, worker._known = dataset, None, None
    monkeypatch.setattr("automl_cnn.train.calibrate.predict", lambda *given: pytest.fail("it is known what the network says of the validation images"))
    monkeypatch.setattr("automl_cnn.train.predict", lambda model, images, rows: asked.append(len(rows)) or predict(model, images, rows))
    calibration = worker._calibrate(checkpoint)
    evidence = worker._examine(checkpoint)
    assert not asked
    kept = predictions.recall(Path(checkpoint))
    np.testing.assert_allclose(kept, predict(load_model(Path(checkpoint)), pixels(dataset, 8), dataset.rows("val")), atol=1e-5)
    worker._scored = None
    again = worker._examine(checkpoint)
    assert not asked, "it is in the file"
    monkeypatch.setattr(predictions, "recall", lambda file: None)
    worker._scored = None
    worker._examine(checkpoint)
    assert asked == [len(dataset.rows("val"))]
    assert evidence.temperature == again.temperature == calibration.temperature
    assert evidence.confusion == again.confusion
    off = sum(entry.count * abs(entry.accuracy - entry.confidence) for entry in evidence.bins) / len(dataset.rows("val"))
    assert off == pytest.approx(calibration.error_after), "terminal and report say the same"
    assert [entry.confidence for entry in evidence.bins] == pytest.approx([entry.confidence for entry in again.bins], abs=1e-4)


def test_a_calibration_that_cannot_be_written_is_forgotten(dataset, plugins, spec, monkeypatch):
    checkpoint = train(spec(epochs=2), dataset, plugins, lambda event: True).checkpoint
    modelfile.write_card(Path(checkpoint), {"size": 8, "trial": 0, "channels": 1, "classes": list(dataset.classes)})
    worker = Worker.__new__(Worker)
    worker._dataset, worker._scored, worker._known = dataset, None, None
    monkeypatch.setattr(modelfile, "write_card", lambda *given: (_ for _ in ()).throw(OSError(28, "no space left")))
    before = Path(checkpoint).read_bytes()
    with pytest.raises(OSError, match="no space"):
        worker._calibrate(checkpoint)
    assert worker._scored is worker._known is None
    assert Path(checkpoint).read_bytes() == before
    assert not list(Path(checkpoint).parent.glob(".calibrated*"))


class Logits:
    """Stands for a network with a classifier of one weight."""

    def __init__(self):
        self.weight = np.ones(1)

    def get_layer(self, name):
        return self

    def get_weights(self):
        return [self.weight]

    def set_weights(self, weights):
        (self.weight,) = weights


def test_a_temperature_that_helps_only_the_images_it_was_fitted_on_is_dropped():
    """90 images of ten classes, probabilities that are right already: what a small validation split looks like."""
    kept = dropped = 0
    for seed in range(12):
        labels, logits = overconfident(1.0, count=90, classes=10, seed=seed)
        network = Logits()
        report = calibrate(task_of(logits), network, logits, labels)
        held_out = out_of_fold(task_of(logits), labels, logits)
        if report.temperature == 1:
            dropped += 1
            assert network.weight == 1
            assert (report.error_after, report.loss_after) == (report.error, report.loss)
        else:
            kept += 1
            assert metrics.cross_entropy(labels, held_out) < report.loss
            assert task_of(logits).brier(labels, held_out) < task_of(logits).brier(labels, activate(logits, 1.0))
            assert network.weight == pytest.approx(1 / report.temperature)
        assert report.held_out_error == pytest.approx(calibration_error(Multiclass(held_out.shape[1]), labels, held_out))
    assert dropped >= 6, f"{kept} of 12 temperatures were kept where none was needed"


def test_a_temperature_that_is_needed_is_kept_on_few_images():
    for seed in range(6):
        labels, logits = overconfident(4.0, count=90, classes=5, seed=seed)
        assert calibrate(task_of(logits), Logits(), logits, labels).temperature > 2


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_a_handful_of_images_can_be_calibrated(count):
    labels, logits = overconfident(2.0, count=count)
    report = calibrate(task_of(logits), Logits(), logits, labels)
    assert np.isfinite([report.temperature, report.loss_after, report.error_after]).all()
    assert out_of_fold(task_of(logits), labels, logits).shape == logits.shape


def test_versions_of_one_photo_do_not_confirm_a_temperature_for_each_other():
    """Four photos of six versions each: three are answered with little confidence and rightly, one wrongly; which one is chance."""
    labels = np.repeat([0, 1, 0, 1], 6)
    logits = np.where(np.eye(2)[np.repeat([0, 1, 0, 0], 6)] == 1, 0.1, 0.0)
    groups = np.repeat(np.arange(4), 6)
    apart, alone = out_of_fold(task_of(logits), labels, logits, groups), out_of_fold(task_of(logits), labels, logits)
    assert metrics.cross_entropy(labels, apart) > metrics.cross_entropy(labels, alone) + 0.1
    assert calibrate(task_of(logits), Logits(), logits, labels, groups).temperature == 1
    assert calibrate(task_of(logits), Logits(), logits, labels).temperature < 1, "image by image it seems to help"
