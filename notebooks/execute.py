"""Execute the lessons and keep what they print: `python execute.py` for all, `python execute.py 03` for some.

Each chapter is a script in jupytext's percent format. The notebook beside it has the same cells and their outputs, so that it can be read
where nothing can be run.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CHAPTER = "[0-9][0-9]_*.py"
MOST = 400_000  # bytes of a notebook
SECONDS = 900  # that a cell may take


def chapters(folder: Path = HERE) -> list[Path]:
    """The scripts, in order."""
    return sorted(folder.glob(CHAPTER))


def notebook(script: Path) -> Any:
    """The cells of a script, without outputs. Equal scripts give equal notebooks."""
    import jupytext

    made = jupytext.read(script)
    for number, cell in enumerate(made.cells):
        cell["id"] = f"{script.stem[:2]}-{number}"
    made.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
    return made


def execute(made: Any, *, kernel: Any = None) -> Any:
    """Run the cells in a notebook's folder; a cell that fails raises nbclient's CellExecutionError."""
    from nbclient import NotebookClient

    client = NotebookClient(made, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}, **({"km": kernel} if kernel else {}))
    client.execute()
    for cell in made.cells:
        cell.metadata.pop("execution", None)  # when each cell ran says nothing to a reader
    return made


def main(wanted: list[str]) -> None:
    import nbformat

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for script in chapters():
        if wanted and not any(script.stem.startswith(name) for name in wanted):
            continue
        began = time.monotonic()
        made = execute(notebook(script))
        file = script.with_suffix(".ipynb")
        nbformat.write(made, file)
        print(f"{file.name}: {time.monotonic() - began:.0f} s, {file.stat().st_size / 1000:.0f} kB")
        if file.stat().st_size > MOST:
            raise SystemExit(f"{file.name} is larger than {MOST / 1000:.0f} kB: draw fewer or smaller pictures.")


if __name__ == "__main__":
    main(sys.argv[1:])
