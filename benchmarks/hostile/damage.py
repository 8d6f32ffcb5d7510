"""Damaged, moved and forged state: what an earlier search left, and something or somebody changed."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from hostile.cases import Skip, case
from hostile.lab import KERAS, LONG, Lab
from hostile.watch import Finding


def journal(lab: Lab, *lines: str | bytes) -> Path:
    """A store with a journal of these lines."""
    content = b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)
    return lab.file("store/optuna.journal", content).parent


def created(name: str) -> str:
    """The journal's line that creates a study."""
    return json.dumps({"op_code": 0, "worker_id": "w", "study_name": name, "directions": [1]})


def every_reader(lab: Lab, store: Path, **expected: object) -> None:
    """The commands that only look: each answers, or says in a sentence what is wrong."""
    for command in (["studies", "list", "--store", store], ["studies", "show", "--store", store, "tiny"], ["report", "--store", store, "tiny", "--quick"]):
        lab.cli(*command, code=(0, 2), **{"wordy": True, **expected})


@case(quick=True)
def a_journal_that_is_noise(lab: Lab) -> None:
    store = journal(lab, lab.rng.randbytes(3000))
    lab.cli("studies", "list", "--store", store, code=(0, 2))
    lab.cli("search", "--data", lab.photos(), "--store", store, code=2)


@case()
def journals_that_are_no_file(lab: Lab) -> None:
    (lab.store / "optuna.journal").mkdir(parents=True)
    lab.cli("studies", "list", "--store", lab.store, code=(0, 2))
    other = lab.folder / "other"
    other.mkdir()
    os.mkfifo(other / "optuna.journal")
    lab.cli("studies", "list", "--store", other, code=(0, 2))


@case()
def journals_of_wrong_lines(lab: Lab) -> None:
    for line in ("{}", "[]", "null", '{"op_code": 99}', '{"op_code": 4, "study_id": 5}', "[" * 50_000, '{"op_code": 0}', created("x")[:20]):
        shutil.rmtree(lab.store, ignore_errors=True)
        store = journal(lab, created("tiny"), line, created("other"))
        lab.cli("studies", "list", "--store", store, code=(0, 2))


@case(quick=True)
def a_forged_journal_whose_study_lies_outside(lab: Lab) -> None:
    lab.file("victim/precious.txt", "precious")
    outside = str(lab.folder / "victim")
    for name in ("../../victim", outside):
        shutil.rmtree(lab.store, ignore_errors=True)
        store = journal(lab, created(name))
        (store / "studies").mkdir()
        lab.cli("studies", "delete", "--store", store, "--yes", "--", name, code=(0, 2))
        lab.cli("studies", "list", "--store", store, code=(0, 2))
        if not (lab.folder / "victim" / "precious.txt").exists():
            raise Finding(f"deleting the study {name!r} removed a folder outside of the store")
        if not (store / "optuna.journal").exists():
            raise Finding(f"deleting the study {name!r} removed the store")


@case()
def a_study_folder_that_is_a_link_to_elsewhere(lab: Lab) -> None:
    lab.file("victim/precious.txt", "precious")
    store = journal(lab, created("odd"))
    (store / "studies").mkdir()
    (store / "studies" / "odd").symlink_to(lab.folder / "victim")
    lab.cli("studies", "delete", "--store", store, "--yes", "odd", code=(0, 2))
    if not (lab.folder / "victim" / "precious.txt").exists():
        raise Finding("deleting a study followed a link out of the store")


@case(search=True)
def a_journal_cut_off_in_its_last_line(lab: Lab) -> None:
    store = lab.study()
    path = store / "optuna.journal"
    path.write_bytes(path.read_bytes()[:-40])
    every_reader(lab, store, err="")
    lab.cli("studies", "list", "--store", store, out="tiny")


