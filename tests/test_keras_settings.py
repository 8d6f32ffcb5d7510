"""No network depends on the user's keras.json: neither what it is, nor what it costs, nor what it says."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parent / "keras_settings_script.py"
SETTINGS = {"floatx": "float64", "epsilon": 1e-2, "backend": "tensorflow", "image_data_format": "channels_first"}


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """What the same program finds without a keras.json, and with one that changes everything; both save a model, which the other one loads."""
    folder = tmp_path_factory.mktemp("keras-settings")
    homes = {"plain": folder / "plain", "changed": folder / "changed"}
    for home in homes.values():
        home.mkdir()
    (homes["changed"] / "keras.json").write_text(json.dumps(SETTINGS))
    results = {}
    for name, home in homes.items():
        extra = {"KERAS_MAX_EPOCHS": "1", "KERAS_MAX_STEPS_PER_EPOCH": "1"} if name == "changed" else {}
        environment = {**os.environ, "KERAS_HOME": str(home), **extra}
        other = str(homes["plain"] / "model.keras")
        done = subprocess.run([sys.executable, str(SCRIPT), str(home), other], capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        results[name] = json.loads(done.stdout.splitlines()[-1])
    return results


def test_the_settings_were_the_users_before_and_after(facts):
    assert facts["changed"]["before"] == facts["changed"]["after"] == ["channels_first", "float64", 1e-2, "float64", 1, 1]


def test_every_network_costs_the_same(facts):
    assert len(facts["plain"]["costs"]) >= 10
    assert facts["changed"]["costs"] == facts["plain"]["costs"]


def test_no_layer_of_the_blocks_or_the_plugins_asks_for_the_default_format(facts):
    assert facts["changed"]["formats"] == {}


def test_pretrained_weights_fit_and_give_the_same_features(facts):
    assert np.allclose(facts["changed"]["pretrained"], facts["plain"]["pretrained"], atol=1e-5)


def test_a_model_predicts_the_same_by_stock_keras_and_by_ours(facts):
    expected = facts["plain"]["ours"]
    for predicted in (facts["plain"]["stock"], facts["changed"]["ours"], facts["changed"]["stock"]):
        assert np.allclose(predicted, expected, atol=1e-5)


def test_a_model_file_names_its_formats(facts):
    assert facts["changed"]["written"] == ["channels_last"]


def test_a_strangers_plain_convolution_is_over_the_right_axes(facts):
    assert facts["changed"]["stranger"] == facts["plain"]["stranger"]
    assert facts["changed"]["stranger"]["failed"] == []


def test_settings_come_back_though_two_threads_hold_them_at_once():
    import keras

    from automl_cnn import keras_settings

    before = keras.config.image_data_format(), keras.config.floatx()
    keras.config.set_image_data_format("channels_first")
    inside, leave, seen = threading.Event(), threading.Event(), []

    def hold() -> None:
        with keras_settings.standard():
            inside.set()
            leave.wait(60)
            seen.append(keras.config.image_data_format())

    try:
        other = threading.Thread(target=hold)
        with keras_settings.standard():
            other.start()
            inside.wait(60)
            assert keras.config.image_data_format() == "channels_last"
        assert keras.config.image_data_format() == "channels_last"  # the other one still needs it
        leave.set()
        other.join()
        assert seen == ["channels_last"]
        assert keras.config.image_data_format() == "channels_first"
    finally:
        keras.config.set_image_data_format(before[0])


def test_settings_come_back_after_an_error():
    import keras

    from automl_cnn import keras_settings

    keras.config.set_floatx("float64")
    try:
        with contextlib.suppress(RuntimeError), keras_settings.standard():
            assert keras.config.floatx() == "float32"
            raise RuntimeError
        assert keras.config.floatx() == "float64"
    finally:
        keras.config.set_floatx("float32")
