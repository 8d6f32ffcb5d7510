"""Find versions of one photo by file names: `photo03_aug2.jpg` and `photo03_flip.jpg` are versions of `photo03.jpg`.

A number in a name proves little: `IMG_0001` and `cat.12` are ordinary names. A name counts as a version only if

- it has an augmentation's or a copy's mark, and the file it is named after exists too;
- or it has an augmentation's mark, and other versions share a stem that identifies one photo, because a digit is in it;
- or a tool's format repeats the original's name: Roboflow's `name_jpg.rf.<hash>`, Augmentor's `cat_original_name.jpg_<uuid>`;
- or the whole class has the format of Keras' `save_to_dir`, `prefix_<row>_<random number>`, and its numbers look like it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from automl_cnn.data.passes import Report, counted

MOST = 0.5  # share of a class that one stem without its original may hold: beyond that, the stem names the class, not a photo
EXTENSION = r"(?:jpe?g|jfif|png|bmp|gif|tiff?|webp)"
MARKS = (
    r"(?:aug(?:mented|mentation|m)?|(?:[hv]|lr|ud)?[_-]?flip(?:ped|ping)?(?:lr|ud|tb|h|v|x|y)?|mirror(?:ed)?|rot(?:ated?|ation)?|crop(?:ped)?|zoom(?:ed)?"
    r"|shift(?:ed)?|shear(?:ed)?|translat(?:ed?|ion)|bright(?:ness|er|ened)?|dark(?:er|ened)?|contrast|blur(?:red|ry)?|noise|noisy|gaussian|jitter(?:ed)?|hue"
    r"|saturat(?:ed|ion)|gamma|scaled?|resized?|warp(?:ed)?|affine|elastic|distort(?:ed|ion)?|transform(?:ed)?|sharpen(?:ed)?|equalized?|clahe|gr[ae]y(?:scale)?"
    r"|invert(?:ed)?|cutout)"
)
SIDE = r"(?:h|v|x|y|lr|ud|tb|cw|ccw|horizontal(?:ly)?|vertical(?:ly)?|left|right)"
VALUE = r"[-+]?\d+(?:[.,]\d+)?(?:deg|px|x|%|°)?"
AUGMENTED = re.compile(rf"^(?P<stem>.*?[^\W_])(?:[ _.\-]+|(?<=\d)){MARKS}(?:[ _\-]?{SIDE})?(?:[ _.\-]*{VALUE})*$")
DEGREES = re.compile(r"^(?P<stem>.*?[^\W_])[ _\-]+(?:90|180|270)(?:deg|°)?$|^(?P<stem2>.*?[^\W_])[ _\-]+[-+]?\d{1,3}(?:deg|°)$")
PREFIXED = re.compile(rf"^{MARKS}(?:[ _\-]?{SIDE})?[ _.\-]*(?:\d+(?:deg|°)?[ _\-]+)?(?P<stem>.+)$")
WITHIN = re.compile(rf"^(?P<before>.*?[^\W_])[ _\-]+{MARKS}(?P<after>[ _\-]+\w*\d.*)$")
COPIED = re.compile(
    r"^(?P<stem>.+?)(?:[ _\-]+(?:copy|copie|kopie|copia|edited|edit|bearbeitet|modifi[eé])(?:[ _\-]*\(?\d+\)?)?|~\d+)$|^copy (?:\(\d+\) )?of (?P<stem2>.+)$"
)
BRACKETED = re.compile(r"^(?P<stem>.*\d.*?)[ _]?\(\d+\)$")  # `download (3)` is another picture of the same name: without a digit, it does not name one photo
ROBOFLOW = re.compile(rf"^(?P<stem>.+)_{EXTENSION}\.rf\.[0-9a-z]{{16,}}$")
AUGMENTOR = re.compile(rf"^(?:.*?_original_)?(?P<stem>.+?)\.{EXTENSION}_[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$")
MARKED = re.compile(  # what every name has that one of the patterns above matches: looked for first, since few names have it
    rf"{MARKS}|copy|copie|kopie|copia|edit|bearbeitet|modifi|~\d|\(\d+\)|deg$|°$|[ _\-](?:90|180|270)$|\.{EXTENSION}_|_{EXTENSION}\.rf\."
)
KERAS = re.compile(r"^(?P<prefix>.*?)_(?P<row>0|[1-9]\d*)_(?P<random>0|[1-9]\d{0,6})$")
LEAST_KERAS, LEAST_RANDOM = 6, 1000  # files of a class, and the largest random number among them


def families(paths: Sequence[str], labels: Sequence[int], digests: Sequence[str], report: Report | None = None) -> list[list[int]]:
    """The rows of files that are versions of one photo, two or more each; only files of one class are compared.

    Files in different folders are compared only if the class uses no name in two of the folders for different contents.
    """
    by_class = defaultdict[int, list[int]](list)
    for row, label in enumerate(labels):
        by_class[int(label)].append(row)
    made: list[list[int]] = []
    done = 0
    for rows in by_class.values():
        step = None if report is None else partial(_advance, report, done, len(paths))
        made += _of_class(rows, paths, digests, step)
        done += len(rows)
    return made


def stem_of(name: str) -> str:
    """A file name without extension and without every mark of an augmentation; `photo03_flip_rot90.jpg` is `photo03`."""
    stem = _bare(name)
    while (shorter := next((short for short, sure in _shorter(stem) if sure), None)) is not None:
        stem = shorter
    return stem


def _advance(report: Report, before: int, of: int, done: int, _: int) -> None:
    report(before + done, of)


def _of_class(rows: Sequence[int], paths: Sequence[str], digests: Sequence[str], report: Report | None) -> Iterator[list[int]]:
    split = {row: paths[row].rpartition("/")[::2] for row in rows}
    apart = _numbered_apart([(name, digests[row]) for row, (_, name) in split.items()])
    place = {row: (folder if apart else "", _bare(name)) for row, (folder, name) in split.items()}
    named = defaultdict[tuple[str, str], list[int]](list)
    for row, (folder, name) in place.items():
        named[folder, name].append(row)
    joined = Components(rows)
    orphans = defaultdict[tuple[str, str], list[int]](list)
    for row, (folder, name) in counted(place.items(), report, len(place)):
        parent = next((stem for stem in _ancestors(name) if (folder, stem) in named), None)
        if parent is not None:
            joined.join([row, *named[folder, parent]])
        elif (stem := stem_of(name)) != name and re.search(r"\d", stem):
            orphans[folder, stem].append(row)
    for family in [*orphans.values(), *_saved_by_keras([(row, *place[row]) for row in rows])]:
        if len(family) <= MOST * len(rows):
            joined.join(family)
    yield from joined.families()


def _bare(name: str) -> str:
    return re.sub(rf"\.{EXTENSION}$", "", name.casefold())


def _ancestors(name: str) -> Iterator[str]:
    """The names of originals that a file may be a version of, the nearest first."""
    waiting, seen = [name], {name}
    while waiting:
        for stem, _ in _shorter(waiting.pop(0)):
            if stem not in seen:
                seen.add(stem)
                waiting.append(stem)
                yield stem


def _shorter(name: str) -> Iterator[tuple[str, bool]]:
    """A name with one mark less, and whether the mark alone shows that it is a version of something."""
    if not MARKED.search(name):
        return
    for pattern in (ROBOFLOW, AUGMENTOR):
        if match := pattern.match(name):
            yield _bare(match["stem"]), True
            return
    if match := AUGMENTED.match(name):
        yield match["stem"], True
    if match := DEGREES.match(name):
        stem, unit = match["stem"] or match["stem2"], name.endswith(("deg", "°"))
        if unit or re.search(r"\d", stem):
            yield stem, unit
    if match := PREFIXED.match(name):
        whole = re.sub(rf"^{MARKS}[ _.\-]*", "", name)
        yield match["stem"], bool(re.search(r"[^\W\d_]", match["stem"]))
        yield whole, False
    if match := WITHIN.match(name):
        yield match["before"] + match["after"], False
    if match := COPIED.match(name):
        yield match["stem"] or match["stem2"], False
    if match := BRACKETED.match(name):
        yield match["stem"], False


def _numbered_apart(files: Sequence[tuple[str, str]]) -> bool:
    """Whether files of the same name have different contents, for example because every folder counts from 1."""
    known: dict[str, str] = {}
    return any(known.setdefault(name, digest) != digest for name, digest in files)


def _saved_by_keras(files: Sequence[tuple[int, str, str]]) -> Iterator[list[int]]:
    """Versions that Keras wrote: rows from 0 on without large gaps, each with a few random numbers that follow no order."""
    matches = [(row, (folder, match["prefix"]), int(match["row"]), int(match["random"])) for row, folder, name in files if (match := KERAS.match(name))]
    if len(matches) < max(LEAST_KERAS, 0.8 * len(files)):
        return
    for key in sorted({key for _, key, _, _ in matches}):
        mine = [(row, number, drawn) for row, other, number, drawn in matches if other == key]
        numbers = sorted({number for _, number, _ in mine})
        drawn = np.array([value for _, _, value in mine])
        sets = defaultdict[int, list[tuple[int, int]]](list)
        for row, number, value in mine:
            sets[number].append((value, row))
        gaps = [np.diff(sorted(value for value, _ in members)) for members in sets.values() if len(members) > 1]
        steps = np.concatenate(gaps) if gaps else np.zeros(0)
        dense = numbers[0] == 0 and len(numbers) >= (numbers[-1] + 1) / 2
        random = len(steps) > 1 and drawn.max() >= LEAST_RANDOM and np.median(steps) > 10 and len(np.unique(steps)) > len(steps) / 2
        if dense and random:
            yield from ([row for _, row in members] for members in sets.values() if len(members) > 1)


class Components:
    """Connected components of rows that are joined pairwise."""

    def __init__(self, rows: Sequence[int]) -> None:
        self._above = {row: row for row in rows}

    def join(self, rows: Sequence[int]) -> None:
        """Put all of these into one family."""
        for row in rows[1:]:
            one, other = self._top(rows[0]), self._top(row)
            self._above[max(one, other)] = min(one, other)

    def families(self) -> list[list[int]]:
        """The families of two or more, each ascending."""
        members = defaultdict[int, list[int]](list)
        for row in sorted(self._above):
            members[self._top(row)].append(row)
        return [family for family in members.values() if len(family) > 1]

    def _top(self, row: int) -> int:
        while self._above[row] != row:
            self._above[row] = row = self._above[self._above[row]]
        return row
