"""Groups of images, such as persons, places or series, that a random split would tear apart."""

from __future__ import annotations

from collections.abc import Sequence

from automl_cnn.data.grouping import Grouping
from automl_cnn.problems import Case, Problem, many


def problems_of(paths: Sequence[str], groupings: Sequence[Grouping | None]) -> list[Problem]:
    """One problem for each kind of groups."""
    problems = []
    for grouping in groupings:
        if grouping is None:
            continue
        families = sorted(grouping.groups, key=len, reverse=True)
        images = sum(map(len, families))
        problems.append(
            Problem(
                "groups",
                "warning",
                f"{many(images)} seem to belong to {many(len(families), 'group')}: {grouping.why}. A group on both sides of a split makes scores too good.",
                "It splits them at random: only versions of one photo stay together.",
                "If a group is one person, place or series, search with `--group-by auto`, or a pattern of your own.",
                images,
                tuple(Case(paths[family[0]], many(len(family)), tuple(paths[row] for row in family[1:]), row=family[0]) for family in families),
            )
        )
    return problems
