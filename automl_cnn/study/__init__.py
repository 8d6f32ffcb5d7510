"""The search: planner, engines, executors and the loop that ties them.

`run(config)` is the whole of it; the rest is for those who read on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from automl_cnn.study.session import run

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    if name == "run":
        from automl_cnn.study.session import run

        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
