"""The documentation's site: Sphinx, MyST-Parser and Furo. `make docs` builds it into docs/_build."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent), str(HERE.parent / "plugins")]

import generated  # noqa: E402  # it lies in _ext

import automl_cnn  # noqa: E402  # the one of this checkout

project = "automl-cnn"
author = "The automl-cnn contributors"
copyright = f"2026, {author}"
version = release = automl_cnn.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docstrings", "mathml"]
exclude_patterns = ["_build", "_ext"]
myst_enable_extensions = ["deflist", "dollarmath", "colon_fence"]
myst_heading_anchors = 4
myst_dmath_allow_labels = False
smartquotes = False  # `--budget` stays as it is typed
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r".*")]  # types in signatures are named, not linked; links between pages are checked all the same

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "automl-cnn"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"
pygments_style = "friendly"
pygments_dark_style = "native"
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}


def setup(app: Any) -> None:
    """Make the pages that are made of code before Sphinx looks for pages."""
    app.connect("builder-inited", lambda app: generated.write(Path(app.srcdir)))
