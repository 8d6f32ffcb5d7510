"""What a served model takes: bytes, base64, paths, arrays, tables of them; and what it answers to what it cannot take."""

from __future__ import annotations

import base64
import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from automl_cnn.errors import DataError
from automl_cnn.export import limits
from automl_cnn.export.inputs import as_batches, from_request
from automl_cnn.tasks import Multiclass, Multilabel, Regression, Target, Task
from automl_cnn.tasks.conformal import Widths


def encoded(colour: str = "red", kind: str = "JPEG", side: int = 12) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, kind)
    return out.getvalue()


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


RED = encoded()


def read(given, *, paths: bool = True) -> np.ndarray:
    return np.concatenate(list(as_batches(from_request(given, paths=paths), 8, 3, 64, stored=8)))


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "red.jpg"
    path.write_bytes(RED)
    return str(path)


ARRAY = np.full((12, 12, 3), (254, 0, 0), np.uint8)
FORMS = {
    "bytes": RED,
    "a list of bytes": [RED],
    "base64": text(RED),
    "base64 in lines": "\n".join(text(RED)[start : start + 76] for start in range(0, len(text(RED)), 76)),
    "a data URL": f"data:image/jpeg;base64,{text(RED)}",
    "a list of base64": [text(RED)],
    "an array of images": ARRAY[None],
    "whole numbers, as JSON gives them": ARRAY[None].astype(np.int64),
    "a list of arrays": [ARRAY],
    "nested lists": [ARRAY.tolist()],
    "a table": pd.DataFrame({"image": [text(RED)]}),
    "a table of bytes": pd.DataFrame({"image": [RED]}),
    "a table with another column": pd.DataFrame({"photo": [text(RED)]}),
    "a table with more columns": pd.DataFrame({"number": [1], "image": [text(RED)]}),
    "a table of nested lists": pd.DataFrame({"image": [ARRAY.tolist()]}),
    "a mapping": {"image": text(RED)},
    "a mapping of a list": {"image": [text(RED)]},
    "an array of text": np.array([text(RED)]),
    "an array of objects": np.array([RED], object),
    "a PIL image": Image.new("RGB", (12, 12), (254, 0, 0)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_image_is_read_alike(form):
    pixels = read(FORMS[form])
    assert pixels.shape == (1, 8, 8, 3)
    assert pixels.dtype == np.uint8
    assert (np.abs(pixels[0].astype(int) - (254, 0, 0)) <= 2).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_base64_of_every_format_is_known(kind):
    assert read(text(encoded(kind=kind)), paths=False).shape == (1, 8, 8, 3)


def test_a_path_is_read_where_paths_are_taken(photo):
    assert read([photo, photo]).shape == (2, 8, 8, 3)
    with pytest.raises(DataError, match="Paths are not taken here"):
        from_request([photo], paths=False)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere/photo.jpg", "Image 1 is neither a file nor an image file in base64"),
        ([text(RED), text(b"this is not an image")], "Image 2 is neither a file nor an image file in base64"),
        ("x" * 5000, "a string of 5,000 characters"),
        ("a\0b", "neither a file"),
        ([], "There are no images in the request"),
        (7, "received int"),
        ({"a": 1, "b": 2}, "no column 'image' among a, b"),
        ({}, "no column 'image' among none"),
        ([[[1, 2], [3]]], "rows of unequal length"),
        ([None], "NoneType is not an image"),
        ([[1, 2, 3]], "shape"),
        (np.zeros((2, 2), np.uint8), "shape"),
        ([["a", "b"]], "shape"),
    ],
)
def test_input_that_is_not_an_image_is_reported(given, message):
    with pytest.raises(DataError, match=message):
        read(given)


def test_a_damaged_image_is_named():
    with pytest.raises(DataError, match="an image of 300 bytes cannot be used"):
        read(text(encoded(side=64)[:300]), paths=False)


