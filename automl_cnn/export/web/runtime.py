"""onnxruntime-web: from a folder, from the archive that npm packs, or by npm itself, checked against a pinned hash."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from automl_cnn.errors import ExportError

NPM = "npm"
PACKAGE = "onnxruntime-web"
VERSION = "1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="  # of that version, as npm has it
GLUE = "dist/ort.wasm.bundle.min.mjs"
WASM = "dist/ort-wasm-simd-threaded.wasm"
SECONDS = 600  # time limit for a download of 33 MB


@dataclass(frozen=True)
class Runtime:
    """A JavaScript module and the WebAssembly that it runs; `note` says so if it is not the tested version."""

    version: str
    glue: bytes
    wasm: bytes
    note: str = ""


def find(source: str) -> Runtime:
    """The runtime in `source`: a folder with the package, its .tgz archive, or "npm", which fetches version `VERSION`.

    Raises:
        ExportError: there is no such folder or archive, a file is missing in it, or the package from npm has the wrong hash.
    """
    if source == NPM:
        return _fetched()
    path = Path(source)
    if path.is_dir():
        root = path.parent if path.name == "dist" else path
        return _runtime(lambda name: (root / name).read_bytes(), path)
    if path.is_file():
        return _packed(path)
    raise ExportError(
        f"There is no {PACKAGE} in {source}: expected its folder, its .tgz archive, or the word {NPM}, "
        f"which fetches version {VERSION}. Get one with: npm pack {PACKAGE}@{VERSION}"
    )


def _fetched() -> Runtime:
    npm = shutil.which(NPM)
    if npm is None:
        raise ExportError(f"npm is not installed. Install Node.js, or pack {PACKAGE}@{VERSION} elsewhere (npm pack {PACKAGE}@{VERSION}) and pass the archive.")
    with tempfile.TemporaryDirectory() as folder:
        try:
            command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--silent"]
            subprocess.run(command, cwd=folder, check=True, capture_output=True, encoding="utf-8", errors="backslashreplace", timeout=SECONDS)
        except subprocess.CalledProcessError as error:
            raise ExportError(f"npm could not fetch {PACKAGE}@{VERSION}: {' '.join(error.stderr.split())[:300]}") from None
        except subprocess.TimeoutExpired:
            raise ExportError(f"npm did not fetch {PACKAGE}@{VERSION} within {SECONDS} s. Try again, or pass an archive.") from None
        archives = list(Path(folder).glob("*.tgz"))
        if len(archives) != 1:
            raise ExportError(f"npm left no archive of {PACKAGE}@{VERSION}. Pack it by hand (npm pack {PACKAGE}@{VERSION}) and pass the archive.")
        digest = integrity(archives[0])
        if digest != INTEGRITY:
            raise ExportError(f"npm fetched {PACKAGE}@{VERSION} with the wrong hash: expected {INTEGRITY}, received {digest}. It was not used.")
        return _packed(archives[0])


def integrity(path: Path) -> str:
    """A file's hash as npm writes it: `sha512-` and base64."""
    with path.open("rb") as file:
        return f"sha512-{base64.b64encode(hashlib.file_digest(file, 'sha512').digest()).decode()}"


def _packed(path: Path) -> Runtime:
    def member(name: str) -> bytes:
        with tarfile.open(path) as archive:
            file = archive.extractfile(f"package/{name}")
            if file is None:
                raise KeyError(name)
            return file.read()

    return _runtime(member, path)


def _runtime(read: Callable[[str], bytes], path: Path) -> Runtime:
    try:
        about = json.loads(read("package.json"))
        version = str(about["version"])
        if about["name"] != PACKAGE:
            raise ExportError(f"{path} holds the package {about['name']}: expected {PACKAGE}, version {VERSION}.")
        note = "" if version == VERSION else f"{PACKAGE} {version} was used; version {VERSION} was tested."
        return Runtime(version, read(GLUE), read(WASM), note)
    except (OSError, KeyError, ValueError, tarfile.TarError) as error:
        raise ExportError(f"{path} is not {PACKAGE} {VERSION}: expected {GLUE} and {WASM} in it ({type(error).__name__}: {error}).") from None
