"""`ImageClassifier` and `ImageMultiLabelClassifier`: a search behind scikit-learn's estimator interface. `ImageRegressor` is in `regressor.py`."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import DataConversionWarning, NotFittedError

from automl_cnn.config import study_config
from automl_cnn.data import Dataset, prepare_arrays
from automl_cnn.data.indicators import indicators_of
from automl_cnn.data.labels import as_array, in_order, labels_of
from automl_cnn.data.levels import Scale
from automl_cnn.errors import DataError, InputError, StoreError
from automl_cnn.export import bundle
from automl_cnn.modelfile import file as modelfile
from automl_cnn.places import store_option
from automl_cnn.quantities import seconds
from automl_cnn.store import MODEL, Store
from automl_cnn.study.record.record import FINGERPRINT, Record
from automl_cnn.study.session import run
from automl_cnn.tasks import Multilabel
from automl_cnn.text import readable

ARRAYS = "arrays"  # prefix of the names of such studies
UNPICKLED = ("_classifier", "_copy")  # recreated when they are needed


class Searching(BaseEstimator):
    """The common part of the estimators; each adds its own kind of labels."""

    result_: Any
    _wanted = "labels"

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
        warm_start: bool = False,
    ) -> None:
        self.budget = budget
        self.trials = trials
        self.metric = metric
        self.architectures = architectures
        self.seed = seed
        self.scale = scale
        self.store = store
        self.track = track
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any) -> Self:
        """Search.

        Raises:
            InputError: images and labels cannot be used or do not fit together.
        """
        store = Store(store_option(self.store))
        with as_input():
            no_table(X)
            dataset, learned = self._dataset(X, y, store)
        earlier = self._earlier(store, dataset)
        settings = {
            "data": Path(f"{ARRAYS}-{dataset.fingerprint[:8]}"),
            "name": earlier.name if earlier else f"{ARRAYS}-{dataset.fingerprint[:8]}-{uuid.uuid4().hex[:8]}",
            "budget": self.budget if earlier is None or self.budget is None else seconds(self.budget) + earlier.seconds,
            "trials": self.trials if earlier is None or self.trials is None else self.trials + len(earlier.trials),
            "metric": self.metric,
            "architectures": self.architectures,
            "seed": self.seed,
            "store": Path(self.store),
            **self._more_settings(),
        }
        result = run(study_config(settings), track=self.track, dataset=dataset)
        path = Path(result.model_path).resolve()
        self._classifier = bundle.load(path)
        self._model, self._fitted_path = _content(path), path
        self.result_ = result
        for name, value in learned.items():
            setattr(self, name, value)
        return self

    def _dataset(self, X: Any, y: Any, store: Store) -> tuple[Dataset, dict[str, Any]]:
        """The images, and the attributes that `fit` sets: the classes or labels as `classes_`, or the names of numbers as `names_`."""
        raise NotImplementedError

    def _more_settings(self) -> dict[str, Any]:
        """Settings of the search that only some estimators have."""
        return {}

    def _earlier(self, store: Store, dataset: Dataset) -> Record | None:
        """The study to continue: that of the last `fit`, on the same images."""
        if not self.warm_start or not hasattr(self, "result_"):
            return None
        record = Record.all(store.journal).get(self.result_.study)
        return record if record is not None and record.settings.get(FINGERPRINT) == dataset.fingerprint else None

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
            modelfile.seal(path)
        return str(path)

    def _asked(self, asked: str) -> bundle.Classifier:
        """The model, for the method `asked`.

        Raises:
            NotFittedError: `fit` was not called.
        """
        self._require_fitted(asked)
        if not hasattr(self, "_classifier"):  # this object comes from a pickle
            self._classifier = bundle.load(Path(self.model_path_))
        return self._classifier

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name not in UNPICKLED}

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_model")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.three_d_array, tags.target_tags.required = False, True, True
        return tags

    def _require_fitted(self, asked: str) -> None:
        if not hasattr(self, "_model"):
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet: call fit(images, {self._wanted}) before {asked}.")


class _Classifying(ClassifierMixin, Searching):
    """Estimators that predict probabilities."""

    classes_: np.ndarray

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (n, classes), in the order of `classes_`.

        Raises:
            NotFittedError: `fit` was not called.
            InputError: the images cannot be used.
        """
        model = self._asked("predict_proba")
        with as_input():
            no_table(X)
            return np.asarray(model.predict_proba(X))


