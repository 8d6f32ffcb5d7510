"""The page's files: our own unchanged, the network and the runtime as scripts that contain them in base64."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

from automl_cnn.errors import ExportError, StoreError
from automl_cnn.export.web.runtime import Runtime
from automl_cnn.modelfile.contract import described
from automl_cnn.tasks import of_card

OURS = ("index.html", "page.css", "page.js")
FOLDER = "web"


def write(exported: Path, runtime: Runtime, model: str = "model.onnx") -> Path:
    """Write the folder `web` into an exported folder, which holds `model` and model.json. Return the path of the page.

    Raises:
        ExportError: the exported folder has no ONNX model.
        StoreError: the folder cannot be written.
    """
    contract = _contract(exported)
    task = of_card(contract)
    try:
        network = (exported / model).read_bytes()
    except OSError as error:
        raise ExportError(f"There is no {exported / model} ({error.strerror}), which the page needs. Export it with: --format onnx") from None
    about = {key: contract.get(key) for key in ("study", "classes", "size", "channels")} | {"stored": contract.get("stored", contract["size"])}
    about |= {key: contract[key] for key in ("levels", "fit") if key in contract} | task.stated()
    about |= {key: value for key, value in task.output().items() if key == "digits"}
    try:
        work = Path(tempfile.mkdtemp(dir=exported, prefix=".web-"))
        try:
            for name in OURS:
                (work / name).write_bytes((resources.files(__package__) / name).read_bytes())
            (work / "model.js").write_text(f"window.MODEL = {_script(about)};\nwindow.NETWORK = {_packed(network)};\n", encoding="utf-8")
            text = f"window.GLUE = {_packed(runtime.glue)};\nwindow.WASM = {_packed(runtime.wasm)};\n"
            (work / "runtime.js").write_text(f"// onnxruntime-web {runtime.version}, MIT license, packed: see page.js\n{text}", encoding="utf-8")
            target = exported / FOLDER
            shutil.rmtree(target, ignore_errors=True)
            work.chmod(0o755)
            work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"The folder {exported / FOLDER} cannot be written: {error.strerror}. Choose another with --out.") from None
    return target / "index.html"


def _contract(exported: Path) -> dict[str, Any]:
    try:
        return described(exported / "model.json")
    except StoreError as error:
        raise ExportError(str(error)) from None


def _script(value: Any) -> str:
    """JSON escaped for use in a script, whatever the names of the classes contain."""
    return json.dumps(value).replace("<", "\\u003c")


def _packed(content: bytes) -> str:
    """Gzip in base64, as a JavaScript string."""
    return f'"{base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()}"'
