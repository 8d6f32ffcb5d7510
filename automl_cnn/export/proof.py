"""Proof: each file is run by its own runtime, in a process that cannot import this package, and must give the original's predictions.

proof = prove(formats.FORMATS["onnx"], Path("exported/model.onnx"), reference)
refused(proof, "float32", task)           # None, or why it must not be used
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.errors import ExportError
from automl_cnn.export import runners
from automl_cnn.export.formats.protocol import Format
from automl_cnn.processes import environment, python
from automl_cnn.tasks import Task
from automl_cnn.tasks.regression import TARGETS
from automl_cnn.tasks.task import Judged

ALIKE = 0.9  # share of predictions that a quantized file must keep in any case: with more changes, an unchanged score is luck
LIKE = 0.99  # share of predictions that a quantized file must keep if no score is known
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
    split. `labels` are their true values in the form that the `task` takes, or None if unknown. `sized` are a few images of another size.
    """

    images: np.ndarray
    answers: np.ndarray
    sized: np.ndarray
    sized_answers: np.ndarray
    labels: np.ndarray | None = None
    validation: np.ndarray | None = None
    task: Task = field(kw_only=True)

    @property
    def validated(self) -> int:
        """The number of images of the validation split."""
        return 0 if self.validation is None else int(self.validation.sum())

    def score(self, answers: np.ndarray, *, validation: bool) -> float | None:
        """The score by the task's `share` metric: of the images of the validation split, or of those of the test split."""
        known = self._of_split(answers, validation)
        return None if known is None else self.task.score(self.task.share, *known)

    def figures(self, answers: np.ndarray, *, validation: bool) -> dict[str, dict[str, float | None]]:
        """The errors of each number, by its name; empty if the true values are unknown, or the task has no numbers."""
        known, names = self._of_split(answers, validation), self.numbers
        return {} if known is None or not names else self.task.of_each(list(names), Judged(truth=known[0], answers=known[1]))

    @property
    def numbers(self) -> dict[str, str]:
        """The unit of each predicted number, by its name; empty if the model predicts probabilities."""
        return {str(target["name"]): str(target["unit"]) for target in self.task.stated().get(TARGETS, ())}

    def _of_split(self, answers: np.ndarray, validation: bool) -> tuple[np.ndarray, np.ndarray] | None:
        if self.labels is None or self.validation is None:
            return None
        mine = self.validation == validation
        return (self.labels[mine], answers[mine]) if mine.any() else None


