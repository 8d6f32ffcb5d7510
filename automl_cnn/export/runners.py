"""Run an exported model with its own runtime only. This file imports NumPy and, on demand, the runtime, but never this package.

As a script it is the fresh process of `export.proof`:

    python -P runners.py < job.json        # the job names files; the result is one line of JSON

The job's `forbidden` modules cannot be imported: a model that runs here does not need them.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

Runner = Callable[[np.ndarray], np.ndarray]
SECONDS = 2.0  # at most, for one latency
REPEATS = 30
PATTERN = "[]*?\\"


def keras(path: str) -> Runner:
    """A `.keras` file; code in it is never run."""
    import keras as library

    model = library.saving.load_model(path, compile=False, safe_mode=True)
    return lambda images: np.asarray(library.ops.convert_to_numpy(model.predict_on_batch(images)))


def saved_model(path: str) -> Runner:
    """A folder in TensorFlow's SavedModel format."""
    import tensorflow as tf

    with plain(path) as name:
        loaded = tf.saved_model.load(name)  # kept alive by the closure: the function holds it weakly
    function = loaded.signatures["serving_default"]

    def run(images: np.ndarray, owner: Any = loaded) -> np.ndarray:
        (answer,) = function(images=tf.constant(images)).values()
        return np.asarray(answer)

    return run


@contextlib.contextmanager
def plain(path: str) -> Iterator[str]:
    """A name for a folder that TensorFlow can open: it treats a path as a pattern, in which brackets and backslashes are special."""
    whole = os.path.abspath(path)
    if not set(whole) & set(PATTERN) or os.name == "nt":
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="automl-cnn-") as folder:
        link = os.path.join(folder, "model")
        os.symlink(whole, link)
        yield link


def onnx(path: str) -> Runner:
    """An `.onnx` file, on the processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: np.asarray(session.run(None, {name: images})[0])


def litert(path: str) -> Runner:
    """A `.tflite` file."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=os.cpu_count())
    given, answer = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    shape: tuple[int, ...] = ()

    def run(images: np.ndarray) -> np.ndarray:
        nonlocal shape
        if images.shape != shape:
            interpreter.resize_tensor_input(given, images.shape, strict=True)
            interpreter.allocate_tensors()
            shape = images.shape
        interpreter.set_tensor(given, images)
        interpreter.invoke()
        return np.array(interpreter.get_tensor(answer))

    return run


def openvino(path: str) -> Runner:
    """An `.xml` file with its `.bin` beside it; in float32, since some processors would use bfloat16 by default."""
    compiled = _openvino_core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: np.array(compiled(images)[0])


@functools.cache
def _openvino_core() -> Any:
    """The only `openvino.Core` of this process.

    Each one gives the thread a stack of its own for signal handlers. If two of them end in the order they began, the thread keeps a stack that was freed, and
    the next Ctrl-C is a segmentation fault (seen with OpenVINO 2026.4).
    """
    import openvino as library

    return library.Core()


RUNNERS: dict[str, Callable[[str], Runner]] = {run.__name__: run for run in (keras, saved_model, onnx, litert, openvino)}


def answers(run: Runner, images: np.ndarray, batch: int) -> np.ndarray:
    """Probabilities of all images, `batch` at a time; the last batch may be smaller, as in real use."""
    return np.concatenate([run(images[start : start + batch]) for start in range(0, len(images), batch)])


def latency(run: Runner, images: np.ndarray) -> float:
    """The median seconds of one call, the first ones left out."""
    for _ in range(3):
        run(images)
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < SECONDS:
        began = time.perf_counter()
        run(images)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


class Forbidden:
    """Refuses to import some modules."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = frozenset(names)

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}: it is not to be used here", name=name)


def main() -> None:
    """Do the job on standard input."""
    job = json.load(sys.stdin)
    sys.meta_path.insert(0, Forbidden(job["forbidden"]))
    with np.load(job["images"]) as arrays:
        images, sized = arrays["images"], arrays["sized"]
    began = time.perf_counter()
    run = RUNNERS[job["format"]](job["path"])
    loading = time.perf_counter() - began
    results: dict[str, Any] = {"images": answers(run, images, job["batch"]), "single": answers(run, images[: job["singles"]], 1)}
    if len(sized):
        results["sized"] = run(sized)
    np.savez(job["answers"], **results)
    speed = {str(batch): 1000 * latency(run, np.resize(images, (batch, *images.shape[1:]))) for batch in job["latencies"]}
    print(json.dumps({"loading_seconds": loading, "latency_ms": speed}))


if __name__ == "__main__":
    main()
