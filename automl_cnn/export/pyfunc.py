"""The best network as an MLflow model: `mlflow models serve`, `mlflow.pyfunc.load_model`.

MLflow stores this file with the model and runs it to load it ("models from code"), so it imports
absolutely and Keras only when the model is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np


class ImageModel(mlflow.pyfunc.PythonModel):
    """Images (batch, height, width, channels), uint8 -> a table of probabilities, one column a class."""

    def load_context(self, context: Any) -> None:
        from automl_cnn.export.bundle import load

        self._classifier = load(Path(context.artifacts["model"]))

    def predict(self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None) -> Any:
        import pandas as pd

        probabilities = self._classifier.predict_proba(np.asarray(model_input))
        return pd.DataFrame(probabilities.astype("float64"), columns=self._classifier.classes)


mlflow.models.set_model(ImageModel())
