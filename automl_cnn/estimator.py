"""`ImageClassifier`: a search behind scikit-learn's estimator interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from automl_cnn.config import study_config
from automl_cnn.data import prepare_arrays
from automl_cnn.export import bundle
from automl_cnn.places import store_option
from automl_cnn.store import Store
from automl_cnn.study.session import run


class ImageClassifier(ClassifierMixin, BaseEstimator):
    """Images in an array -> a trained network. Choose it where your code already speaks scikit-learn.

    `fit` takes images (n, height, width) or (n, height, width, channels), uint8 or floats in 0..1 or
    0..255, and labels of any kind, sets test images aside, searches within `budget`, and leaves
    `result_` (a StudyResult), `classes_` and `model_path_`.
    """

    def __init__(
        self,
        *,
        budget: str | float = "5m",
        trials: int | None = None,
        metric: str = "accuracy",
        architectures: tuple[str, ...] | None = None,
        seed: int = 0,
        store: str | Path = "automl-cnn-runs",
        track: bool = False,
    ) -> None:
        self.budget = budget
        self.trials = trials
        self.metric = metric
        self.architectures = architectures
        self.seed = seed
        self.store = store
        self.track = track

    def fit(self, X: Any, y: Any) -> Self:
        """Search. Raises DataError where images and labels do not fit together."""
        labels = np.asarray(y)
        store = Store(store_option(self.store))
        dataset = prepare_arrays(np.asarray(X), labels, store.cache, seed=self.seed)
        settings = {
            "data": Path(f"arrays-{dataset.fingerprint[:8]}"),
            "budget": self.budget,
            "trials": self.trials,
            "metric": self.metric,
            "architectures": self.architectures,
            "seed": self.seed,
            "store": Path(self.store),
        }
        self.result_ = run(study_config(settings), track=self.track, dataset=dataset)
        self.classes_ = np.unique(labels)
        self.model_path_ = self.result_.model_path
        self._classifier = bundle.load(Path(self.model_path_))
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities (n, classes), in the order of `classes_`."""
        if not hasattr(self, "_classifier"):
            raise NotFittedError("This ImageClassifier has not been fitted: call fit(images, labels) first.")
        probabilities = self._classifier.predict_proba(np.asarray(X))
        order = [self._classifier.classes.index(str(label)) for label in self.classes_]
        return np.asarray(probabilities)[:, order]

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest label of each image."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
