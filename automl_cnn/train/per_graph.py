"""What every variable's update shares, put into a training step's graph once instead of once for each."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from automl_cnn.train import backend


class PerGraph:
    """Keeps what was made within a graph of TensorFlow's, as long as it is that graph that is built; elsewhere, makes it every time."""

    def __init__(self) -> None:
        self._graph: Any = None
        self._made: dict[Hashable, Any] = {}

    def __call__(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` gave in this graph under this key."""
        tensorflow = backend.tensorflow()
        if tensorflow is None or tensorflow.executing_eagerly():
            return make()
        graph = tensorflow.compat.v1.get_default_graph()
        if graph is not self._graph:
            self._graph, self._made = graph, {}
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]
