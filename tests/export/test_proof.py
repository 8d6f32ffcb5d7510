import dataclasses
from pathlib import Path

import numpy as np
import pytest

from automl_cnn.errors import ExportError
from automl_cnn.export import folder, proof, runners
from automl_cnn.export.formats import FORMATS
from automl_cnn.export.formats.protocol import Format
from automl_cnn.export.proof import Proof, Reference, prove, refused
from automl_cnn.tasks import Multiclass, Multilabel

PROOF = Proof(
    images=200,
    max_difference=1e-6,
    same=1.0,
    score=0.9,
    original_score=0.9,
    validation_score=0.9,
    lost=0.0,
    lost_images=0,
    latency_ms={"1": 2.0, "32": 40.0},
    loading_seconds=0.1,
    bytes=1_000_000,
    versions={},
)


@pytest.mark.parametrize(
    ("changes", "method", "words"),
    [
        ({}, "float32", None),
        ({"max_difference": 2e-4}, "float32", "differ from the original's by up to 0.0002"),
        ({"same": 0.995}, "float32", "changes 0.5% of the labels"),
        ({"max_difference": 0.2, "same": 0.97, "lost": 0.01, "lost_images": 2}, "int8", None),
        ({"lost": 0.015, "lost_images": 3}, "int8", "loses 1.5 points of accuracy on the validation images"),
        ({"same": 0.85, "lost": -0.01, "lost_images": -2}, "int8", "changes 15.0% of the labels"),
        ({"images": 40, "lost": 0.025, "lost_images": 1}, "int8", None),
        ({"lost": None, "lost_images": None, "same": 0.98}, "float16", "keeps only 98.0%"),
        ({"lost": -0.02, "lost_images": -4}, "float16", None),
    ],
)
def test_what_disagrees_is_refused(changes, method, words):
    reason = refused(dataclasses.replace(PROOF, **changes), method, Multiclass(2))
    assert reason is None if words is None else words in reason


def test_points_are_those_of_the_tasks_own_share():
    worse = dataclasses.replace(PROOF, lost=0.015, lost_images=3)
    assert "loses 1.5 points of subset accuracy on the validation images" in refused(worse, "int8", Multilabel(2))


@pytest.fixture
def reference():
    """Ten images of two classes; the original is right on eight of them, on four of five of each split."""
    labels = np.array([0, 1] * 5)
    answers = np.where(np.eye(2)[labels] == 1, 0.9, 0.1).astype(np.float32)
    answers[[0, 9]] = answers[[0, 9], ::-1]
    images = np.zeros((10, 4, 4, 3), np.uint8)
    return Reference(images, answers, images[:2], answers[:2], labels, np.arange(10) < 5, task=Multiclass(2))


def answering(monkeypatch, **answers):
    measured = {"latency_ms": {"1": 1.0, "32": 9.0}, "loading_seconds": 0.5}
    monkeypatch.setattr(proof, "run_bare", lambda *_, **__: (answers, measured))


def test_every_answer_counts_alone_in_a_batch_and_at_another_size(monkeypatch, reference, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"12345")
    answers = reference.answers
    good = {"images": answers, "single": answers[:8], "sized": answers[:2]}
    answering(monkeypatch, **good)
    proven = prove(FORMATS["onnx"], path, reference)
    assert (proven.max_difference, proven.same, proven.bytes, proven.lost_images) == (0.0, 1.0, 5, 0)
    assert (proven.score, proven.original_score, proven.validation_score) == (0.8, 0.8, 0.8)
    for name, answers in good.items():
        answering(monkeypatch, **{**good, name: answers + np.float32([0.001, -0.001])})
        assert prove(FORMATS["onnx"], path, reference).max_difference == pytest.approx(0.001, abs=1e-5)


def test_lost_accuracy_is_that_of_the_validation_images(monkeypatch, reference, tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"")
    worse = reference.answers.copy()
    worse[[1, 7]] = worse[[1, 7], ::-1]
    answering(monkeypatch, images=worse, single=worse[:8])
    proven = prove(FORMATS["litert"], tmp_path / "model.tflite", reference)
    assert (proven.lost_images, proven.validation_score, proven.score) == (1, 0.6, 0.6)
    assert proven.lost == pytest.approx(0.2)
    assert proven.same == 0.8


