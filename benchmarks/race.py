"""This search against others in the same minutes: the same images, the same budget, one at a time, scored alike.

    python benchmarks/race.py --sets flowers=FOLDER/train:FOLDER/test --sets signs=FOLDER [--budget 5m] [--seeds 0,1,2]
    python benchmarks/race.py --sets ... --only tool=random,seed=0
    python benchmarks/race.py --sets ... --list
    python benchmarks/race.py --plot

A cell is a tool, an image set and a seed. Finished cells are rows of benchmarks/results/race.csv and are skipped;
remove a row to run its cell again. benchmarks/README.md says what is measured, and how.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from race import results
from race.cells import Cell, ImageSet, cells, only, pending
from race.environments import python_with
from race.images import divide, labelled
from race.plot import plot
from race.tools import STUDY, TOOLS, Run, Tool
from race.watch import GRACE, Watched, at, cores, disk, marks, watch

HERE = Path(__file__).resolve().parent
MB = 1e6
REASON = 300  # characters of a failure that are reported
NOWHERE = "http://127.0.0.1:9"  # a proxy that answers nothing: no tool downloads weights
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow", "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONUNBUFFERED": "1"}


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sets", action="append", default=[], metavar="NAME=FOLDER[:TEST_FOLDER]", help="an image set; may be given several times")
    options.add_argument("--budget", default="5m", help="wall time of a run, start-up included (default: 5m)")
    options.add_argument("--seeds", default="0,1,2", help="default: 0,1,2")
    options.add_argument("--only", action="append", default=[], metavar="tool=...,set=...,seed=...", help="only such cells; may be given several times")
    options.add_argument("--list", action="store_true", help="say which cells there are, and run none")
    options.add_argument("--plot", action="store_true", help="draw accuracy by minute, and run nothing")
    options.add_argument("--results", type=Path, default=HERE / "results" / "race.csv", help="default: benchmarks/results/race.csv")
    options.add_argument("--work", type=Path, default=Path("automl-cnn-runs") / "race", help="environments and running cells (default: automl-cnn-runs/race)")
    chosen = options.parse_args()
    try:
        return race(chosen)
    except ValueError as error:
        options.error(str(error))


def race(chosen: argparse.Namespace) -> int:
    from automl_cnn.quantities import seconds

    budget = round(seconds(chosen.budget))
    if not chosen.plot:
        sets = {known.name: known for known in map(ImageSet.parse, chosen.sets)}
        if len(sets) < max(1, len(chosen.sets)):
            raise ValueError("Expected at least one --sets NAME=FOLDER[:TEST_FOLDER], each NAME once.")
        every = only(cells([*TOOLS], [*sets], [int(seed) for seed in chosen.seeds.split(",")], budget), chosen.only)
        known = results.finished(results.read(chosen.results))
        if chosen.list:
            print("\n".join(f"{'finished' if cell in known else 'pending':<10}{cell}" for cell in every))
            return 0
        work = chosen.work.resolve()
        work.mkdir(parents=True, exist_ok=True)
        waiting = pending(every, known)
        for number, cell in enumerate(waiting, 1):
            print(f"{number}/{len(waiting)}  {cell} ...", flush=True)
            row = run(cell, sets[cell.set], work)
            results.append(chosen.results, row)
            print(f"      {row['failure'] or 'accuracy ' + str(row['test_accuracy'])}, {row['seconds_used'] or '-'} s", flush=True)
    rows = results.read(chosen.results)
    if chosen.plot:
        print("\n".join(map(str, plot(rows, budget, chosen.results.parent))))
    print(results.table(rows, budget))
    return 0


def run(cell: Cell, images: ImageSet, work: Path) -> dict[str, object]:
    """One cell, from an empty folder to its row. A tool's failure is recorded in the row; ours, and a folder that cannot be used, are raised."""
    tool = TOOLS[cell.tool]
    row: dict[str, object] = {**dict.fromkeys((*results.FIRST, *results.LAST), ""), "tool": cell.tool, "set": cell.set, "seed": cell.seed}
    row |= {"budget": cell.budget, "cores": cores(), "note": tool.note, "date": datetime.datetime.now(datetime.UTC).date().isoformat()}
    with tempfile.TemporaryDirectory(dir=work, prefix="cell-") as place:
        folder, keep = Path(place) / "work", Path(place) / "kept"
        for needed in (folder, keep):
            needed.mkdir()
        train, test = (images.folder, images.test) if images.test else divide(images.folder, Path(place) / "images")
        if {label for _, label in labelled(train)} != {label for _, label in labelled(test)}:
            raise ValueError(f"{train} and {test} hold different classes. Expected the same subfolders in both.")
        try:
            python = str(python_with(tool.pins, work / "environments" / tool.name)) if tool.pins else sys.executable
        except RuntimeError as error:
            return row | {"failure": _shown(str(error), place)}
        environment = {
            **os.environ,
            "PYTHONSAFEPATH": "1",
            **QUIET,
            "PYTHONPATH": str(HERE),
            "HTTP_PROXY": NOWHERE,
            "HTTPS_PROXY": NOWHERE,
            "http_proxy": NOWHERE,
            "https_proxy": NOWHERE,
        }
        log = Path(place) / "log"
        started = time.time()
        command = tool.command(Run(python, train, cell.seed, cell.budget, started + cell.budget))
        seen = watch(command, folder=folder, model=folder / tool.model, keep=keep, seconds=cell.budget, environment=environment, log=log, started=started)
        row |= {"seconds_used": round(seen.seconds, 1), "peak_memory_mb": round(seen.peak_memory / MB), "disk_mb": round(disk(folder) / MB, 1)}
        row |= {"seconds_to_first_model": round(seen.snapshots[0].seconds, 1) if seen.snapshots else "", "trials": _trials(tool, folder)}
        if seen.ended:
            row["note"] = "; ".join(filter(None, (tool.note, f"still running {GRACE:.0f} s after the deadline, and ended")))
        try:
            row |= score(tool, seen, cell.budget, test=test, folder=folder, python=python, environment=environment)
        except RuntimeError as error:
            return row | {"failure": _shown(f"its models could not be scored: {error}", place)}
        if row["test_accuracy"] == "":
            return row | {"failure": _shown(f"no model by the deadline (exit code {seen.code}): {_last(log)}", place)}
        if seen.code and not seen.ended:
            row["note"] = "; ".join(filter(None, (tool.note, _shown(f"went down with exit code {seen.code}: {_last(log)}", place))))
    return row


