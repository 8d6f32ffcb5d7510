"""How much of what is wrong with a folder `automl-cnn check` sees: faults are planted in real image sets, and counted.

    python benchmarks/check.py --sets flowers5=FOLDER --sets brain_mri=FOLDER          # rows of results/check.csv
    python benchmarks/check.py                                                         # the table of the rows there are

Of each set a quarter of every class becomes a test folder. Then

- altered copies of training images are put into the test folder, of each kind as many as `PLANTED`; a kind's recall is the share that is named as a leak
  with its original, its precision that of the pairs named with a copy of this kind that are right
- `PLANTED` images are blurred, darkened or blanked
- in a folder of its own, 5 % of the labels are changed: ROC AUC of the ranking, and precision and recall of the list
- in another one, names get a person's number: whether the groups are those

Pairs that the set has by itself are seen in a first run without plants, and do not count; a planted copy that is named with such a relative of its original
is right.

    python benchmarks/check.py --leakage FOLDER                                        # what a random split is worth where groups are on both sides

compares the test accuracy of a regression on frozen features with a random split and with one that keeps groups (`--group-by auto`) together, over ten
seeds of the split.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from automl_cnn import registry
from automl_cnn.check import Checked, check
from automl_cnn.metrics import wilson

RESULTS = Path(__file__).parent / "results" / "check.csv"
HEAD = ("set", "fault", "planted", "named", "right", "recall", "recall_low", "recall_high", "precision", "precision_low", "precision_high", "auc")
PLANTED, LOOKS = 60, 30
FLIPPED = 0.05
SEED = 0

Alter = Callable[[Image.Image], Image.Image]


def _turned(image: Image.Image) -> Image.Image:
    return image.rotate(5, Image.Resampling.BICUBIC, expand=False)


def _part(image: Image.Image) -> Image.Image:
    """Between 75 and 92 % of either side, somewhere."""
    draw = np.random.default_rng(image.width * 7919 + image.height + int(np.asarray(image.resize((4, 4))).sum()))
    share, left, top = draw.uniform(0.75, 0.92), draw.uniform(), draw.uniform()
    left, top = (round(at * (1 - share) * side) for at, side in zip((left, top), image.size, strict=True))
    return image.crop((left, top, left + round(share * image.width), top + round(share * image.height)))


COPIES: dict[str, tuple[Alter, dict[str, int]]] = {
    "re-encoded": (lambda image: image, {"quality": 40}),
    "resized": (lambda image: image.resize((max(8, image.width * 6 // 10), max(8, image.height * 6 // 10)), Image.Resampling.BICUBIC), {}),
    "cropped": (lambda image: image.crop(tuple(round(side * share) for share in (0.1, 0.9) for side in image.size)), {}),  # type: ignore[arg-type]
    "cropped anywhere": (_part, {}),
    "mirrored": (lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), {}),
    "brightened": (lambda image: ImageEnhance.Brightness(image).enhance(1.3), {}),
    "rotated": (_turned, {}),
}
ODD: dict[str, Alter] = {
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(min(image.size) / 40)),
    "dark": lambda image: ImageEnhance.Brightness(image).enhance(0.12),
    "blank": lambda image: Image.new("RGB", image.size, (128, 124, 130)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--leakage", type=Path, metavar="FOLDER")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.leakage is not None:
        leakage(options.leakage)
        return
    for text in options.sets:
        name, _, folder = text.partition("=")
        with tempfile.TemporaryDirectory() as work:
            rows = list(measured(Path(folder), Path(work)))
        fresh = not options.results.exists()
        options.results.parent.mkdir(parents=True, exist_ok=True)
        with options.results.open("a", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            if fresh:
                writer.writerow(HEAD)
            writer.writerows([(name, *row) for row in rows])
    show(options.results)


def measured(folder: Path, work: Path) -> Iterator[tuple[object, ...]]:
    """The rows of one set, without its name."""
    split = divided(folder, work / "split")
    clean = see(split, work)
    natural, relatives = leaks(clean), families(clean)
    planted = plant_copies(split)
    planted_looks = plant_looks(split)
    checked = see(split, work)
    named = leaks(checked) - natural
    for kind in COPIES:
        mine = {pair for pair in planted if f"/{name_of(kind)} " in pair[1]}
        given = {pair for pair in named if any(f"/{name_of(kind)} " in path for path in pair)}
        also = {(one, copy) for original, copy in mine for one in relatives.get(original, ())}
        yield row(kind, {tuple(sorted(pair)) for pair in mine}, {tuple(sorted(pair)) for pair in given}, {tuple(sorted(pair)) for pair in also})
    for kind in ODD:
        problem = checked.of(kind)
        given = {case.path for case in problem.cases} if problem is not None else set()
        mine = {path for path in planted_looks if f"/{name_of(kind)} " in path}
        yield row(kind, mine, given)
    yield from labels(folder, work)
    yield groups(folder, work)


def name_of(kind: str) -> str:
    """What the files of a kind are called: `cropped` would give the copies away by their names."""
    return f"q{[*COPIES, *ODD].index(kind)}q"


def row(kind: str, planted: set, named: set, also: set | None = None) -> tuple[object, ...]:
    """The figures of one fault, with 95 % intervals. What was named and is in `also` is right too, though it was not planted."""
    hits = len(named & planted)
    right = len(named & (planted | (also or set())))
    recall, precision = hits / max(1, len(planted)), right / max(1, len(named))
    spans = (*wilson(hits, max(1, len(planted))), *wilson(right, max(1, len(named))))
    low, high, low_p, high_p = (f"{value:.3f}" for value in spans)
    return kind, len(planted), len(named), right, f"{recall:.3f}", low, high, f"{precision:.3f}", low_p, high_p, ""


def see(folder: Path, work: Path) -> Checked:
    return check(folder, work / "cache", registry.load(), seconds=None)


def images_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})


def divided(folder: Path, place: Path) -> Path:
    """The set with a quarter of each class in a test folder."""
    rng = np.random.default_rng(SEED)
    for cls in sorted(path for path in folder.iterdir() if path.is_dir()):
        paths = images_of(cls)
        test = set(rng.permutation(len(paths))[: len(paths) // 4].tolist())
        for number, path in enumerate(paths):
            target = place / ("test" if number in test else "train") / cls.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return place


def leaks(checked: Checked) -> set[tuple[str, str]]:
    """Pairs of a training and a test image that are named as versions of one photo, within and across classes."""
    pairs = set()
    for kind in ("leak", "conflict"):
        problem = checked.of(kind)
        for case in problem.cases if problem is not None else ():
            paths = [case.path, *case.others]
            pairs |= {tuple(sorted((one, other))) for one in paths for other in paths if one.startswith("train/") and other.startswith("test/")}
    return pairs


def families(checked: Checked) -> dict[str, set[str]]:
    """By path, what else is named as a version of it."""
    out: dict[str, set[str]] = {}
    for kind in ("leak", "conflict", "copies", "near_copies"):
        problem = checked.of(kind)
        for case in problem.cases if problem is not None else ():
            paths = {case.path, *case.others}
            for path in paths:
                out.setdefault(path, set()).update(paths - {path})
    return out


def plant_copies(split: Path) -> set[tuple[str, str]]:
    """Altered copies in the test folder: pairs of the original and the copy."""
    rng = np.random.default_rng(SEED)
    paths = images_of(split / "train")
    chosen = rng.permutation(len(paths))
    pairs = set()
    for number, (kind, (alter, how)) in enumerate(COPIES.items()):
        count = min(PLANTED, len(paths) // len(COPIES))
        for place in chosen[number * count : (number + 1) * count]:
            path = paths[place]
            target = split / "test" / path.parent.name / f"{name_of(kind)} {path.stem}.jpg"
            with Image.open(path) as image:
                alter(image.convert("RGB")).save(target, "JPEG", quality=how.get("quality", 90))
            pairs.add((path.relative_to(split).as_posix(), target.relative_to(split).as_posix()))
    return pairs


def plant_looks(split: Path) -> set[str]:
    """Blurred, dark and blank images in the training folder, beside their originals' class."""
    rng = np.random.default_rng(SEED + 1)
    paths = [path for path in images_of(split / "test") if path.name.split(" ")[0] not in map(name_of, COPIES)]
    chosen, made = rng.permutation(len(paths)), set()
    for number, (kind, alter) in enumerate(ODD.items()):
        count = min(LOOKS, len(paths) // (2 * len(ODD)))
        for place in chosen[number * count : (number + 1) * count]:
            path = paths[place]
            target = split / "test" / path.parent.name / f"{name_of(kind)} {path.stem}.jpg"
            with Image.open(path) as image:
                alter(image.convert("RGB")).save(target, "JPEG", quality=92)
            made.add(target.relative_to(split).as_posix())
    return made


def labels(folder: Path, work: Path) -> Iterator[tuple[object, ...]]:
    """5 % of the labels changed."""
    from sklearn.metrics import roc_auc_score

    from automl_cnn.check.answers import held_out
    from automl_cnn.check.features import read
    from automl_cnn.data import prepare
    from automl_cnn.tasks.suspects import unlikely_classes

    dataset = prepare(folder, work / "cache")
    features = read(dataset, registry.load(), None, lambda done, of: None)
    assert features is not None
    rng, classes = np.random.default_rng(SEED), len(dataset.classes)
    labels = dataset.labels[features.rows].copy()
    wrong = rng.permutation(len(labels))[: round(FLIPPED * len(labels))]
    labels[wrong] = (labels[wrong] + 1 + rng.integers(classes - 1, size=len(wrong))) % classes
    answers = held_out(dataset.task, features.both, labels, dataset.photos(features.rows))
    assert answers is not None
    auc = roc_auc_score(np.isin(np.arange(len(labels)), wrong), -unlikely_classes(labels, answers))
    named = {one.row for one in dataset.task.suspects(labels, answers)}
    yield (*row("label", set(wrong.tolist()), named)[:-1], f"{auc:.3f}")


def groups(folder: Path, work: Path) -> tuple[object, ...]:
    """Names of five images each; a group counts as named where its members are exactly these."""
    from automl_cnn.data.grouping import by_name

    truth, paths, classes = set(), [], []
    for number, cls in enumerate(sorted(path for path in folder.iterdir() if path.is_dir())):
        for place, _ in enumerate(images_of(cls)):
            paths.append(f"{cls.name}/subject{number}{place // 5:03d}_{place % 5}.jpg")
            classes.append(number)
    for start in {path.rpartition("_")[0] for path in paths}:
        members = frozenset(path for path in paths if path.rpartition("_")[0] == start)
        if len(members) > 1:
            truth.add(members)
    made = by_name(paths, classes)
    named = {frozenset(paths[row] for row in rows) for rows in made.groups} if made is not None else set()
    return row("groups in names", truth, named)


def leakage(folder: Path, seeds: int = 10) -> None:
    """Print the mean test accuracy with random and with group-aware splits, with the standard error over the seeds of the split."""
    from automl_cnn.check.features import read
    from automl_cnn.data import prepare
    from automl_cnn.train.regression import regress

    with tempfile.TemporaryDirectory() as work:
        scores: dict[str | None, list[float]] = {None: [], "auto": []}
        features = None
        for seed in range(seeds):
            for rule, mine in scores.items():
                dataset = prepare(folder, Path(work), seed=seed, group_by=rule)
                if features is None:
                    features = read(dataset, registry.load(), None, lambda done, of: None)
                assert features is not None
                train, test = dataset.rows("train"), dataset.rows("test")
                fitted = regress(dataset.task, features.plain[train], dataset.labels[train], balanced=False, seed=0, strength=0.03)
                mine.append(float(np.mean(fitted.answers(features.plain[test]).argmax(axis=1) == dataset.labels[test])))
    for rule, mine in scores.items():
        print(f"{'random split' if rule is None else 'groups together':16} {np.mean(mine):.3f} ± {np.std(mine, ddof=1) / np.sqrt(seeds):.3f}")
    gap = np.subtract(scores[None], scores["auto"])
    print(f"{'difference':16} {gap.mean():+.3f} ± {gap.std(ddof=1) / np.sqrt(seeds):.3f}")


def show(results: Path) -> None:
    """The rows as a table."""
    if not results.exists():
        sys.exit(f"There are no rows in {results} yet: give --sets NAME=FOLDER.")
    with results.open() as file:
        for one in csv.DictReader(file):
            auc = f"  AUC {one['auc']}" if one["auc"] else ""
            print(
                f"{one['set']:14} {one['fault']:16} planted {one['planted']:>4}  recall {one['recall']} ({one['recall_low']} to {one['recall_high']})  "
                f"precision {one['precision']} ({one['precision_low']} to {one['precision_high']}){auc}"
            )


if __name__ == "__main__":
    main()
