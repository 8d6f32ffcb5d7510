"""Whether this machine has what a search, a prediction and an export need: versions, devices, weights, formats, and what is wrong.

    from automl_cnn.doctor import examine

    health = examine(Path("automl-cnn-runs"))
    print(health.able, [issue.sentence for issue in health.issues])

Neither Keras nor a backend is imported here, since that takes 10 seconds and takes hold of every GPU. `load_backend` does so in a process of its own.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil
from packaging.requirements import Requirement

import automl_cnn
from automl_cnn import backend, registry
from automl_cnn.backend import BACKENDS
from automl_cnn.errors import AutomlCnnError, BackendError, PluginError
from automl_cnn.export.formats import FORMATS
from automl_cnn.export.web.runtime import NPM
from automl_cnn.models.pretrained.source import Package, available, source_of
from automl_cnn.plugin import Architecture
from automl_cnn.processes import cores, environment, python
from automl_cnn.quantities import bytes_
from automl_cnn.store import Store, free_bytes
from automl_cnn.study.running.executors import memory
from automl_cnn.study.running.executors.gpus import gpus

OURS = "automl-cnn"
LIBRARIES = {
    "Keras": ("keras",),
    "TensorFlow": ("tensorflow-cpu", "tensorflow"),
    "JAX": ("jax",),
    "PyTorch": ("torch",),
    "Optuna": ("optuna",),
    "KerasTuner": ("keras-tuner",),
    "MLflow": ("mlflow",),
    "scikit-learn": ("scikit-learn",),
    "NumPy": ("numpy",),
    "pandas": ("pandas",),
    "Pillow": ("pillow",),
}  # what people ask for in bug reports, by the distributions that may bring it
OF_DEVELOPERS = ("dev", "build", "docs", "notebooks")  # extras that no command needs
PURPOSES = {
    "pretrained": "larger pretrained weights",
    "cmaes": "--sampler cmaes",
    "postgres": "--storage postgresql+psycopg://…",
    "ray": "--executor ray",
    "heif": "HEIC photos",
    "s3": "--data s3://…",
    "gcs": "--data gs://…",
}  # of extras; one that is not here is described by its packages
LEAST_FREE = 100_000_000  # bytes on the disk, below which no search can keep its models
LITTLE_FREE = 2_000_000_000  # bytes on the disk, below which a large set of images may not fit
LITTLE_MEMORY = 1_000_000_000  # bytes
SECONDS = 120.0  # for a backend to be imported
LOAD = """
import json, keras
try:
    devices = list(keras.distribution.list_devices())
except Exception:
    devices = []
print("\\n" + json.dumps({"backend": keras.backend.backend(), "keras": keras.__version__, "devices": devices}))
"""


@dataclass(frozen=True)
class Issue:
    """Something wrong. An error makes a search impossible, a warning spoils it, a note is only worth knowing."""

    severity: Literal["error", "warning", "note"]
    sentence: str
    advice: str = ""


@dataclass(frozen=True)
class Weights:
    """Pretrained weights of an architecture; `install` is the package that brings them, or "" where Keras downloads them."""

    name: str
    architecture: str
    here: bool
    install: str = ""


@dataclass(frozen=True)
class Need:
    """Something optional: an export format or an extra. `missing` are packages or programs, `install` is what to type."""

    name: str
    purpose: str = ""
    missing: tuple[str, ...] = ()
    install: str = ""


@dataclass(frozen=True)
class Health:
    """All that `automl-cnn doctor` shows. Sizes are in bytes."""

    issues: tuple[Issue, ...]
    platform: str
    versions: Mapping[str, str]
    backend: str | None
    devices: Mapping[str, Any]
    store: Mapping[str, Any]
    weights: tuple[Weights, ...] = ()
    formats: tuple[Need, ...] = ()
    extras: tuple[Need, ...] = ()
    loaded: Mapping[str, Any] | None = field(default=None)

    @property
    def able(self) -> bool:
        """Whether a search can run."""
        return not any(issue.severity == "error" for issue in self.issues)

    def as_dict(self) -> dict[str, Any]:
        return {"able": self.able, **asdict(self)}


def examine(store: Path, plugins_dir: Path | None = None, *, load: bool = False) -> Health:
    """Everything about this machine, the errors among the issues first. With `load`, the backend is imported in a process of its own."""
    issues: list[Issue] = [*broken_requirements(), *colliding_backends()]
    chosen = _backend(issues)
    weights = _weights(plugins_dir, issues)
    if weights and not any(one.here for one in weights):
        issues.append(Issue("note", "No pretrained weights are on this machine: searches begin from scratch.", f"pip install '{OURS}[pretrained]'"))
    devices = _devices(chosen, issues)
    place = _store(store, issues)
    loaded = load_backend(issues) if load and chosen is not None else None
    order = ("error", "warning", "note")
    return Health(
        issues=tuple(sorted(issues, key=lambda issue: order.index(issue.severity))),
        platform=f"{platform.system()} {platform.release()}, {platform.machine()}",
        versions=versions(),
        backend=chosen,
        devices=devices,
        store=place,
        weights=weights,
        formats=tuple(formats()),
        extras=tuple(extras()),
        loaded=loaded,
    )


def versions() -> dict[str, str]:
    """The versions of Python, this package and its libraries, as installed; a library that is not installed is left out."""
    known = {"Python": platform.python_version(), OURS: automl_cnn.__version__}
    for library, distributions in LIBRARIES.items():
        if present := [f"{version} ({name})" if len(distributions) > 1 else version for name in distributions if (version := _version(name))]:
            known[library] = ", ".join(present)
    return known


def broken_requirements() -> Iterator[Issue]:
    """Required packages that are missing or have another version than this package was made for."""
    if (installed := _version(OURS)) not in (None, automl_cnn.__version__):
        sentence = f"{OURS} {installed} is installed, but the code of {automl_cnn.__version__} in {Path(automl_cnn.__file__).parent} is imported."
        yield Issue("warning", sentence, "Install that version, or remove its folder from PYTHONPATH")
    needed = [requirement for requirement in _requirements() if _applies(requirement)]
    if missing := [requirement.name for requirement in needed if _version(requirement.name) is None]:
        yield Issue("error", f"Not installed: {', '.join(missing)}.", f"pip install --upgrade {OURS}")
    for requirement in needed:
        version = _version(requirement.name)
        if version is not None and not requirement.specifier.contains(version, prereleases=True):
            yield Issue("warning", f"{requirement.name} {version} is installed; expected {requirement.specifier}.", f"pip install '{_plain(requirement)}'")


def colliding_backends() -> Iterator[Issue]:
    """TensorFlow installed twice: the two packages overwrite each other's files."""
    if _version("tensorflow-cpu") and _version("tensorflow"):
        yield Issue(
            "warning",
            "tensorflow and tensorflow-cpu are both installed, and one overwrites files of the other.",
            f"In a fresh environment: pip install '{OURS}[cpu]' or '{OURS}[gpu]', not both",
        )


