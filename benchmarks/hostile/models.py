"""Hostile and damaged models for `predict`: cards, archives, layers, exports."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile.cases import Skip, case
from hostile.lab import KERAS, Lab, rows
from hostile.watch import Finding

CARD = "automl_cnn.json"


def refused(lab: Lab, model: Path, err: str = "", **expected: Any) -> None:
    """`predict` says in a sentence that this model cannot be used, and names it."""
    lab.cli("predict", model, lab.photo(), code=2, err=err or model.name, megabytes=expected.pop("megabytes", KERAS), **expected)


def rewritten(lab: Lab, change: Callable[[dict[str, bytes]], None], *, sealed: bool = False) -> Path:
    """The ready-made model with other members; without its hash, as if somebody had sent it, unless it stays `sealed`."""
    path = lab.model()
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def with_card(lab: Lab, **changes: object) -> Path:
    def change(members: dict[str, bytes]) -> None:
        members[CARD] = json.dumps({**json.loads(members[CARD]), **changes}).encode()

    return rewritten(lab, change)


def spoiled_card(name: str, changes: dict[str, object]) -> None:
    """Declare a case with a card that says something else."""

    def run(lab: Lab) -> None:
        refused(lab, with_card(lab, **changes))

    run.__name__ = f"a_card_with_{name}"
    run.__module__ = __name__
    case()(run)


for _name, _changes in {
    "fifty_classes_for_three_outputs": {"classes": [f"class {index}" for index in range(50)]},
    "one_class": {"classes": ["cat"]},
    "no_classes": {"classes": []},
    "a_class_twice": {"classes": ["cat", "cat", "dog"]},
    "classes_that_are_no_texts": {"classes": [1, None, {"a": 2}]},
    "classes_that_are_a_text": {"classes": "cat"},
    "a_huge_size": {"size": 100_000},
    "a_negative_size": {"size": -1},
    "a_size_that_is_no_number": {"size": "large"},
    "an_endless_size": {"size": float("inf")},
    "seven_channels": {"channels": 7},
    "a_stored_size_beyond_memory": {"stored": 10**9},
    "no_number_of_channels": {"channels": None},
}.items():
    spoiled_card(_name, _changes)


@case()
def a_card_that_is_no_json(lab: Lab) -> None:
    refused(lab, rewritten(lab, lambda members: members.update({CARD: b"{" * 100_000})))


@case(quick=True)
def cards_without_a_network(lab: Lab) -> None:
    for text in (b"[]", b"{" * 100_000, b'{"classes": ["a", "b"], "size": 1e999, "channels": 3}', b'{"classes": "ab", "size": 8, "channels": 3}', b"\xff"):
        path = lab.folder / "forged.keras"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(CARD, text)
        refused(lab, path, megabytes=1000)


@case()
def a_card_that_is_a_list(lab: Lab) -> None:
    refused(lab, rewritten(lab, lambda members: members.update({CARD: b"[]"})))


def bomb(lab: Lab, name: str) -> Path:
    """The ready-made model with a member that unpacks to two gigabytes of spaces."""
    path = rewritten(lab, lambda members: members.pop(name))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open(name, "w", force_zip64=True) as member:
        member.write(b'{"a": "')
        for _ in range(200):
            member.write(b" " * 10**7)
        member.write(b'"}')
    return path


@case()
def a_card_that_unpacks_to_gigabytes(lab: Lab) -> None:
    refused(lab, bomb(lab, CARD), megabytes=1000)


@case()
def a_network_whose_description_unpacks_to_gigabytes(lab: Lab) -> None:
    refused(lab, bomb(lab, "config.json"), megabytes=3000)


@case()
def a_lambda_layer(lab: Lab) -> None:
    program = f"""
