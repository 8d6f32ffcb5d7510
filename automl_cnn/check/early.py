"""What every search looks at before it starts, in well under a second: what makes scores too good and shows without a pixel."""

from __future__ import annotations

from automl_cnn.check import headers, names
from automl_cnn.data import Dataset, Source
from automl_cnn.data.grouping import by_camera, by_name


def remarks(source: Source, dataset: Dataset, group_by: str | None) -> tuple[str, ...]:
    """A sentence for each such problem; groups that the user named (`group_by`) are none."""
    known = [source.probes[row].header for row in source.good]
    read = [header for header in known if header is not None]
    if len(read) < len(known):
        return ()
    shortcut = headers.gives_away(dataset.labels, dataset.classes, read)
    problems = [shortcut] if shortcut is not None else []
    if group_by is None:
        problems += names.problems_of(dataset.paths, [by_name(dataset.paths, dataset.labels.tolist()), by_camera(read)])
    return tuple(f"{problem.sentence} {problem.advice}" for problem in problems)
