"""The best network as an MLflow model: `mlflow models serve`, `mlflow.pyfunc.load_model`.

MLflow stores this file with the model and runs it to load it ("models from code"), so it imports
absolutely and Keras only when the model is loaded.

    MLFLOW_TRACKING_URI=sqlite:///automl-cnn-runs/mlflow.db mlflow models serve -m models:/flowers@champion --env-manager local
    curl localhost:5000/invocations -H 'Content-Type: application/json' -d "{\\"inputs\\": [\\"$(base64 -w0 photo.jpg)\\"]}"

MLflow answers an MlflowException with the HTTP status of its code and its message, and anything else
with 400 and a traceback; so whatever is wrong with the images is raised as INVALID_PARAMETER_VALUE: 400 and a sentence.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import mlflow
import numpy as np

SERVE_PATHS = "AUTOML_CNN_SERVE_PATHS"  # "1" lets every caller name files that this process can read, those of an HTTP server too


class ImageModel(mlflow.pyfunc.PythonModel):
    """Images -> a table: `label`, `confidence` and `probabilities`, a mapping of every class to its share.

    Where images have several labels, the first column is `labels`, a list of those that reach their thresholds; `confidence` is then that of the least
    sure decision. Where the model answers numbers, each has a column named with its unit, `age (years)`, and two with the ends of its prediction interval,
    `age low` and `age high`.

    Takes encoded bytes, base64 text (a data: URL too), arrays (height, width[, channels]), a list of any of these, one array
    (images, height, width[, channels]), or a table with a column `image`.

    A model does not know whether it answers a client over HTTP, to whom paths would give the server's files. So paths are refused, and `limits` bounds
    a request. In a process of your own, trust yourself: `loaded.unwrap_python_model().trusted = True` takes paths, and any number of images.
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
