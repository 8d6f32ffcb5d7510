"""automl-cnn: from a folder of images to the best convolutional network for it.

    from automl_cnn import search, load

    result = search("./images", budget="10m")
    load(result.model_path).predict(["photo.jpg"])

`ImageClassifier` is the same for arrays, with scikit-learn's conventions; `ImageMultiLabelClassifier` where an image has several labels,
and `ImageRegressor` where it has numbers.
"""

__version__ = "0.2.0"

TYPE_CHECKING = False  # as a type checker knows it: `python -m automl_cnn` reads this file while modules in the current folder still come first
if TYPE_CHECKING:
    from automl_cnn.api import load, search
    from automl_cnn.estimator import ImageClassifier, ImageMultiLabelClassifier
    from automl_cnn.regressor import ImageRegressor

__all__ = ["ImageClassifier", "ImageMultiLabelClassifier", "ImageRegressor", "__version__", "load", "search"]

_HOMES = {
    "search": "automl_cnn.api",
    "load": "automl_cnn.api",
    "ImageClassifier": "automl_cnn.estimator",
    "ImageMultiLabelClassifier": "automl_cnn.estimator",
    "ImageRegressor": "automl_cnn.regressor",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'automl_cnn' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
