"""Hostile names of studies, stores and classes."""

from __future__ import annotations

import os
from pathlib import Path

from hostile.cases import case
from hostile.lab import KERAS, LONG, Lab, document, rows
from hostile.watch import Finding

STUDIES = ("../victim", "../../canary/folder", "/etc", "..", ".", "a/b", "a\nb", "\x1b[31m", "-x", "", " ", "x" * 300, "nul", "a\\b", "%2e%2e", "üñï")


def victim(lab: Lab) -> Path:
    """A folder beside the store that a study's name may point at."""
    lab.file("victim/best/model.keras", b"precious")
    return lab.folder / "victim"


@case(quick=True)
def studies_that_do_not_exist(lab: Lab) -> None:
    victim(lab)
    for name in ("../victim", "a\nb", "x" * 300):
        lab.cli("studies", "delete", "--store", lab.store, "--yes", "--", name, code=2)
    if not (lab.folder / "victim" / "best" / "model.keras").exists():
        raise Finding("a folder beside the store was deleted")


@case()
def every_command_with_every_strange_study(lab: Lab) -> None:
    victim(lab)
    for name in STUDIES:
        for command in (["studies", "show"], ["report"], ["diagnose"], ["export"]):
            where = ["--store", str(lab.store)]
            lab.cli(*command, *where, "--", name, code=2, wordy=True)
    if not (lab.folder / "victim" / "best" / "model.keras").exists():
        raise Finding("a folder beside the store was deleted")


@case(quick=True)
def a_new_study_whose_name_leaves_the_store(lab: Lab) -> None:
    for name in ("../victim", "a\nb", "x" * 300):
        lab.cli("search", "--data", lab.photos(), "--store", lab.store, f"--name={name}", code=2, err="name")
    if (lab.folder / "victim").exists():
        raise Finding("a folder beside the store was made")


@case()
def a_store_with_an_empty_name(lab: Lab) -> None:
    lab.cli("search", "--data", lab.photos(), "--store", "", code=2)
    lab.cli("studies", "list", "--store", "", code=2)
    if list(lab.work.iterdir()):
        raise Finding(f"the current folder was filled: {[path.name for path in lab.work.iterdir()]}")


@case()
def empty_stores_with_strange_names(lab: Lab) -> None:
    for name in ("st?ore", "a%20b", "x#y", "[x]", "a b", "a;b", "a'b\"", "ü", "\x1b[31m", "a\nb"):
        folder = lab.folder / name
        folder.mkdir()
        listing = document(lab.cli("studies", "list", "--store", folder, "--json"))
        if listing not in ([], {"studies": []}):
            raise Finding(f"{name}: {listing}")
        if list(folder.iterdir()):
            raise Finding(f"{name}: listing filled the store with {[path.name for path in folder.iterdir()]}")


@case()
def a_store_whose_name_is_no_utf_8(lab: Lab) -> None:
    folder = os.fsencode(lab.folder) + b"/st\xff\xfeore"
    os.mkdir(folder)
    lab.cli("studies", "list", "--store", folder, code=(0, 2))
    lab.cli("search", "--data", lab.photos(), "--store", folder, code=2)


@case()
def a_store_that_is_a_file_or_a_device(lab: Lab) -> None:
    for store in (lab.file("store-file", b"text"), "/dev/null", "/proc/1/cmdline"):
        lab.cli("studies", "list", "--store", store, code=(0, 2))
        lab.cli("search", "--data", lab.photos(), "--store", store, code=2)


@case(search=True)
def a_store_that_holds_all_of_a_url(lab: Lab) -> None:
    store = lab.folder / "st?ore%20 #1 [x];a=b"
    photos = lab.shared.study() / "photos"
    lab.cli(*tiny(photos, store), megabytes=KERAS, seconds=LONG)
    if sorted(path.name for path in lab.folder.iterdir()) != sorted(["work", store.name]):
        raise Finding(f"the search wrote beside its store: {sorted(path.name for path in lab.folder.iterdir())}")
    if not (store / "mlflow.db").is_file():
        raise Finding("the store has no mlflow.db")
    lab.cli("predict", "--store", store, "odd", photos / "cat", megabytes=KERAS)
    lab.cli("export", "--store", store, "odd", "--format", "saved_model", "--out", lab.folder / "[x]", megabytes=KERAS, seconds=LONG)
    lab.cli("predict", lab.folder / "[x]", photos / "cat", megabytes=KERAS, code=(0, 2), wordy=True)
    lab.cli("studies", "delete", "--store", store, "--yes", "odd")


@case(search=True)
def classes_with_strange_names(lab: Lab) -> None:
    photos = os.fsencode(lab.folder / "classes")
    os.mkdir(photos)
    strange = {b"cat": b"a\nb", b"dog": b"\xff\xfe", b"eel": b"=1+1, \x1b[31m"}
    for plain, odd in strange.items():
        os.symlink(os.fsencode(lab.shared.study() / "photos") + b"/" + plain, photos + b"/" + odd)
    lab.cli(*tiny(Path(os.fsdecode(photos)), lab.store), megabytes=KERAS, seconds=LONG)
    predictions = rows(lab.cli("predict", "--store", lab.store, "odd", photos, megabytes=KERAS, raw=True))
    if len(predictions) != 48 or len({row["label"] for row in predictions}) < 2:
        raise Finding(f"{len(predictions)} rows with the labels {sorted({row['label'] for row in predictions})}, expected 48 of several classes")
    lab.cli("report", "--store", lab.store, "odd", "--quick")
    lab.cli("export", "--store", lab.store, "odd", "--format", "onnx", "--out", lab.folder / "out", megabytes=KERAS, seconds=LONG)
    again = rows(lab.cli("predict", lab.folder / "out", photos, raw=True))
    if [row["label"] for row in again] != [row["label"] for row in predictions]:
        raise Finding("the exported model gives other labels than the study")


def tiny(photos: Path, store: Path, *more: str) -> list[object]:
    """The arguments of a search as small as it gets."""
    return ["search", "--data", photos, "--store", store, "--name", "odd", "--trials", "1", "--budget", "3m", "--max-resolution", "24", *more]