def test_several_labels_are_right_if_all_of_them_are_and_agree_if_the_sets_are_the_same(monkeypatch, reference, tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"")
    truth = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [1, 1]] * 2)
    answers = np.where(truth > 0, 0.4, 0.3).astype(np.float32)
    answers[[0, 9]] = 0.3
    known = dataclasses.replace(reference, labels=truth, answers=answers, task=Multilabel(2, (0.35, 0.35)))
    answering(monkeypatch, images=answers, single=answers[:8])
    proven = prove(FORMATS["litert"], tmp_path / "model.tflite", known)
    assert (proven.same, proven.validation_score, proven.score) == (1.0, 0.8, 0.8)
    worse = answers.copy()
    worse[1, 0] = 0.36  # a label that the original does not give
    answering(monkeypatch, images=worse, single=worse[:8])
    proven = prove(FORMATS["litert"], tmp_path / "model.tflite", known)
    assert proven.same == pytest.approx(9 / 10)
    assert (proven.validation_score, proven.lost_images) == (0.6, 1)


def test_rounding_at_a_threshold_is_no_other_label(monkeypatch, reference, tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"")
    answers = np.full((10, 2), 0.5, np.float32)
    known = dataclasses.replace(reference, labels=np.ones((10, 2)), answers=answers, task=Multilabel(2))
    for less, agreement in ((1e-6, 1.0), (1e-2, 0.0)):
        answering(monkeypatch, images=answers - np.float32(less), single=answers[:8] - np.float32(less))
        assert prove(FORMATS["litert"], tmp_path / "model.tflite", known).same == agreement


@pytest.mark.parametrize("wrong", [np.full((10, 2), 2.5), np.full((10, 2), np.nan), np.full((10, 3), 1 / 3)])
def test_numbers_that_are_no_probabilities_are_an_error(monkeypatch, reference, tmp_path, wrong):
    answering(monkeypatch, images=wrong, single=wrong[:8], sized=wrong[:2])
    with pytest.raises(ExportError, match="not probabilities"):
        prove(FORMATS["onnx"], tmp_path / "model.onnx", reference)


def test_a_file_that_does_not_run_is_an_error_with_its_last_words(reference, needs, tmp_path):
    needs("onnx")
    (tmp_path / "model.onnx").write_bytes(b"no model at all")
    with pytest.raises(ExportError, match=r"model\.onnx cannot be run in a separate process: .*[Pp]rotobuf"):
        prove(FORMATS["onnx"], tmp_path / "model.onnx", reference)


def test_the_fresh_process_has_nothing_of_ours(reference, tmp_path, monkeypatch):
    """A runner that needs this package fails there, though it is installed."""
    script = tmp_path / "runners.py"
    script.write_text(Path(runners.__file__).read_text().replace("import keras as library", "import automl_cnn.layers as library"))
    monkeypatch.setattr(runners, "__file__", str(script))
    with pytest.raises(ExportError, match="No module named 'automl_cnn'"):
        proof.run_bare("keras", tmp_path, reference.images, reference.sized)


class Writing:
    """Stands in for a converter: each method writes its own word."""

    def __init__(self, *methods: str) -> None:
        self.kind = Format("onnx", "model.onnx", "onnx", (), (), {"none": ("float32",), "int8": methods}, self.write, instead="keras")

    def write(self, source, path, method):
        if method == "broken":
            raise ValueError("unsupported operation Foo")
        path.write_text(f"{method} corrected" if source.network == "corrected" else method)


@pytest.fixture
def exporting(monkeypatch, tmp_path):
    """`exporting(writing, {method: changes of the proof}, …)` exports with stand-ins for everything that computes."""

    def go(writing, proofs, **options):
        monkeypatch.setattr(folder, "FORMATS", {"onnx": writing.kind})
        for name in ("verify", "read_card", "load_model"):
            monkeypatch.setattr(folder.modelfile, name, lambda path: None)
        card = {"classes": ["a", "b"], "size": 4, "channels": 3}
        monkeypatch.setattr(folder.modelfile, "read_card", lambda path: card)
        monkeypatch.setattr("automl_cnn.export.network.core", lambda *_: None)
        monkeypatch.setattr(folder, "reference_of", lambda *_, **__: None)
        monkeypatch.setattr(folder, "prove", lambda kind, path, _: dataclasses.replace(PROOF, **proofs.get(path.read_text(), {})))
        return folder.export(tmp_path / "model.keras", tmp_path / "out", names=("onnx",), **options)

    return go


