"""Hostile settings: flags, study.toml, keras.json, environment."""

from __future__ import annotations

import json

from hostile.cases import case
from hostile.lab import KERAS, LONG, NO_KERAS, Lab, document
from hostile.watch import Finding


def refused(lab: Lab, *flags: object, err: str = "") -> None:
    """A search with these flags is refused before anything is made."""
    lab.cli("search", "--data", lab.photos(), "--store", lab.store, *flags, code=2, err=err, wordy=False)
    if lab.store.exists():
        raise Finding(f"a search refused for {flags} leaves a store")


@case(quick=True)
def budgets_that_are_none(lab: Lab) -> None:
    for budget in ("nan", "-5m", "10 parsecs"):
        refused(lab, f"--budget={budget}", err="budget")


@case()
def more_budgets_that_are_none(lab: Lab) -> None:
    for budget in ("inf", "-inf", "", "0", "1e999", "1e400s", "0s", "-0", "9" * 400, "1m\n", "١٠m", "0x10", "1_0", "\x1b[31m", "5m5"):
        lab.cli("search", "--data", lab.photos(), "--store", lab.store, f"--budget={budget}", code=2)


@case()
def numbers_beyond_their_range(lab: Lab) -> None:
    for flag in (
        "--trials=0", "--trials=-1", "--trials=nan", "--trials=1.5", "--max-epochs=0", "--max-epochs=-3", "--val-share=nan", "--val-share=2", "--val-share=-1",
        "--test-share=inf", "--test-share=0", "--max-resolution=0", "--max-resolution=100000", "--seed=-1", "--seed=nan", f"--seed={2**64}", "--seed=0.5",
        "--max-params=nan", "--max-params=-1", "--max-size=inf", "--max-size=-1MB", "--max-latency=nan", "--max-latency=0ms", "--max-disk=0", "--max-disk=nan",
    ):  # fmt: skip
        lab.cli("search", "--data", lab.photos(), "--store", lab.store, flag, code=2, usage=True)
    if lab.store.exists():
        raise Finding("a refused search leaves a store")


@case()
def words_that_are_no_choice(lab: Lab) -> None:
    for flag in (
        "--metric=", "--metric=__class__", "--engine=../x", "--sampler=\n", "--pruner=%s", "--architectures=,", "--architectures=nothing",
        "--optimizers=../sgd", "--regularizers=\x1b[31m", "--pretrained=../../x", "--pretrained=nothing",
        "--weights=nowhere.pt", "--objective=", "--objective=accuracy,accuracy",
    ):  # fmt: skip
        lab.cli("search", "--data", lab.photos(), "--store", lab.store, flag, code=2)


@case(search=True)
def seeds_at_both_ends(lab: Lab) -> None:
    photos = lab.shared.study() / "photos"
    for seed in (20250101, 2**31 - 1):
        limits = ("--trials", "1", "--budget", "3m", "--max-resolution", "24", "--pretrained", "none", "--no-mlflow")
        result = document(lab.cli("search", "--data", photos, "--store", lab.store, f"--seed={seed}", *limits, "--json", megabytes=KERAS, seconds=LONG))
        if not result.get("model_path"):
            raise Finding(f"seed {seed} gives no model: {result}")


@case(quick=True)
def study_files_that_are_none(lab: Lab) -> None:
    for name, content in (
        ("binary", b"\xff\xfe\0\0"),
        ("broken", b"data = "),
        ("deep", b"data = " + b"[" * 20_000 + b"]" * 20_000),
        ("numbers", b"budget = nan\n"),
    ):
        lab.cli("search", "--data", lab.photos(), "--config", lab.file(f"{name}.toml", content), "--store", lab.store, code=2)


@case()
def more_study_files_that_are_none(lab: Lab) -> None:
    (lab.folder / "folder.toml").mkdir()
    lab.cli("search", "--config", lab.folder / "folder.toml", code=2, err="folder.toml")
    lab.cli("search", "--config", "/dev/zero", code=2)
    lab.cli("search", "--config", lab.folder / "nothing.toml", code=2, err="nothing.toml")
    for index, text in enumerate(
        ("budget = inf", "seed = 1e300", "seed = true", "trials = []", "data = 5", "data = {}", "store = 1979-05-27", "unknown = 1", "[data]",
         "name = '''a\n'''", "metric = nan", "architectures = [[[]]]", "budget = " + "9" * 5000, "a.b.c.d = 1", "val_share = '0.1'")
    ):  # fmt: skip
        lab.cli("search", "--data", lab.photos(), "--config", lab.file(f"{index}.toml", text), "--store", lab.store, code=2)


@case()
def a_study_file_that_unfolds(lab: Lab) -> None:
    nested = "a = " + "{a = " * 5000 + "1" + "}" * 5000
    lab.cli("search", "--data", lab.photos(), "--config", lab.file("study.toml", nested), code=2)


@case(quick=True)
def a_keras_json_that_is_none(lab: Lab) -> None:
    for content in ("{oops", "[1]", '{"epsilon": 1}'):
        lab.file("keras/keras.json", content)
        lab.cli("plugins", "show", "resnet", code=2, err="keras\\.json", env={"KERAS_HOME": str(lab.folder / "keras")})


