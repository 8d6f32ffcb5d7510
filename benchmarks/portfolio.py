"""The portfolio of starting configurations: candidates on image sets, at equal seconds, and the few that together do best.

    python benchmarks/portfolio.py --sets flowers=FOLDER --sets signs=FOLDER [--seconds 40] [--samples 4] [--store STORE] [--limit 12]
    python benchmarks/portfolio.py --sets ... --list          # which cells are finished, which are pending
    python benchmarks/portfolio.py --sets ... --build         # no training: the portfolio of the rows there are

A cell is a candidate on an image set: sized to the seconds as a search would, trained for them, scored on the validation images.
Finished cells are rows of benchmarks/results/portfolio.csv and are skipped; remove a row to run its cell again. Candidates are
each architecture's default (with pretrained weights trained on, and from scratch), the best of finished studies in `--store`, and
`--samples` variations of these. The portfolio goes to automl_cnn/study/plan/portfolio.json, which searches read (`--out` for elsewhere).
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import importlib.metadata
import itertools
import json
import random
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from greedy import complete, greedy, left_out, normalized
from rows import append, read

from automl_cnn import registry as plugins
from automl_cnn.data import prepare
from automl_cnn.errors import AutomlCnnError
from automl_cnn.quantities import seconds
from automl_cnn.records import Fidelity, Finished, Job, NetCost, Started, State, Trial
from automl_cnn.registry import Registry
from automl_cnn.space import Configuration, Scalar, Space
from automl_cnn.store import Store
from automl_cnn.study.plan.engines.optuna import variation
from automl_cnn.study.plan.space import study_space, worth_enlarging
from automl_cnn.study.plan.stages import Sizing
from automl_cnn.study.plan.stages.defaults import SIZES, Defaults, essence
from automl_cnn.study.plan.stages.portfolio import FILE, adapted
from automl_cnn.study.record.record import Record
from automl_cnn.study.running.executors.local import LocalExecutor
from automl_cnn.study.running.executors.protocol import Setting
from automl_cnn.study.weights import choose
from automl_cnn.transfer import is_probe, weights_of

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "automl_cnn" / "study" / "plan" / FILE
COLUMNS = (
    *("candidate", "source", "set", "seconds", "seed", "score", "low", "high", "epochs", "resolution", "width", "state", "failure"),
    *("mult_adds", "kernels", "images_per_second", "setup", "configuration", "version", "date"),
)
ANY = {"native": 224, "images": 2000, "max_resolution": 224}  # of the space that candidates come from: it has every value
OF_A_STUDY = 3  # the best of each study
EPOCHS = 60
TUNED, SCRATCH = 2, 4  # entries with and without pretrained weights


@dataclass(frozen=True)
class Candidate:
    """A configuration without its sizes, and where it comes from."""

    configuration: Mapping[str, Scalar]
    source: str

    @property
    def key(self) -> str:
        text = json.dumps(sorted(self.configuration.items()))
        return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()

    def __str__(self) -> str:
        return f"{self.key}  {self.source}"


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sets", action="append", required=True, metavar="NAME=FOLDER", help="an image set; may be given several times")
    options.add_argument("--seconds", default="40s", help="of training for each cell (default: 40s)")
    options.add_argument("--seed", type=int, default=0, help="of splits, training and variations (default: 0)")
    options.add_argument("--store", action="append", type=Path, default=[], help="a store whose finished studies give candidates; may be given several times")
    options.add_argument("--samples", type=int, default=0, help="variations of the other candidates (default: 0)")
    options.add_argument("--limit", type=int, help="the largest number of candidates, from each group (tuned, from scratch) alike")
    options.add_argument("--only", action="append", default=[], metavar="TEXT", help="only candidates with this key or these words; may be given several times")
    options.add_argument("--list", action="store_true", help="say which cells there are, and run none")
    options.add_argument("--build", action="store_true", help="run none, and build the portfolio of the rows there are")
    options.add_argument("--note", default="", help="kept in the portfolio's provenance")
    options.add_argument("--results", type=Path, default=HERE / "results" / "portfolio.csv")
    options.add_argument("--out", type=Path, default=OUT, help="default: automl_cnn/study/plan/portfolio.json")
    options.add_argument("--work", type=Path, default=Path("automl-cnn-runs"), help="decoded images are kept here (default: automl-cnn-runs)")
    chosen = options.parse_args()
    try:
        return portfolio(chosen)
    except (ValueError, AutomlCnnError) as error:
        options.error(str(error))


def portfolio(chosen: argparse.Namespace) -> int:
    limit = seconds(chosen.seconds)
    sets = dict(parse(text) for text in chosen.sets)
    registry = plugins.load(None)
    weights = choose(registry, registry.only("architecture", None), "auto", file=None, fetch=lambda *_: None, note=print)
    space = study_space(registry, weights=weights, **ANY)
    every = [one for one in candidates(space, chosen.store, chosen.samples, chosen.seed) if not chosen.only or any(text in str(one) for text in chosen.only)]
    every = limited(every, chosen.limit)
    known = {(row["candidate"], row["set"]) for row in of_kind(read(chosen.results), limit, chosen.seed)}
    if chosen.list:
        for name, one in itertools.product(sets, every):
            print(f"{'finished' if (one.key, name) in known else 'pending':<10}{name:<20}{one}")
        return 0
    if not chosen.build:
        for name, folder in sets.items():
            waiting = [one for one in every if (one.key, name) not in known]
            if waiting:
                run(name, folder, waiting, registry=registry, weights=weights, limit=limit, chosen=chosen)
    rows = [row for row in of_kind(read(chosen.results), limit, chosen.seed) if row["set"] in sets]
    built = build(rows, list(sets), space, limit=limit, seed=chosen.seed, note=chosen.note)
    chosen.out.write_text(json.dumps(built, indent=1) + "\n", encoding="utf-8")
    print(f"{len(built['entries'])} entries in {chosen.out}")
    print(json.dumps(built["provenance"]["value"], indent=1))
    return 0


def parse(text: str) -> tuple[str, Path]:
    """`NAME=FOLDER`.

    Raises:
        ValueError: it is not.
    """
    name, _, folder = text.partition("=")
    if not name.strip() or not folder:
        raise ValueError(f"{text!r} names no image set. Expected NAME=FOLDER.")
    return name.strip(), Path(folder)


def candidates(space: Space, stores: Sequence[Path], samples: int, seed: int) -> Iterator[Candidate]:
    """The defaults, the best of finished studies, and variations of both; each idea once, no probes."""
    seen: set[Any] = set()
    base: list[Candidate] = []
    sizing = Sizing(space, lambda configuration: NetCost(1, 1, 1), 1)
    named = [(start.given, start.reason) for start in Defaults(sizing).starts()]
    named += [(configuration, f"study {name}") for store in stores for name, configuration in winners(store)]
    for given, source in named:
        entry = adapted(given, space)
        if entry is not None and not is_probe(entry) and essence(entry) not in seen:
            seen.add(essence(entry))
            base.append(Candidate(entry, source))
    yield from base
    rng = random.Random(seed)
    for number in range(samples if base else 0):
        parent = base[number % len(base)]
        entry = adapted(variation(space, space.defaults(parent.configuration), rng), space)
        if entry is not None and not is_probe(entry) and essence(entry) not in seen:
            seen.add(essence(entry))
            yield Candidate(entry, f"variation of: {parent.source}")


def winners(store: Path) -> Iterator[tuple[str, Mapping[str, Scalar]]]:
    """The best configurations of each study in a store."""
    for name, record in Record.all(Store(store).journal).items():
        scored = sorted((trial for trial in record.trials if trial.scored), key=lambda trial: -(trial.score or 0.0))
        for trial in scored[:OF_A_STUDY]:
            yield name, trial.configuration


def limited(every: list[Candidate], limit: int | None) -> list[Candidate]:
    """At most `limit` candidates, by turns from those with pretrained weights and those without."""
    tuned = [one for one in every if weights_of(one.configuration)]
    scratch = [one for one in every if not weights_of(one.configuration)]
    turns = [one for pair in itertools.zip_longest(tuned, scratch) for one in pair if one is not None]
    return turns[:limit]


def run(name: str, folder: Path, waiting: Sequence[Candidate], *, registry: Registry, weights: Any, limit: float, chosen: argparse.Namespace) -> None:
    """The pending cells of an image set, in one worker, each written when it is done."""
    with tempfile.TemporaryDirectory(prefix="portfolio-") as place:
        executor = LocalExecutor(Path(place) / "worker.log")
        try:
            data = prepare(folder, Store(chosen.work).cache, seed=chosen.seed, val_share=0.15, test_share=0.15, max_size=ANY["max_resolution"])
            data.save(Path(place) / "dataset.json")
            executor.configure(Setting(str(Path(place) / "dataset.json"), "accuracy", "auto", chosen.seed, None, place))
            images = len(data.rows("train"))
            space = study_space(registry, native=data.native, images=images, max_resolution=ANY["max_resolution"], weights=weights)
            costs: dict[str, NetCost] = {}

            def cost(configuration: Configuration) -> NetCost:
                network = json.dumps({key: value for key, value in configuration.items() if not key.startswith(("optimizer", "regularizer"))})
                if network not in costs:
                    costs[network] = executor.cost(configuration)
                return costs[network]

            sizing = Sizing(space, cost, images, worth_enlarging(data.native, ANY["max_resolution"]))
            done = [paced(row) for row in of_kind(read(chosen.results), limit, chosen.seed) if row["set"] == name and row["images_per_second"]]
            for number, one in enumerate(waiting, 1):
                print(f"{name} {number}/{len(waiting)}  {one}", flush=True)
                row = cell(one, sizing, executor, done, limit)
                append(chosen.results, row | {"set": name, "seconds": f"{limit:g}", "seed": chosen.seed}, COLUMNS)
                if row["images_per_second"]:
                    done.append(paced({key: str(value) for key, value in row.items()}))
                print(f"      {row['failure'] or row['score']}, {row['epochs']} epochs at {row['resolution']} px", flush=True)
                for checkpoint in Path(place).glob("*.keras"):
                    checkpoint.unlink()
        finally:
            executor.close()


def cell(one: Candidate, sizing: Sizing, executor: LocalExecutor, done: Sequence[Trial], limit: float) -> dict[str, Any]:
    """One candidate trained on one set."""
    version = importlib.metadata.version("automl-cnn")
    row: dict[str, Any] = dict.fromkeys(COLUMNS, "") | {"candidate": one.key, "source": one.source, "version": version}
    row |= {"configuration": json.dumps(dict(one.configuration)), "date": datetime.datetime.now(datetime.UTC).date().isoformat()}
    given = adapted(one.configuration, sizing.space)
    if given is None:
        return row | {"failure": "it does not exist in this set's space", "score": 0.0}
    configuration = sizing.default(given, done, limit)
    row |= {"resolution": configuration["resolution"], "width": configuration.get("width", "")}
    fidelity = Fidelity(EPOCHS, limit, share=sizing.share(configuration, done, limit))
    finished = Finished(State.FAILED, failure="it gave no result")
    for event in executor.run(Job(configuration, fidelity, one.source, "portfolio"), 0):
        if isinstance(event, Started):
            row |= {"mult_adds": event.cost.mult_adds, "kernels": event.cost.kernels}
        if isinstance(event, Finished):
            finished = event
        else:
            row["epochs"] = getattr(event, "number", row["epochs"])
    low, high = finished.interval or ("", "")
    row |= {"score": finished.score or 0.0, "low": low, "high": high, "state": finished.state.value, "failure": finished.failure or ""}
    return row | {"images_per_second": finished.images_per_second or "", "setup": finished.setup or ""}


def paced(row: Mapping[str, str]) -> Trial:
    """What the sizing wants to know of a finished cell."""
    return Trial(
        number=0,
        configuration=json.loads(row["configuration"]),
        fidelity=Fidelity(EPOCHS),
        reason="",
        stage="portfolio",
        state=State.COMPLETE,
        mult_adds=int(row["mult_adds"]),
        kernels=int(row["kernels"]),
        images_per_second=float(row["images_per_second"]),
        setup=float(row["setup"]) if row["setup"] else None,
    )


def build(rows: Sequence[Mapping[str, str]], sets: Sequence[str], space: Space, *, limit: float, seed: int, note: str) -> dict[str, Any]:
    """The portfolio of the rows: entries with pretrained weights first, then those from scratch, with where it comes from.

    Raises:
        ValueError: no candidate was tried on every set.
    """
    configurations = {row["candidate"]: json.loads(row["configuration"]) for row in rows}
    sources = {row["candidate"]: row["source"] for row in rows}
    scores: dict[str, dict[str, float]] = {}
    for row in rows:
        scores.setdefault(row["candidate"], {})[row["set"]] = float(row["score"])
    usable = complete(scores, sets)
    matrix = normalized(usable)
    if not usable:
        raise ValueError(f"No candidate was tried on all of {', '.join(sets)} with {limit:g} s and seed {seed}. Run the pending cells first (see --list).")
    entries, groups = [], {}
    for group, size, tuned in (("tuned", TUNED, True), ("scratch", SCRATCH, False)):
        mine = {key: row for key, row in matrix.items() if (weights_of(configurations[key]) is not None) == tuned}
        chosen = greedy(mine, size)
        held = left_out(mine, size) if len(mine) > 1 else {}
        groups[group] = {"candidates": len(mine), "left_out": {key: {"portfolio": round(a, 3), "random": round(b, 3)} for key, (a, b) in held.items()}}
        entries += [{"configuration": essential(configurations[key], space), "source": sources[key], "scores": usable[key]} for key in chosen]
    provenance = {
        "script": "benchmarks/portfolio.py",
        "sets": list(sets),
        "seconds": limit,
        "seed": seed,
        "version": importlib.metadata.version("automl-cnn"),
        "date": max(row["date"] for row in rows),
        "note": note,
        "value": groups,
    }
    return {"provenance": provenance, "entries": entries}


def essential(configuration: Mapping[str, Scalar], space: Space) -> dict[str, Scalar]:
    """The configuration without its sizes and without regularizers that are off as they are by default."""
    off = {name for name, value in configuration.items() if name.startswith("regularizer.") and value is False and space[name].domain.default is False}
    return {name: value for name, value in configuration.items() if name not in off and name not in SIZES}


def of_kind(rows: Iterable[Mapping[str, str]], limit: float, seed: int) -> list[Mapping[str, str]]:
    """The rows with those seconds and that seed."""
    return [row for row in rows if float(row["seconds"]) == limit and int(row["seed"]) == seed]


if __name__ == "__main__":
    sys.exit(main())