def pretrained(plugins: registry.Registry) -> Iterator[Weights]:
    """The pretrained weights of every architecture."""
    for name in plugins.names("architecture"):
        plugin = plugins.get("architecture", name)
        for entry in plugin.pretrained if issubclass(plugin, Architecture) else ():
            try:
                source = source_of(entry)
                yield Weights(entry.name, name, available(entry), (entry.distribution or source.name) if isinstance(source, Package) else "")
            except AutomlCnnError:  # the plugin's fault; `plugins check` names it
                yield Weights(entry.name, name, False)


def formats() -> Iterator[Need]:
    """The export formats, each with what it lacks. All are written with TensorFlow."""
    for kind in FORMATS.values():
        missing = list(dict.fromkeys([*(["tensorflow"] if not _importable("tensorflow") else []), *kind.missing()]))
        wanted = [*(["cpu"] if "tensorflow" in missing else []), *([kind.extra] if set(missing) - {"tensorflow"} and kind.extra != "cpu" else [])]
        yield Need(kind.name, "", tuple(missing), _pip(wanted) if missing else "")
        if kind.name == "onnx":
            runtime = NPM if shutil.which(NPM) else "FILE.tgz, since npm is not installed"
            yield Need("web", f"with --runtime {runtime}", tuple(missing), _pip(wanted) if missing else "")


def extras() -> Iterator[Need]:
    """The other extras that this package declares, each with what it lacks; not those of backends, formats and developers, whatever they are called."""
    known = {*BACKENDS.values(), "gpu", *OF_DEVELOPERS, *(kind.extra for kind in FORMATS.values())}
    for extra in _metadata("Provides-Extra"):
        if extra in known:
            continue
        needed = [requirement for requirement in _requirements() if _applies(requirement, extra) and not _applies(requirement)]
        missing = [name for requirement in needed for name in _lacking(requirement)]
        packages = ", ".join(requirement.name for requirement in needed)
        yield Need(extra, PURPOSES.get(extra, packages), tuple(dict.fromkeys(missing)), _pip([extra]) if missing else "")


