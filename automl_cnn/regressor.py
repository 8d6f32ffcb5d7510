"""`ImageRegressor`: a search for networks that read numbers, behind scikit-learn's estimator interface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.base import RegressorMixin

from automl_cnn.data import Dataset, prepare_arrays
from automl_cnn.data.levels import Scale
from automl_cnn.data.measurements import heads_of, measurements_of
from automl_cnn.data.numbers import LONGEST_UNIT
from automl_cnn.errors import DataError
from automl_cnn.estimator import Searching, as_input, no_table
from automl_cnn.store import Store


class ImageRegressor(RegressorMixin, Searching):
    """Like `ImageClassifier`, for images with one or more numbers: an age, an angle, a count.

    `fit` takes, beside the images, numbers (n,), or (n, numbers) where there are several: an array, a list, a Series or a data frame, whose columns name
    them. `names` and `units` say otherwise: a text, or one for each number. `predict` gives numbers of the same shape in the same units, and
    `predict_interval` the ends of the intervals that contain nine of ten true values. `names_` holds the names with their units, in the order of the columns.
    `score` is R², as in scikit-learn's regressors.

    `metric` is one of rmse (default), mae, r2, spearman; several numbers count in standard deviations. `loss` is what networks minimize: `squared`, or
    `huber`, which outliers affect less.
    """

    names_: list[str]
    _wanted = "numbers"

    def __init__(
        self,
        *,
        budget: str | float = "5m",
        trials: int | None = None,
        metric: str | None = None,
        loss: Literal["squared", "huber"] = "squared",
        names: str | Sequence[str] | None = None,
        units: str | Sequence[str] | None = None,
        architectures: tuple[str, ...] | None = None,
        seed: int = 0,
        scale: Scale | None = None,
        store: str | Path = "automl-cnn-runs",
        track: bool = False,
        warm_start: bool = False,
    ) -> None:
        super().__init__(
            budget=budget,
            trials=trials,
            metric=metric,
            architectures=architectures,
            seed=seed,
            scale=scale,
            store=store,
            track=track,
            warm_start=warm_start,
        )
        self.loss = loss
        self.names = names
        self.units = units

    def predict(self, X: Any) -> np.ndarray:
        """The number of each image, float64 (n,), or (n, numbers) where there are several, in their units.

        Raises:
            NotFittedError: `fit` was not called.
            InputError: the images cannot be used.
        """
        model = self._asked("predict")
        with as_input():
            no_table(X)
            return np.asarray(model.predict(X))

    def predict_interval(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """The lower and the upper ends of the prediction intervals, each in the shape of `predict`. Nine of ten truths lie within, as far as images are like
        those of `fit` (split conformal prediction, Lei et al. 2018, https://doi.org/10.1080/01621459.2017.1307116).

        Raises:
            NotFittedError: `fit` was not called.
            InputError: the images cannot be used, or those of `fit` were too few to measure intervals.
        """
        model = self._asked("predict_interval")
        with as_input():
            no_table(X)
            return model.predict_interval(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output, tags.target_tags.multi_output = True, True
        return tags

    def _dataset(self, X: Any, y: Any, store: Store) -> tuple[Dataset, dict[str, Any]]:
        if y is None:
            raise DataError("ImageRegressor requires y to be passed, but the target y is None. Pass a number for each image.")
        values = measurements_of(y)
        heads = _with_units(heads_of(y, values.shape[1], _listed(self.names)), _listed(self.units))
        dataset = prepare_arrays(X, values, store.cache, scale=self.scale, seed=self.seed, task="regression", names=heads)
        return dataset, {"names_": heads}

    def _more_settings(self) -> dict[str, Any]:
        return {"loss": self.loss}


def _listed(given: str | Sequence[str] | None) -> list[str] | None:
    """One name, or several, as a list."""
    return None if given is None else [given] if isinstance(given, str) else list(map(str, given))


def _with_units(heads: list[str], units: list[str] | None) -> list[str]:
    """The names, each with its unit in brackets, as the head of a table's column has it.

    Raises:
        DataError: there are more or fewer units, or one cannot be in brackets.
    """
    if units is None:
        return heads
    if len(units) != len(heads):
        raise DataError(f"There are {len(heads)} columns of numbers and {len(units)} units: expected a unit for each, empty where a number has none.")
    if bad := [unit for unit in units if set(unit) & set("()[]") or len(unit) > LONGEST_UNIT]:
        raise DataError(f"There is a unit '{bad[0]}': expected one without brackets and of at most {LONGEST_UNIT} characters, such as years.")
    return [f"{head} ({unit.strip()})" if unit.strip() else head for head, unit in zip(heads, units, strict=True)]
