"""The pages that are made: their markup means what the code's plain text says."""

from __future__ import annotations

import importlib
import sys

import pytest
from docs_pages import DOCS, generated


@pytest.fixture(scope="module")
def made():
    """`made("markup")` is a module of docs/_ext."""
    sys.path.insert(0, str(DOCS / "_ext"))
    yield importlib.import_module
    sys.path.remove(str(DOCS / "_ext"))


def test_help_has_nothing_that_markdown_takes_for_markup(made):
    assert made("markup").escaped("cat|dog, (| alone) <b> [x] *.py at --max-pixels 40M, or `a|b`") == (
        r"cat\|dog, (\| alone) \<b\> \[x\] \*.py at `--max-pixels` 40M, or `a|b`"
    )


def test_a_docstring_keeps_its_code_and_its_sections(made):
    lines = ["Take `x|y` of *all*.", "", "    search(`a`)", "", "Raises:", "    DataError: `x` is missing."]
    assert made("docstrings").converted(lines) == [
        r"Take ``x|y`` of \*all\*.",
        "",
        "::",
        "",
        "    search(`a`)",
        "",
        "Raises:",
        "    DataError: ``x`` is missing.",
    ]


def test_code_that_a_sign_follows_is_closed_first(made):
    assert made("docstrings").converted(["1 / `kernel`² of `a`, `b`"]) == ["1 / ``kernel``\\ ² of ``a``, ``b``"]


def test_links_of_a_file_elsewhere_lead_from_its_page(made):
    page = generated()["project/contributing.md"]
    assert "[SECURITY.md](security.md)" in page
    assert "(../plugins/index.md)" in page
    assert made("elsewhere").page_of("studies/degradation/README.md") == "studies/degradation.md"
    assert made("elsewhere").page_of("pyproject.toml") is None


def test_a_lesson_shows_what_its_code_printed():
    page = generated()["lessons/05_what_depthwise_saves.md"]
    assert "64 channels:  36,864 against  4,672 weights" in page
    assert "![the plot of the code above](05_what_depthwise_saves-" in page
    assert "<style" not in page


def test_a_setting_states_its_values_default_and_identity():
    page = generated()["reference/settings.md"]
    entry = page.partition("### fit\n")[2].partition("###")[0]
    assert "one of `auto`, `squash`, `pad`, `crop`; default `auto`; part of the study's identity" in entry
    assert "environment variable `AUTOML_CNN_PLUGINS_DIR`" in page


def test_an_argument_with_choices_names_them():
    page = generated()["reference/commands.md"]
    assert "automl-cnn plugins new architecture|optimizer|regularizer NAME [OPTIONS]" in page
    assert "`--seed NUMBER`" in page
