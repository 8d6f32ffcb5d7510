"""The best network as an MLflow model: `mlflow models serve`, `mlflow.pyfunc.load_model`.

MLflow stores this file with the model and runs it to load it ("models from code"). For this reason it uses absolute
imports, and imports Keras only when the model is loaded.

    MLFLOW_TRACKING_URI=sqlite:///automl-cnn-runs/mlflow.db mlflow models serve -m models:/flowers@champion --env-manager local
    curl localhost:5000/invocations -H 'Content-Type: application/json' -d "{\\"inputs\\": [\\"$(base64 -w0 photo.jpg)\\"]}"

MLflow answers an MlflowException with the HTTP status of its code and its message, and any other exception
with 400 and a traceback. Problems of the images are raised as INVALID_PARAMETER_VALUE, which gives 400 and a sentence.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import mlflow
import numpy as np

SERVE_PATHS = "AUTOML_CNN_SERVE_PATHS"  # "1" lets every caller name files that this process can read, those of an HTTP server too


class ImageModel(mlflow.pyfunc.PythonModel):
    """Predict images and return a table with `label`, `confidence` and `probabilities`, a mapping of every class to its probability.

    With several labels, the first column is `labels`, the list of labels that reach their thresholds, and `confidence` is that of the least
    certain decision. If the model predicts numbers, each has a column named with its unit, `age (years)`, and two with the ends of its prediction interval,
    `age low` and `age high`.

    Takes encoded bytes, base64 text (a data: URL too), arrays (height, width[, channels]), a list of any of these, one array
    (images, height, width[, channels]), or a table with a column `image`.

    A model cannot distinguish a client over HTTP, which could read the server's files by their paths. Paths are therefore refused, and `limits` bounds
    a request. In your own process, `loaded.unwrap_python_model().trusted = True` allows paths and any number of images.
    On a server whose clients may name its files, set `AUTOML_CNN_SERVE_PATHS=1`.
    """

    trusted = False

    def load_context(self, context: Any) -> None:
        from automl_cnn.export.bundle import load

        self._model = load(Path(context.artifacts["model"]))

    def predict(self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None) -> Any:  # MLflow warns of any other hint, and checks none
        import pandas as pd
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, INVALID_PARAMETER_VALUE

        from automl_cnn.errors import DataError, StoreError
        from automl_cnn.export.inputs import from_request

        paths = self.trusted or os.environ.get(SERVE_PATHS) == "1"
        try:
            answers = self._model.answers(from_request(model_input, paths=paths, served=not self.trusted))
        except DataError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from None
        except StoreError as error:
            raise MlflowException(str(error), error_code=INTERNAL_ERROR) from None
        return pd.DataFrame(self._model.task.frame(answers, self._model.classes))


mlflow.models.set_model(ImageModel())
