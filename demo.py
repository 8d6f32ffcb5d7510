"""`make demo`: real handwritten digits, from a folder of images to a model that reads them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from automl_cnn.data.samples import IMAGES, write_digits
from automl_cnn.processes import environment, python

DATA = Path("demo-data")
TARGET = 0.97


def digits(folder: Path, test_share: float = 0.2, seed: int = 0) -> tuple[Path, Path]:
    """Write scikit-learn's 1,797 digit images (8x8 px, enlarged four times) as class folders: those to learn from, those held out."""
    rows = np.random.default_rng(seed).permutation(IMAGES)
    out = int(test_share * IMAGES)
    return write_digits(folder / "digits", only=rows[out:]), write_digits(folder / "digits-held-out", only=rows[:out])


def main() -> int:
    """Make the folder, search it, predict what was held out; fails where fewer than 97 % are right."""
    search, held = digits(DATA)
    command = python("-m", "automl_cnn")
    say(f"automl-cnn search --data {search} --budget 3m --name digits")
    subprocess.run([*command, "search", "--data", str(search), "--budget", "3m", "--name", "digits"], check=True, env=environment())
    say(f"automl-cnn predict digits {held} > {DATA}/predictions.csv")
    with (DATA / "predictions.csv").open("w", encoding="utf-8") as out:
        subprocess.run([*command, "predict", "digits", str(held)], check=True, stdout=out, env=environment())
    import pandas as pd

    table = pd.read_csv(DATA / "predictions.csv", dtype={"label": str})
    right = float(np.mean([Path(path).parent.name == label for path, label in zip(table.path, table.label, strict=True)]))
    print(f"\nRight on {len(table)} held-out digits: {right:.4f} (expected at least {TARGET})")
    return 0 if right >= TARGET else 1


def say(command: str) -> None:
    """Show a command as a person would type it."""
    print(f"\n$ {command}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
