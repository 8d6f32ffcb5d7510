"""The README of an export: what each file is, and a program of about twenty lines that runs it, ready to be copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automl_cnn.data.fit import GRAY
from automl_cnn.data.levels import CONVENTION, Levels
from automl_cnn.export.card import plain
from automl_cnn.export.web import runtime
from automl_cnn.judged import refit_of
from automl_cnn.tasks import Task, of_card
from automl_cnn.tasks.regression import INTERVALS
from automl_cnn.tasks.thresholds import THRESHOLDS

README = "README.md"


@dataclass(frozen=True)
class Use:
    """The Python code that runs a format; `{file}` stands for the model's file, `{returned}` for the name of the output."""

    words: str
    install: str
    imports: str
    loads: str
    runs: str


USES: Mapping[str, Use] = {
    "onnx": Use(
        "ONNX, for onnxruntime: servers, desktops, browsers, phones",
        "onnxruntime",
        "import onnxruntime\n",
        'session = onnxruntime.InferenceSession("{file}", providers=["CPUExecutionProvider"])',
        'session.run(["{returned}"], {"images": pixels})[0]',
    ),
    "litert": Use(
        "LiteRT (TensorFlow Lite): phones and small boards",
        "ai-edge-litert",
        "from ai_edge_litert.interpreter import Interpreter\n",
        'run = Interpreter("{file}").get_signature_runner()',
        'run(images=pixels)["{returned}"]',
    ),
    "openvino": Use(
        "OpenVINO, with its `.bin` file: Intel's processors and graphics",
        "openvino",
        "import openvino\n",
        'run = openvino.Core().compile_model("{file}", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})  # else some processors compute in bfloat16',
        "run(pixels)[0]",
    ),
    "saved_model": Use(
        "TensorFlow's SavedModel: TensorFlow Serving, Vertex AI",
        "tensorflow",
        "import tensorflow as tf\n",
        'model = tf.saved_model.load("{file}")',
        'model.signatures["serving_default"](images=tf.constant(pixels))["{returned}"].numpy()',
    ),
    "keras": Use(
        "Keras: to train further, or to run in Keras",
        "keras tensorflow",
        "import keras\n",
        'model = keras.saving.load_model("{file}", compile=False)',
        "model.predict_on_batch(pixels)",
    ),
}
PRECISION = {"float32": "", "float16": ", in half precision", "int8": ", quantized to integers", "int8 weights": ", with integer weights"}


def readme(contract: Mapping[str, Any]) -> str:
    """The README in Markdown, from the content of a `model.json`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    listed: Sequence[Mapping[str, Any]] = contract["models"]
    refit, task = refit_of(contract.get("refit")), of_card(contract)
    models = [_model(entry["file"], entry["precision"], USES[entry["format"]], task.returned) for entry in listed]
    environment = Environment(  # Markdown, not HTML
        loader=PackageLoader("automl_cnn.export", ""), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template("readme.md.jinja").render(
        title=plain(str(contract.get("study", "A classifier of images" if task.probable else "Numbers from images"))),
        opening=_opening(task),
        one=task.exclusive,
        thresholds=task.stated().get(THRESHOLDS, ()),
        returned=task.returned,
        verb="classify" if task.probable else "measure",
        **_numbers(task),
        channels=int(contract["channels"]),
        models=models,
        deep=_deep(contract),
        fit=contract.get("fit", "squash"),
        bars=GRAY,
        many=len(models) > 1,
        refit=refit.sentence if refit else "",
        onnx=next((entry["file"] for entry in listed if entry["format"] == "onnx"), None),
        ort_web=runtime.VERSION,
        glue=runtime.GLUE,
    )


def _opening(task: Task) -> str:
    count = task.words.count(task.outputs)
    if not task.probable:
        return f"Reads {count} from an image: {', '.join(map(plain, task.columns_of_truth()))}"
    return count if task.exclusive else f"{count}, any number of them for an image"


def _numbers(task: Task) -> dict[str, Any]:
    """The values that the programs need for numbers: titles, widths and coverage of the intervals, and the digits to print."""
    known = task.stated().get(INTERVALS) or {}
    halves, digits = known.get("half_widths", ()), task.output().get("digits", ())
    return {
        "numbers": not task.probable,
        "halves": halves,
        "level": known.get("level"),
        "constants": ", ".join(f"{{{half!r}, {places}}}" for half, places in zip(halves or (0.0,) * len(digits), digits, strict=True)),
    }


def _deep(contract: Mapping[str, Any]) -> bool:
    """Whether the training images had files of more than 8 bits, at levels of their own."""
    levels = Levels.from_dict(contract.get("levels"))
    return (levels.deep_files, levels.float_files) != (CONVENTION.deep_files, CONVENTION.float_files)


def _model(file: str, precision: str, use: Use, returned: str) -> dict[str, str]:
    return {
        "file": file,
        "words": use.words + PRECISION[precision],
        "install": use.install,
        "imports": use.imports,
        "loads": use.loads.replace("{file}", file),
        "runs": use.runs.replace("{returned}", returned),
    }
