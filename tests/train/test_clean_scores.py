"""Training images scored as they are, beside the batches as trained."""

import numpy as np
import pytest

from automl_cnn.data import pixels
from automl_cnn.paired import unpacked
from automl_cnn.records import Epoch
from automl_cnn.train import predict, train
from automl_cnn.train import watch as watching
from automl_cnn.train.watch import clean_rows


def trained(dataset, plugins, spec):
    events = []

    def hear(event):
        events.append(event)
        return True

    finished = train(spec, dataset, plugins, hear)
    return finished, [event for event in events if isinstance(event, Epoch)]


def test_the_sample_is_of_training_images_and_the_same_every_time(dataset):
    rows = clean_rows(dataset)
    assert set(rows) <= set(dataset.rows("train"))
    assert len(set(rows)) == len(rows) == min(len(dataset.rows("train")), watching.CLEAN_MOST)
    assert clean_rows(dataset).tolist() == rows.tolist()


def test_the_last_epoch_tells_the_kept_models_scores_without_augmentation_and_dropout(dataset, plugins, spec, monkeypatch):
    monkeypatch.setattr(watching, "CLEAN_SHARE", 1e9)
    import keras

    hard = {"regularizer.augment": True, "regularizer.dropout": True, "dropout.rate": 0.8}
    finished, epochs = trained(dataset, plugins, spec(hard, epochs=6))
    model = keras.saving.load_model(finished.checkpoint, safe_mode=True)
    rows = clean_rows(dataset)
    right = predict(model, pixels(dataset, 8), rows).argmax(axis=1) == dataset.labels[rows]
    kept = next(epoch for epoch in epochs if epoch.number == finished.best_epoch)
    assert all(epoch.clean_loss is not None for epoch in epochs)
    if not finished.averaged:
        assert kept.clean_accuracy == pytest.approx(np.mean(right))
    assert epochs[-1].clean_accuracy > epochs[-1].accuracy


def test_where_it_is_dear_only_the_last_epoch_has_it(dataset, plugins, spec, monkeypatch):
    monkeypatch.setattr(watching, "CLEAN_SHARE", 0.0)
    _, epochs = trained(dataset, plugins, spec(epochs=3))
    assert [epoch.clean_accuracy is not None for epoch in epochs] == [False, False, True]


def test_scoring_training_images_changes_nothing_about_the_training(dataset, plugins, spec, monkeypatch):
    curves = []
    for share in (0.0, 1e9):
        monkeypatch.setattr(watching, "CLEAN_SHARE", share)
        curves.append([(epoch.loss, epoch.val_loss) for epoch in trained(dataset, plugins, spec({"regularizer.augment": True}, epochs=3))[1]])
    assert curves[0] == curves[1]


def test_what_was_right_is_told_image_by_image(dataset, plugins, spec):
    finished, _ = trained(dataset, plugins, spec(epochs=2))
    right = unpacked(finished.right)
    assert len(right) == len(dataset.rows("val"))
    assert np.mean(right) == pytest.approx(finished.score)
