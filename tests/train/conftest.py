"""A small real data set, and a drop-in architecture that begins with weights, has an auxiliary head, or neither."""

import numpy as np
import pytest

from automl_cnn import registry
from automl_cnn.data import prepare_arrays
from automl_cnn.records import Fidelity
from automl_cnn.train import TrialSpec

PLUGINS = '''
from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice, Pretrained, Regularizer


class Small(Architecture):
    """Two stages. Choose it in tests."""

    name = "small"
    min_size = 8
    auxiliary = Choice(False, True)
    pretrained = (Pretrained("given", "package:nowhere/*.pth", {"auxiliary": False}),)

    def features(self, x, net):
        x = net.after_block(blocks.conv(x, net.width(8), 3, net=net, stride=2))
        if self.auxiliary:
            net.auxiliary(blocks.global_average_pool(x), weight=0.5)
        return net.after_block(blocks.conv(x, net.width(16), 3, net=net, stride=2))


class Impatient(Regularizer):
    """Ends after two epochs. Choose it in tests."""

    name = "impatient"

    def stop(self, epochs):
        return len(epochs) >= 2


class Witness(Regularizer):
    """Keeps the targets of the last batch. Choose it in tests."""

    name = "witness"
    last = []

    def targets(self, labels, task):
        self.last[:] = [task, labels]
        return labels
'''


@pytest.fixture(scope="session")
def plugins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "small.py").write_text(PLUGINS)
    return registry.load(folder)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """240 real digits of the classes 0, 1 and 2."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    chosen = np.flatnonzero(bunch.target < 3)[:240]
    return prepare_arrays((bunch.images[chosen] * 255 / 16).astype("uint8"), bunch.target[chosen], tmp_path_factory.mktemp("cache"))


@pytest.fixture
def spec(tmp_path):
    """`spec({"optimizer": "sgd"}, epochs=2)`: a trial of the small network."""

    def make(changed=None, *, epochs=2, seconds=None, **given):
        plain = {"architecture": "small", "resolution": 8, "width": 1.0, "depth": 1.0, "batch_size": 32, "optimizer": "adam"}
        return TrialSpec(
            **{
                "number": 0,
                "configuration": {**plain, **(changed or {})},
                "fidelity": Fidelity(epochs, seconds),
                "metric": "accuracy",
                "class_weights": "auto",
                "seed": 0,
                "checkpoint": str(tmp_path / "trial.keras"),
                **given,
            }
        )

    return make
