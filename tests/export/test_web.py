"""The page that classifies in the browser: what it is made of, and, where there is a browser, that it says what the model says.

With a copy of onnxruntime-web the whole of it runs (AUTOML_CNN_ORT_WEB names an archive or a folder, else npm fetches it); without, all but the network.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from browser import file
from PIL import Image

from automl_cnn.data.decode import open_image, resize_array
from automl_cnn.errors import ExportError
from automl_cnn.export import web
from automl_cnn.export.web import runtime

FILES = {
    "package.json": json.dumps({"name": "onnxruntime-web", "version": web.VERSION}).encode(),
    runtime.GLUE: b"export const env = {};",
    runtime.WASM: b"\0asm",
}


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.fixture
def exported(tmp_path):
    folder = tmp_path / "exported"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"a network")
    contract = {"study": "pets", "classes": ["</script><b>", "dog"], "size": 16, "stored": 24, "channels": 3}
    (folder / "model.json").write_text(json.dumps(contract))
    return folder


def test_the_runtime_is_found_in_archives_and_folders(tmp_path):
    assert web.find(str(packed(tmp_path / "ort.tgz", FILES))) == web.Runtime(web.VERSION, FILES[runtime.GLUE], FILES[runtime.WASM])
    folder = tmp_path / "onnxruntime-web"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    assert web.find(str(folder)).wasm == b"\0asm"
    assert web.find(str(folder / "dist")).wasm == b"\0asm"


def test_another_version_is_told(tmp_path):
    other = {**FILES, "package.json": json.dumps({"name": "onnxruntime-web", "version": "0.9"}).encode()}
    assert web.find(str(packed(tmp_path / "ort.tgz", other))).note == f"onnxruntime-web 0.9 was used; version {web.VERSION} was tested."


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({**FILES, "package.json": json.dumps({"name": "left-pad", "version": "1"}).encode()}, "holds the package left-pad"),
        ({name: content for name, content in FILES.items() if name != runtime.WASM}, "is not onnxruntime-web"),
        ({}, "is not onnxruntime-web"),
    ],
)
def test_an_archive_of_something_else_is_refused(tmp_path, files, message):
    with pytest.raises(ExportError, match=message):
        web.find(str(packed(tmp_path / "ort.tgz", files)))


def test_a_path_to_nothing_and_a_file_that_is_no_archive_are_refused(tmp_path):
    with pytest.raises(ExportError, match=f"npm pack onnxruntime-web@{web.VERSION}"):
        web.find(str(tmp_path / "nowhere"))
    (tmp_path / "photo.tgz").write_bytes(b"no archive")
    with pytest.raises(ExportError, match="is not onnxruntime-web"):
        web.find(str(tmp_path / "photo.tgz"))


def test_what_npm_fetches_must_be_what_was_pinned(monkeypatch):
    def pack(command, cwd, **options):
        assert command[1:3] == ["pack", f"onnxruntime-web@{web.VERSION}"]
        packed(Path(cwd) / "onnxruntime-web.tgz", FILES)

    monkeypatch.setattr(runtime.shutil, "which", lambda name: "/usr/bin/npm")
    monkeypatch.setattr(runtime.subprocess, "run", pack)
    with pytest.raises(ExportError, match="with the wrong hash: expected sha512-"):
        web.find("npm")
    monkeypatch.setattr(runtime, "integrity", lambda path: web.INTEGRITY)
    assert web.find("npm").version == web.VERSION


def test_npm_missing_or_failing_is_an_error_in_a_sentence(monkeypatch):
    monkeypatch.setattr(runtime.shutil, "which", lambda name: None)
    with pytest.raises(ExportError, match="npm is not installed"):
        web.find("npm")

    def fail(command, **options):
        raise subprocess.CalledProcessError(1, command, "", "E404 not found")

    monkeypatch.setattr(runtime.shutil, "which", lambda name: "/usr/bin/npm")
    monkeypatch.setattr(runtime.subprocess, "run", fail)
    with pytest.raises(ExportError, match="E404 not found"):
        web.find("npm")


def test_the_hash_is_spelled_as_npm_spells_it(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert runtime.integrity(tmp_path / "a").startswith("sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05oh")


def test_the_page_holds_network_and_runtime_as_scripts(exported):
    page = web.write(exported, web.Runtime("1", b"glue", b"wasm"))
    assert page == exported / "web" / "index.html"
    assert sorted(path.name for path in page.parent.iterdir()) == ["index.html", "model.js", "page.css", "page.js", "runtime.js"]
    model = (page.parent / "model.js").read_text()
    assert "</script>" not in model
    contract = json.loads(re.search(r"window.MODEL = (.*);", model)[1])
    assert contract == {"study": "pets", "classes": ["</script><b>", "dog"], "size": 16, "channels": 3, "stored": 24}
    for name, content in {"NETWORK": b"a network"}.items():
        assert gzip.decompress(base64.b64decode(re.search(rf'window.{name} = "(.*)";', model)[1])) == content
    web.write(exported, web.Runtime("1", b"other", b"wasm"))
    assert not list(exported.glob(".web-*"))


def test_the_page_asks_no_network_for_anything(exported):
    page = web.write(exported, web.Runtime("1", b"glue", b"wasm")).parent
    for name in ("index.html", "page.css", "page.js"):
        assert not re.search(r"https?://|@import|fetch\(|XMLHttpRequest", (page / name).read_text()), name
    assert "connect-src 'none'" in (page / "index.html").read_text()


def test_without_an_onnx_model_there_is_no_page(exported):
    (exported / "model.onnx").unlink()
    with pytest.raises(ExportError, match="--format onnx"):
        web.write(exported, web.Runtime("1", b"glue", b"wasm"))
    (exported / "model.onnx").write_bytes(b"x")
    (exported / "model.json").write_text("{}")
    with pytest.raises(ExportError, match="lacks channels, classes, size"):
        web.write(exported, web.Runtime("1", b"glue", b"wasm"))
    assert not (exported / "web").exists()


def photo(width: int, height: int, seed: int, kind: str = "PNG") -> bytes:
    """Something with coarse and fine structure."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 256, (5, 6, 3), np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    noisy = np.clip(np.asarray(coarse, int) + draw.integers(-30, 31, (height, width, 3)), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noisy).save(out, kind)
    return out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("width", "height", "stored", "size", "fit"),
    [
        (200, 130, 64, 64, "squash"),
        (90, 301, 96, 32, "squash"),
        (20, 16, 24, 48, "squash"),
        (32, 32, 32, 32, "squash"),
        (199, 130, 64, 32, "crop"),
        (60, 101, 64, 64, "pad"),
    ],
)
def test_the_browser_makes_the_pixels_that_training_made(exported, chromium, channels, width, height, stored, size, fit):
    chromium.open(web.write(exported, web.Runtime("1", b"glue", b"wasm")))
    content = photo(width, height, width)
    about = json.dumps({"channels": channels, "stored": stored, "size": size, "fit": fit})
    seen = np.array(chromium.run(f"(async () => Array.from(await pixelsOf({file(content)}, {about})))()")).reshape(size, size, channels)
    np.testing.assert_array_equal(seen, resize_array(open_image(content, stored, channels, fit=fit)[None], size)[0])


