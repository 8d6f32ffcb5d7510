"""MLflow without its noise: no telemetry, no progress bars, no logs below errors."""

from __future__ import annotations

import logging
import os
from typing import Any

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # spares the server its job workers
    "GIT_PYTHON_REFRESH": "quiet",
}


def quiet_mlflow() -> Any:
    """The mlflow module, imported at the first call. A user's own settings in the environment win."""
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # its errors are raised too; logged, each is a traceback of 300 lines
    return mlflow