def score(tool: Tool, seen: Watched, budget: int, *, test: Path, folder: Path, python: str, environment: Mapping[str, str]) -> dict[str, object]:
    """Accuracy on the test images of the best model at each minute and at the deadline.

    Raises:
        RuntimeError: the tool's own environment cannot read its models.
    """
    images = labelled(test)
    best = {mark: at(seen.snapshots, mark) for mark in marks(budget)}
    models = sorted({str(snapshot.path) for snapshot in best.values() if snapshot})
    request, answer = folder / "request.json", folder / "answer.json"
    asked = {"reads": tool.reads, "models": models, "images": [str(path) for path, _ in images], "meta": str(folder / "model.json")}
    request.write_text(json.dumps(asked | {"imports": tool.imports, "packages": tool.packages}))
    done = subprocess.run(
        [python, "-P", "-m", "race.predict", str(request), str(answer)], env=dict(environment), cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no reason was given"])[-1])
    predictions = json.loads(answer.read_text())
    truth = [label for _, label in images]
    accuracy = {model: sum(one == label for one, label in zip(labels, truth, strict=True)) / len(truth) for model, labels in predictions["labels"].items()}
    curve = ["" if snapshot is None else round(accuracy[str(snapshot.path)], 4) for snapshot in best.values()]
    row: dict[str, object] = {f"{results.MINUTE}{minute}": value for minute, value in enumerate(curve, 1)}
    versions = " ".join(f"{package}={version}" for package, version in predictions["versions"].items())
    return row | {"test_accuracy": curve[-1], "test_images": len(images), "versions": versions}


def _trials(tool: Tool, folder: Path) -> int | str:
    """How many trials were begun; empty where the tool left no word of it."""
    if tool.reads == "keras":
        written = folder / "trials"
        return int(written.read_text()) if written.exists() else ""
    from automl_cnn.store import Store
    from automl_cnn.study.record.record import Record

    record = Record.all(Store(folder / "store").journal).get(STUDY)
    return "" if record is None else len(record.trials)


def _last(log: Path) -> str:
    """The last line that a tool printed."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"


def _shown(reason: str, place: str) -> str:
    """A reason on one line, without this machine's folders."""
    for folder in (place, str(HERE.parent), str(Path.home())):
        reason = reason.replace(folder, "...")
    return " ".join(reason.split())[:REASON]


if __name__ == "__main__":
    sys.exit(main())