def labelled(exported: Path) -> Path:
    contract = json.loads((exported / "model.json").read_text())
    (exported / "model.json").write_text(json.dumps({**contract, "task": "multilabel", "thresholds": [0.25, 0.75]}))
    return web.write(exported, web.Runtime("1", b"glue", b"wasm"))


def test_the_page_has_the_thresholds_of_labels_and_none_of_classes(exported):
    assert "thresholds" not in (web.write(exported, web.Runtime("1", b"glue", b"wasm")).parent / "model.js").read_text()
    script = (labelled(exported).parent / "model.js").read_text()
    assert json.loads(script.partition("= ")[2].partition(";\n")[0])["thresholds"] == [0.25, 0.75]


@pytest.mark.slow
def test_the_page_shows_the_labels_that_reach_their_thresholds(exported, chromium):
    chromium.open(labelled(exported))
    answers = json.dumps([{"name": name, "share": share, "least": least} for name, share, least in (("a", 0.7, 0.75), ("b", 0.3, 0.25), ("c", 0.25, 0.25))])
    assert [answer["name"] for answer in chromium.run(f"shownOf({answers})")] == ["b", "c"]
    assert chromium.run(f"sentence({answers})") == "b, c"
    assert chromium.run(f"sentence({answers}.slice(0, 1))") == "No label; the likeliest is a, 70.0 %"
    assert chromium.run("document.querySelector('#answers th').textContent") == "label"


def of_numbers(exported: Path, **changes) -> Path:
    about = json.loads((exported / "model.json").read_text())
    targets = [{"name": "age", "unit": "years", "mean": 40.0, "sd": 20.0}, {"name": "</script>", "unit": "", "mean": 0.0, "sd": 0.01}]
    stated = {"task": "regression", "classes": ["age", "</script>"], "targets": targets, "intervals": {"level": 0.9, "half_widths": [4.0, 0.002]}}
    (exported / "model.json").write_text(json.dumps({**about, **stated, **changes}))
    return web.write(exported, web.Runtime("1", b"glue", b"wasm"))


