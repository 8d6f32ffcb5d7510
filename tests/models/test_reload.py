"""Every architecture's saved model, loaded in a process that knows Keras and `automl_cnn` and no plugin, says the same."""

import json
import subprocess
import sys

import numpy as np
import pytest

from automl_cnn import registry
from automl_cnn.models.build import build

PLUGINS = registry.load()
READ = """
import json, sys
import keras, numpy as np
import automl_cnn.layers
answers = {}
for path in sys.argv[2:]:
    model = keras.saving.load_model(path, safe_mode=True)
    answers[path] = keras.ops.convert_to_numpy(model(np.load(sys.argv[1]), training=False)).tolist()
assert not any(name.startswith("automl_cnn_plugins") for name in sys.modules)
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def reloaded(tmp_path_factory):
    """By architecture: what was answered before saving, and what by the other process."""
    folder = tmp_path_factory.mktemp("models")
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 30, 3), dtype=np.uint8)
    np.save(folder / "images.npy", images)
    regularizers = [PLUGINS.get("regularizer", name)() for name in PLUGINS.names("regularizer")]
    before = {}
    for name in PLUGINS.names("architecture"):
        plugin = PLUGINS.get("architecture", name)
        model = build(plugin(), classes=3, channels=3, size=max(32, plugin.min_size), width=0.25, regularizers=regularizers, seed=1)
        before[name] = np.asarray(model(images, training=False))
        model.save(folder / f"{name}.keras")
    files = [str(folder / f"{name}.keras") for name in before]
    done = subprocess.run([sys.executable, "-c", READ, str(folder / "images.npy"), *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    after = json.loads(done.stdout.splitlines()[-1])
    return {name: (before[name], np.array(after[file])) for name, file in zip(before, files, strict=True)}


@pytest.mark.parametrize("name", PLUGINS.names("architecture"))
def test_a_reloaded_model_says_the_same(reloaded, name):
    before, after = reloaded[name]
    assert before.std() > 0
    np.testing.assert_allclose(after, before, atol=1e-5)