def test_a_disagreeing_export_leaves_no_file_and_names_another_format(exporting, tmp_path):
    with pytest.raises(ExportError, match=r"(?s)Nothing was exported.*up to 0\.3.*Use --format keras instead"):
        exporting(Writing("int8"), {"float32": {"max_difference": 0.3}})
    assert list(tmp_path.iterdir()) == []


def test_an_operation_that_a_format_lacks_is_said_with_its_reason(exporting, tmp_path):
    with pytest.raises(ExportError, match=r"its converter failed: ValueError: unsupported operation Foo\. Use --quantize float16"):
        exporting(Writing("broken"), {}, quantize=("int8",))
    assert list(tmp_path.iterdir()) == []


def test_where_activations_suffer_only_the_weights_are_quantized(exporting, tmp_path):
    exported = exporting(Writing("int8", "int8 weights"), {"int8": {"lost": 0.04, "lost_images": 8}}, quantize=("int8",))
    (variant,) = exported.kept
    assert variant.method == "int8 weights"
    assert "loses 4.0 points" in variant.note
    assert (tmp_path / "out" / "model-int8.onnx").read_text() == "int8 weights"


def test_a_file_that_is_refused_is_tried_again_with_a_corrected_bias(exporting, tmp_path, monkeypatch):
    monkeypatch.setattr("automl_cnn.export.rounding.corrected", lambda network, images, run, task: "corrected")
    monkeypatch.setattr(folder.Source, "images", np.zeros((1, 4, 4, 3), np.uint8))
    monkeypatch.setattr(Format, "runner", lambda self, path: None)
    proofs = {"int8": {"lost": 0.04, "lost_images": 8}}
    writing = Writing("int8", "int8 weights")
    (variant,) = exporting(writing, proofs, quantize=("int8",)).kept
    assert variant.method == "int8"
    assert "int8 with a corrected bias, since with int8 it loses 4.0 points of accuracy" in variant.note
    assert (tmp_path / "out" / "model-int8.onnx").read_text() == "int8 corrected"
    proofs |= {"int8 corrected": {"lost": 0.03, "lost_images": 6}}
    (variant,) = exporting(writing, proofs, quantize=("int8",)).kept
    assert variant.method == "int8 weights"
    proofs = {"int8": {"same": 0.4}}
    (variant,) = exporting(writing, proofs, quantize=("int8",)).kept
    assert variant.method == "int8 weights", "no bias makes up for that much"
    assert "since with int8 it changes 60.0% of the labels" in variant.note


def test_one_failure_does_not_take_the_others_along(exporting, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "model-int8.onnx").write_text("an earlier export's")
    (tmp_path / "out" / "notes.txt").write_text("the user's own")
    exported = exporting(Writing("broken"), {}, quantize=("none", "int8"))
    assert [variant.file for variant in exported.kept] == ["model.onnx"]
    assert "unsupported operation" in exported.failed[0].failure
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "model.onnx",
        "README.md",
        "labels.txt",
        "model.json",
        "export.json",
        "model_card.md",
        "variants.svg",
        "notes.txt",
    }


def test_limits_choose_one_variant(exporting, tmp_path):
    small = {"int8": {"bytes": 250_000, "latency_ms": {"1": 1.0, "32": 20.0}, "validation_score": 0.89}}
    exported = exporting(Writing("int8"), small, quantize=("none", "int8"), limits=folder.Limits(latency=5.0))
    assert [variant.file for variant in exported.kept] == ["model.onnx"]
    exported = exporting(Writing("int8"), small, quantize=("none", "int8"), limits=folder.Limits(latency=5.0, size=500_000))
    assert [variant.file for variant in exported.kept] == ["model-int8.onnx"]
    assert "1.00 MB are above 0.5 MB" in exported.variants[0].note
    assert not (tmp_path / "out" / "model.onnx").exists()


def test_limits_that_nothing_keeps_name_what_comes_nearest(exporting, tmp_path):
    with pytest.raises(ExportError, match=r"the fastest, model\.onnx, takes 2\.00 ms.*the smallest, model\.onnx, has 1\.00 MB"):
        exporting(Writing("int8"), {}, limits=folder.Limits(latency=1.0))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(exporting, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(folder.StoreError, match="cannot be written: it is a file"):
        exporting(Writing("int8"), {})
