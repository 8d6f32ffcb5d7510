"""The table of results within a study's README.md, between two marks; the words around it are written by hand."""

from __future__ import annotations

from pathlib import Path

from automl_cnn.comparison.results import Results
from automl_cnn.comparison.words import NAMES, cell, difference, duration
from automl_cnn.store import atomic_write_text

BEGIN, END = "<!-- results: written by `automl-cnn study` -->", "<!-- end of results -->"


def update(results: Results, file: Path) -> bool:
    """Put the table between the marks of a README; whether there are any."""
    if not file.exists():
        return False
    text = file.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        return False
    atomic_write_text(file, f"{before}{BEGIN}\n\n{markdown(results)}\n\n{END}{after}")
    return True


def markdown(results: Results) -> str:
    """A table for each image set, and a line on seeds, intervals and cost."""
    parts = [_table(results, name) for name in dict.fromkeys(asked.name for asked in results.comparison.sets) if any(row.set == name for row in results.rows)]
    seeds = max((len({row.seed for row in results.rows if row.set == name}) for name in {row.set for row in results.rows}), default=0)
    trainings = f"{len(results.rows)} training{'s' * (len(results.rows) != 1)}"
    measure = NAMES[results.comparison.measures[0]]
    note = (
        f"Means of {seeds} seed{'s' * (seeds != 1)}; ± is half of the 95 % interval, over seeds and held-out images. Differences of {measure} are to "
        f"“{results.comparison.reference}”, in bold where the interval leaves out zero. {trainings} took {duration(results.seconds)}."
    )
    return "\n\n".join((*parts, note))


def _table(results: Results, name: str) -> str:
    comparison, first = results.comparison, results.comparison.measures[0]
    several = len({asked.train for asked in comparison.sets if asked.name == name}) > 1
    heads = [name, *(["images"] if several else []), *(NAMES[measure] for measure in comparison.measures), "difference"]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    for network in comparison.networks:
        if network.images.name != name or not results.of(network.images.name, network.series, network.point):
            continue
        where = (network.images.name, network.series, network.point)
        cells = [", ".join(filter(None, (network.point, network.series)))]
        cells += [f"{network.images.train:,}" if network.images.train else "all"] if several else []
        cells += [cell(results.score(*where, measure), measure) for measure in comparison.measures]
        own = network.series == comparison.reference
        contrast = None if own else results.contrast(*where[:2], comparison.reference, network.point, first)
        lines.append("| " + " | ".join([*cells, "" if own else difference(contrast, first)]) + " |")
    return "\n".join(lines)
