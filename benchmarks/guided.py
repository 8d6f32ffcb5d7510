"""Do trials that the diagnosis asks for help? The same search in the same minutes with and without them.

    python benchmarks/guided.py --sets signs=FOLDER flowers=FOLDER [--budget 5m] [--seeds 0,1,2,3,4] [--pretrained auto]
    python benchmarks/guided.py --table

A cell is an image set, a seed and on or off; each is a search with one worker, in a process of its own, and a row of benchmarks/results/guided.csv. Rows that
are there are skipped, so that several runs, each on cores of its own, can share the file. A third of the images is held out for the one test score, which
makes small differences visible. The two of a pair have the same split and the same seed. The table shows the mean of their differences over the seeds, with
Student's 95 % interval.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import shutil
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from race.watch import cores
from rows import append, read
from scipy import stats

from automl_cnn.processes import environment, python

HERE = Path(__file__).resolve().parent
MEASURED = ("test", "val", "trials", "guided_trials", "winner_stage", "best_before_final", "helped", "seconds", "cores", "failure")
KEY = ("set", "seed", "budget", "pretrained", "guided")
FIELDS = (*KEY, *MEASURED)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sets", nargs="*", default=[], metavar="NAME=FOLDER", help="image sets")
    options.add_argument("--budget", default="5m", help="wall time of a search (default: 5m)")
    options.add_argument("--seeds", default="0,1,2,3,4", help="default: 0,1,2,3,4")
    options.add_argument("--pretrained", default="auto", help="as of `automl-cnn search` (default: auto)")
    options.add_argument("--table", action="store_true", help="show the rows there are, and run nothing")
    options.add_argument("--results", type=Path, default=HERE / "results" / "guided.csv")
    options.add_argument("--work", type=Path, default=Path("automl-cnn-runs") / "guided", help="the searches' stores, deleted after each")
    chosen = options.parse_args()
    sets = dict(text.split("=", 1) for text in chosen.sets)
    if not chosen.table:
        done = {tuple(row[key] for key in KEY) for row in read(chosen.results)}
        every = [(name, seed, chosen.budget, chosen.pretrained, word) for seed in chosen.seeds.split(",") for name in sets for word in ("off", "on")]
        waiting = [cell for cell in every if cell not in done]
        for number, cell in enumerate(waiting, 1):
            print(f"{number}/{len(waiting)}  {' '.join(cell)} ...", flush=True)
            row = search(dict(zip(KEY, cell, strict=True)), sets[cell[0]], chosen.work.resolve())
            append(chosen.results, row, FIELDS)
            print(f"      {row['failure'] or 'test ' + str(row['test'])}", flush=True)
    show(read(chosen.results))


def search(cell: Mapping[str, str], folder: str, work: Path) -> dict[str, Any]:
    """One search, as a user would begin it."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    flags = {"data": folder, "budget": cell["budget"], "seed": cell["seed"], "pretrained": cell["pretrained"], "guided": cell["guided"]}
    command = python("-m", "automl_cnn", "search", "--json", "--no-mlflow", "--workers", "1", "--name", "s", "--store", str(work), "--test-share", "0.33")
    began = time.time()
    ended = subprocess.run(
        [*command, *(part for key, value in flags.items() for part in (f"--{key}", value))], capture_output=True, text=True, check=False, env=environment()
    )
    row: dict[str, Any] = {**cell, "seconds": round(time.time() - began, 1), "cores": cores(), "failure": ""}
    if ended.returncode != 0:
        row["failure"] = " ".join(ended.stderr.split())[-300:]
    else:
        row |= figures(json.loads(ended.stdout), work)
    shutil.rmtree(work, ignore_errors=True)
    return row


def figures(result: Mapping[str, Any], work: Path) -> dict[str, Any]:
    """The scores of a search, its trials and their measured effects."""
    from automl_cnn.diagnosis import helped
    from automl_cnn.store import Store
    from automl_cnn.study.stored.overview import overview

    trials = overview(Store(work), "s").trials
    before = [trial.score for trial in trials if trial.scored and trial.stage != "final" and trial.score is not None]
    return {
        "test": result["test_score"],
        "val": result["val_score"],
        "trials": len(trials),
        "guided_trials": sum(trial.stage in ("guided", "branch") for trial in trials),
        "winner_stage": trials[result["trial"]].stage,
        "best_before_final": max(before, default=""),
        "helped": json.dumps([dataclasses.asdict(entry) for entry in helped(trials)]),
    }


def show(known: Sequence[Mapping[str, str]]) -> None:
    """Means of the differences, for each set and all together, on test and on validation images."""
    pairs: dict[tuple[str, ...], dict[str, Mapping[str, str]]] = {}
    for row in known:
        pairs.setdefault(tuple(row[key] for key in KEY[:-1]), {})[row["guided"]] = row
    whole = {key: pair for key, pair in pairs.items() if len(pair) == 2 and all(row["test"] for row in pair.values())}
    asked = sum(int(pair["on"]["guided_trials"]) > 0 for pair in whole.values())
    print(f"{len(whole)} pairs, in {asked} of which the diagnosis had a trial; {sum(bool(row['failure']) for row in known)} searches failed")
    groups = {(name, budget, pretrained): [] for name, _, budget, pretrained in whole}
    for (name, _, budget, pretrained), pair in whole.items():
        groups[name, budget, pretrained].append(pair)
    for title, chosen in [*((" ".join(key), value) for key, value in groups.items()), ("all", list(whole.values()))]:
        for what in ("test", "val", "best_before_final"):
            print(f"  {title:<28}{what:<18}{mean([float(pair['on'][what]) - float(pair['off'][what]) for pair in chosen])}")
    effects: dict[str, list[tuple[float, int]]] = {}
    for row in known:
        for entry in json.loads(row["helped"] or "[]"):
            effects.setdefault(f"{row['set']}: {entry['action']}", []).append((entry["mean"], entry["tried"]))
    for action, values in sorted(effects.items()):
        tried = sum(count for _, count in values)
        print(f"  {action:<46}{tried:>3} tried, {sum(value * count for value, count in values) / tried:+.3f} on average")


def mean(values: Sequence[float]) -> str:
    """The mean and Student's 95 % interval."""
    if len(values) < 2:
        return f"{values[0]:+.4f} (one pair)" if values else "no pair"
    middle = statistics.mean(values)
    half = float(stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{middle:+.4f} ({middle - half:+.4f} to {middle + half:+.4f}) over {len(values)} pairs"


if __name__ == "__main__":
    main()
