import subprocess
import sys

import pytest

from automl_cnn import registry
from automl_cnn.errors import ConfigError, PluginError, SpaceError
from automl_cnn.models import plugins_of
from automl_cnn.models.choose import regularizers_of

GIVEN = {
    "architecture": "resnet",
    "resnet.variant": 34,
    "vgg.variant": "D",
    "resolution": 32,
    "optimizer": "sgd",
    "sgd.momentum": 0.5,
    "regularizer.l2": True,
    "l2.strength": 1e-3,
    "regularizer.dropout": False,
    "regularizer.augment": True,
}


@pytest.fixture(scope="module")
def plugins():
    return registry.load()


def test_the_named_plugins_at_the_given_point(plugins):
    architecture, optimizer, regularizers = plugins_of(GIVEN, plugins)
    assert (architecture.name, architecture.variant, architecture.shortcut) == ("resnet", 34, True)
    assert (optimizer.name, optimizer.momentum) == ("sgd", 0.5)
    assert [regularizer.name for regularizer in regularizers] == ["augment", "l2"]
    assert regularizers[1].strength == 1e-3


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"architecture": "resnt"}, PluginError, "Did you mean 'resnet'"),
        ({"optimizer": None}, ConfigError, "optimizer = None"),
        ({"resnet.variant": 19}, SpaceError, "one of 18, 34, 50"),
        ({"sgd.momentun": 0.1}, SpaceError, "Did you mean 'momentum'"),
        ({"regularizer.l3": True}, PluginError, "No regularizer plugin named 'l3'"),
    ],
)
def test_what_cannot_be_used_is_named(plugins, change, error, words):
    with pytest.raises(error, match=words):
        plugins_of({**GIVEN, **change}, plugins)


def test_a_regularizer_that_does_not_suit_the_task_is_named(plugins):
    smoothed = {"regularizer.l2": True, "regularizer.label_smoothing": True, "regularizer.cutmix": False}
    assert [one.name for one in regularizers_of(smoothed, plugins, "multilabel")] == ["l2", "label_smoothing"]
    with pytest.raises(PluginError, match="'label_smoothing' does not suit the task regression: expected one of multiclass, multilabel"):
        regularizers_of(smoothed, plugins, "regression")
    assert [one.name for one in regularizers_of({**smoothed, "regularizer.label_smoothing": False}, plugins, "regression")] == ["l2"]


def test_choosing_imports_no_keras():
    code = f"""
import sys
from automl_cnn import registry
from automl_cnn.models import plugins_of
plugins_of({GIVEN!r}, registry.load())
print("keras" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
