"""The table of limits says what the code does."""

import pytest
from docs_pages import written

from automl_cnn import quantities, registry, toml_file
from automl_cnn.cli import plugins, plugins_check
from automl_cnn.data import arrays, guard, kinds
from automl_cnn.export import limits
from automl_cnn.modelfile import archive, contract
from automl_cnn.study.running.executors import local

LINES = written()["reference/limits.md"].splitlines()
ROWS = {cells[1].strip(): cells[2].strip() for cells in (line.split("|") for line in LINES if line.startswith("| "))}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("an image file", f"{kinds.LARGEST_FILE / 1e9:g} GB in a search; {guard.BYTES} bytes for each pixel"),
        ("an image", f"{guard.MAX_PIXELS / 1e6:g} million pixels"),
        ("an image", guard.VARIABLE),
        ("a JPEG", f"{guard.REDUCED} times as many pixels"),
        ("a JPEG", f"{guard.SCANS:,} scans"),
        ("a request to a served model", f"{limits.IMAGES:,} images, {limits.CHARACTERS / 1e6:g} MB of them"),
        ("a request to a served model", f"{limits.TIMES * guard.MAX_PIXELS / 1e6:g} million pixels"),
        ("a study file", f"{toml_file.MAX_TOML / 1e6:g} MB"),
        ("a model file from others", f"{archive.MOST['automl_cnn.json'] / 1e6:g} MB of card, {archive.MOST['config.json'] / 1e6:g} MB of description"),
        ("a model file from others", f"{contract.MOST_CLASSES:,} classes; {contract.MOST_PIXELS:,} px"),
        ("a plugin", f"{registry.SECONDS:g} seconds for all to be imported, {plugins.SECONDS:g} to be built"),
        ("a plugin", f"{plugins_check.SECONDS:,g} for `plugins check`"),
        ("a trial", f"{local.SILENCE_SECONDS:g} seconds without a sign of life"),
        ("the budget", f"{quantities.LONGEST // 86400:,} days"),
        ("the cache of images", f"{arrays.LIMIT_BYTES // 2**30} GiB"),
    ],
)
def test_each_limit_is_that_of_the_code(what, words):
    assert words in ROWS[what]
