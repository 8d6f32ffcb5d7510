"""Images that show one photo: exact copies, and versions that were resized, compressed again, cropped, mirrored or brightened.

Candidates are the nearest neighbors by the features of a frozen network, of the image, of its mirror image and of its middle, which a crop shows; perceptual
hashes find almost no crops. Each candidate is then brought to cover the other and compared by its fine details (`automl_cnn.data.closer`), since two photos of
one thing may have nearly the same features, but never the same details.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from automl_cnn.data import alike, closer
from automl_cnn.data.names import Components
from automl_cnn.data.passes import Passes, Report, counted
from automl_cnn.problems import Case, Problem, Severity, many, verb
from automl_cnn.tasks import Words
from automl_cnn.tasks.words import MULTICLASS

NEAREST = 3  # neighbors of each image that are looked at
MOST = 40_000  # candidates that are compared, the nearest ones: a minute or two of one core
BLOCK = 1024


@dataclass(frozen=True)
class Pair:
    """Two rows that show one photo; `details` is the correlation of their fine details, None where the split knows them by their names or pixels."""

    one: int
    other: int
    details: float | None = None
    mirrored: bool = False


def near(features: np.ndarray, mirrored: np.ndarray, images: np.ndarray, middles: np.ndarray | None = None, *, report: Report | None = None) -> list[Pair]:
    """Pairs of versions of one photo among `images` (uint8, n x side x side x channels), of whatever class.

    `features`, `mirrored` and `middles` (n, channels) are a frozen network's features of each image, of its mirror image and of its middle. Nothing where the
    images are too small to have details. `report` receives the number of images done and their total.
    """
    if len(images) < 2 or images.shape[1] < alike.LEAST_SIDE:
        return []
    passes = Passes(report, len(images), (1.0, 3.0))
    candidates = _candidates(features, mirrored, middles, passes.part)
    passes.done()
    rows, others, details, flips = closer.verified(closer.Views(images), *candidates, passes.part)
    passes.done()
    pairs: dict[tuple[int, int], Pair] = {}
    for row, view, match, turned in zip(rows.tolist(), others.tolist(), details.tolist(), flips.tolist(), strict=True):
        low, high = sorted((row, view % len(images)))
        if (low, high) not in pairs or (pairs[low, high].details or 0.0) < match:
            pairs[low, high] = Pair(low, high, match, turned)
    return [pairs[key] for key in sorted(pairs)]


def _candidates(features: np.ndarray, mirrored: np.ndarray, middles: np.ndarray | None, report: Report) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, other views and whether the other is to be mirrored: the nearest neighbors. View n + i is the middle of image i.

    Alignment succeeds more often from a crop to its photo than the other way, so that both are tried.
    """
    count = len(features)
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-3
    plain, turned = (_unit((np.asarray(given, np.float32) - mean) / deviation) for given in (features, mirrored))
    ways = [(False, 0, plain), (True, 0, turned)]
    if middles is not None:
        ways.append((False, count, _unit((np.asarray(middles, np.float32) - mean) / deviation)))
    pairs: dict[tuple[int, int, bool], float] = {}
    for number, (flip, offset, others) in enumerate(ways):
        for row, mate, likeness in counted(_nearest(plain, others), report, NEAREST * count * len(ways), NEAREST * count * number):
            both = [(row, mate + offset), (mate, row)] if not offset and not flip else [(min(row, mate), max(row, mate))] if flip else [(row, mate + offset)]
            for one, other in both:
                pairs[one, other, flip] = max(pairs.get((one, other, flip), -1.0), likeness)
    kept = sorted(sorted(pairs, key=lambda key: -pairs[key])[:MOST])
    rows, views, flips = (np.array([key[part] for key in kept]) for part in range(3))
    return rows.astype(int), views.astype(int), flips.astype(bool)


def _nearest(plain: np.ndarray, others: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """For each row of `plain` the rows of `others` that are most like it, other than itself, and how much they are."""
    for start in range(0, len(plain), BLOCK):
        likeness = plain[start : start + BLOCK] @ others.T
        here = np.arange(len(likeness))
        likeness[here, start + here] = -np.inf
        count = min(NEAREST, likeness.shape[1] - 1)
        chosen = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
        for row, mates in enumerate(chosen.tolist()):
            yield from ((start + row, mate, float(likeness[row, mate])) for mate in mates)


def _unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))


