"""Problems of the images: the check made before the search, and labels that the winner doubts."""

from __future__ import annotations

import shlex
from typing import Any

from automl_cnn.dataset_summary import images_in, task_of, words_of
from automl_cnn.evidence import Mistake
from automl_cnn.facts import Facts
from automl_cnn.problems import ORDER, Case, Checked, Problem, contradicted, in_order, many, verb
from automl_cnn.report.numbers import percent
from automl_cnn.report.parts import Look, Sample, Trouble

SHOWN = 6  # cases of a problem that are shown with pictures
LISTED = 30  # and without


def look(facts: Facts) -> Look | None:
    """The check's problems and the suspect labels, worst first; None where no check was made."""
    checked = facts.checked
    if checked is None:
        return None
    command = _command(facts) if checked.folder else ""
    doubted = () if facts.evidence is None else facts.evidence.suspects or ()
    suspect = _suspect(facts, len(doubted)) if doubted else None
    problems = in_order([*checked.problems, *filter(None, [suspect])])
    return Look(
        sentence=_sentence(facts, checked, problems),
        troubles=tuple(_doubts(facts, problem, doubted) if problem is suspect else _trouble(problem, checked) for problem in problems),
        unchecked="; ".join(map(_reason, checked.unchecked)),
        command=command,
        adds=words_of(facts.data).full_check,
    )


def _sentence(facts: Facts, checked: Checked, problems: list[Problem]) -> str:
    looked = f"Before the search, the {many(int(checked.facts.get('images', 0)))} went through every check that needs no network:"
    sentence = f"{looked} files, sizes, names, copies, brightness and sharpness."
    counts = [many(number, level) for level in ORDER if (number := sum(problem.severity == level for problem in problems))]
    seen = f"Found: {', '.join(counts)}." if counts else "No problems were found."
    clear = facts.evidence is not None and facts.evidence.suspects == ()
    return f"{sentence} {seen}{' The winner doubts none of the validation labels.' if clear else ''}"


def _reason(text: str) -> str:
    what, _, why = text.partition(": ")
    return f"{what} ({why})" if why else what


def _command(facts: Facts) -> str:
    store = "" if facts.store == "automl-cnn-runs" else f" --store {shlex.quote(facts.store)}"
    columns = f" --columns {shlex.quote(str(facts.settings['columns']))}" if facts.settings.get("columns") else ""
    task = f" --task {shlex.quote(str(facts.settings['task']))}" if facts.settings.get("task") else ""
    return f"automl-cnn check --data {shlex.quote(str(facts.settings.get('data') or facts.data.get('folder', '')))}{columns}{task}{store}"


def _trouble(problem: Problem, checked: Checked) -> Trouble:
    pictured = [case for case in problem.cases[:SHOWN] if case.path in checked.pictures]
    listed = () if pictured else problem.cases[:LISTED]
    rest = len(problem.cases) - len(pictured or listed)
    samples = []
    for case in pictured:
        pictures = tuple((path, checked.pictures[path]) for path in (case.path, *case.others[:1]) if path in checked.pictures)
        samples.append(Sample(_named(case, problem.between), case.detail, pictures))
    return _shown(
        problem,
        pictured=tuple(samples),
        listed=tuple((_named(case, problem.between), case.detail) for case in listed),
        rest=f"and {rest:,} more" if rest else "",
    )


def _shown(problem: Problem, **cases: Any) -> Trouble:
    return Trouble(problem.title, problem.severity, problem.sentence, problem.search, problem.advice, **cases)


def _named(case: Case, between: str) -> str:
    if not case.others:
        return case.path
    return f"{case.path}{between}{case.others[0]}{f' and {len(case.others) - 1:,} more' if len(case.others) > 1 else ''}"


def _suspect(facts: Facts, count: int) -> Problem:
    images = images_in(facts.data, "val")
    why = "another class fits better" if task_of(facts.data).exclusive else f"it contradicts {verb(count, 'it', 'them')}"
    return Problem(
        "label",
        "warning",
        f"The winner doubts {many(count, 'label')} of the {many(images, 'validation image')}, which it did not learn from: {why}. "
        f"{'It may be a hard image, not a mistake' if count == 1 else 'Some are hard images, not mistakes'}.",
        f"It uses {verb(count, 'it as it is', 'them as they are')} labeled.",
        "Look at the images. `automl-cnn check --fix FILE` writes an editable list of suspects among all images; `automl-cnn search --labels FILE` applies it.",
        count,
    )


def _doubts(facts: Facts, problem: Problem, doubted: tuple[Mistake, ...]) -> Trouble:
    names = tuple(map(str, facts.data.get("classes", ())))

    def name(number: int) -> str:
        return names[number] if number < len(names) else str(number)

    def detail(one: Mistake) -> str:
        if exclusive:
            return f"labeled '{name(one.truth)}', looks like '{name(one.predicted)}' ({percent(one.confidence, 0)})"
        return contradicted([name(number) for number in one.truths], [(name(one.predicted), one.confidence)])

    exclusive = task_of(facts.data).exclusive
    shown = {mistake.path for mistake in facts.evidence.mistakes} if facts.evidence else set()
    others = [one for one in doubted if one.path not in shown]
    pictured = [one for one in others if one.picture]
    rest = len(others) - len(pictured)
    return _shown(
        problem,
        pictured=tuple(Sample(one.path, detail(one), ((one.path, one.picture),)) for one in pictured),
        rest=f"and {rest:,} more" if rest else "",
        above=_above(len(doubted) - len(others), len(doubted)),
    )


def _above(shown: int, of: int) -> str:
    """Which of the suspects are shown elsewhere."""
    if shown == of:
        return "It is" if of == 1 else "All are"
    return f"{shown} of them {verb(shown, 'is', 'are')}" if shown else ""
