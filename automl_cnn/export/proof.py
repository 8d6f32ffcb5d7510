"""Proof: each file is run by its own runtime, in a process that cannot import this package, and must give the original's answers.

proof = prove(formats.FORMATS["onnx"], Path("exported/model.onnx"), reference)
refused(proof, "float32")                 # None, or why it must not be used
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.errors import ExportError
from automl_cnn.export import runners
from automl_cnn.export.formats.protocol import Format
from automl_cnn.processes import environment, python
from automl_cnn.tasks import Task

TOLERANCE = 1e-4  # of a float32 export's probabilities
POINTS = 0.01  # accuracy that a quantized one may lose
ALIKE = 0.9  # of the labels that it must keep in any case: with more changed, an accuracy that stays is luck
LIKE = 0.99  # of the labels that a quantized one must keep where no accuracy is known
BATCH = 32
SINGLES = 8  # images that are also run one by one: the answer must not depend on the rest of the batch
LATENCIES = (1, 32)
TIMEOUT = 900  # seconds
FORBIDDEN = ("automl_cnn", "automl_cnn_plugins", "mlflow", "optuna", "sklearn")
ALSO_FORBIDDEN = {"onnx": ("keras", "tensorflow"), "litert": ("keras", "tensorflow"), "openvino": ("keras", "tensorflow", "onnx")}


@dataclass(frozen=True, eq=False)
class Reference:
    """Images, and the original network's answers for them.

    `images` are uint8 (n, size, size, channels), of the validation split where `validation` is true, else of the test
    split; `labels` is what is known of them, as the `task` takes it, or None if nothing is. `sized` are a few of another size.
    """

    images: np.ndarray
    probabilities: np.ndarray
    sized: np.ndarray
    sized_probabilities: np.ndarray
    labels: np.ndarray | None = None
    validation: np.ndarray | None = None
    task: Task = field(kw_only=True)

    @property
    def validated(self) -> int:
        """How many images are of the validation split."""
        return 0 if self.validation is None else int(self.validation.sum())

    def accuracy(self, probabilities: np.ndarray, *, validation: bool | None = None) -> float | None:
        """The share of images answered correctly: of all, or of those of the validation split, or of those of the test split."""
        if self.labels is None or self.validation is None:
            return None
        mine = np.full(len(self.labels), True) if validation is None else self.validation == validation
        return self.task.share_right(self.labels[mine], probabilities[mine]) if mine.any() else None


@dataclass(frozen=True)
class Proof:
    """The results of one file, compared with the original. Latencies are milliseconds by batch size, with all cores.

    Accuracy is the share of images answered correctly; where an image has several labels, with all of them. `same_labels` is the task's `agreement`.
    """

    images: int
    max_difference: float
    same_labels: float
    accuracy: float | None  # on the test images
    original_accuracy: float | None
    validation_accuracy: float | None
    lost: float | None  # accuracy on the validation images; negative if it gained some. The test images decide nothing.
    lost_images: int | None
    latency_ms: dict[str, float]
    loading_seconds: float
    bytes: int
    versions: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dataclasses.asdict(self)


def prove(kind: Format, path: Path, reference: Reference, *, latencies: Sequence[int] = LATENCIES) -> Proof:
    """Run the file at `path` in a fresh process and compare.

    Raises:
        ExportError: it cannot be loaded or run there, or its answers are no probabilities.
    """
    sized = reference.sized if kind.any_size else reference.sized[:0]
    results, speed = run_bare(kind.name, path, reference.images, sized, latencies=latencies)
    shares = results["images"]
    if shares.shape != reference.probabilities.shape or not np.isfinite(shares).all() or shares.min() < -0.001 or shares.max() > 1.001:
        raise ExportError(f"{path.name} answers with numbers that are no probabilities: {shares.shape}, expected {reference.probabilities.shape} within 0..1.")
    pairs = [(shares, reference.probabilities), (results["single"], shares[:SINGLES])]
    if len(sized):
        pairs.append((results["sized"], reference.sized_probabilities))
    before, after = (reference.accuracy(answers, validation=True) for answers in (reference.probabilities, shares))
    lost = None if before is None or after is None else before - after
    difference = max(float(np.abs(one - other).max()) for one, other in pairs)
    rounding = TOLERANCE if difference <= TOLERANCE else 0.0  # a label that lies on its threshold may fall on either side
    return Proof(
        images=len(shares),
        max_difference=difference,
        same_labels=reference.task.agreement(shares, reference.probabilities, rounding),
        accuracy=reference.accuracy(shares, validation=False),
        original_accuracy=reference.accuracy(reference.probabilities, validation=False),
        validation_accuracy=reference.accuracy(shares, validation=True),
        lost=lost,
        lost_images=None if lost is None else round(lost * reference.validated),
        latency_ms=speed["latency_ms"],
        loading_seconds=speed["loading_seconds"],
        bytes=sum(part.stat().st_size for part in kind.parts(path)),
        versions=kind.versions,
    )


def refused(proof: Proof, method: str) -> str | None:
    """Why a file must not be used, as a clause; None if it may.

    A float32 file must give the original's probabilities to within 0.0001 and every one of its labels; a smaller one may
    not lose more than one point of accuracy on the validation images (a single image may be lost where there are fewer than
    a hundred), nor change a tenth of the labels, whatever its accuracy.
    """
    if method == "float32":
        if proof.max_difference > TOLERANCE:
            return f"its probabilities differ from the original's by up to {proof.max_difference:.2g} (at most {TOLERANCE:g} is allowed)"
        if proof.same_labels < 1:
            return f"it changes {1 - proof.same_labels:.1%} of the labels"
        return None
    if proof.lost is None or proof.lost_images is None:
        if proof.same_labels < LIKE:
            return f"it keeps only {proof.same_labels:.1%} of the original's labels (at least {LIKE:.0%} is expected)"
        return None
    if proof.same_labels < ALIKE:
        return f"it changes {1 - proof.same_labels:.1%} of the labels (at most {1 - ALIKE:.0%} is allowed)"
    if proof.lost > POINTS and proof.lost_images > 1:
        return f"it loses {100 * proof.lost:.1f} points of accuracy on the validation images (at most {100 * POINTS:.0f} is allowed)"
    return None


def run_bare(kind: str, path: Path, images: np.ndarray, sized: np.ndarray, *, latencies: Sequence[int] = ()) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The answers of a model in a fresh process: by name as `runners` gives them, and its speed.

    Raises:
        ExportError: the process failed; the message ends with its last line.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, answers = Path(folder) / "given.npz", Path(folder) / "answers.npz"
        np.savez(given, images=images, sized=sized)
        job = {
            "format": kind,
            "path": str(path.resolve()),
            "images": str(given),
            "answers": str(answers),
            "batch": BATCH,
            "singles": SINGLES,
            "latencies": list(latencies),
            "forbidden": [*FORBIDDEN, *ALSO_FORBIDDEN.get(kind, ())],
        }
        surroundings = environment({"TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow"})
        command = python(runners.__file__)
        try:
            done = subprocess.run(
                command,
                input=json.dumps(job),
                capture_output=True,
                encoding="utf-8",
                errors="backslashreplace",
                timeout=TIMEOUT,
                env=surroundings,
                cwd=folder,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ExportError(f"{path.name} did not answer within {TIMEOUT} s in a process of its own.") from None
        if done.returncode != 0:
            raise ExportError(f"{path.name} cannot be run in a process of its own: {_last(done.stderr) or f'it ended with code {done.returncode}'}.")
        with np.load(answers) as arrays:
            return dict(arrays), json.loads(done.stdout.splitlines()[-1])


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300].rstrip(".") if lines else ""
