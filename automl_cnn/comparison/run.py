"""A comparison from its table to its results: one session for each image set, then the rows, the plot and the README's table."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from automl_cnn import elapsed
from automl_cnn.comparison import results as files
from automl_cnn.comparison.course import Course, Training
from automl_cnn.comparison.readme import update
from automl_cnn.comparison.results import Results, Row
from automl_cnn.comparison.sets import absent, images_of, place_of
from automl_cnn.comparison.table import Comparison, ImageSet
from automl_cnn.config import MOST, StudyConfig, study_config
from automl_cnn.quantities import seconds
from automl_cnn.records import State, Trial
from automl_cnn.store import Store
from automl_cnn.study.observer import NullObserver, Observer
from automl_cnn.study.record.record import Record
from automl_cnn.study.session import run as session

RESOLUTION = 288  # px, the largest where a table names none
PLOT = "results.png"
README = "README.md"


def run(
    comparison: Comparison,
    *,
    budget: str | float | None = None,
    store: str | Path = "automl-cnn-runs",
    images: Mapping[str, Path] | None = None,
    track: bool = True,
    watch: Callable[[StudyConfig], Observer] | None = None,
    started: float | None = None,
) -> Results:
    """Train what has no result yet, and write results.csv, results.png and the table in README.md, all in the comparison's folder.

    A quick comparison writes none of them. `images` names folders of image sets; a set that is not on this machine is left out and named in
    `Results.left_out`. `budget` limits the whole run: what does not fit is left for the next one. `watch` gives the observer of a session.

    Raises:
        ConfigError: the table names something that no plugin has.
        DataError: an image set cannot be used.
        TrialError: not one network of an image set could be trained.
    """
    began = elapsed.now() if started is None else started
    total = None if budget is None else seconds(budget)
    place, file = Store(Path(store)), comparison.folder / files.FILE
    results = Results(comparison, ()) if comparison.quick else files.read(comparison, file)
    folders = {asked.name: place_of(asked.name, images or {}, place) for asked in comparison.sets}
    left_out = {name: absent(name) for name, folder in folders.items() if folder is None}
    here = [asked for asked in comparison.sets if asked.name not in left_out]
    for number, asked in enumerate(here):
        course = Course(comparison, results.missing_on(asked), timed="milliseconds" in comparison.measures)
        if not course.wanted:
            continue
        left = None if total is None else total - (elapsed.now() - began)
        if left is not None and left <= 0:
            break
        waiting = [len(results.missing_on(other)) for other in here[number:]]
        share = None if left is None else left * waiting[0] / sum(waiting)
        folder = folders[asked.name]
        assert folder is not None  # it is here
        config = _config(comparison, asked, folder, place, share)
        dataset = images_of(asked, folder, place, largest=config.max_resolution)
        result = session(config, observer=watch(config) if watch else NullObserver(), track=track, dataset=dataset, course=course)
        rows = [row for training in course.trainings if (row := row_of(training, course.trials, asked)) is not None]
        results = dataclasses.replace(results, rows=files.merged(results.rows, rows))
        if not comparison.quick:
            results.write(file)
        if result.stopped_by == "user":
            break
    results = dataclasses.replace(results, left_out=left_out)
    if not comparison.quick and results.rows:
        write(results)
    return results


def write(results: Results) -> tuple[Path, ...]:
    """The rows, the plot and the README's table, in the comparison's folder; the files that were written."""
    from automl_cnn.comparison.charts import plot

    folder = results.comparison.folder
    results.write(folder / files.FILE)
    results = files.read(results.comparison, folder / files.FILE)  # its figures are rounded: plot and table are those of the file
    written = [folder / files.FILE, plot(results, folder / PLOT)]
    if update(results, folder / README):
        written.append(folder / README)
    return tuple(written)


def row_of(training: Training, trials: tuple[Trial, ...], asked: ImageSet) -> Row | None:
    """The row of a training; None where it was not trained to its end."""
    trial = training.became(trials)
    if trial is None:
        return None
    network, last = training.network, trial.epochs[-1] if trial.epochs else None
    row = Row(asked.name, asked.train, network.series, network.point, training.seed, network.recipe)
    row = dataclasses.replace(
        row,
        params=trial.params,
        mult_adds=trial.mult_adds,
        seconds=trial.seconds,
        milliseconds=trial.latency,
        resolution=int(training.configuration["resolution"]),
        width=float(training.configuration.get("width", 1.0)),
        depth=float(training.configuration.get("depth", 1.0)),
    )
    if trial.state is State.FAILED:
        return dataclasses.replace(row, failure=trial.failure or "it failed")
    return dataclasses.replace(
        row,
        accuracy=trial.on_validation,
        last_accuracy=last.val_accuracy if last else None,
        train_accuracy=last.clean_accuracy if last else None,
        loss=last.val_loss if last else None,
        train_loss=last.clean_loss if last else None,
        epochs=last.number if last else None,
        right=trial.right or "",
    )


def _config(comparison: Comparison, asked: ImageSet, folder: Path, store: Store, share: float | None) -> StudyConfig:
    """The settings of the session: nothing is searched, joined, refitted or guided."""
    networks = comparison.on(asked)
    sizes = [size for network in networks if isinstance(size := network.values.get("resolution"), int)]
    space = {
        "architectures": tuple(dict.fromkeys(str(network.values["architecture"]) for network in networks)),
        "pretrained": comparison.pretrained,
        "max_resolution": max([RESOLUTION, *sizes]),
    }
    digest = hashlib.blake2b(json.dumps([space, asked.held_out]).encode(), digest_size=3).hexdigest()  # a table that has changed is another study
    name = "-".join(filter(None, (comparison.name, asked.name, str(asked.train or ""), "quick" if comparison.quick else "", digest)))
    before = Record.all(store.journal).get(name)
    return study_config(
        {
            "data": folder,
            "name": name,
            "store": store.root,
            "budget": None if share is None else share + (before.seconds if before else 0.0),  # a study's budget counts what earlier sessions used
            "trials": MOST if share is None else None,
            **space,
            "plugins_dir": comparison.plugins,
            "metric": "accuracy",
            "class_weights": "off",
            "ensemble": "off",
            "refit": "off",
            "guided": "off",
            "scaling": "off",
            "max_epochs": max(network.epochs for network in networks),
        }
    )