class ImageClassifier(_Classifying):
    """Images in an array -> a trained network. Choose it where your code already speaks scikit-learn.

    `fit` takes images (n, height, width) or (n, height, width, channels), or a list of arrays of different sizes, and
    one label of any kind for each; it sets test images aside, searches within `budget`, and leaves `result_` (a
    StudyResult), `classes_` and `model_path_`. `predict` takes the same, a single picture (height, width, channels),
    and paths.

    `scale=(black, white)` states the range of the arrays' values. Without it the training images decide, once, for
    all later calls: zeros and ones alone are black and white, uint8 is 0..255, floats are 0..1 or 0..255, other integers
    have 8, 10, 12, 14 or 16 bits. A type that was not in the training images follows the convention: uint8 0..255,
    floats 0..1.

    Each `fit` begins a new study in `store`. With `warm_start=True`, fitting the same images again goes on with the study of the last `fit`, for another
    `budget` and another `trials`.

    A fitted classifier can be pickled (joblib too): the pickle holds the model itself, and needs no store.
    """

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (n, classes), in the order of `classes_`.

        Raises:
            NotFittedError: `fit` was not called.
            InputError: the images cannot be used.
        """
        probabilities = super().predict_proba(X)
        place = {name: number for number, name in enumerate(self._classifier.classes)}
        return probabilities[:, [place[readable(str(label))] for label in self.classes_]]

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest label of each image. Raises NotFittedError before `fit`."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of images with the right label."""
        answers, labels = self.predict(X), labels_of(y)
        if len(answers) != len(labels):
            raise InputError(f"There are {len(answers)} images and {len(labels)} labels: expected one label per image.")
        right = [one == other for one, other in zip(answers, labels, strict=True)]
        return float(np.average(right, weights=sample_weight))

    def _dataset(self, X: Any, y: Any, store: Store) -> tuple[Dataset, dict[str, Any]]:
        labels = _classes(y)
        return prepare_arrays(X, labels, store.cache, scale=self.scale, seed=self.seed), {"classes_": as_array(in_order(labels))}


class ImageMultiLabelClassifier(_Classifying):
    """Like `ImageClassifier`, for images with any number of labels, from none to all.

    `fit` takes, beside the images, an array (n, labels) of zeros and ones (sparse, or a data frame, whose columns name the labels), or a list or set of
    labels for each image. `classes_` holds the labels in the order of the columns: the numbers of an array's columns, a frame's names, or all labels of the
    sets in their own order. `predict` gives such an array, 1 where a label reaches the threshold that was chosen for it on validation images;
    `predict_proba` gives the probability of each label, (n, labels). `metric` is one of mean_average_precision (default), f1, micro_f1, subset_accuracy, auc.
    """

    def predict(self, X: Any) -> np.ndarray:
        """Which labels each image has, int (n, labels), in the order of `classes_`. Raises NotFittedError before `fit`."""
        probabilities = self.predict_proba(X)
        task = self._classifier.task
        assert isinstance(task, Multilabel)  # it was fitted on such images
        return task.answered(probabilities).astype(np.int64)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of images with all labels right and no other (subset accuracy), as in scikit-learn's multi-label classifiers."""
        answers = self.predict(X)
        with as_input():
            truth, _ = indicators_of(y, self.classes_.tolist())
        if len(answers) != len(truth):
            raise InputError(f"There are {len(answers)} images and {len(truth)} rows of labels: expected one row per image.")
        return float(np.average((answers == truth).all(axis=1), weights=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class, tags.classifier_tags.multi_label = False, True
        tags.target_tags.single_output, tags.target_tags.multi_output = False, True
        return tags

    def _dataset(self, X: Any, y: Any, store: Store) -> tuple[Dataset, dict[str, Any]]:
        truth, labels = indicators_of(y)
        names = [str(label) for label in labels]
        return prepare_arrays(X, truth, store.cache, scale=self.scale, seed=self.seed, task="multilabel", names=names), {"classes_": as_array(labels)}


@contextmanager
def as_input() -> Iterator[None]:
    """Turn errors about images or labels into those that scikit-learn expects."""
    try:
        yield
    except DataError as error:
        raise InputError(str(error)) from None


def no_table(images: Any) -> None:
    """Raises:
    DataError: the images are a sparse matrix.
    """
    if issparse(images):
        raise DataError(
            "The images are a sparse matrix, which holds no pictures. Pass an array of the shape (n, height, width) or (n, height, width, channels)."
        )


def _classes(y: Any) -> list[Any]:
    """The labels, one for each image.

    Raises:
        DataError: there are none, or they are measurements, not classes.
    """
    if y is None:
        raise DataError("ImageClassifier requires y to be passed, but the target y is None. Pass one label for each image.")
    if getattr(y, "ndim", 1) == 2 and y.shape[1] == 1:
        warnings.warn("A column-vector y was passed when a 1d array was expected. Its only column is used.", DataConversionWarning, stacklevel=3)
    labels = labels_of(y)
    numbers = np.asarray([label for label in labels if isinstance(label, (float, np.floating))])
    if np.isinf(numbers).any():
        raise DataError("The labels contain inf (infinity). Give every image a label, or leave those images out.")
    fractions = np.unique(numbers[np.isfinite(numbers) & (numbers != np.round(numbers))])
    if len(fractions) > len(labels) / 2:
        raise DataError(f"Unknown label type: continuous. The labels are numbers such as {fractions[0]:g}, most of them different: expected classes.")
    return labels


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"The model file {path} cannot be read: {error.strerror}.") from None


def _is(path: Path, content: bytes) -> bool:
    """Whether a file has this content."""
    try:
        return path.stat().st_size == len(content) and modelfile.digest(path) == hashlib.sha256(content).hexdigest()
    except (OSError, StoreError):
        return False