@dataclass(frozen=True)
class Proof:
    """The results of one file, compared with the original. Latencies are milliseconds by batch size, with all cores.

    `max_difference` is the task's `distance`, `same` its `agreement`. Scores are those of its `share` metric: the share of images answered correctly
    (where an image has several labels, with all of them); of numbers, the error, as `1 - RMSE / standard deviation`. `numbers` has for each number, in its
    `unit`, the largest difference from the original (`max_difference`), and the RMSE: `rmse` and `original_rmse` on the test images, and `validation_rmse`.
    """

    images: int
    max_difference: float
    same: float
    score: float | None  # on the test images
    original_score: float | None
    validation_score: float | None
    lost: float | None  # loss of score on the validation images; negative for a gain. The test images decide nothing.
    lost_images: int | None  # images whose prediction is no longer correct; None for numbers
    latency_ms: dict[str, float]
    loading_seconds: float
    bytes: int
    versions: dict[str, str]
    numbers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, with keys that fit the task."""
        names = IN_STANDARD_DEVIATIONS if self.numbers else ACCURACIES
        values = {names.get(name, name): value for name, value in dataclasses.asdict(self).items()}
        unused = ("score", "original_score", "validation_score", "lost_images") if self.numbers else ("numbers",)
        return {name: value for name, value in values.items() if name not in unused}


ACCURACIES = {"same": "same_labels", "score": "accuracy", "original_score": "original_accuracy", "validation_score": "validation_accuracy"}
IN_STANDARD_DEVIATIONS = {"same": "same_numbers", "max_difference": "max_difference_in_sd", "lost": "rmse_rise_in_sd"}


def prove(kind: Format, path: Path, reference: Reference, *, latencies: Sequence[int] = LATENCIES) -> Proof:
    """Run the file at `path` in a fresh process and compare.

    Raises:
        ExportError: the file cannot be loaded or run there, or its output is invalid.
    """
    task, fidelity = reference.task, reference.task.fidelity
    sized = reference.sized if kind.any_size else reference.sized[:0]
    results, speed = run_bare(kind.name, path, reference.images, sized, latencies=latencies)
    answers = results["images"]
    if answers.shape != reference.answers.shape or not task.sound(answers):
        what, within = ("values that are not probabilities", " within 0..1") if task.probable else ("values that are not finite", " of finite numbers")
        raise ExportError(f"{path.name} answers with {what}: {answers.shape}, expected {reference.answers.shape}{within}.")
    pairs = [(answers, reference.answers), (results["single"], answers[:SINGLES])]
    if len(sized):
        pairs.append((results["sized"], reference.sized_answers))
    before, after = (reference.score(given, validation=True) for given in (reference.answers, answers))
    lost = None if before is None or after is None else before - after
    difference = max(task.distance(one, other) for one, other in pairs)
    rounding = fidelity.exact if difference <= fidelity.exact else 0.0  # a label that lies on its threshold may fall on either side
    return Proof(
        images=len(answers),
        max_difference=difference,
        same=task.agreement(answers, reference.answers, fidelity.near or rounding),
        score=reference.score(answers, validation=False),
        original_score=reference.score(reference.answers, validation=False),
        validation_score=after,
        lost=lost,
        lost_images=None if lost is None or not task.probable else round(lost * reference.validated),
        latency_ms=speed["latency_ms"],
        loading_seconds=speed["loading_seconds"],
        bytes=sum(part.stat().st_size for part in kind.parts(path)),
        versions=kind.versions,
        numbers=_by_number(reference, answers, pairs),
    )


def _by_number(reference: Reference, answers: np.ndarray, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, dict[str, Any]]:
    """`Proof.numbers`."""
    apart = np.max([np.abs(np.asarray(one, np.float64) - other).max(axis=0) for one, other in pairs], axis=0)
    errors = {
        "rmse": reference.figures(answers, validation=False),
        "original_rmse": reference.figures(reference.answers, validation=False),
        "validation_rmse": reference.figures(answers, validation=True),
    }
    return {
        name: {
            "unit": unit,
            "max_difference": float(difference),
            **{error: figures[name]["rmse"] if figures else None for error, figures in errors.items()},
        }
        for (name, unit), difference in zip(reference.numbers.items(), apart, strict=False)
    }


def refused(proof: Proof, method: str, task: Task) -> str | None:
    """Why a file must not be used, as a clause; None if it may.

    A float32 file must give the original's probabilities to within 0.0001, and the same labels for all images. A quantized file may
    lose at most one point of accuracy on the validation images (with fewer than a hundred images, one image), and change at most
    a tenth of the labels, whatever its accuracy. With several labels, this is the subset accuracy.

    Numbers are compared in standard deviations. A float32 file must match the original's to within 0.001. For a quantized file, the RMSE on the
    validation images may be larger by at most 0.02, and nine of ten numbers must be within 0.1 of the original's.
    """
    return _refused_labels(proof, method, task) if task.probable else _refused_numbers(proof, method, task)


def _refused_labels(proof: Proof, method: str, task: Task) -> str | None:
    allowed = task.fidelity
    if method == "float32":
        if proof.max_difference > allowed.exact:
            return f"its probabilities differ from the original's by up to {proof.max_difference:.2g} (at most {allowed.exact:g} is allowed)"
        if proof.same < 1:
            return f"it changes {1 - proof.same:.1%} of the labels"
        return None
    if proof.lost is None or proof.lost_images is None:
        if proof.same < LIKE:
            return f"it keeps only {proof.same:.1%} of the original's labels (at least {LIKE:.0%} is expected)"
        return None
    if proof.same < ALIKE:
        return f"it changes {1 - proof.same:.1%} of the labels (at most {1 - ALIKE:.0%} is allowed)"
    if proof.lost > allowed.lost and proof.lost_images > 1:
        return (
            f"it loses {100 * proof.lost:.1f} points of {task.share.replace('_', ' ')} on the validation images (at most {100 * allowed.lost:.0f} is allowed)"
        )
    return None


def _refused_numbers(proof: Proof, method: str, task: Task) -> str | None:
    allowed = task.fidelity
    if method == "float32":
        if proof.max_difference <= allowed.exact:
            return None
        largest = ", ".join(f"{name} by {one['max_difference']:.2g}{' ' * bool(one['unit'])}{one['unit']}" for name, one in proof.numbers.items())
        return (
            f"its numbers differ from the original's by up to {proof.max_difference:.2g} standard deviations ({largest}; "
            f"at most {allowed.exact:g} standard deviations are allowed)"
        )
    least = LIKE if proof.lost is None else ALIKE
    if proof.same < least:
        return f"only {proof.same:.1%} of its numbers lie within {allowed.near:g} standard deviations of the original's (at least {least:.0%} is expected)"
    if proof.lost is not None and proof.lost > allowed.lost:
        return f"its RMSE on the validation images is larger by {proof.lost:.2g} standard deviations (at most {allowed.lost:g} is allowed)"
    return None


def run_bare(kind: str, path: Path, images: np.ndarray, sized: np.ndarray, *, latencies: Sequence[int] = ()) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The predictions of a model in a fresh process, by name as `runners` returns them, and its speed.

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
            raise ExportError(f"{path.name} did not answer within {TIMEOUT} s in a separate process.") from None
        if done.returncode != 0:
            raise ExportError(f"{path.name} cannot be run in a separate process: {_last(done.stderr) or f'it ended with code {done.returncode}'}.")
        with np.load(answers) as arrays:
            return dict(arrays), json.loads(done.stdout.splitlines()[-1])


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300].rstrip(".") if lines else ""