@case()
def a_keras_json_that_is_a_folder(lab: Lab) -> None:
    (lab.folder / "keras" / "keras.json").mkdir(parents=True)
    lab.cli("predict", lab.model(), lab.photo(), code=2, err="keras\\.json", env={"KERAS_HOME": str(lab.folder / "keras")})


@case()
def a_keras_json_that_changes_everything(lab: Lab) -> None:
    settings = {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.1, "backend": "torch"}
    lab.file("keras/keras.json", json.dumps(settings))
    model, photo = lab.model(), lab.photo()
    plain = lab.cli("predict", model, photo, megabytes=KERAS)
    changed = lab.cli("predict", model, photo, megabytes=KERAS, env={"KERAS_HOME": str(lab.folder / "keras")})
    if plain.out != changed.out:
        raise Finding(f"the prediction depends on keras.json: {plain.out!r}, {changed.out!r}")
    shown = [
        document(lab.cli("plugins", "show", "resnet", "--json", megabytes=KERAS, env=env))["network"] for env in ({}, {"KERAS_HOME": str(lab.folder / "keras")})
    ]
    if shown[0] != shown[1]:
        raise Finding(f"the cost depends on keras.json: {shown}")


@case(search=True)
def a_search_under_a_keras_json_that_changes_everything(lab: Lab) -> None:
    photos = lab.shared.study() / "photos"
    lab.file("keras/keras.json", json.dumps({"image_data_format": "channels_first", "floatx": "float64", "epsilon": 0.1, "backend": "torch"}))
    limits = ("--trials", "2", "--budget", "4m", "--max-resolution", "24", "--max-epochs", "2", "--no-mlflow", "--pretrained", "none")
    scores = []
    for name, env in (("plain", {}), ("changed", {"KERAS_HOME": str(lab.folder / "keras"), "KERAS_MAX_STEPS_PER_EPOCH": "1"})):
        lab.cli("search", "--data", photos, "--store", lab.folder / name, "--name", "odd", *limits, megabytes=KERAS, seconds=LONG, env=env)
        shown = document(lab.cli("studies", "show", "--store", lab.folder / name, "--json", "odd"))
        scores.append([shown[key] for key in ("params", "mult_adds", "val_score", "test_score")])
    if scores[0] != scores[1]:
        raise Finding(f"the search depends on keras.json: {scores}")


@case(quick=True)
def backends_that_are_none(lab: Lab) -> None:
    for name in ("abacus", "openvino", "../torch"):
        lab.cli("plugins", "show", "resnet", code=2, err="KERAS_BACKEND", env={"KERAS_BACKEND": name})


@case()
def a_missing_backend_from_python(lab: Lab) -> None:
    program = """
import time
from automl_cnn import load, search
from automl_cnn.errors import BackendError
for call in (lambda: search("photos"), lambda: load("model.keras")):
    try:
        call()
    except BackendError as error:
        print("refused:", error)
"""
    lab.photos("work/photos")
    lab.model().rename(lab.work / "model.keras")
    lab.python(program, env={"KERAS_BACKEND": "torch"}, out="refused: .*pip install.*refused: .*pip install", megabytes=NO_KERAS)


@case(quick=True)
def streams_that_know_ascii_only(lab: Lab) -> None:
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    lab.cli("--help", env=env)
    lab.cli("search", "--help", env=env)
    lab.cli("search", "--data", lab.photos("фото"), "--store", lab.store, code=2, env=env)


@case()
def terminals_that_are_odd(lab: Lab) -> None:
    for env in ({"COLUMNS": "0"}, {"COLUMNS": "-5"}, {"COLUMNS": "abc"}, {"TERM": "\x1b"}, {"PYTHONIOENCODING": "latin-1"}):
        lab.cli("plugins", "list", env=env)
        lab.cli("search", "--data", "nowhere", env=env, code=2)


@case()
def no_home_and_no_temporary_folder(lab: Lab) -> None:
    env = {"HOME": "/nonexistent", "TMPDIR": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"}
    lab.cli("plugins", "list", env=env)
    lab.cli("predict", lab.exported() / "model.onnx", lab.photo(), env=env)
    lab.cli("predict", lab.model(), lab.photo(), env={**env, "KERAS_HOME": "/nonexistent"}, megabytes=KERAS)


@case()
def closed_streams(lab: Lab) -> None:
    for closed in ("<&-", ">&-", "2>&-", ">/dev/full", "2>/dev/full"):
        lab.run(["/bin/sh", "-c", f'"$0" -P -m automl_cnn plugins list {closed}', _python()], code=(0, 1, 2, 120), wordy=True)


@case()
def python_options_of_the_users(lab: Lab) -> None:
    for env in ({"PYTHONOPTIMIZE": "2"}, {"PYTHONWARNINGS": "error"}, {"PYTHONHASHSEED": "4294967295"}, {"PYTHONSTARTUP": "/dev/zero"}):
        lab.cli("plugins", "list", env=env)
        lab.cli("predict", lab.exported() / "model.onnx", lab.photo(), env=env)


def _python() -> str:
    import sys

    return sys.executable