def problems_of(
    paths: Sequence[str],
    labels: np.ndarray,
    classes: Sequence[str],
    given: Sequence[str | None],
    *,
    same: Sequence[Sequence[int]],
    pairs: Sequence[Pair],
    aside: Collection[int] = (),
    words: Words = MULTICLASS,
) -> list[Problem]:
    """The effects of copies on labels and splits: `same` are the exact ones, `pairs` the altered ones, `given` the split that the user chose for each image.

    The rows `aside` are in no split, so that nothing leaks from them.
    """
    joined = Components(range(len(paths)))
    for family in same:
        joined.join(list(family))
    first = {row: family[0] for family in same for row in family}
    for pair in pairs:
        joined.join([pair.one, pair.other])
    families = joined.families()
    details = _details(families, same, pairs)
    conflicts = [family for family in families if len({int(labels[row]) for row in family}) > 1]
    used = [[row for row in family if row not in aside] for family in families]
    leaks = [family for family in used if len({_side(given[row]) for row in family}) > 1]
    problems = []
    if conflicts:
        problems.append(_conflict(paths, labels, classes, conflicts, details, words=words))
    if leaks:
        problems.append(_leak(paths, given, leaks, details))
    exact = [family for family in same if len({int(labels[row]) for row in family}) == 1]
    unlike = [[row for row in family if first.get(row, row) == row] for family in families if len({int(labels[row]) for row in family}) == 1]
    altered = [family for family in unlike if len(family) > 1]
    if exact:
        forms = (f"file is an exact copy of another {words.same_kind}", f"files are exact copies of another {words.same_kind}")
        advice = "Delete the copies: they give their photo more weight than others have."
        problems.append(_within("copies", "note", forms, advice, _cases(paths, exact, dict.fromkeys((family[0] for family in exact), "byte for byte"))))
    if altered:
        forms = (f"image is an altered version of another {words.same_kind}", f"images are altered versions of another {words.same_kind}")
        advice = "Look at some of them. If they are augmented copies, search the originals alone: the search augments by itself."
        problems.append(_within("near_copies", "warning", forms, advice, _cases(paths, altered, _details(altered, (), pairs))))
    return problems


def _within(kind: str, severity: Severity, forms: tuple[str, str], advice: str, cases: tuple[Case, ...]) -> Problem:
    """Copies of one class, a case for each photo."""
    extra = sum(len(case.others) for case in cases)
    sentence = f"{extra:,} {verb(extra, *forms)} ({many(len(cases), 'group')})."
    return Problem(kind, severity, sentence, "It keeps versions of one photo in one split.", advice, extra, cases)


def _cases(paths: Sequence[str], families: Sequence[Sequence[int]], details: dict[int, str]) -> tuple[Case, ...]:
    return tuple(_case(paths, family, details) for family in families)


def _conflict(
    paths: Sequence[str], labels: np.ndarray, classes: Sequence[str], families: Sequence[Sequence[int]], details: dict[int, str], *, words: Words
) -> Problem:
    cases = []
    for family in families:
        names = " and ".join(f"'{classes[label]}'" for label in sorted({int(labels[row]) for row in family}))
        cases.append(_case(paths, family, details, f"labeled {names}"))
    return Problem(
        "conflict",
        "error",
        f"{many(len(families), 'photo')} {verb(len(families), *words.conflict)}: at least one {words.labels.removesuffix('s')} of each is wrong.",
        f"It leaves files with the same bytes out, unless a {words.one} would keep too few. Altered versions are used as they are labeled.",
        "Delete the wrong ones, or exclude them with `check --fix FILE` and `search --labels FILE`.",
        sum(len(family) for family in families),
        tuple(cases),
        words.conflict_title,
    )


def _leak(paths: Sequence[str], given: Sequence[str | None], families: Sequence[Sequence[int]], details: dict[int, str]) -> Problem:
    cases, leaked = [], 0
    for family in families:
        sides = sorted({_side(given[row]) for row in family})
        leaked += sum(_side(given[row]) != "train" for row in family)
        cases.append(_case(paths, family, details, f"in {' and '.join(sides)}"))
    return Problem(
        "leak",
        "error",
        f"{many(leaked, 'validation or test image')} {verb(leaked, 'is a version', 'are versions')} of a photo in another split: their score is too good.",
        "It keeps your splits as they are, and says so beside the score. With --drop-leaks it leaves these images out of training.",
        "Use --drop-leaks, or move all versions of a photo into one split.",
        leaked,
        tuple(cases),
    )


def _side(split: str | None) -> str:
    return split or "train"


def _details(families: Sequence[Sequence[int]], same: Sequence[Sequence[int]], pairs: Sequence[Pair]) -> dict[int, str]:
    """By the first row of a family, how its versions are alike; "" where they differ in that or it is not known."""
    first = {row: family[0] for family in families for row in family}
    words: dict[int, set[str]] = {}
    for pair in pairs:
        if pair.details is not None and pair.one in first:
            words.setdefault(first[pair.one], set()).add("mirrored" if pair.mirrored else f"similarity of details {pair.details:.2f}")
    for family in same:
        words.setdefault(first[family[0]], set()).add("byte for byte")
    return {row: next(iter(texts)) if len(texts) == 1 else "" for row, texts in words.items()}


def _case(paths: Sequence[str], family: Sequence[int], details: dict[int, str], words: str = "") -> Case:
    first, *others = family
    return Case(paths[first], ", ".join(filter(None, (words, details.get(first, "")))), tuple(paths[row] for row in others), row=int(first))
