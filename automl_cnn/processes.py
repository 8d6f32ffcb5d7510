"""How this package starts Python: the current folder is never searched for modules.

Otherwise a `random.py` of the user's in that folder would run in place of the standard library's, in every process.
This file imports nothing else, since `python -m automl_cnn` imports it while the folder is still searched first.
"""

import os
import sys


def python(*words: str) -> list[str]:
    """The command line of this Python with the given arguments, as in `python("-m", "automl_cnn", "search")`."""
    return [sys.executable, "-P", *words]


def environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """This process's environment with `more` in it. Python processes below the new one do not search the current folder either."""
    variables = {**os.environ, "PYTHONSAFEPATH": "1"}
    path = _named(variables.pop("PYTHONPATH", ""))
    return {**variables, **({"PYTHONPATH": os.pathsep.join(path)} if path else {}), **(more or {})}


def cores() -> int:
    """How many processor cores this process may use."""
    return len(core_numbers())


def core_numbers() -> list[int]:
    """The processor cores that this process may use, as the system numbers them."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def leave_folder() -> None:
    """Stop searching the current folder, which `python -m` and empty entries of PYTHONPATH ask for. A folder that PYTHONPATH names stays."""
    try:
        here = os.getcwd()
    except OSError:  # it was deleted
        here = ""
    if not sys.flags.safe_path and sys.path and sys.path[0] in ("", here):
        del sys.path[0]
    named = [os.path.abspath(entry) for entry in _named(os.environ.get("PYTHONPATH", ""))]
    sys.path[:] = [entry for entry in sys.path if entry and (entry != here or here in named)]


def _named(path: str) -> list[str]:
    """The entries of a PYTHONPATH that name a folder; an empty one stands for the current folder."""
    return [entry for entry in path.split(os.pathsep) if entry]
