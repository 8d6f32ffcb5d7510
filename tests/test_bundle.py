import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from automl_cnn.errors import DataError, StoreError
from automl_cnn.export import bundle, inputs
from automl_cnn.modelfile import file as modelfile
from automl_cnn.store import Store

CARD = {"classes": ["cat", "dög", "owl"], "size": 8, "channels": 3, "metric": "accuracy", "study": "pets", "trial": 3, "val_interval": (0.5, 0.75)}


@pytest.fixture(scope="module")
def model():
    import keras

    from automl_cnn.layers import Resize

    keras.utils.set_random_seed(1)
    image = keras.Input((None, None, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 127.5, -1)(Resize(8)(image))
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(x))
    return keras.Model(image, keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(x)))


@pytest.fixture
def file(model, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    modelfile.write_card(path, CARD)
    return path


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3), dtype=np.uint8)


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def fake(path, card=CARD):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        if card is not None:
            archive.writestr(modelfile.CARD, json.dumps(card))
    return path


def test_a_card_survives_being_written_twice(tmp_path):
    path = fake(tmp_path / "model.keras", None)
    modelfile.write_card(path, {**CARD, "trial": 1})
    modelfile.write_card(path, CARD)
    assert modelfile.read_card(path) == {**CARD, "val_interval": [0.5, 0.75]}
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["automl_cnn.json", "config.json"]
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_rewrite_leaves_the_model_as_it_was(tmp_path, monkeypatch):
    path = fake(tmp_path / "model.keras")
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(modelfile.os, "replace", full)
    with pytest.raises(StoreError, match="No space left"):
        modelfile.write_card(path, {"classes": []})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path):
    broken = tmp_path / "broken.keras"
    broken.write_bytes(b"PK\x03\x04 half a file")
    cases = {
        tmp_path / "none.keras": "There is no model file",
        broken: "damaged",
        fake(tmp_path / "foreign.keras", None): "without classes",
        fake(tmp_path / "poor.keras", {"classes": ["a"]}): "lacks",
    }
    for path, words in cases.items():
        with pytest.raises(StoreError, match=words):
            modelfile.read_card(path)
    with pytest.raises(StoreError, match="cannot be rewritten"):
        modelfile.write_card(broken, CARD)


def test_a_model_is_found_by_file_folder_and_name(tmp_path, monkeypatch):
    store = Store(tmp_path / "runs")
    path = fake(store.study("pets").model)
    (tmp_path / "pets").mkdir()  # a folder of images of the same name does not hide the study
    monkeypatch.chdir(tmp_path)
    assert bundle.resolve("pets", store) == path
    assert bundle.resolve(path, store) == path
    assert bundle.resolve(store.study("pets").folder, store) == path
    assert bundle.resolve(str(path.parent), store) == path


def test_what_is_not_found_names_what_there_is(tmp_path):
    store = Store(tmp_path / "runs")
    with pytest.raises(StoreError, match="holds no finished study"):
        bundle.resolve("pets", store)
    fake(store.study("pets").model)
    store.study("young")
    for asked, words in (("cars", "pets"), ("young", "has no model yet"), (tmp_path / "gone.keras", "pets"), (tmp_path, "holds no model")):
        with pytest.raises(StoreError, match=words):
            bundle.resolve(asked, store)


def test_keras_loads_the_file_and_predicts_as_before(file, model, images):
    classifier = bundle.load(file)
    assert classifier.classes == CARD["classes"]
    assert (classifier.size, classifier.channels) == (8, 3)
    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(classifier.predict_proba(images), expected, atol=1e-6)
    np.testing.assert_allclose(classifier.predict_proba(images[:1]), expected[:1], atol=1e-6)
    assert classifier.predict(images) == [CARD["classes"][index] for index in expected.argmax(axis=1)]


def test_every_kind_of_image_gives_the_same_answer(file, images, tmp_path):
    classifier = bundle.load(file)
    (tmp_path / "one.png").write_bytes(png(images[0]))
    given = [tmp_path / "one.png", str(tmp_path / "one.png"), png(images[0]), Image.fromarray(images[0]), images[0], images[0] / 255.0]
    expected = np.repeat(classifier.predict_proba(images[:1]), len(given), axis=0)
    np.testing.assert_allclose(classifier.predict_proba(given), expected, atol=1e-6)
    np.testing.assert_allclose(classifier.predict_proba(tmp_path / "one.png"), expected[:1], atol=1e-6)


