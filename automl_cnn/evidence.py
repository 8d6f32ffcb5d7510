"""The winner's results on the validation images, as plain frozen data: made in a worker, kept as JSON, read by report and model card."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.errors import StoreError

Matrix = tuple[tuple[int, ...], ...]
Points = tuple[tuple[tuple[float, float], ...], ...]
MOST_POINTS = 1000  # that a chart shows
OLD_KEYS = {"said": "predicted"}  # in the JSON of earlier versions


@dataclass(frozen=True)
class Bin:
    """Images whose confidence lies close together: their number, mean confidence and accuracy."""

    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Mistake:
    """One wrong prediction. `picture` is a JPEG in base64, `heat` the same with the evidence for the prediction (Grad-CAM), empty where that is unknown."""

    path: str
    truth: int
    predicted: int
    confidence: float  # in its prediction
    chance: float  # the probability that it gave the true class
    picture: str = ""
    heat: str = ""
    truths: tuple[int, ...] = ()  # where images have several labels: those that it has
    answers: tuple[int, ...] = ()  # and the predicted ones; `predicted` is then the label that the confidence is about
    wanted: tuple[float, ...] = ()  # where images have numbers: those that it has
    given: tuple[float, ...] = ()  # and the predicted ones; `predicted` is then the number with the largest error


@dataclass(frozen=True)
class Evidence:
    """The winner's results on the validation images, and its counts on the test images, on which it is scored once.

    Matrices are counts: a row is a true class, a column a predicted one. `raw` are the bins before calibration, `bins` those after.
    """

    trial: int
    temperature: float | None  # None where its probabilities were not scaled
    confusion: Matrix
    bins: tuple[Bin, ...] = ()
    raw: tuple[Bin, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    test_confusion: Matrix = ()
    note: str = ""  # a sentence on what failed
    suspects: tuple[Mistake, ...] | None = None  # labels that may be wrong, the most suspect first; None if this was not checked
    points: Points = ()  # where images have numbers: by number, the true and the predicted value for each validation image
    test_points: Points = ()  # and for each test image

    def save(self, path: Path) -> None:
        """Write it as JSON.

        Raises:
            StoreError: the file cannot be written.
        """
        from automl_cnn.store import atomic_write_text

        atomic_write_text(path, json.dumps(dataclasses.asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Evidence | None:
        """The evidence that `save` wrote; None if there is none.

        Raises:
            StoreError: the file holds something else.
        """
        try:
            return cls.of(json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise StoreError(f"{path} cannot be read as a search's evidence about its winner: {error}. Delete it; it will be made again.") from None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Evidence:
        """From decoded JSON."""
        known = {field.name for field in dataclasses.fields(cls)}
        given = {key: value for key, value in values.items() if key in known}
        for key, kind in (("bins", Bin), ("raw", Bin), ("mistakes", Mistake), ("suspects", Mistake)):
            if given.get(key) is not None:
                given[key] = tuple(_made(kind, entry) for entry in given[key])
        for key in ("confusion", "test_confusion"):
            given[key] = tuple(tuple(int(count) for count in row) for row in given.get(key, ()))
        for key in ("points", "test_points"):
            given[key] = tuple(tuple((float(truth), float(answer)) for truth, answer in number) for number in given.get(key, ()))
        return cls(**given)


def points(truth: np.ndarray, answers: np.ndarray) -> Points:
    """By number, pairs of true and predicted value, from (images, outputs) each: of many images, a random sample as large as a chart shows."""
    rows = np.arange(len(truth))
    if len(rows) > MOST_POINTS:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[:MOST_POINTS])
    return tuple(tuple(zip(map(float, truth[rows, one]), map(float, answers[rows, one]), strict=True)) for one in range(truth.shape[1]))


def _made(kind: Any, values: Mapping[str, Any]) -> Any:
    return kind(**{OLD_KEYS.get(name, name): tuple(value) if isinstance(value, list) else value for name, value in values.items()})
