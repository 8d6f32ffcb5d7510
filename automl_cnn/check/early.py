"""The check that every search makes before it starts: all that needs no network, within seconds."""

from __future__ import annotations

from collections.abc import Callable

from automl_cnn import elapsed
from automl_cnn.check import looks
from automl_cnn.check.material import Material
from automl_cnn.check.pictures import Album, pictures_of
from automl_cnn.data import pixels
from automl_cnn.data.passes import Tell
from automl_cnn.problems import NO_TIME, Checked, Problem, in_order, many

HEADERS = "sizes, shapes and formats"
WITHOUT_NETWORK = "no network looked at the images"
ALBUM = Album(shown=6, others=1, side=80, most=48)  # for a section of a report


def early(material: Material, seconds: float, now: Callable[[], float] = elapsed.now, tell: Tell | None = None) -> Checked:
    """The check in about `seconds` at most; `unchecked` names the checks that there was no time for. See `automl_cnn.problems` for what comes back.

    `tell` receives the current step, the number of images done, and their total.
    """
    began = now()

    def goes_on() -> bool:
        return now() - began < seconds

    problems, unchecked = material.counted(), [*material.beyond]
    steps = [("groups in the names", material.of_names), ("copies", material.of_copies)]
    if material.headers:
        steps.insert(0, (HEADERS, material.of_headers))
    else:
        unchecked.append(f"{HEADERS}: the images came without files")
    for name, step in steps:
        if goes_on():
            if tell is not None:
                tell(f"looking at {name}", 0, 1)
            problems += step()
        else:
            unchecked.append(f"{name}: {NO_TIME}")
    if material.grouped:
        unchecked.append("altered copies: they cannot be distinguished from the named groups")
    elif not material.digests:
        unchecked.append("altered copies: the images came without files")
    problems += _looks(material, goes_on, unchecked, tell)
    problems = in_order(problems)
    dataset = material.dataset
    return Checked(
        dataset.folder,
        material.facts,
        tuple(problems),
        (*unchecked, f"{dataset.task.words.by_network}: {WITHOUT_NETWORK}"),
        now() - began,
        pictures_of(dataset, problems, ALBUM),
        dataset.fingerprint,
    )


def _looks(material: Material, goes_on: Callable[[], bool], unchecked: list[str], tell: Tell | None) -> list[Problem]:
    dataset = material.dataset
    seen = looks.looks_of(pixels(dataset, dataset.side), looks.watched(goes_on, tell, len(dataset)))
    if missed := len(dataset) - len(seen.rows):
        unchecked.append(f"brightness and sharpness of {many(missed)}: {NO_TIME}")
    return looks.problems_of(dataset.paths, seen)
