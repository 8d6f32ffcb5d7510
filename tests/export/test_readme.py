"""The programs in an export's README, run as they stand there."""

from __future__ import annotations

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from browser import file
from PIL import Image, ImageOps

from automl_cnn.data.decode import open_image
from automl_cnn.data.levels import Levels
from automl_cnn.export import folder
from automl_cnn.export.readme import USES, readme
from automl_cnn.export.web import runtime
from automl_cnn.records import Refit

ROOT = Path(__file__).parent.parent.parent
CONTRACT = {"study": "cats_and_dogs", "classes": ["cat", "dog"], "channels": 3, "size": 16, "stored": 16}


def models(*formats: str) -> dict:
    return {**CONTRACT, "models": [{"file": f"model.{name}", "format": name, "precision": "float32"} for name in formats]}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def photos(dataset, network, tmp_path_factory):
    """Twelve of the test images as files, and what the network says of each."""
    from automl_cnn.data import pixels

    images = np.asarray(pixels(dataset, 12)[dataset.rows("test")[:12]])
    place = tmp_path_factory.mktemp("photos")
    for number, image in enumerate(images):
        Image.fromarray(image).save(place / f"{number:02}.png")
    return sorted(place.iterdir()), network.predict_on_batch(images)


def answered(out: Path, names: tuple[str, ...], photos) -> None:
    programs = blocks((out / "README.md").read_text(), "python")
    assert len(programs) == len(names)
    paths, expected = photos
    for program in programs:
        command = [sys.executable, "-P", "-c", program, *map(str, paths)]
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(command, cwd=out, capture_output=True, text=True, check=True, env=quiet)
        rows = [line.split() for line in done.stdout.splitlines() if line.startswith(str(paths[0].parent))]
        assert [row[0] for row in rows] == [str(path) for path in paths]
        assert [row[1] for row in rows] == [("blue", "green", "red")[place] for place in expected.argmax(1)]
        np.testing.assert_allclose([float(row[2]) for row in rows], expected.max(1), atol=1e-4)


def test_the_python_programs_answer_as_the_network_does(model_file, dataset, needs, photos, tmp_path):
    names = ("onnx", "litert", "openvino")
    needs(*names)
    folder.export(model_file, tmp_path / "out", names=names, dataset=dataset)
    answered(tmp_path / "out", names, photos)


def test_the_program_in_the_guide_prepares_photos_as_the_one_in_the_readme(tmp_path):
    contract = {**models("onnx"), "size": 32, "stored": 48}
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)).save(tmp_path / "photo.png")
    (program,) = blocks(readme(contract), "python")
    read = program[program.index("def classify") : program.index("    shares =")] + "    return pixels\n"
    guide = next(block for block in blocks((ROOT / "docs/guides/deploy.md").read_text(), "python") if "onnxruntime" in block)
    prepared = guide[guide.index("photo =") : guide.index("probabilities =")].replace("photo.jpg", str(tmp_path / "photo.png"))
    names = {"np": np, "Image": Image, "ImageOps": ImageOps, "about": contract}
    exec(read, names)
    exec(prepared, names)
    np.testing.assert_array_equal(names["pixels"], names["classify"](tmp_path / "photo.png"))


def test_the_python_programs_read_deep_files_at_the_levels_of_the_model(tmp_path):
    levels = {"deep_files": [0, 4095], "float_files": [0, 5]}
    contract = {**models("onnx"), "channels": 1, "levels": levels}
    (program,) = blocks(readme(contract), "python")
    read = program[program.index("def classify") : program.index("    shares =")].replace("def classify", "def read") + "    return pixels\n"
    names = {"np": np, "Image": Image, "ImageOps": ImageOps, "about": contract}
    exec(read, names)
    for values, white, form in (
        (np.full((16, 16), 2047, np.uint16), 4095, "png"),
        (np.full((16, 16), 2.5, np.float32), 5, "tiff"),
        (np.full((16, 16), 90, np.uint8), 255, "png"),
    ):
        path = tmp_path / f"photo.{form}"
        Image.fromarray(values).save(path)
        expected = open_image(path, 16, 1, Levels.from_dict(levels))
        assert expected.max() == round(float(values[0, 0]) * 255 / white)
        assert np.array_equal(names["read"](path), expected[None])
    assert "levels" not in readme(models("onnx"))


@pytest.mark.parametrize("fit", ["squash", "pad", "crop"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_python_programs_make_photos_square_as_the_model_does(tmp_path, fit, channels):
    contract = {**models("onnx"), "channels": channels, "fit": fit}
    (program,) = blocks(readme(contract), "python")
    read = program[program.index("def classify") : program.index("    shares =")].replace("def classify", "def read") + "    return pixels\n"
    names = {"np": np, "Image": Image, "ImageOps": ImageOps, "about": contract}
    exec(read, names)
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (21, 40, 3), dtype=np.uint8)).save(path)
    assert np.abs(names["read"](path).astype(int) - open_image(path, 16, channels, fit=fit)[None]).max() <= 1


@pytest.mark.slow
def test_so_do_those_with_tensorflow_and_keras(model_file, dataset, photos, tmp_path):
    folder.export(model_file, tmp_path / "out", names=("keras", "saved_model"), dataset=dataset)
    answered(tmp_path / "out", ("keras", "saved_model"), photos)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_program_is_one_that_python_reads_and_is_short(channels):
    text = readme({**models(*USES), "channels": channels})
    programs = blocks(text, "python")
    assert len(programs) == len(USES)
    for program in programs:
        compile(program, "README.md", "exec")
        assert len([line for line in program.splitlines() if line.strip()]) <= 20
    assert ('convert("L")' in text) == (channels == 1)
    assert "cats\\_and\\_dogs" in text


def test_without_onnx_there_is_no_program_that_needs_it():
    assert not blocks(readme(models("litert")), "html")
    assert len(blocks(readme(models("litert", "onnx")), "html")) == len(blocks(readme(models("litert", "onnx")), "cpp")) == 1


@pytest.mark.slow
def test_the_javascript_answers_as_the_network_does(model_file, dataset, needs, photos, chromium, ort_web, tmp_path):
    needs("onnx")
    out = tmp_path / "out"
    folder.export(model_file, out, names=("onnx",), dataset=dataset)
    for name, content in ((runtime.GLUE, ort_web.glue), (runtime.WASM, ort_web.wasm)):
        place = out / "node_modules" / runtime.PACKAGE / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (page,) = blocks((out / "README.md").read_text(), "html")
    (out / "index.html").write_text(page)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=out))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        chromium.open(f"http://127.0.0.1:{server.server_port}/index.html")
        chromium.until("window.classify !== undefined")
        paths, expected = photos
        for path, row in zip(paths, expected, strict=True):
            label, share = chromium.run(f"classify({file(path.read_bytes())})")
            assert label == ("blue", "green", "red")[row.argmax()]
            assert share == pytest.approx(row.max(), abs=1e-3)
        assert not chromium.complaints
    finally:
        server.shutdown()
        server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, format, *args):
        pass


def test_a_model_that_was_refitted_says_so():
    refit = {"images": 1551, "scored_images": 1091, "splits": ["train", "val"]}
    assert f"\n{Refit(1551, 1091, ('train', 'val')).sentence}\n" in readme({**models("onnx"), "refit": refit})
    assert "same recipe" not in readme(models("onnx"))
