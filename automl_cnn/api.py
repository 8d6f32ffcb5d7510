"""The two functions of the Python interface; see also `ImageClassifier`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from automl_cnn.config import study_config
from automl_cnn.export import bundle
from automl_cnn.places import store_option
from automl_cnn.records import StudyResult
from automl_cnn.store import Store
from automl_cnn.study.session import run

if TYPE_CHECKING:
    from automl_cnn.export.bundle import Classifier


def search(data: str | Path, *, track: bool = True, config: str | Path | None = None, **settings: Any) -> StudyResult:
    """Find the best network for a folder of images; the same call again goes on where it ended.

    `settings` are those of `automl_cnn.config.StudyConfig`: budget="10m" (or seconds), trials, seed,
    name, store, architectures=("vgg",), metric="balanced_accuracy"…; `config` is a study.toml they override.
    `track=False` leaves MLflow out.

    Raises:
        AutomlCnnError: the images, a setting or a plugin cannot be used; the message says what to change.
    """
    return run(study_config({"data": Path(data), **settings}, Path(config) if config else None), track=track)


def load(model: str | Path, store: str | Path = "automl-cnn-runs") -> Classifier:
    """The classifier in a .keras file, a study's folder, or of a study's name in `store`.

    Raises:
        StoreError: there is no such model; the message names what there is.
        ConfigError: `store` cannot be a folder.
    """
    return bundle.load(bundle.resolve(model, Store(store_option(store))))
