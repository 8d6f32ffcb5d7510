"""`mlflow models serve` as the documentation has it: a photo over HTTP, an answer; a damaged one, a 400 and a sentence."""

from __future__ import annotations

import base64
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
from automl_cnn.track import Tracker
from automl_cnn.track.serve import free_port

pytestmark = pytest.mark.slow

WAIT = 240  # seconds that a server on a busy machine may take to import TensorFlow


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of a server of a network that tells red from blue."""
    import keras

    from automl_cnn.layers import Resize

    store = Store(tmp_path_factory.mktemp("served"))
    pixels = keras.Input((None, None, 3))
    colours = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(Resize(8)(pixels)))
    dense = keras.layers.Dense(2, name="classifier")
    model = keras.Model(pixels, keras.layers.Softmax()(dense(colours)))
    dense.set_weights([np.array([[9.0, 0], [0, 0], [0, 9.0]]), np.zeros(2)])
    file = store.root / "model.keras"
    model.save(file)
    write_card(file, {"classes": ["red", "blue"], "size": 8, "channels": 3})
    tracker = Tracker(store, "colours")
    tracker.start({"seed": 0}, {"classes": ["red", "blue"], "channels": 3})
    result = StudyResult("colours", "accuracy", {"architecture": "mean"}, 8, 24, 1.0, (0.9, 1.0), 1.0, (0.9, 1.0), 1, 1.0, str(file), 0, "trials")
    tracker.finish(result, file, np.zeros((1, 8, 8, 3), np.uint8))
    port = free_port(5700)
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "models",
        "serve",
        "-m",
        "models:/colours@champion",
        "--env-manager",
        "local",
        "-p",
        str(port),
        "-h",
        "127.0.0.1",
    ]
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
    ("sent", "said"),
    [
        (base64.b64encode(base64.b64decode(photo("red"))[:200]).decode(), "cannot be used"),
        (base64.b64encode(b"no image").decode(), "is no image file in base64"),
        ("/etc/hostname", "Paths are not taken here"),
    ],
)
def test_what_is_no_image_gets_a_400_and_a_sentence(served, sent, said):
    status, answer = ask(served, {"inputs": [sent]})
    assert status == 400
    assert said in answer["message"]
    assert "Traceback" not in json.dumps(answer)
