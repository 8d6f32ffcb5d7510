"""A study's report and model card: everything known brought together, and written where it belongs."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from automl_cnn.data import Dataset
from automl_cnn.diagnosis import Context, diagnose, helped
from automl_cnn.errors import DataError, StoreError, TrialError
from automl_cnn.evidence import Evidence
from automl_cnn.export.card import CARD, model_card
from automl_cnn.facts import Effect, Facts
from automl_cnn.problems import Checked
from automl_cnn.records import Finding, Trial
from automl_cnn.report import page
from automl_cnn.store import Store, StudyFolder, atomic_write_text
from automl_cnn.study.finish import asked
from automl_cnn.study.stored.images import looked_for
from automl_cnn.study.stored.overview import Overview

EVIDENCE = "evidence.json"
VERSIONS = ("automl-cnn", "keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "optuna", "keras-tuner", "numpy")

log = logging.getLogger("automl_cnn")


def facts(study: Overview, store: Store, evidence: Evidence | None = None, without: str = "") -> Facts:
    """Everything a report and a card need to know of a study. `without` says why there is no evidence."""
    skipped, notes = _scanned(study.folder)
    return Facts(
        name=study.name,
        metric=study.metric,
        state=str(study.state),
        store=str(store.root),
        settings=study.settings,
        toml=_text(study.folder.toml),
        data=study.data,
        skipped=skipped,
        notes=notes,
        checked=_checked(study),
        trials=study.trials,
        result=study.result,
        seconds=max(study.seconds, float((study.result or {}).get("seconds") or 0.0)),  # the record counts a session when it is over
        evidence=evidence,
        without_evidence=without,
        findings=findings(study.trials, study.data, study.metric),
        effects=tuple(Effect(effect.action, effect.tried, effect.mean, effect.interval) for effect in helped(study.trials)),
        model=str(study.folder.model) if study.folder.model.is_file() else "",
        versions=versions(),
        hashes=hashes(study),
        written=time.strftime("%Y-%m-%d %H:%M"),
        growths=study.growth,
    )


def kept(study: Overview) -> Evidence | None:
    """What was found out about the best model, unless it is of an earlier one."""
    best = study.best
    try:
        evidence = Evidence.load(study.folder.folder / EVIDENCE)
    except StoreError:
        return None
    return evidence if evidence is not None and best is not None and evidence.trial == best.number else None


def look(study: Overview) -> tuple[Evidence | None, str]:
    """What a worker process finds out about the best model, which is kept, and "" ; or None and why it cannot."""
    best, folder = study.best, study.folder
    if best is None or not folder.model.is_file():
        return None, "There is no model yet whose mistakes could be looked at."
    dataset, why = looked_for(folder)
    if dataset is None:
        return None, f"The winner's mistakes could not be looked at: {why}"
    try:
        with asked.worker_of(study, str(folder.trials)) as executor:
            evidence = executor.examine(str(folder.judged))
    except TrialError as error:
        return None, f"The winner's mistakes could not be looked at: {error}"
    if evidence.trial != best.number:
        return None, f"The model in {folder.model} is of trial {evidence.trial}, not of the best one, {best.number}: go on with the study to put that right."
    evidence.save(folder.folder / EVIDENCE)
    return evidence, ""


def conclude(study: Overview, store: Store, evidence: Evidence | None, without: str) -> tuple[Path, ...]:
    """The end of a search: evidence, report and model card in the study's folder; what was written.

    Raises:
        StoreError: something cannot be written.
    """
    folder = study.folder
    known = facts(dataclasses.replace(study, pid=None), store, evidence, without)  # the search at work on it is this one, which ends here
    if evidence is not None:
        evidence.save(folder.folder / EVIDENCE)
    card = folder.best / CARD
    atomic_write_text(card, model_card(known, folder.model))
    return write(known, folder), card


def write(known: Facts, folder: StudyFolder, out: Path | None = None) -> Path:
    """Write the page (to `out`, by default report.html in the study's folder); where it is.

    Raises:
        StoreError: it cannot be written.
    """
    place = out or folder.report
    atomic_write_text(place, page(known))
    return place


def findings(trials: Sequence[Trial], data: Mapping[str, Any], metric: str) -> Mapping[int, tuple[Finding, ...]]:
    """What the diagnosis says of each trial, the main finding first; nothing where it cannot say anything."""
    context = Context.of(data, metric, trials)
    diagnoses: dict[int, tuple[Finding, ...]] = {}
    for trial in trials:
        try:
            diagnoses[trial.number] = tuple(diagnose(trial, context))
        except Exception as error:  # a report without findings is still one
            log.warning("Trial %d could not be diagnosed: %s: %s", trial.number, type(error).__name__, error)
    return {number: diagnosis for number, diagnosis in diagnoses.items() if diagnosis}


def hashes(study: Overview) -> Mapping[str, str]:
    """What tells whether images and model are still the same."""
    digests = {"images (fingerprint)": str(study.data["fingerprint"])} if study.data.get("fingerprint") else {}
    try:
        with study.folder.model.open("rb") as file:
            digests["model.keras (sha256)"] = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        pass
    return digests


def versions() -> Mapping[str, str]:
    """The packages that took part, each at its version."""
    packages = {}
    for package in VERSIONS:
        try:
            packages[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return packages


def _scanned(folder: StudyFolder) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """What could not be read, and remarks about the images."""
    try:
        dataset = Dataset.load(folder.manifest)
    except DataError:
        return (), ()
    return tuple((item.path, item.reason) for item in dataset.skipped), dataset.notes


def _checked(study: Overview) -> Checked | None:
    """What was checked of the study's images before the search."""
    try:
        checked = Checked.load(study.folder.check)
    except StoreError:
        return None
    return checked if checked is not None and checked.fingerprint == study.data.get("fingerprint") else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
