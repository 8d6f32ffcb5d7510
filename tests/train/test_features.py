"""Features are computed once and kept."""

import numpy as np
import pytest

from automl_cnn.models.choose import architecture_of, pretrained_of
from automl_cnn.models.readout import Look, frozen
from automl_cnn.train.features import Features

BEGINS = {"architecture": "small", "pretrained.small": "given", "finetune.small": "probe"}
LOOKS = [Look(8), Look(8, True)]


@pytest.fixture
def reader(plugins):
    def make(seed=0):
        import keras

        keras.utils.set_random_seed(seed)
        return frozen(architecture_of(BEGINS, plugins), pretrained_of(BEGINS, plugins), 2, size=8)[1]

    return make


@pytest.fixture
def features(dataset, plugins, reader):
    return lambda seed=0: Features(dataset, reader(seed), pretrained_of(BEGINS, plugins))


def test_what_was_read_is_not_computed_again(features, dataset):
    counted = []
    rows = np.arange(0, 40)
    first, done = features(1).read(LOOKS, 8, rows, lambda done, of: counted.append(of) or True)
    assert done == 40
    assert counted[-1] == 40
    counted.clear()
    again, _ = features(1).read(LOOKS, 8, rows, lambda done, of: counted.append(of) or True)
    assert not counted
    for look in LOOKS:
        np.testing.assert_array_equal(first[look], again[look])
    features(1).read(LOOKS, 8, np.arange(20, 60), lambda done, of: counted.append(of) or True)
    assert counted[-1] == 20, "only what is missing is read"


def test_other_weights_have_other_features(features):
    one, _ = features(2).read(LOOKS[:1], 8, np.arange(8))
    other, _ = features(3).read(LOOKS[:1], 8, np.arange(8))
    assert np.abs(one[LOOKS[0]] - other[LOOKS[0]]).max() > 1e-3


def test_a_mirrored_look_differs(features):
    both, _ = features(4).read(LOOKS, 8, np.arange(8))
    assert np.abs(both[LOOKS[0]] - both[LOOKS[1]]).max() > 1e-3


def test_reading_ends_when_it_is_stopped_and_goes_on_later(features):
    part, done = features(5).read(LOOKS, 8, np.arange(100), lambda done, of: done < 40)
    assert done == len(part[LOOKS[0]]) == 48
    whole, done = features(5).read(LOOKS, 8, np.arange(100))
    assert done == 100
    np.testing.assert_array_equal(whole[LOOKS[0]][:48], part[LOOKS[0]])


def test_a_folder_that_cannot_be_written_costs_only_the_second_reading(features, monkeypatch):
    def refuse(*given, **more):
        raise OSError(30, "read-only")

    monkeypatch.setattr("automl_cnn.train.features.os.replace", refuse)
    values, done = features(6).read(LOOKS[:1], 8, np.arange(8))
    assert done == 8
    assert np.isfinite(values[LOOKS[0]]).all()


def test_columns_are_those_of_the_last_stages(features):
    read = features(7)
    assert read.widths == [8, 16]
    assert [read.columns(read.body, stages).start for stages in (1, 2, 4)] == [8, 0, 0]


def test_a_look_at_the_stored_size_serves_every_resolution(features, dataset):
    """The images are 8 px: what is seen at 8 px is the same, whatever the readout's largest size."""
    counted = []

    def count(done, of):
        counted.append(of)
        return True

    one, _ = features(8).read(LOOKS, 8, np.arange(20), count)
    assert counted
    counted.clear()
    assert not features(8)._direct(Look(8), 16), "the model enlarges images to 16 px first"
    assert features(8)._direct(Look(16), 16)
    assert features(8)._direct(Look(16), 8), "from the stored size straight to the look's"
    assert features(8)._key(Look(16), 16) == features(8)._key(Look(16), 8)
    assert features(8)._key(Look(8), 16) != features(8)._key(Look(8), 8)
    again, _ = features(8).read(LOOKS, 8, np.arange(20), count)
    assert not counted
    np.testing.assert_array_equal(one[LOOKS[0]], again[LOOKS[0]])


def test_a_direct_look_is_computed_once_for_two_resolutions(dataset, plugins, tmp_path):
    """Photos of 16 px: a readout at 16 px and one that begins at 16 px of images brought to 16 px first look at the same pixels."""
    from automl_cnn.data import prepare_arrays

    photos = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), np.uint8)
    stored = prepare_arrays(photos, [0, 1] * 20, tmp_path)
    entry = pretrained_of(BEGINS, plugins)

    def read(resolution, look):
        import keras

        keras.utils.set_random_seed(3)
        body = frozen(architecture_of(BEGINS, plugins), entry, 2, size=16, several=True)[1]
        counted = []
        values, _ = Features(stored, body, entry).read([look], resolution, np.arange(40), lambda done, of: counted.append(done) or True)
        return values[look], counted

    first, computed = read(16, Look(12))
    assert computed
    second, computed = read(12, Look(12))
    assert not computed, "from the stored 16 px straight to 12 px, as before"
    np.testing.assert_array_equal(first, second)
    third, computed = read(14, Look(12))
    assert computed, "the model brings images to 14 px first"
    assert np.abs(third - first).max() > 1e-3


def test_features_are_kept_with_half_the_digits_and_within_their_range(features, dataset, monkeypatch):
    import keras

    exact, _ = features(9).read(LOOKS[:1], 8, np.arange(8))
    kept = [np.load(path) for path in dataset_files(dataset) if "features" in path.name]
    assert all(values.dtype == np.float16 for values in kept)
    assert exact[LOOKS[0]].dtype == np.float32
    huge = features(10)
    last = [layer for layer in huge.body.layers if isinstance(layer, keras.layers.BatchNormalization)][-1]
    last.set_weights([1e9 * np.ones(weight.shape) if "gamma" in weight.path else np.zeros(weight.shape) for weight in last.weights])
    values, _ = Features(dataset, huge.body, huge.entry).read(LOOKS[:1], 8, np.arange(8))
    assert np.isfinite(values[LOOKS[0]]).all(), "what is too large for its digits is cut off"


def dataset_files(dataset):
    from pathlib import Path

    return sorted(Path(dataset.array).parent.glob("*.npy"))


def test_what_is_kept_is_that_of_the_network_itself(features, dataset):
    """Norms are folded and digits halved, and still it is what the network says."""
    import keras

    from automl_cnn.data import pixels
    from automl_cnn.models.readout import view_of

    read = features(11)
    rows = np.arange(12)
    values, _ = read.read(LOOKS, 8, rows)
    images = pixels(dataset, 8)
    for look in LOOKS:
        given = keras.Input(images.shape[1:], dtype="uint8")
        outputs = keras.Model(given, read.body(view_of(given, look, 8, read.entry), training=False)).predict_on_batch(np.asarray(images[rows]))
        np.testing.assert_allclose(values[look], np.concatenate(outputs, axis=1), rtol=2e-3, atol=2e-3)


def test_a_network_with_damaged_weights_is_named_and_nothing_of_it_is_kept(features, dataset):
    from automl_cnn.errors import TrialError

    damaged = features(11)
    damaged.body.set_weights([np.full(weight.shape, np.nan) for weight in damaged.body.get_weights()])
    again = Features(dataset, damaged.body, damaged.entry)
    with pytest.raises(TrialError, match="not finite: the weights may be damaged"):
        again.read(LOOKS[:1], 8, np.arange(8))
