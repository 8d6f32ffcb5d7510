"""The scores of each label, where images have several: a row each in a table, and metrics of their own as far as MLflow can name them."""

from __future__ import annotations

import re
from typing import Any

from automl_cnn.records import StudyResult

MOST = 100  # labels that have metrics of their own; the table has all
LONGEST = 200  # signs of a metric's name: MLflow allows 250
UNNAMED = re.compile(r"[^\w .:-]")  # signs that MLflow takes in no metric's name, and the slash, which would make a folder of its charts


def rows(result: StudyResult) -> list[dict[str, Any]]:
    """The table, a row for each label: images, recall, precision, F1 and threshold."""
    return [{"label": name, **scores, "threshold": result.thresholds.get(name)} for name, scores in result.per_label.items()]


def figures(result: StudyResult) -> dict[str, float | None]:
    """Metrics such as `f1/cat`; a label whose name MLflow refuses has underscores in it, and of two that become the same name the first one counts."""
    values: dict[str, float | None] = {}
    for row in rows(result)[:MOST]:
        name = UNNAMED.sub("_", row["label"])[:LONGEST]
        for kind in ("recall", "precision", "f1", "threshold"):
            values.setdefault(f"{kind}/{name}", row[kind])
    return values
