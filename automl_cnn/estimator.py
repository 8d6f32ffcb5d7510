"""`ImageClassifier`: a search behind scikit-learn's estimator interface."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from automl_cnn.config import study_config
from automl_cnn.data import prepare_arrays
from automl_cnn.data.labels import as_array, in_order, labels_of
from automl_cnn.data.levels import Scale
from automl_cnn.errors import DataError, StoreError
from automl_cnn.export import bundle
from automl_cnn.places import store_option
from automl_cnn.store import MODEL, Store
from automl_cnn.study.session import run
from automl_cnn.text import readable

UNPICKLED = ("_classifier", "_copy")  # made again when they are needed


class ImageClassifier(ClassifierMixin, BaseEstimator):
    """Images in an array -> a trained network. Choose it where your code already speaks scikit-learn.

    `fit` takes images (n, height, width) or (n, height, width, channels), or a list of arrays of different sizes, and
    one label of any kind for each; it sets test images aside, searches within `budget`, and leaves `result_` (a
    StudyResult), `classes_` and `model_path_`. `predict` takes the same, a single picture (height, width, channels),
    and paths.

    `scale=(black, white)` states the range of the arrays' values. Without it the training images decide, once, for
    all later calls: zeros and ones alone are black and white, uint8 is 0..255, floats are 0..1 or 0..255, other integers
    have 8, 10, 12, 14 or 16 bits. A type that was not in the training images follows the convention: uint8 0..255,
    floats 0..1.

    A fitted classifier can be pickled (joblib too): the pickle holds the model itself, and needs no store.
    """

    result_: Any
    classes_: np.ndarray

    def __init__(
        self,
        *,
        budget: str | float = "5m",
        trials: int | None = None,
        metric: str | None = None,
        architectures: tuple[str, ...] | None = None,
        seed: int = 0,
        scale: Scale | None = None,
        store: str | Path = "automl-cnn-runs",
        track: bool = False,
    ) -> None:
        self.budget = budget
        self.trials = trials
        self.metric = metric
        self.architectures = architectures
        self.seed = seed
        self.scale = scale
        self.store = store
        self.track = track

    def fit(self, X: Any, y: Any) -> Self:
        """Search. Raises DataError where images and labels cannot be used or do not fit together."""
        labels = labels_of(y)
        store = Store(store_option(self.store))
        dataset = prepare_arrays(X, labels, store.cache, scale=self.scale, seed=self.seed)
        settings = {
            "data": Path(f"arrays-{dataset.fingerprint[:8]}"),
            "budget": self.budget,
            "trials": self.trials,
            "metric": self.metric,
            "architectures": self.architectures,
            "seed": self.seed,
            "store": Path(self.store),
        }
        result = run(study_config(settings), track=self.track, dataset=dataset)
        path = Path(result.model_path).resolve()
        self._classifier = bundle.load(path)
        self._model, self._fitted_path = _content(path), path
        self.result_ = result
        self.classes_ = as_array(in_order(labels))
        return self

    @property
    def model_path_(self) -> str:
        """The model file: where `fit` left it or, if it is no longer there, a copy that lasts as long as this object."""
        self._require_fitted("model_path_")
        if _is(self._fitted_path, self._model):
            return str(self._fitted_path)
        if not hasattr(self, "_copy"):
            self._copy = tempfile.TemporaryDirectory(prefix="automl-cnn-")
        path = Path(self._copy.name) / MODEL
        if not _is(path, self._model):
            path.write_bytes(self._model)
            bundle.seal(path)
        return str(path)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (n, classes), in the order of `classes_`. Raises NotFittedError before `fit`."""
        self._require_fitted("predict_proba")
        if not hasattr(self, "_classifier"):  # this object comes from a pickle
            self._classifier = bundle.load(Path(self.model_path_))
        probabilities = self._classifier.predict_proba(X)
        place = {name: number for number, name in enumerate(self._classifier.classes)}
        return np.asarray(probabilities)[:, [place[readable(str(label))] for label in self.classes_]]

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest label of each image. Raises NotFittedError before `fit`."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of images with the right label."""
        found, labels = self.predict(X), labels_of(y)
        if len(found) != len(labels):
            raise DataError(f"There are {len(found)} images and {len(labels)} labels: expected one label per image.")
        right = [one == other for one, other in zip(found, labels, strict=True)]
        return float(np.average(right, weights=sample_weight))

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name not in UNPICKLED}

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_model")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = False, True
        return tags

    def _require_fitted(self, asked: str) -> None:
        if not hasattr(self, "_model"):
            raise NotFittedError(f"This ImageClassifier is not fitted yet: call fit(images, labels) before {asked}.")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"The model file {path} cannot be read: {error.strerror}.") from None


def _is(path: Path, content: bytes) -> bool:
    """Whether a file has this content."""
    try:
        return path.stat().st_size == len(content) and bundle.digest(path) == hashlib.sha256(content).hexdigest()
    except (OSError, StoreError):
        return False
