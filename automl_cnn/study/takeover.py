"""A study that goes on where its files are not: on another machine, or after somebody deleted them.

The record is in a database, the models are in a folder of the machine that trained them. Where the best one is not here, it is trained again; the scores of
the others stay known, so that nothing is proposed twice.
"""

from __future__ import annotations

import dataclasses
import hashlib
import socket

from automl_cnn.data import Dataset
from automl_cnn.errors import StoreError
from automl_cnn.pareto import front, winner
from automl_cnn.store import StudyFolder
from automl_cnn.study.model_files import ModelFiles
from automl_cnn.study.observer import Observer
from automl_cnn.study.plan.stages.again import needed
from automl_cnn.study.record.record import WORKPLACE, Record

SPLIT = "split"  # in the record: a digest of which image is in which split


def arrive(record: Record, files: ModelFiles, folder: StudyFolder, observer: Observer, left: float) -> None:
    """Note which models are not on this machine, and say so; `left` are the seconds of the budget that are left for training.

    Raises:
        StoreError: the best model is not here, and there is no time to train it again.
    """
    before, here = record.settings.get(WORKPLACE), {"host": socket.gethostname(), "folder": str(folder.folder.absolute())}
    record.mark_absent(())
    trials, standing = record.trials, files.standing()
    absent = [trial.number for trial in trials if trial.scored and trial.number != standing and not files.checkpoint(trial.number).is_file()]
    best = winner(trials, files.objectives)
    wanted = {trial.number for trial in front(trials, files.objectives)} | ({best.number} if best is not None else set())
    if not wanted & set(absent):
        absent = []
    missing = needed([dataclasses.replace(trial, absent=trial.number in absent) for trial in trials], files.objectives)
    if missing:
        _explain([trial.number for trial in missing], before, here, folder, observer, left=left)
    record.mark_absent(absent)
    if before != here:
        record.keep(WORKPLACE, here)


def _explain(missing: list[int], before: dict[str, str] | None, here: dict[str, str], folder: StudyFolder, observer: Observer, *, left: float) -> None:
    which = f"model of trial {missing[0]}, the best one, is" if len(missing) == 1 else f"best models, of trials {', '.join(map(str, missing))}, are"
    moved = before is not None and before != here
    last = f"The last search left {'it' if len(missing) == 1 else 'them'} in {before['folder']} on {before['host']}." if moved and before else ""
    if left <= 0:
        raise StoreError(
            f"The {which} not in {folder.folder}, and the budget leaves no time to train again. {last} "
            f"Copy the folder from there while no search runs, or raise --budget or --trials.".replace("  ", " ")
        )
    again = f"{'It is' if len(missing) == 1 else 'They are'} trained again. To avoid that, copy the folder, or let --store be one that all machines share."
    observer.note(f"The {which} not in {folder.folder}. {last} {again}".replace("  ", " "))


def same_split(record: Record, dataset: Dataset, folder: StudyFolder) -> None:
    """Refuse to train on images that the study holds back for its test, by a split that another version or machine made.

    Raises:
        StoreError: the study began with another split.
    """
    digest, known = hashlib.blake2b(dataset.splits.tobytes(), digest_size=8).hexdigest(), record.settings.get(SPLIT)
    if known is None:
        record.keep(SPLIT, digest)
    elif known != digest:
        place = record.settings.get(WORKPLACE) or {}
        where = f" from {place['folder']} on {place['host']}" if place else ""
        raise StoreError(
            f"The study '{folder.name}' began with another split of the same images, by another version of automl-cnn or of NumPy: "
            f"its test images would be trained on. Copy {folder.manifest.name}{where} to {folder.manifest}, and run the same command again."
        )