@case(search=True)
def an_mlflow_database_that_is_noise_or_a_folder(lab: Lab) -> None:
    store = lab.study()
    every_reader(lab, store)
    for make in (lambda path: path.write_bytes(b"noise" * 1000), lambda path: path.mkdir()):
        (store / "mlflow.db").unlink()
        make(store / "mlflow.db")
        every_reader(lab, store)
        photos = lab.shared.study() / "photos"
        lab.cli("search", "--data", photos, "--store", store, "--name", "tiny", "--trials", "2", "--budget", "3m", "--max-resolution", "24",
                code=(0, 2), megabytes=KERAS, seconds=LONG, wordy=True)  # fmt: skip
        shutil.rmtree(store)
        store = lab.study()


@case(search=True)
def a_model_cut_off_on_disk(lab: Lab) -> None:
    store = lab.study()
    model = store / "studies" / "tiny" / "best" / "model.keras"
    model.write_bytes(model.read_bytes()[:-100])
    lab.cli("predict", "--store", store, "tiny", lab.photo(), code=2, err="model\\.keras", megabytes=KERAS)
    lab.cli("export", "--store", store, "tiny", "--out", lab.folder / "out", code=2, err="model\\.keras", megabytes=KERAS)
    every_reader(lab, store)


@case(search=True)
def a_manifest_that_is_damaged(lab: Lab) -> None:
    store = lab.study()
    manifest = store / "studies" / "tiny" / "dataset.json"
    for content in ("", "{", "[]", "{}", "[" * 100_000):
        manifest.write_text(content)
        every_reader(lab, store)
    lab.cli("export", "--store", store, "tiny", "--out", lab.folder / "out", code=(0, 2), megabytes=KERAS, seconds=LONG, wordy=True)


@case(search=True)
def a_study_file_that_is_damaged(lab: Lab) -> None:
    store = lab.study()
    (store / "studies" / "tiny" / "study.toml").write_bytes(b"\xff = [")
    every_reader(lab, store)
    lab.cli("studies", "resume", "--store", store, "tiny", code=2)


@case(search=True)
def a_store_that_moved(lab: Lab) -> None:
    lab.study().rename(lab.folder / "moved")
    every_reader(lab, lab.folder / "moved")
    lab.cli("studies", "show", "--store", lab.folder / "moved", "tiny", code=0)
    ended = lab.cli("export", "--store", lab.folder / "moved", "tiny", "--format", "onnx", "--quantize", "int8", "--out", lab.folder / "out",
                   megabytes=KERAS, seconds=LONG)  # fmt: skip
    if "made-up" in ended.err + ended.out:
        raise Finding(f"the export of a moved store is proved on made-up images.{ended.tail()}")


@case(search=True)
def a_cache_that_was_removed(lab: Lab) -> None:
    store = lab.study()
    shutil.rmtree(store / "cache")
    photos = lab.shared.study() / "photos"
    every_reader(lab, store)
    lab.cli("search", "--data", photos, "--store", store, "--name", "tiny", "--trials", "3", "--budget", "5m", "--max-resolution", "24",
            megabytes=KERAS, seconds=LONG)  # fmt: skip


@case(search=True)
def folders_that_are_read_only(lab: Lab) -> None:
    if os.geteuid() == 0:
        raise Skip("root may write everywhere")
    store = lab.study()
    (store / "studies" / "tiny").chmod(0o500)
    photos = lab.shared.study() / "photos"
    lab.cli("search", "--data", photos, "--store", store, "--name", "tiny", "--trials", "3", "--budget", "3m", "--max-resolution", "24",
            code=2, megabytes=KERAS, seconds=LONG, wordy=True)  # fmt: skip
    (store / "studies" / "tiny").chmod(0o700)


@case()
def a_store_that_cannot_be_written(lab: Lab) -> None:
    if os.geteuid() == 0:
        raise Skip("root may write everywhere")
    (lab.folder / "closed").mkdir(mode=0o500)
    lab.cli("search", "--data", lab.photos(), "--store", lab.folder / "closed" / "store", code=2)


@case(search=True)
def classes_that_are_forged_in_the_summary(lab: Lab) -> None:
    store = lab.study()
    path = store / "optuna.journal"
    path.write_bytes(path.read_bytes().replace(b'"cat"', b'"\\u001b[31m<script>"'))
    every_reader(lab, store)
