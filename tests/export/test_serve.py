"""`mlflow models serve` as the documentation has it: a photo over HTTP, an answer; a damaged one, a 400 and a sentence."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

from automl_cnn.modelfile.file import write_card
from automl_cnn.records import StudyResult
from automl_cnn.store import Store
from automl_cnn.tasks import Regression, Target
from automl_cnn.tasks.conformal import Widths
from automl_cnn.track import Tracker
from automl_cnn.track.serve import free_port

pytestmark = pytest.mark.slow

WAIT = 240  # seconds that a server on a busy machine may take to import TensorFlow


def model_of(last, weights):
    """A network that looks at the mean color of a photo."""
    import keras

    from automl_cnn.layers import Resize

    pixels = keras.Input((None, None, 3))
    colours = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(Resize(8)(pixels)))
    dense = keras.layers.Dense(len(weights[0]), name="classifier")
    model = keras.Model(pixels, last(dense(colours)))
    dense.set_weights([np.array(weights), np.zeros(len(weights[0]))])
    return model


@contextlib.contextmanager
def serving(store, model, card, result):
    """The address of a server of the model, once it is the champion of its study."""
    file = store.root / "model.keras"
    model.save(file)
    write_card(file, {**card, "size": 8, "channels": 3})
    tracker = Tracker(store, result.study)
    tracker.start({"seed": 0}, {**card, "channels": 3})
    tracker.finish(dataclasses.replace(result, model_path=str(file)), file, np.zeros((1, 8, 8, 3), np.uint8))
    port = free_port(5700)
    name = f"models:/{result.study}@champion"
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", name, "--env-manager", "local", "-p", str(port), "-h", "127.0.0.1"]
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": store.mlflow_uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
    }
    with (store.root / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address, process, store.root / "serve.log")
            yield address
        finally:
            os.killpg(process.pid, 15)
            process.wait(30)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of a server of a network that tells red from blue."""
    import keras

    result = StudyResult("colours", "accuracy", {"architecture": "mean"}, 8, 24, 1.0, (0.9, 1.0), 1.0, (0.9, 1.0), 1, 1.0, "", 0, "trials")
    model = model_of(keras.layers.Softmax(), [[9.0, 0], [0, 0], [0, 9.0]])
    with serving(Store(tmp_path_factory.mktemp("served")), model, {"classes": ["red", "blue"]}, result) as address:
        yield address


@pytest.fixture(scope="module")
def served_numbers(tmp_path_factory):
    """The address of a server of a network that reads how red a photo is, from 0 to 100 percent."""
    import keras

    task = Regression(1, (Target("redness", "percent", 50.0, 25.0),), Widths((4.0,)))
    card = {"classes": ["redness"], **task.stated()}
    result = StudyResult("redness", "rmse", {"architecture": "mean"}, 8, 24, 0.9, (0.8, 1.0), 0.9, (0.8, 1.0), 1, 1.0, "", 0, "trials", task="regression")
    model = model_of(keras.layers.Rescaling(25.0, offset=0.0), [[4.0], [0], [0]])
    with serving(Store(tmp_path_factory.mktemp("numbers")), model, card, result) as address:
        yield address


def _wait(address, process, log) -> None:
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        try:
            urllib.request.urlopen(f"{address}/ping", timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(log.read_text(errors="replace")[-3000:])


def ask(address: str, body: object) -> tuple[int, dict]:
    request = urllib.request.Request(f"{address}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def photo(colour: str) -> str:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(out, "JPEG")
    return base64.b64encode(out.getvalue()).decode()


def test_a_photo_over_http_gets_its_label(served):
    status, answer = ask(served, {"inputs": [photo("red"), photo("blue")]})
    assert status == 200, answer
    assert [entry["label"] for entry in answer["predictions"]] == ["red", "blue"]
    first = answer["predictions"][0]
    assert first["confidence"] == pytest.approx(first["probabilities"]["red"])
    assert sum(first["probabilities"].values()) == pytest.approx(1)
    assert first["confidence"] > 0.9


@pytest.mark.parametrize(
    "body", [{"dataframe_records": [{"image": photo("blue")}]}, {"instances": [photo("blue")]}, {"inputs": np.full((1, 9, 9, 3), (0, 0, 255)).tolist()}]
)
def test_mlflows_other_ways_of_asking_work_too(served, body):
    status, answer = ask(served, body)
    assert status == 200, answer
    assert answer["predictions"][0]["label"] == "blue"


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (base64.b64encode(base64.b64decode(photo("red"))[:200]).decode(), "cannot be used"),
        (base64.b64encode(b"no image").decode(), "is not a base64 image file"),
        ("/etc/hostname", "Paths are not taken here"),
    ],
)
def test_input_that_is_not_an_image_gets_a_400_and_a_sentence(served, sent, message):
    status, answer = ask(served, {"inputs": [sent]})
    assert status == 400
    assert message in answer["message"]
    assert "Traceback" not in json.dumps(answer)


def test_a_photo_over_http_gets_its_number_and_interval(served_numbers):
    status, answer = ask(served_numbers, {"inputs": [photo("red"), photo("blue")]})
    assert status == 200, answer
    red, blue = ({name: float(value) for name, value in entry.items()} for entry in answer["predictions"])
    assert red["redness (percent)"] == pytest.approx(100, abs=1)
    assert blue["redness (percent)"] == pytest.approx(0, abs=1)
    assert (red["redness low"], red["redness high"]) == pytest.approx((red["redness (percent)"] - 4, red["redness (percent)"] + 4))
