"""Plugin + head + preprocessing -> keras.Model, and what it costs.

    from automl_cnn.models.build import build, from_configuration
    from automl_cnn.models.cost import cost
    from automl_cnn.models.estimate import estimate

The names below are imported at their first use; `plugins_of` needs no Keras. A function that
shares its module's name is not among them, since the name here would mean now one, now the other.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from automl_cnn.layers import Resize
    from automl_cnn.models.build import from_configuration
    from automl_cnn.models.choose import plugins_of
    from automl_cnn.models.cost import Cost, LayerCost
    from automl_cnn.models.net import BuildNet

__all__ = ["BuildNet", "Cost", "LayerCost", "Resize", "from_configuration", "plugins_of"]

_HOME = {
    "BuildNet": "models.net",
    "Cost": "models.cost",
    "LayerCost": "models.cost",
    "Resize": "layers",
    "from_configuration": "models.build",
    "plugins_of": "models.choose",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"automl_cnn.{_HOME[name]}"), name)