def load_backend(issues: list[Issue], seconds: float = SECONDS) -> dict[str, Any] | None:
    """Import Keras and its backend in a process of its own: their versions and the devices they see; None, and an issue, where that fails."""
    quiet = environment({"TF_CPP_MIN_LOG_LEVEL": "3"})
    try:
        done = subprocess.run(python("-c", LOAD), env=quiet, capture_output=True, text=True, errors="backslashreplace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        issues.append(Issue("warning", f"Keras was not imported within {seconds:.0f} s.", "Try again: the first import after an installation takes longest"))
        return None
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        issues.append(Issue("error", f"Keras and its backend cannot be imported: {lines[-1][:300]}", f"Install again: {_pip(['cpu'])}"))
        return None
    loaded: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return loaded


def _backend(issues: list[Issue]) -> str | None:
    """The backend that Keras will use."""
    try:
        chosen = backend.require()
    except BackendError as error:
        issues.append(Issue("error", *_advised(str(error))))
        return None
    if why := backend.replaced():
        issues.append(Issue("warning", *_advised(why)))
    if chosen != "tensorflow":
        how = "Set KERAS_BACKEND=tensorflow for an export" if _importable("tensorflow") else _pip(["cpu"])
        issues.append(Issue("note", f"Keras computes with {chosen}; models are exported with TensorFlow alone.", how))
    return chosen


def _weights(plugins_dir: Path | None, issues: list[Issue]) -> tuple[Weights, ...]:
    """The weights of all plugins, which are imported for that."""
    try:
        plugins = registry.load(plugins_dir)
    except PluginError as error:
        issues.append(Issue("error", *_advised(str(error))))
        return ()
    issues += [Issue("warning", f"The plugin {source} cannot be loaded: {why}", "Searches leave it out") for source, why in plugins.broken.items()]
    if not plugins.entries["architecture"]:
        issues.append(Issue("error", "No architecture is installed, so there is nothing to search.", f"pip install --force-reinstall {OURS}"))
    return tuple(pretrained(plugins))


def _devices(chosen: str | None, issues: list[Issue]) -> dict[str, Any]:
    """Cores, memory and GPUs."""
    listed = gpus("")
    usable = gpus(chosen) if chosen is not None and listed else ()
    if listed and chosen is not None and not usable and shutil.which("nvidia-smi"):
        issues.append(Issue("warning", f"{_gpus(listed)} here, but tensorflow-cpu computes on CPUs only.", f"In a fresh environment: {_pip(['gpu'])}"))
    if not listed and shutil.which("nvidia-smi") and "CUDA_VISIBLE_DEVICES" not in os.environ:
        issues.append(Issue("warning", "nvidia-smi is installed, but lists no GPU.", "Run nvidia-smi to see why; the driver may not be loaded"))
    total = memory.total()
    free = min(total, int(psutil.virtual_memory().available))
    if free < LITTLE_MEMORY:
        issues.append(Issue("warning", f"{bytes_(free)} of memory are free; training may be killed.", "Close other programs, or lower --max-resolution"))
    return {"cores": cores(), "memory": total, "memory_free": free, "gpus": list(usable), "gpus_unused": [] if usable else list(listed)}


def _gpus(listed: Sequence[str]) -> str:
    return "A GPU is" if len(listed) == 1 else f"{len(listed)} GPUs are"


def _store(folder: Path, issues: list[Issue]) -> dict[str, Any]:
    """The store: whether it can be written, and how much room there is. Nothing is created."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK):
        issues.append(Issue("error", f"The store {folder} cannot be written: no permission for {place}.", "Free the permission, or name another --store"))
    free = free_bytes(folder)
    if free < LITTLE_FREE:
        severity: Literal["error", "warning"] = "error" if free < LEAST_FREE else "warning"
        issues.append(Issue(severity, f"{bytes_(free)} are free on the disk of {folder}.", "Free some space, or name another --store"))
    return {"folder": str(folder), "exists": folder.is_dir(), "studies": len(Store(folder).studies), "free": free}


def _requirements() -> list[Requirement]:
    """What this package requires, with and without extras; nothing where it runs from a checkout that is not installed."""
    return [Requirement(line) for line in _metadata("Requires-Dist")]


def _metadata(name: str) -> list[str]:
    """The lines of one field of this package's metadata."""
    try:
        return importlib.metadata.metadata(OURS).get_all(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []


def _applies(requirement: Requirement, extra: str = "") -> bool:
    """Whether a requirement counts here, with that extra."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _lacking(requirement: Requirement) -> list[str]:
    """What of a requirement is not installed: itself, or the packages of the extras that it names."""
    version = _version(requirement.name)
    if version is None:
        return [requirement.name]
    if not requirement.specifier.contains(version, prereleases=True):
        return [_plain(requirement)]
    more = [Requirement(line) for line in importlib.metadata.requires(requirement.name) or ()]
    inner = [one for extra in requirement.extras for one in more if _applies(one, extra) and not _applies(one)]
    return [one.name for one in inner if _version(one.name) is None]


def _advised(message: str) -> list[str]:
    """A message as what is wrong and what to do: its first sentence, and the others."""
    return re.split(r"\n|(?<=\.) ", message, maxsplit=1)


def _plain(requirement: Requirement) -> str:
    """A requirement as pip takes it, without its condition."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier}"


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _importable(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _pip(wanted: Sequence[str]) -> str:
    """The command that installs extras."""
    return f"pip install '{OURS}[{','.join(wanted)}]'" if wanted else f"pip install --upgrade {OURS}"
