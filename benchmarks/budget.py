"""Whether a search keeps its budget, and what the time goes to.

    python benchmarks/budget.py --data FOLDER [--budgets 1m,2m,3m] [-- --pretrained none ...]
    python benchmarks/budget.py                # no search: the table of the rows there are

Each budget is one real search, from an empty store, alone on the machine if the figures are to be believed (`load` is the
machine's own at its begin). Finished ones are rows of benchmarks/results/budget.csv and are skipped; remove a row to run it again. What stands
behind `--` is handed on to `automl-cnn search`. Seconds: from the start of the process to its end.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from race.watch import Watched, cores, watch
from rows import append, read

from automl_cnn.processes import environment, python
from automl_cnn.quantities import seconds
from automl_cnn.records import Trial
from automl_cnn.store import MODEL, Store
from automl_cnn.study.record.record import Record
from automl_cnn.study.running.times import KEY as TIMES

HERE = Path(__file__).resolve().parent
STUDY = "budget"
PARTS = ("start", "planning", "building", "steps", "saving", "keeping", "finish", "exit")
COLUMNS = (
    "set",
    "budget",
    "words",
    "seed",
    "seconds_used",
    "over",
    "first_model",
    *PARTS,
    "trials",
    "peak_memory_mb",
    "cores",
    "load",
    "failure",
    "version",
    "date",
)
MB = 1e6


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, help="the images to search")
    options.add_argument("--budgets", default=",".join(f"{minutes}m" for minutes in range(1, 11)), help="default: 1m to 10m, one search each")
    options.add_argument("--seed", type=int, default=0, help="of the first search; the next has the next (default: 0)")
    options.add_argument("--results", type=Path, default=HERE / "results" / "budget.csv")
    options.add_argument("words", nargs="*", metavar="-- WORD", help="handed on to automl-cnn search")
    chosen = options.parse_args()
    try:
        budgets = [seconds(text) for text in chosen.budgets.split(",")]
    except ValueError as error:
        options.error(str(error))
    if chosen.data is not None:
        name, words = f"{chosen.data.resolve().parent.name}/{chosen.data.resolve().name}", " ".join(chosen.words)
        known = {(row["set"], float(row["budget"]), row["words"], int(row["seed"])) for row in read(chosen.results)}
        for seed, budget in enumerate(budgets, chosen.seed):
            if (name, budget, words, seed) not in known:
                print(f"{name}, {budget:g} s, seed {seed} ...", flush=True)
                append(chosen.results, run(chosen.data.resolve(), budget, seed, chosen.words) | {"set": name, "words": words}, COLUMNS)
    print(table(read(chosen.results)))
    return 0


def run(data: Path, budget: float, seed: int, words: Sequence[str]) -> dict[str, object]:
    """One search, from an empty store to its row."""
    row: dict[str, object] = dict.fromkeys(COLUMNS, "") | {"budget": f"{budget:g}", "seed": seed, "cores": cores(), "load": round(os.getloadavg()[0], 2)}
    row |= {"version": importlib.metadata.version("automl-cnn"), "date": datetime.datetime.now(datetime.UTC).date().isoformat()}
    with tempfile.TemporaryDirectory(prefix="budget-") as place:
        folder, log = Path(place), Path(place) / "log"
        store = Store(folder / "store")
        command = python("-m", "automl_cnn", "search", "--data", str(data), "--budget", f"{budget:g}s", "--seed", str(seed))
        command += ["--name", STUDY, "--store", str(store.root), *words]
        started = time.time()
        model = store.root / "studies" / STUDY / "best" / MODEL
        (folder / "kept").mkdir()
        seen = watch(command, folder=folder, model=model, keep=folder / "kept", seconds=budget, environment=environment(), log=log, started=started)
        row |= {"seconds_used": round(seen.seconds, 2), "over": round(100 * (seen.seconds / budget - 1), 2), "peak_memory_mb": round(seen.peak_memory / MB)}
        row["first_model"] = round(seen.snapshots[0].seconds, 1) if seen.snapshots else ""
        if seen.code:
            lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
            return row | {"failure": f"exit code {seen.code}: {(lines or ['it printed nothing'])[-1]}"}
        record = Record.all(store.journal)[STUDY]
        spent = next(iter(record.settings[TIMES].values()))
        return row | {"trials": len(record.trials)} | {part: round(value, 2) for part, value in parts(record.trials, spent, seen, started).items()}


def parts(trials: Sequence[Trial], spent: Mapping[str, float], seen: Watched, started: float) -> dict[str, float]:
    """What the wall time went to, in seconds; the parts add up to the whole.

    start     until the first trial begins: imports, images read, the worker's TensorFlow, the first plan
    planning  between trials, what to train next
    building  in trials, until the first step is done: building and compiling
    steps     in trials, training steps and scoring
    saving    in trials, everything else: pretrained weights, model files, Keras between epochs
    keeping   between trials, the record and the best model
    finish    calibration, test score, registered model
    exit      from there to the end of the process
    """
    start = min(trial.started_at for trial in trials) - started
    first_plan = start - spent["start"]
    building, steps = sum(trial.setup or 0.0 for trial in trials), sum(trial.steps_seconds or 0.0 for trial in trials)
    durations = {
        "start": start,
        "planning": spent["planning"] - first_plan,
        "building": building,
        "steps": steps,
        "saving": spent["trials"] - building - steps,
        "keeping": spent["keeping"],
        "finish": spent["finish"],
    }
    return durations | {"exit": seen.seconds - sum(durations.values())}


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """A line for each search, and the whole."""
    if not rows:
        return "No search was run yet: pass --data FOLDER."
    lines = [f"{'set':<24}{'budget':>7}{'over %':>8}{'steps %':>9}{'1st model':>11}" + "".join(f"{part:>10}" for part in PARTS) + f"{'trials':>8}{'load':>7}"]
    for row in rows:
        share = f"{100 * float(row['steps']) / float(row['seconds_used']):.1f}" if row["steps"] else "-"
        cells = "".join(f"{float(row[part]):>10.1f}" if row[part] else f"{'-':>10}" for part in PARTS)
        lines.append(
            f"{row['set']:<24}{row['budget']:>7}{row['over']:>8}{share:>9}{row['first_model']:>11}{cells}{row['trials']:>8}{row['load']:>7}  {row['failure']}"
        )
    whole = [row for row in rows if row["steps"]]
    over = [float(row["over"]) for row in whole]
    if whole:
        steps = sum(float(row["steps"]) for row in whole) / sum(float(row["seconds_used"]) for row in whole)
        lines.append(
            f"{len(whole)} searches: {max(over):+.1f} % at worst, {statistics.mean(over):+.1f} % on the mean; {100 * steps:.1f} % of the time in steps"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
