"""Blocks of code are executed, or marked with the reason why they are not.

Above a block, `<!-- slow -->` leaves it to the slow tests, and `<!-- not executed: REASON -->` to nobody. `test_docs_flags.py` parses the commands of all.
The slow tests run the blocks of all pages in one folder, those of start.md first, as a reader would; the only change is a shorter budget.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from docs_pages import CODE, ROOT, blocks, code, pages

from automl_cnn.config import study_config

BUDGET = "40s"
SECONDS = 600
SHELL = f'automl-cnn() {{ "{sys.executable}" -m automl_cnn "$@"; }}\n'


def run(block, folder: Path, change=lambda text: text) -> None:
    """Execute a block in a folder, in a process of its own."""
    if block.language == "toml":
        study_config(tomllib.loads(block.code))
        return
    command = [sys.executable, "-c", block.code] if block.language == "python" else ["bash", "-euo", "pipefail", "-c", SHELL + change(block.code)]
    paths = [str(ROOT), str(ROOT / "plugins"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{block}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"


def short(text: str) -> str:
    """The same commands with less time."""
    return re.sub(r"--budget \S+", f"--budget {BUDGET}", text)


def test_each_block_is_executed_or_says_why_not():
    for page, text in pages().items():
        for block in blocks(page, text):
            if block.language in CODE:
                assert block.mark in ("", "slow") or re.fullmatch(r"not executed: \w.{8,}", block.mark), block
            else:
                assert block.language, f"{page} has a block without a language: {block}"


@pytest.mark.parametrize("block", code(""), ids=str)
def test_a_fast_block_runs(block, tmp_path):
    run(block, tmp_path)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """The folder of a reader, with photos to predict."""
    from PIL import Image
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("home")
    (folder / "more-photos").mkdir()
    for name, pixels in zip(("photo.jpg", "more-photos/1.jpg", "more-photos/2.png"), load_digits().images, strict=False):
        Image.fromarray((pixels * 255 / 16).astype("uint8")).resize((32, 32)).save(folder / name)
    return folder


@pytest.mark.slow
def test_the_blocks_that_search_predict_and_export_run_one_after_another(home):
    for block in code("slow"):
        run(block, home, short)
    assert (home / "automl-cnn-runs" / "studies" / "flowers" / "best" / "model.keras").is_file()
    assert (home / "answers.csv").read_text().count("\n") == 4
    assert (home / "exported" / "model.onnx").is_file()
    assert (home / "suspects.csv").is_file()
    assert (home / "report.html").is_file()
