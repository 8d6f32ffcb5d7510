"""Does compound scaling win on small sets? One small baseline, four times its mult-adds in four ways, several seeds.

    python studies/compound_scaling/run.py --cifar FOLDER --flowers FOLDER [--seeds 3] [--budget 6h]
    python studies/compound_scaling/run.py --plot

Each set is one study of `automl-cnn scale` in `--store`; whatever stops it, the same command goes on where it ended. What is
known so far goes to results.csv and results.json beside this file (--out moves them), the plot to results.png. README.md says what was found.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl_cnn.config import StudyConfig
from automl_cnn.scaling import PAPER
from automl_cnn.space import Scalar
from automl_cnn.study import run
from automl_cnn.study.observer import NullObserver
from automl_cnn.study.scale import Plan, Scale
from automl_cnn.study.scaled import ScaleReport

HERE = Path(__file__).resolve().parent
CSV, SAID, PLOT = "results.csv", "results.json", "results.png"
TIMES = 4.0
MANY = 100_000  # trials: the study ends when all are trained
HEADS = ("set", "way", "depth", "width", "resolution", "times", "mult_adds", "accuracy", "low", "high", "trainings")
COLOURS = {"baseline": "#888888", "depth": "#4477aa", "width": "#228833", "resolution": "#ccbb44", "compound": "#ee6677"}


@dataclass(frozen=True)
class Case:
    """An image set and its baseline, whose resolution leaves room for four times the mult-adds within one regime of early strides."""

    name: str
    baseline: Mapping[str, Scalar]
    epochs: int


ARCHITECTURE = "simple_cnn"  # plain 3x3 convolutions: the cheapest to train for their mult-adds
NET: Mapping[str, Scalar] = {"simple_cnn.channels": 16, "simple_cnn.layers": 2, "width": 1.5, "depth": 1.0}  # at width 1 multiples of 8 channels are too coarse
CASES = (
    Case("cifar", {**NET, "resolution": 16}, 20),
    Case("flowers", {**NET, "resolution": 64}, 40),
)


class Told(NullObserver):
    """A line for each training."""

    def note(self, text: str) -> None:
        print(text, flush=True)

    def trial_finished(self, trial: Any, trials: Any) -> None:
        print(f"trial {trial.number}: {trial.reason}: {trial.state}, {trial.score}, {trial.seconds:.0f} s", flush=True)


def main() -> int:
    """Measure what is asked for, keep it, draw it."""
    asked = arguments()
    out = asked.out
    if not asked.plot:
        for case in CASES:
            folder = getattr(asked, case.name)
            if folder is not None:
                keep(out, case.name, measure(case, folder, asked))
    if stored(out):
        plot(out)
    for name, said in known(out).items():
        print(f"{name}: {said}")
    return 0


def measure(case: Case, folder: Path, asked: argparse.Namespace) -> ScaleReport:
    """The study of one image set, gone on with where it was begun."""
    plan = Plan(ARCHITECTURE, times=TIMES, coefficients=PAPER, given={**case.baseline}, compare=True, seeds=asked.seeds, epochs=asked.epochs or case.epochs)
    limit = {"budget": asked.budget} if asked.budget else {"trials": MANY}
    settings = {"architectures": ARCHITECTURE, "pretrained": "none", "ensemble": "off", "scaling": "off", "guided": "off", "max_resolution": 256}
    config = StudyConfig(data=folder, store=asked.store, name=f"compound-scaling-{case.name}-{plan.epochs}", **limit, **settings)
    course = Scale(plan)
    run(config, observer=Told(), track=False, course=course)
    report: ScaleReport = course.report
    return report


def keep(out: Path, name: str, found: ScaleReport) -> None:
    """Put one set's figures in place of what was known of it."""
    rows = [row for row in stored(out) if row["set"] != name]
    for way in (found.baseline, *found.ways):
        low, high = way.interval or ("", "")
        sizes = (way.depth, way.width, way.resolution, round(way.actual, 3), way.mult_adds)
        rows.append(dict(zip(HEADS, (name, way.name, *sizes, way.score, low, high, way.trainings), strict=True)))
    out.mkdir(parents=True, exist_ok=True)
    with (out / CSV).open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, HEADS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    (out / SAID).write_text(json.dumps({**known(out), name: found.verdict or "not finished: the same command goes on"}, indent=2) + "\n", encoding="utf-8")


def stored(out: Path) -> list[dict[str, Any]]:
    """The rows of all sets so far."""
    if not (out / CSV).exists():
        return []
    with (out / CSV).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def known(out: Path) -> dict[str, str]:
    """The sentence on each set so far."""
    return dict(json.loads((out / SAID).read_text(encoding="utf-8"))) if (out / SAID).exists() else {}


def plot(out: Path) -> None:
    """Accuracy by mult-adds with 95 % intervals, a panel for each set."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [row for row in stored(out) if row["accuracy"]]
    names = list(dict.fromkeys(row["set"] for row in rows))
    figure, axes = pyplot.subplots(1, max(1, len(names)), figsize=(5.5 * max(1, len(names)), 4), squeeze=False)
    for axis, name in zip(axes[0], names, strict=False):
        ways = [row for row in rows if row["set"] == name]
        for index, row in enumerate(ways):
            score, low, high = (float(row[key]) for key in ("accuracy", "low", "high"))
            axis.errorbar(index, score, [[score - low], [high - score]], fmt="o", capsize=4, color=COLOURS[row["way"]])
        axis.set_xticks(range(len(ways)), [f"{row['way']}\n{float(row['times']):.1f}x" for row in ways])
        axis.set_title(name)
        axis.set_ylabel("validation accuracy")
        axis.grid(axis="y", alpha=0.3)
    figure.tight_layout()
    figure.savefig(out / PLOT, dpi=120)


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for case in CASES:
        parser.add_argument(f"--{case.name}", type=Path, help="a folder with one subfolder of images per class")
    parser.add_argument("--store", type=Path, default=Path("automl-cnn-runs"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="of each training (default: 20 on cifar, 40 on flowers)")
    parser.add_argument("--budget", help="for each set, all sessions together: 6h (default: until all is trained)")
    parser.add_argument("--out", type=Path, default=HERE, help="the folder of the results (default: beside this file)")
    parser.add_argument("--plot", action="store_true", help="only draw what is known")
    asked = parser.parse_args()
    if not asked.plot and all(getattr(asked, case.name) is None for case in CASES):
        parser.error("name at least one folder of images: " + " or ".join(f"--{case.name}" for case in CASES))
    return asked


if __name__ == "__main__":
    sys.exit(main())