def test_decoding_ahead_keeps_the_order_and_every_image():
    images = [encoded("red") if number % 3 else encoded("blue") for number in range(11)]
    for batch in (1, 2, 5, 11, 64):
        parts = list(as_batches(images, 8, 3, batch, stored=8))
        assert [len(part) for part in parts[:-1]] == [batch] * (len(parts) - 1)
        pixels = np.concatenate(parts)
        assert [int(pixel[0, 0, 2]) > 200 for pixel in pixels] == [number % 3 == 0 for number in range(11)]


class Fake:
    classes = ("cat", "dog")
    task: Task = Multiclass(2)

    def answers(self, images):
        if images == [RED]:
            return np.array([[0.25, 0.75]], np.float32)
        raise DataError("the image is damaged.")


@pytest.fixture
def model(monkeypatch):
    from automl_cnn.export import pyfunc

    made = pyfunc.ImageModel()
    monkeypatch.setattr("automl_cnn.export.bundle.load", lambda path: Fake())
    made.load_context(SimpleNamespace(artifacts={"model": "model.keras"}))
    return made


def test_the_answer_is_label_confidence_and_probabilities(model):
    table = model.predict(None, RED)
    assert table.to_dict("records") == [{"label": "dog", "confidence": 0.75, "probabilities": {"cat": 0.25, "dog": 0.75}}]


def test_of_labels_the_answer_is_a_list(model, monkeypatch):
    monkeypatch.setattr(Fake, "task", Multilabel(2, (0.2, 0.5)))
    expected = {"labels": ["cat", "dog"], "confidence": 0.25, "probabilities": {"cat": 0.25, "dog": 0.75}}
    assert model.predict(None, RED).to_dict("records") == [expected]
    monkeypatch.setattr(Fake, "task", Multilabel(2, (0.9, 0.9)))
    assert model.predict(None, RED).to_dict("records") == [{**expected, "labels": []}]


def test_of_numbers_the_answer_is_a_column_for_each_and_the_ends_of_its_interval(model, monkeypatch):
    from automl_cnn.track.champion import _signature

    targets = (Target("age", "years", 40.0, 20.0), Target("age low", "", 0.0, 1.0))
    monkeypatch.setattr(Fake, "task", Regression(2, targets, Widths((0.5, 0.25))))
    (answer,) = model.predict(None, RED).to_dict("records")
    assert answer == {"age (years)": 0.25, "age low 2": -0.25, "age high": 0.75, "age low": 0.75, "age low low": 0.5, "age low high": 1.0}
    outputs = _signature(Fake.task.fields(Fake.classes)).outputs.to_dict()
    assert {(one["name"], one["type"]) for one in outputs} == {(name, "double") for name in answer}
    monkeypatch.setattr(Fake, "task", Regression(2, targets))
    assert model.predict(None, RED).to_dict("records") == [{"age (years)": 0.25, "age low": 0.75}]


def test_what_is_wrong_with_an_image_is_a_bad_request_in_a_sentence(model):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="the image is damaged") as raised:
        model.predict(None, [b"\xff\xd8\xffdamaged"])
    assert raised.value.get_http_status_code() == 400


def test_no_file_is_read_unless_the_caller_allows_it(model, photo, monkeypatch):
    from mlflow.exceptions import MlflowException

    def answers(words):
        with pytest.raises(MlflowException, match=words):
            model.predict(None, [photo])

    answers("Paths are not taken here")
    monkeypatch.setenv("AUTOML_CNN_SERVE_PATHS", "1")
    answers("the image is damaged")  # it came as far as the model
    monkeypatch.delenv("AUTOML_CNN_SERVE_PATHS")
    model.trusted = True
    answers("the image is damaged")


def test_only_a_trusted_caller_may_send_any_number_of_images(model):
    from mlflow.exceptions import MlflowException

    many = [RED] * (limits.IMAGES + 1)
    with pytest.raises(MlflowException, match="images"):
        model.predict(None, many)
    model.trusted = True
    assert model.predict(None, RED)["label"].tolist() == ["dog"]
    with pytest.raises(MlflowException, match="the image is damaged"):
        model.predict(None, many)
