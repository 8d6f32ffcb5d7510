"""A page as HTML text: one file, its style and script inside, which makes no network requests."""

from __future__ import annotations

from importlib import resources

from markupsafe import Markup

from automl_cnn.dataset_summary import words_of
from automl_cnn.diagnosis import certainty, shade, title
from automl_cnn.facts import Facts
from automl_cnn.report.view import view


def page(facts: Facts) -> str:
    """The report as HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("automl_cnn.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    words = words_of(facts.data)
    environment.filters["title_of"] = lambda kind: title(kind, words)
    environment.filters["figure"] = lambda number: f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
    environment.filters["shade"] = shade
    environment.filters["certainty"] = lambda finding: certainty(finding, words)
    return environment.get_template("page.html").render(page=view(facts), style=_part("style.css"), script=_part("script.js"))


def _part(name: str) -> Markup:
    """One of our own files, unchanged."""
    return Markup((resources.files("automl_cnn.report") / name).read_text(encoding="utf-8"))
