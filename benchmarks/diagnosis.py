"""Is the diagnosis right? Trainings with a constructed cause, on several image sets, and what `automl_cnn.diagnosis` finds.

    python benchmarks/diagnosis.py --sets signs=FOLDER digits=sklearn letters=drawn [--seeds 0,1] [--most 15]
    python benchmarks/diagnosis.py --table            # how often it is right, each set judged by what was learned from the others
    python benchmarks/diagnosis.py --fit              # learn from all sets: writes automl_cnn/diagnosis/learned.json
    python benchmarks/diagnosis.py --shipped --results benchmarks/results/diagnosis_unseen.csv   # how often what the package ships is right

A training is a cause, an image set and a seed; each is a row of benchmarks/results/diagnosis.csv with its curves and interventions, so that the diagnosis
can be changed without training again. Rows that are there are skipped. A source is a folder, `sklearn` for its digits, or `drawn` for the sets of
benchmarks/causes/images.py.

Seeds 0 and 1 construct the causes in one way, seeds from 2 on in varied ways (other rates, lengths, numbers of images, shares of wrong labels).

A cause is impossible on a set where constructing it does no harm. The rule was written down before the first training:
- tiny network, big on 100 images, rate x 100, rate / 100, too few epochs: where the test accuracy is within 0.03 of the reference's (the plain network
  with the same seed), or above it.
- good settings: where training accuracy is more than 0.05 above test accuracy, or the reference is more than 0.03 above it in test accuracy.
- random labels: where the reference does not beat the majority class by 0.1 in test accuracy, so that the true labels look random too.
- leaked validation: never.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from causes import judge
from causes.training import CASES, PLUGIN, REFERENCE
from rows import append, read

HERE = Path(__file__).resolve().parent
FIELDS = ("set", "truth", "seed", "seconds", "context", "trial", "tested")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sets", nargs="*", default=[], metavar="NAME=SOURCE", help="image sets; SOURCE is a folder, sklearn or drawn")
    options.add_argument("--seeds", default="0,1", help="default: 0,1")
    options.add_argument("--truths", default="", help="only these causes, separated by commas")
    options.add_argument("--most", type=int, default=10**9, help="trainings in this run")
    options.add_argument("--table", action="store_true", help="judge the rows there are, and train nothing")
    options.add_argument("--fit", action="store_true", help="learn from all rows there are, and write the result into the package")
    options.add_argument("--shipped", action="store_true", help="judge the rows by the regressions in the package: for sets that these did not learn from")
    options.add_argument("--results", type=Path, default=HERE / "results" / "diagnosis.csv")
    chosen = options.parse_args()
    if chosen.fit:
        judge.fit(read(chosen.results))
        return
    if not (chosen.table or chosen.shipped):
        measure(chosen)
    judge.show(read(chosen.results), shipped=chosen.shipped)


def measure(chosen: argparse.Namespace) -> None:
    """Train what has no row yet; every cause has its turn on every set before the next seed."""
    from causes.images import images_of
    from causes.training import train

    from automl_cnn import registry

    sets = dict(text.split("=", 1) for text in chosen.sets)
    truths = [name.strip() for name in chosen.truths.split(",") if name.strip()] or [REFERENCE, *CASES]
    done = {(row["set"], row["truth"], int(row["seed"])) for row in read(chosen.results)}
    every = [(name, truth, int(seed)) for seed in chosen.seeds.split(",") for truth in truths for name in sets]
    waiting = [cell for cell in every if cell not in done][: chosen.most]
    with tempfile.TemporaryDirectory() as text:
        work = Path(text)
        (work / "free.py").write_text(PLUGIN)
        plugins = registry.load(work)
        images = {name: images_of(name, sets[name], work) for name in sets}
        for number, (name, truth, seed) in enumerate(waiting, 1):
            began = time.time()
            made: dict[str, Any] = train(name, images[name], truth, seed, plugins=plugins, work=work)
            seconds = round(time.time() - began, 1)
            row = {"set": name, "truth": truth, "seed": seed, "seconds": seconds, **{key: json.dumps(value) for key, value in made.items()}}
            append(chosen.results, row, FIELDS)
            print(f"{number}/{len(waiting)}  {name}, {truth}, seed {seed}  ({seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
