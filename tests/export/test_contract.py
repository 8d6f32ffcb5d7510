"""Models whose card or model.json says what cannot be, and archives that unpack to far more than they are."""

import json
import zipfile

import pytest

from automl_cnn.errors import StoreError
from automl_cnn.export import deployed
from automl_cnn.modelfile import archive
from automl_cnn.modelfile import file as modelfile
from automl_cnn.modelfile.contract import described

CARD = {"classes": ["a", "b", "c"], "size": 32, "channels": 3, "stored": 32, "temperature": 1.5, "levels": None, "new in a later version": [1]}
BAD = [
    {"classes": ["a"]},
    {"classes": []},
    {"classes": "abc"},
    {"classes": ["a", "a"]},
    {"classes": ["a", 1]},
    {"classes": ["a", "\ud800"]},
    {"classes": {"a": 1, "b": 2}},
    {"size": 100_000},
    {"size": 0},
    {"size": -1},
    {"size": "32"},
    {"size": 32.5},
    {"size": True},
    {"size": None},
    {"size": 10**30},
    {"stored": 10**9},
    {"channels": 2},
    {"channels": [3]},
    {"temperature": 0},
    {"temperature": float("nan")},
    {"temperature": float("inf")},
    {"temperature": "hot"},
    {"levels": 5},
    {"levels": {"uint8_arrays": "x"}},
    {"trial": "x"},
    {"val_interval": [1]},
    {"configuration": [1]},
    {"study": 5},
    {"refit": {"images": "many"}},
    {"refit": {"images": 2, "scored_images": 1, "splits": ["all"]}},
]
LABELS = {**CARD, "task": "multilabel", "thresholds": [0.5, 0, 1]}
BAD_LABELS = [
    {"task": "ranking"},
    {"task": None},
    {"thresholds": [0.5, 0.5]},
    {"thresholds": []},
    {"thresholds": [0.5, 0.5, 1.5]},
    {"thresholds": [0.5, 0.5, -0.1]},
    {"thresholds": [0.5, 0.5, float("nan")]},
    {"thresholds": [0.5, 0.5, "0.5"]},
    {"thresholds": 0.5},
    {"classes": []},
]


def model(path, content: bytes, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("config.json", members.get("config", "{}"))
        out.writestr(modelfile.CARD, content)
    return path


def test_a_good_card_is_kept_whole(tmp_path):
    assert modelfile.read_card(model(tmp_path / "m.keras", json.dumps(CARD).encode())) == CARD


@pytest.mark.parametrize("change", BAD, ids=lambda change: f"{next(iter(change))}-{str(next(iter(change.values())))[:12].encode('ascii', 'replace').decode()}")
def test_a_card_that_cannot_be_is_a_sentence(tmp_path, change):
    content = json.dumps({**CARD, **change}).encode()
    (tmp_path / "model.json").write_bytes(content)
    for read in (lambda: modelfile.read_card(model(tmp_path / "m.keras", content)), lambda: described(tmp_path / "model.json")):
        with pytest.raises(StoreError) as raised:
            read()
        assert next(iter(change)) in str(raised.value)
        assert len(str(raised.value)) < 600


@pytest.mark.parametrize("change", BAD_LABELS, ids=str)
def test_so_is_one_of_labels(tmp_path, change):
    with pytest.raises(StoreError, match=next(iter(change))):
        modelfile.read_card(model(tmp_path / "m.keras", json.dumps({**LABELS, **change}).encode()))


def test_a_card_of_labels_has_a_threshold_for_each_and_may_have_one_label(tmp_path):
    for card in (LABELS, {**LABELS, "thresholds": None}, {**LABELS, "classes": ["a"], "thresholds": [0.3]}):
        assert modelfile.read_card(model(tmp_path / "m.keras", json.dumps(card).encode())) == card


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b'{"size": ' + b"9" * 5000 + b"}", b'"text"'])
def test_what_is_no_table_of_values_is_a_sentence(tmp_path, content):
    (tmp_path / "model.json").write_bytes(content)
    for read in (lambda: modelfile.read_card(model(tmp_path / "m.keras", content)), lambda: deployed.load(tmp_path)):
        with pytest.raises(StoreError):
            read()


@pytest.mark.parametrize("name", ["/dev/zero", "../other.onnx", "", "a/../../b", "C:/x", "..\\x"])
def test_a_model_json_names_only_files_beside_it(tmp_path, name):
    for entry in ({"file": name}, {"file": "m.onnx", "sha256": {name: "0"}}):
        values = {**CARD, "models": [{"format": "onnx", "precision": "float32", **entry}]}
        (tmp_path / "model.json").write_text(json.dumps(values), encoding="utf-8")
        with pytest.raises(StoreError, match="expected the name of a file beside it"):
            deployed.load(tmp_path)


@pytest.mark.parametrize("part", [modelfile.CARD, "config.json", "metadata.json", "model.weights.h5"])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, part, monkeypatch):
    monkeypatch.setattr(archive, "MOST", dict.fromkeys(archive.MOST, 100000))
    monkeypatch.setattr(archive, "ALLOWANCE", 100_000)
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name in dict.fromkeys((modelfile.CARD, part)):
            out.writestr(name, b" " * 10_000_000 if name == part else json.dumps(CARD))
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda *arguments: pytest.fail("it was unpacked"))
    with pytest.raises(StoreError, match="unpack"):
        archive.require_plausible(path)
    if part == modelfile.CARD:
        with pytest.raises(StoreError, match="unpacks to"):
            modelfile.read_card(path)


def test_a_directory_of_an_archive_that_lies_helps_nobody(tmp_path, monkeypatch):
    path = model(tmp_path / "m.keras", b" " * 1_000_000)
    content = path.read_bytes()
    path.write_bytes(content.replace((1_000_000).to_bytes(4, "little"), (500).to_bytes(4, "little")))
    monkeypatch.setattr(archive, "MOST", {modelfile.CARD: 1000})
    with pytest.raises(StoreError):
        modelfile.read_card(path)


def test_weights_of_zeros_are_no_bomb(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("config.json", "{}")
        out.writestr("model.weights.h5", bytes(20_000_000))
    archive.require_plausible(tmp_path / "m.keras")


def test_an_encrypted_or_oddly_packed_card_is_a_sentence(tmp_path):
    path = model(tmp_path / "m.keras", json.dumps(CARD).encode())
    content = bytearray(path.read_bytes())
    place = content.rfind(b"PK\x01\x02")  # the card's line in the directory
    for offset, value in ((8, 1), (10, 99)):
        changed = content.copy()
        changed[place + offset] = value
        path.write_bytes(changed)
        with pytest.raises(StoreError, match="cannot be read"):
            modelfile.read_card(path)
