"""The scores of each label or number, where images have several: a row each in a table, and metrics of their own as far as MLflow can name them."""

from __future__ import annotations

import re
from typing import Any

from automl_cnn.records import StudyResult
from automl_cnn.track import numbers

MOST = 100  # labels that have metrics of their own; the table has all
LONGEST = 200  # signs of a metric's name: MLflow allows 250
UNNAMED = re.compile(r"[^\w .:-]")  # signs that MLflow takes in no metric's name, and the slash, which would make a folder of its charts


KINDS = ("recall", "precision", "f1", "threshold")


def table(result: StudyResult) -> tuple[str, list[dict[str, Any]]]:
    """The name of the table's file, and its rows."""
    return ("numbers.json", numbers.rows(result)) if result.targets else ("labels.json", rows(result))


def rows(result: StudyResult) -> list[dict[str, Any]]:
    """The table of labels, a row for each: images, recall, precision, F1 and threshold."""
    return [{"label": name, **scores, "threshold": result.thresholds.get(name)} for name, scores in result.per_label.items()]


def figures(result: StudyResult) -> dict[str, float | None]:
    """Metrics such as `f1/cat` and `rmse/age`.

    A name that MLflow refuses has underscores in it, and of two that become the same name the first one counts.
    """
    values: dict[str, float | None] = {}
    head, kinds = ("number", numbers.EACH) if result.targets else ("label", KINDS)
    for row in table(result)[1][:MOST]:
        name = UNNAMED.sub("_", row[head])[:LONGEST]
        for kind in kinds:
            values.setdefault(f"{kind}/{name}", row[kind])
    return values