import keras
from automl_cnn.modelfile import file as modelfile
from pathlib import Path
pixels = keras.Input((None, None, 3))
x = keras.layers.Lambda(lambda x: __import__("os").system("touch {lab.work}/pwned") or x, output_shape=(None, None, 3))(pixels)
x = keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x))
keras.Model(pixels, x).save("lambda.keras")
modelfile.write_card(Path("lambda.keras"), {{"classes": ["cat", "dog", "eel"], "size": 16, "channels": 3}})
"""
    lab.python(program, megabytes=KERAS, code=(0, 1))
    (lab.work / "pwned").unlink(missing_ok=True)  # the program itself has run it
    refused(lab, lab.work / "lambda.keras", err="Lambda")
    if (lab.work / "pwned").exists():
        raise Finding("the model's code was run")


@case()
def members_that_lead_out_of_the_archive(lab: Lab) -> None:
    def change(members: dict[str, bytes]) -> None:
        members.update({"../escaped.txt": b"x", "/tmp/automl-cnn-escaped.txt": b"x", "assets/../../escaped.txt": b"x"})

    lab.cli("predict", rewritten(lab, change), lab.photo(), code=(0, 2), megabytes=KERAS)
    for path in (lab.folder / "escaped.txt", lab.folder.parent / "escaped.txt", Path("/tmp/automl-cnn-escaped.txt")):
        if path.exists():
            path.unlink()
            raise Finding(f"the archive wrote {path}")


@case()
def a_layer_that_names_any_python_function(lab: Lab) -> None:
    def change(members: dict[str, bytes]) -> None:
        text = members["config.json"].decode().replace('"class_name": "GlobalAveragePooling2D"', '"class_name": "system"', 1)
        members["config.json"] = text.replace('"module": "keras.layers"', '"module": "os"').encode()

    refused(lab, rewritten(lab, change))


@case()
def a_network_cut_off_anywhere(lab: Lab) -> None:
    whole = lab.model().read_bytes()
    for part in (0, 0.01, 0.3, 0.7, 0.99):
        refused(lab, lab.file(f"cut-{part}.keras", whole[: int(part * len(whole))]))


@case()
def weights_of_another_shape(lab: Lab) -> None:
    refused(lab, rewritten(lab, lambda members: members.update({"config.json": members["config.json"].replace(b'"units": 3', b'"units": 4')})))


@case()
def weights_that_are_noise(lab: Lab) -> None:
    refused(lab, rewritten(lab, lambda members: members.update({"model.weights.h5": lab.rng.randbytes(5000)})))


@case(quick=True)
def things_that_are_no_model(lab: Lab) -> None:
    for model in (lab.file("text.keras", "hello"), lab.file("empty.keras"), Path("/dev/null"), lab.folder / "nothing.keras"):
        refused(lab, model, err="model|\\.keras")


@case()
def a_model_that_changed_after_its_search(lab: Lab) -> None:
    shutil.copy(lab.shared.model() / "model.keras.sha256", lab.folder / "model.keras.sha256")
    path = with_card(lab, classes=["dog", "cat", "eel"])
    refused(lab, path, err="sha-?256")


FILES = {"onnx": "model.onnx", "litert": "model.tflite", "openvino": "model.xml", "saved_model": "saved_model"}


def spoiled_export(kind: str, file: str) -> None:
    """Declare a case: this format cut off, empty, and full of noise, without the contract's hashes, which would tell it before."""

    def run(lab: Lab) -> None:
        folder = lab.exported()
        path = folder / file
        if not path.exists():
            raise Skip(f"{kind} is not installed")
        contract = json.loads((folder / "model.json").read_text())
        for entry in contract["models"]:
            entry.pop("sha256", None)
        (folder / "model.json").write_text(json.dumps(contract))
        target = path / "saved_model.pb" if path.is_dir() else path
        whole = target.read_bytes()
        for content in (whole[: len(whole) // 2], b"", lab.rng.randbytes(3000)):
            target.write_bytes(content)
            refused(lab, path, err="model|cannot")

    run.__name__ = f"a_damaged_export_as_{kind}"
    run.__module__ = __name__
    case()(run)


for _kind, _file in FILES.items():
    spoiled_export(_kind, _file)


@case()
def an_export_that_changed(lab: Lab) -> None:
    path = lab.exported() / "model.onnx"
    path.write_bytes(path.read_bytes() + b"x")
    refused(lab, path, err="sha256")


@case()
def contracts_that_say_something_else(lab: Lab) -> None:
    folder = lab.exported()
    known = json.loads((folder / "model.json").read_text())
    for changes in (
        {"classes": ["cat"]},
        {"classes": [f"{index}" for index in range(50)]},
        {"classes": None},
        {"size": 10**9},
        {"size": -5},
        {"size": "x"},
        {"channels": 9},
        {"models": 7},
        {"models": [{"file": "../../canary/file.txt", "format": "onnx", "precision": "float32"}]},
        {"models": [{}]},
    ):
        (folder / "model.json").write_text(json.dumps({**known, **changes}))
        refused(lab, folder, err="model")
    for text in ("", "{", "[" * 100_000, "7"):
        (folder / "model.json").write_text(text)
        refused(lab, folder, err="model")


@case()
def a_saved_model_of_a_strangers(lab: Lab) -> None:
    folder = lab.exported()
    (folder / "model.json").unlink()
    if not (folder / "saved_model").exists():
        raise Skip("TensorFlow is not installed")
    refused(lab, folder / "saved_model", err="trust|model\\.json")


@case()
def the_ready_made_model_is_right(lab: Lab) -> None:
    from PIL import Image

    for label, color in (("cat", (250, 0, 0)), ("dog", (0, 250, 0)), ("eel", (0, 0, 250))):
        (lab.folder / label).mkdir()
        Image.new("RGB", (30, 20), color).save(lab.folder / label / "photo.png")
    for model in (lab.model(), *sorted(path for path in lab.exported().iterdir() if path.name.startswith(("model.onnx", "model.tflite", "model.xml")))):
        predictions = rows(lab.cli("predict", model, *(lab.folder / label for label in ("cat", "dog", "eel")), megabytes=KERAS))
        if [row["label"] for row in predictions] != ["cat", "dog", "eel"]:
            raise Finding(f"{model.name} says {[row['label'] for row in predictions]}")
