"""A check as one self-contained HTML page with thumbnails."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from markupsafe import Markup, escape

from automl_cnn.check.pictures import OTHERS, SHOWN
from automl_cnn.data import set_name
from automl_cnn.dataset_summary import labels_each, ranges_in_words, words_of
from automl_cnn.paths import location
from automl_cnn.problems import Checked
from automl_cnn.store import atomic_write_text


def name_of(checked: Checked) -> str:
    """A file name for the folder that was checked."""
    return set_name(location(checked.folder)).replace("/", "-")


def html(checked: Checked) -> str:
    """The page as HTML; it makes no network requests."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("automl_cnn.check", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["code"] = _code
    style = Markup((resources.files("automl_cnn.report") / "style.css").read_text(encoding="utf-8"))
    own = Markup((resources.files("automl_cnn.check") / "page.css").read_text(encoding="utf-8"))
    mean, each = labels_each(checked.facts)
    known = {"words": words_of(checked.facts), "ranges": ranges_in_words(checked.facts), "mean": mean, "each": each}
    return environment.get_template("page.html").render(checked=checked, style=style + own, shown=SHOWN, compared=OTHERS, **known)


def _code(text: str) -> Markup:
    """Text with `commands` set as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def write(checked: Checked, place: Path) -> Path:
    """Write the page, and return where it lies.

    Raises:
        StoreError: it cannot be written.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_text(place, html(checked))
    return place