def test_what_is_no_image_is_refused(tmp_path):
    refused = (["nowhere.png"], [b"text"], [3], np.zeros(3), np.zeros((1, 8, 8, 5), np.uint8), np.full((1, 8, 8), -1.0), np.full((1, 8, 8), np.nan))
    (tmp_path / "text.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"text\.png cannot be used"):
        list(inputs.as_batches([tmp_path / "text.png"], 8, 3, 64, stored=8))
    for images in refused:
        with pytest.raises(DataError):
            list(inputs.as_batches(images, 8, 3, 64, stored=8))


def test_batches_have_the_trained_form(images):
    grey = [batch.shape for batch in inputs.as_batches(images[..., 0], 8, 1, 64, stored=8)]
    assert grey == [(64, 8, 8, 1), (6, 8, 8, 1)]
    colour = list(inputs.as_batches(images[:3, ..., 0] / 255, 8, 3, 64, stored=8))
    np.testing.assert_array_equal(colour[0], np.repeat(images[:3, ..., :1], 3, axis=-1))
    assert next(inputs.as_batches(images[:2, :5], 8, 3, 64, stored=8)).shape == (2, 8, 8, 3)


def test_colours_become_gray_as_pillow_would(images):
    expected = [np.asarray(Image.fromarray(pixels).convert("L"), int) for pixels in images[:4]]
    gray = next(inputs.as_batches(images[:4], 8, 1, 64, stored=8))
    assert np.abs(gray[..., 0].astype(int) - expected).max() <= 1


def test_an_upright_photo_stays_upright(images):
    photo = Image.fromarray(images[0])
    photo.getexif()[0x0112] = 3  # lies on its head
    np.testing.assert_array_equal(next(inputs.as_batches(photo, 8, 3, 64, stored=8))[0], images[0, ::-1, ::-1])


def test_images_take_the_road_of_training(images):
    """Training keeps its images at the stored size and shrinks those: prediction must not shrink the original at once."""
    large = np.kron(images[:1], np.ones((1, 5, 5, 1), np.uint8))
    kept = inputs.resize_array(large, 20)
    np.testing.assert_array_equal(next(inputs.as_batches(large, 8, 3, 64, stored=20)), inputs.resize_array(kept, 8))


def test_no_image_at_all_is_an_error(file):
    with pytest.raises(DataError, match="empty"):
        bundle.load(file).predict([])


def test_a_damaged_network_is_said_in_a_sentence(tmp_path):
    with pytest.raises(StoreError, match="Keras cannot load"):
        bundle.load(fake(tmp_path / "model.keras"))


def test_a_sealed_model_is_checked_and_a_changed_one_refused(tmp_path):
    path = fake(tmp_path / "model.keras")
    assert "could not be checked" in modelfile.verify(path)
    digest = modelfile.seal(path)
    assert modelfile.sealed(path).read_text() == f"{digest}  model.keras\n"
    assert modelfile.verify(path) is None
    with path.open("r+b") as file:
        file.seek(40)
        file.write(b"X")
    with pytest.raises(StoreError, match=r"not the file that its search wrote.*restore it"):
        modelfile.verify(path)


def test_our_own_rewriting_breaks_the_seal_before_the_file_changes(tmp_path):
    path = fake(tmp_path / "model.keras")
    modelfile.seal(path)
    modelfile.write_card(path, CARD)
    assert not modelfile.sealed(path).exists()
    modelfile.sealed(path).write_bytes(b"\xff")
    with pytest.raises(StoreError, match="cannot be read"):
        modelfile.verify(path)


def test_a_changed_model_is_not_even_opened(file, monkeypatch):
    modelfile.seal(file)
    assert bundle.load(file).unchecked is None
    modelfile.sealed(file).write_text("0" * 64)
    monkeypatch.setattr(bundle, "load_model", lambda path: pytest.fail("it was opened"))
    with pytest.raises(StoreError, match="expected 000000000000"):
        bundle.load(file)


def test_a_model_without_a_seal_says_so(file):
    assert "which a search writes beside it at its end, is missing" in bundle.load(file).unchecked


def with_layer(path, layer):
    """A model file whose configuration names `layer` in place of its first layer with weights."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    place = next(number for number, one in enumerate(config["config"]["layers"]) if one["class_name"] == "Conv2D")
    old = config["config"]["layers"][place]
    config["config"]["layers"][place] = {**old, **layer, "config": {**layer.get("config", {}), "name": old["name"]}}
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_no_code_in_a_model_is_run(file, tmp_path):
    """Neither code that the file brings along, nor functions of modules that it names."""
    import keras

    marker = tmp_path / "was_here"
    body = keras.layers.Lambda(lambda x: x).get_config()
    attacks = (
        {"module": "keras.layers", "class_name": "Lambda", "registered_name": None, "config": body},
        {"module": "os", "class_name": "system", "registered_name": "system", "config": {"command": f"touch {marker}"}},
        {"module": "builtins", "class_name": "exec", "registered_name": None, "config": {"source": f"open({str(marker)!r}, 'w')"}},
        {"module": "shutil", "class_name": "copyfile", "registered_name": "automl_cnn>Resize2", "config": {"src": str(file), "dst": str(marker)}},
    )
    original = file.read_bytes()
    for attack in attacks:
        file.write_bytes(original)
        with pytest.raises(StoreError, match="Keras cannot load"):
            bundle.load(with_layer(file, attack))
        assert not marker.exists()