@pytest.mark.slow
def test_the_page_shows_each_number_with_its_unit_and_its_interval(exported, chromium):
    chromium.open(of_numbers(exported))
    shown = chromium.run("answered = async () => [34.26, 0.5], looked().then(({ rows, line }) => [rows.map((row) => row.textContent), line])")
    assert shown == [["age34.3 years30.3 to 38.3", "</script>0.50000.4980 to 0.5020"], "age 34.3 years, </script> 0.5000"]
    assert chromium.run("document.querySelector('#answers thead').textContent.trim()").endswith("value, and its 90 % interval")
    chromium.open(of_numbers(exported, intervals=None))
    assert chromium.run("measured([34.26, 0.5])") == [
        {"name": "age", "value": "34.3 years", "within": ""},
        {"name": "</script>", "value": "0.5000", "within": ""},
    ]
    assert chromium.run("document.querySelector('#answers th + th').textContent") == "value"


@pytest.mark.slow
def test_transparent_photos_are_put_on_white(exported, chromium):
    chromium.open(web.write(exported, web.Runtime("1", b"glue", b"wasm")))
    out = io.BytesIO()
    Image.new("RGBA", (16, 16), (255, 0, 0, 0)).save(out, "PNG")
    about = json.dumps({"channels": 3, "stored": 16, "size": 16})
    assert set(chromium.run(f"(async () => Array.from(await pixelsOf({file(out.getvalue())}, {about})))()")) == {255}


@pytest.mark.slow
def test_a_browser_refuses_deep_files_that_it_would_misread(exported, chromium):
    chromium.open(web.write(exported, web.Runtime("1", b"glue", b"wasm")))
    out = io.BytesIO()
    Image.fromarray(np.full((16, 16), 2000, np.uint16)).save(out, "PNG")
    for white, refused in ((4095, True), (65535, False)):
        about = json.dumps({"channels": 1, "stored": 16, "size": 16, "levels": {"deep_files": [0, white]}})
        message = chromium.run(f"pixelsOf({file(out.getvalue())}, {about}).then(() => '', (error) => error.message)")
        assert ("Use automl-cnn predict" in message) == refused


@pytest.mark.slow
def test_a_photo_is_classified_offline_as_onnxruntime_does(tmp_path, chromium, ort_web):
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    make = onnx.helper
    kernel = onnx.numpy_helper.from_array(np.array([[9, 0, 0], [0, 9, 0], [0, 0, 9]], np.float32) / 255, "kernel")
    nodes = [
        make.make_node("Cast", ["images"], ["x"], to=onnx.TensorProto.FLOAT),
        make.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2], keepdims=0),
        make.make_node("MatMul", ["mean", "kernel"], ["logits"]),
        make.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    ends = [
        make.make_tensor_value_info("images", onnx.TensorProto.UINT8, ["n", "h", "w", 3]),
        make.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["n", 3]),
    ]
    graph = make.make_graph(nodes, "colours", ends[:1], ends[1:], [kernel])
    content = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8).SerializeToString()
    (tmp_path / "model.onnx").write_bytes(content)
    (tmp_path / "model.json").write_text(json.dumps({"classes": ["red", "green", "blue"], "size": 16, "stored": 24, "channels": 3}))
    page = web.write(tmp_path, ort_web)
    chromium.open(page)
    chromium.until("document.getElementById('state').textContent.startsWith('Ready')")
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    for seed in range(5):
        shown = photo(100, 70, seed)
        answers = {answer["name"]: answer["share"] for answer in chromium.run(f"classified({file(shown)})")}
        pixels = resize_array(resize_array(np.asarray(Image.open(io.BytesIO(shown)))[None], 24), 16)
        known = session.run(None, {"images": pixels})[0][0]
        np.testing.assert_allclose([answers[name] for name in ("red", "green", "blue")], known, atol=2e-3)
    chromium.run(f"show({file(photo(100, 70, 1))})")
    assert chromium.run("document.querySelectorAll('#answers tbody tr').length") == 3
    chromium.run("show(new File([new Uint8Array([1, 2, 3])], 'bad.jpg'))")
    assert chromium.run("document.getElementById('state').textContent") == "This file is not an image that the browser can read."
    assert {Path(url).parent for url in (address.removeprefix("file://") for address in chromium.requests)} == {page.parent}
    assert chromium.complaints == []


def test_export_takes_web_as_a_format_and_asks_for_its_runtime(tmp_path):
    from automl_cnn.cli.export import with_web
    from automl_cnn.errors import ConfigError

    archive = str(packed(tmp_path / "ort.tgz", FILES))
    assert with_web(("keras",), None) == (("keras",), None)
    names, engine = with_web(("web", "onnx", "keras"), archive)
    assert names == ("onnx", "keras")
    assert engine.version == web.VERSION
    with pytest.raises(ConfigError, match="--runtime npm"):
        with_web(("web",), None)
