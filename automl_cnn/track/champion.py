"""The winner of a study as an MLflow model, registered under the study's name with the alias `champion`.

mlflow models serve -m "models:/flowers@champion" --env-manager local
"""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from automl_cnn.errors import StoreError
from automl_cnn.modelfile.file import read_card
from automl_cnn.records import StudyResult
from automl_cnn.tasks import Multiclass, of_card
from automl_cnn.track import numbers
from automl_cnn.track.quiet import quiet_mlflow

ALIAS = "champion"
CODE = Path(__file__).parent.parent / "export" / "pyfunc.py"  # run by MLflow when the model is loaded
CONTENT_TAG = "automl_cnn.content"
BACKENDS = ("tensorflow", "tensorflow-cpu", "jax", "torch")


def register(client: Any, *, experiment: str, run: str, trial_run: str, result: StudyResult, model_file: Path, example: np.ndarray) -> None:
    """Log the model of `model_file` in `run` and make it the champion, unless the champion is that very model.

    Keras is not imported: the signature is known, and the model is not loaded.
    """
    content = f"{run}/{result.trial}/{result.val_score!r}/{result.test_score!r}"
    if _reigning(client, result.study) == content:
        return
    mlflow = quiet_mlflow()
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    name = str(result.configuration["architecture"])
    figures = {"val_score": result.val_score, "test_score": result.test_score, "params": result.params, "mult_adds": result.mult_adds}
    figures |= numbers.of_winner(result)
    logged = client.create_logged_model(experiment, name=name, source_run_id=run, params={key: str(value) for key, value in result.configuration.items()})
    client.log_outputs(run, [LoggedModelOutput(logged.model_id, 0)])
    client.log_batch(run, metrics=_of_model(figures, logged.model_id))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        mlflow.pyfunc.save_model(
            path=str(path),
            python_model=str(CODE),
            artifacts={"model": model_file.absolute().as_uri()},  # a plain path would be decoded as a URL
            signature=_signature(_fields(model_file)),
            input_example=np.asarray(example[:1], np.uint8),
            pip_requirements=requirements(),
            mlflow_model=Model(artifact_path=logged.artifact_location, run_id=run, model_uuid=logged.model_id, model_id=logged.model_id),
        )
        client.log_model_artifacts(logged.model_id, str(path))
    client.finalize_logged_model(logged.model_id, "READY")
    _registered(client, result.study)
    tags = {CONTENT_TAG: content, "trial": str(result.trial), "trial_run": trial_run, "val_score": str(result.val_score)}
    version = client.create_model_version(result.study, logged.artifact_location, run, tags=tags, model_id=logged.model_id, await_creation_for=0)
    client.set_registered_model_alias(result.study, ALIAS, version.version)


def requirements() -> list[str]:
    """The requirements for serving the model: this package, Keras and the backend that is installed, each at its version."""
    pinned = [f"automl-cnn=={importlib.metadata.version('automl-cnn')}", f"keras=={importlib.metadata.version('keras')}"]
    for backend in BACKENDS:
        try:
            return [*pinned, f"{backend}=={importlib.metadata.version(backend)}"]
        except importlib.metadata.PackageNotFoundError:
            continue
    return pinned


def _fields(model_file: Path) -> dict[str, str]:
    """The columns of the model's answers, and what each holds. A model whose card cannot be read fails when it is loaded, not here."""
    try:
        card = read_card(model_file)
    except StoreError:
        return dict(Multiclass(0).fields(()))
    return dict(of_card(card).fields([str(name) for name in card["classes"]]))


def _signature(fields: Mapping[str, str]) -> Any:
    """The output's schema. The input has none, since MLflow would then accept one form only; the model itself checks its input."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array, Map

    kinds = {"text": DataType.string, "texts": Array(DataType.string), "number": DataType.double, "numbers by name": Map(DataType.double)}
    return ModelSignature(outputs=Schema([ColSpec(kinds[kind], name) for name, kind in fields.items()]))


def _of_model(figures: dict[str, Any], model_id: str) -> list[Any]:
    import time

    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [Metric(name, float(value), now, 0, model_id=model_id) for name, value in figures.items() if value is not None]


def _reigning(client: Any, study: str) -> str | None:
    """The content tag of the current champion, or None."""
    from mlflow.exceptions import MlflowException

    try:
        return str(client.get_model_version_by_alias(study, ALIAS).tags.get(CONTENT_TAG))
    except MlflowException:
        return None


def _registered(client: Any, study: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(study)
    except MlflowException:
        client.create_registered_model(study, description=f"The best network of the study '{study}', found by automl-cnn.")
