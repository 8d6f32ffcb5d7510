"""Which libraries a command imports: those that take seconds have no place in one that answers at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence

HEAVY = ("tensorflow", "keras", "mlflow", "sklearn", "pandas", "optuna")
CODE = """
import sys
from automl_cnn.cli import main
sys.argv = ["automl-cnn", *{words!r}]
try:
    main()
except SystemExit as end:
    assert end.code in (0, None), end.code
print("HEAVY", *sorted(set(sys.modules) & {watched!r}))
"""


def heavy(words: Sequence[str], watched: Iterable[str] = HEAVY) -> list[str]:
    """Those of the `watched` libraries that `automl-cnn WORDS` imports, in a process of its own. The command must end well."""
    code = CODE.format(words=list(words), watched=set(watched))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    mark, *names = done.stdout.splitlines()[-1].split()
    assert mark == "HEAVY"
    return names
