"""Export a model file to a folder to deploy: the model in the requested formats, its labels, its contract, and the proof.

    exported/
      model.onnx  model-int8.onnx  model.tflite …     one file (or folder) for each variant
      labels.txt      the classes, labels or numbers, in the order of the answers
      model.json      inputs, outputs, origin, a hash of every file
      README.md       a program to copy for each of the models
      model_card.md   purpose, quality and limits
      export.json     the measurements of each variant in its own runtime, compared with the original
      variants.svg    a chart of size, latency and accuracy, or error, of all variants

Files that disagree with the original are left out. Everything is first written next to the folder.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from automl_cnn import keras_settings
from automl_cnn.data import Dataset, Levels
from automl_cnn.data.fit import GRAY, Fit
from automl_cnn.errors import ExportError, StoreError, did_you_mean
from automl_cnn.export import card as model_card
from automl_cnn.export import labels, picture
from automl_cnn.export.formats import FORMATS, INT8, NONE, QUANTIZATIONS, Format, Source
from automl_cnn.export.proof import Proof, Reference, prove, refused
from automl_cnn.export.readme import README, readme
from automl_cnn.export.samples import Samples, reference_of, samples
from automl_cnn.judged import not_new, refit_of
from automl_cnn.measure import Measure
from automl_cnn.modelfile import file as modelfile
from automl_cnn.paths import address
from automl_cnn.tasks import Task, of_card

SQUARE = {
    "squash": "Both sides to {size} px independently of each other",
    "pad": f"To a square of the longer side first, the photo in the middle between bars of gray ({GRAY} of 255); then both sides to {{size}} px",
    "crop": "Only the square in the middle; both of its sides to {size} px",
}
TO_BYTES = (
    "levels holds (black, white) for each kind of source, as the training images had them. Files of 8 bits are 0 to 255. Other values become bytes "
    "before resizing: round(255 * (value - black) / (white - black)), clipped to 0..255."
)
MENDABLE = 0.8  # share of unchanged predictions from which on the bias of a refused file is corrected
Say = Callable[[str], None]


@dataclass(frozen=True)
class Limits:
    """The limits of a variant: milliseconds for one image, bytes on disk."""

    latency: float | None = None
    size: float | None = None

    @property
    def any(self) -> bool:
        return self.latency is not None or self.size is not None

    def passed(self, proof: Proof) -> str | None:
        """The limit that a variant exceeds, as a clause; None if it exceeds none."""
        if self.latency is not None and proof.latency_ms["1"] > self.latency:
            return f"{proof.latency_ms['1']:.2f} ms are above {self.latency:g} ms"
        if self.size is not None and proof.bytes > self.size:
            return f"{proof.bytes / 1e6:.2f} MB are above {self.size / 1e6:g} MB"
        return None


@dataclass(frozen=True)
class Variant:
    """One format at one precision: its proof, or why it is left out. `method` is the quantization method that was used in the end."""

    format: str
    quantize: str
    method: str
    file: str
    proof: Proof | None = None
    failure: str | None = None
    note: str | None = None
    kept: bool = False

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        own = {name: getattr(self, name) for name in ("format", "quantize", "method", "file", "kept", "failure", "note")}
        return {**own, **(self.proof.as_dict() if self.proof else {})}


@dataclass(frozen=True)
class Exported:
    """The result of an export: the written variants, and those left out."""

    folder: Path
    variants: tuple[Variant, ...]
    notes: tuple[str, ...] = ()
    task: Task | None = None
    measure: Measure = field(default_factory=lambda: Measure("accuracy"))  # the metric of the proofs' scores, as it reads

    @property
    def kept(self) -> tuple[Variant, ...]:
        return tuple(variant for variant in self.variants if variant.kept)

    @property
    def failed(self) -> tuple[Variant, ...]:
        return tuple(variant for variant in self.variants if variant.failure)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready: what `export.json` holds."""
        return {**(self.task.stated() if self.task else {}), "notes": list(self.notes), "variants": [variant.as_dict() for variant in self.variants]}


def checked(names: Sequence[str], quantize: Sequence[str], *, beside: Sequence[str] = ()) -> None:
    """Check that each format exists, is installed, and has these quantizations, without importing a runtime.

    `beside` are formats that the caller writes by itself; a message about an unknown one names them too.

    Raises:
        ExportError: the message names the available formats or quantizations, or the packages to install.
    """
    for wanted in quantize:
        if wanted not in QUANTIZATIONS:
            raise ExportError(f"There is no quantization '{wanted}'. Available: {', '.join(QUANTIZATIONS)}.")
    for name in names:
        if name not in FORMATS:
            raise ExportError(f"There is no export format '{name}'. {did_you_mean(name, (*FORMATS, *beside))}")
        FORMATS[name].require(quantize)


def export(
    model: Path,
    out: Path,
    *,
    names: Sequence[str] = ("keras",),
    quantize: Sequence[str] = (),
    limits: Limits | None = None,
    dataset: Dataset | None = None,
    missing: str = "",
    say: Say = lambda words: None,
) -> Exported:
    """Write the model file `model` into the folder `out` in the formats `names`, each proved in its own runtime.

    `quantize` are precisions, each a variant: none (float32, the default), float16, int8. With `limits` and no `quantize`,
    all precisions of a format are tried, and only the variant within the limits that has the best score on the validation
    images is written. `dataset` is the study's, for calibration and proof; without it the proof uses synthetic images and
    int8 is not possible. `missing` says why `dataset` is None. Variants that fail are in `failed` of the result and leave no file.

    Raises:
        ExportError: no variant could be written, or none is within the limits; `out` stays unchanged.
        StoreError: the model cannot be read, or `out` cannot be written.
    """
    limits = limits or Limits()
    checked(names, quantize)
    unchecked = modelfile.verify(model)
    card = modelfile.read_card(model)
    notes = [unchecked] if unchecked else []
    images = samples(dataset, int(card["size"]), notes, missing)
    if images is not None and (remark := not_new(refit_of(card.get("refit")))):
        notes.append(remark)
    say("loading the model")
    original = modelfile.load_model(model)
    from automl_cnn.export.network import core

    size, channels, task = int(card["size"]), int(card["channels"]), of_card(card)
    with keras_settings.standard():
        fit: Fit = card.get("fit", "squash")
        reference = reference_of(original, size, channels, images, task=task, fit=fit)
        source = Source(core(original, size, channels), None if images is None else images.calibration, missing, fit, task.returned)
    with keras_settings.standard(), _beside(out) as work:
        variants = tuple(_variant(FORMATS[name], wanted, (source, reference, task), work, say) for name, wanted in _wanted(names, quantize, limits, images))
        variants = _chosen(variants, limits)
        exported = Exported(out, variants, tuple(notes), task, Measure.of(task.share, card))
        if not exported.kept:
            raise ExportError(_nothing(exported, limits))
        _finish(exported, work, card)
        (work / model_card.CARD).write_text(model_card.beside(model, card), encoding="utf-8")
        _move(work, out, exported)
    return exported


def _wanted(names: Sequence[str], quantize: Sequence[str], limits: Limits, images: Samples | None) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys(names):
        possible = [wanted for wanted in FORMATS[name].methods if wanted != INT8 or images is not None]
        for wanted in dict.fromkeys(quantize or (possible if limits.any else (NONE,))):
            yield name, wanted


def _variant(kind: Format, quantize: str, given: tuple[Source, Reference, Task], work: Path, say: Say) -> Variant:
    """Write and prove one variant, by the first of its methods that passes. Files that do not pass are deleted."""
    source, reference, task = given
    path = kind.path(work, quantize)
    why: list[str] = []
    for method in kind.methods[quantize]:
        proof, reason = _tried(kind, method, given, path, say)
        how = method
        if reason is not None and proof is not None and quantize == INT8 and proof.same >= MENDABLE:
            better = _corrected(kind, source, task, path, say)
            if better is not None:
                why.append(reason)
                proof, reason = _tried(kind, method, (better, reference, task), path, say)
                how = f"{method} with a corrected bias"
        if reason is None:
            note = f"{path.name}: {how}, since with {kind.methods[quantize][0]} {why[0]}" if why else None
            return Variant(kind.name, quantize, method, path.name, proof, note=note, kept=True)
        why.append(reason)
        _remove(kind, path)
    reasons = "; then ".join(reason.rstrip(".") for reason in why)
    failure = f"{kind.name} ({quantize}): {reasons}. Use {_instead(kind, quantize)} instead."
    return Variant(kind.name, quantize, kind.methods[quantize][-1], path.name, failure=failure)


def _tried(kind: Format, method: str, given: tuple[Source, Reference, Task], path: Path, say: Say) -> tuple[Proof | None, str | None]:
    """Write a file and prove it: the proof, and why it must not be used."""
    source, reference, task = given
    say(f"{kind.name}: writing {path.name} ({method})")
    proof = None
    try:
        kind.write(source, path, method)
        say(f"{kind.name}: checking {path.name} in a separate process")
        proof = prove(kind, path, reference)
        return proof, refused(proof, method, task)
    except ExportError as error:
        return proof, str(error)
    except Exception as error:  # a converter may raise anything
        return proof, f"its converter failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _corrected(kind: Format, source: Source, task: Task, path: Path, say: Say) -> Source | None:
    """The source with a bias that corrects the shift from rounding in the file at `path`; None if that is not possible."""
    from automl_cnn.export.rounding import corrected

    say(f"{kind.name}: correcting the bias of {path.name}")
    try:
        network = corrected(source.network, source.images, kind.runner(path), task)
    except Exception:  # the runtime may raise anything; the file is refused as it is
        return None
    return None if network is None else replace(source, network=network)


def _instead(kind: Format, quantize: str) -> str:
    return {NONE: f"--format {kind.instead}", INT8: "--quantize float16, or no quantization,"}.get(quantize, "no quantization")


def _chosen(variants: tuple[Variant, ...], limits: Limits) -> tuple[Variant, ...]:
    """With limits, only the best variant within them, by its score on the validation images, then by its latency."""
    if not limits.any:
        return variants
    judged = [
        replace(variant, kept=False, note=limits.passed(variant.proof) or variant.note) if variant.proof and limits.passed(variant.proof) else variant
        for variant in variants
    ]

    def rank(variant: Variant) -> tuple[float, float]:
        proof = variant.proof
        return (proof.validation_score or 0.0, -proof.latency_ms["1"]) if proof else (-math.inf, 0.0)

    best = max((variant for variant in judged if variant.kept), key=rank, default=None)
    return tuple(variant if variant is best else replace(variant, kept=False) for variant in judged)


def _nothing(exported: Exported, limits: Limits) -> str:
    """Why there is nothing to write."""
    failures = [variant.failure for variant in exported.variants if variant.failure]
    proved = [(variant.file, variant.proof) for variant in exported.variants if variant.proof]
    if not proved:
        return "Nothing was exported.\n" + "\n".join(failures)
    fastest, smallest = min(proved, key=lambda one: one[1].latency_ms["1"]), min(proved, key=lambda one: one[1].bytes)
    return (
        f"No variant is within the limits: the fastest, {fastest[0]}, takes {fastest[1].latency_ms['1']:.2f} ms for an image; "
        f"the smallest, {smallest[0]}, has {smallest[1].bytes / 1e6:.2f} MB. Raise --max-latency or --max-size, add formats, "
        "or search again with these limits."
    )


def _finish(exported: Exported, work: Path, card: Mapping[str, Any]) -> None:
    """The files beside the models."""
    for variant in exported.variants:
        if not variant.kept:
            _remove(FORMATS[variant.format], work / variant.file)
        elif variant.format == "keras":
            modelfile.write_card(work / variant.file, card)
    description = contract(exported, work, card)
    _json(work / "model.json", description)
    (work / README).write_text(readme(description), encoding="utf-8")
    _json(work / "export.json", exported.as_dict())
    (work / labels.FILE).write_bytes(labels.lines(of_card(card).columns_of_truth() or card["classes"]).encode())
    (work / "variants.svg").write_text(
        picture.variants([picture.Shown.of(variant.file, variant.proof) for variant in exported.variants if variant.proof], exported.measure), encoding="utf-8"
    )


def contract(exported: Exported, work: Path, card: Mapping[str, Any]) -> dict[str, Any]:
    """The content of `model.json`: everything that a program needs to run a model."""
    size, channels, task = int(card["size"]), int(card["channels"]), of_card(card)
    models = []
    for variant in exported.kept:
        kind = FORMATS[variant.format]
        side = None if kind.any_size else size
        models.append(
            {
                "file": variant.file,
                "format": variant.format,
                "precision": variant.method,
                "input_shape": [None, side, side, channels],
                "any_size": kind.any_size,
                "versions": kind.versions,
                "sha256": {part.relative_to(work).as_posix(): modelfile.digest(part) for part in kind.parts(work / variant.file)},
            }
        )
    given = {
        "name": "images",
        "shape": [None, None, None, channels],
        "dtype": "uint8",
        "layout": "NHWC",
        "channels": "RGB" if channels == 3 else "gray",
        "range": [0, 255],
        "resized_inside_to": size,
        "fit": card.get("fit", "squash"),
        "resize": f"{SQUARE[card.get('fit', 'squash')].format(size=size)}, antialiased (triangle filter, as Pillow's BILINEAR): inside the model where "
        f"any_size is true, else before it. Photos upright first (EXIF), transparent ones on white.{_road(card, size)}",
    }
    temperature = {"temperature_inside": card.get("temperature")} if task.probable else {}
    returned = {
        "name": task.returned,
        "shape": [None, len(card["classes"])],
        "dtype": "float32",
        "meaning": "one probability for each of `classes`, in this order",
        "labels": labels.MEANING if task.probable else labels.OF_NUMBERS,
        **temperature,
        **task.output(),
    }
    card = {key: value for key, value in card.items() if key != "temperature" or task.probable}
    levels = {"levels": Levels.from_dict(card.get("levels")).as_dict(), "levels_to_bytes": TO_BYTES}
    return {**card, **task.stated(), **levels, "models": models, "input": given, "output": returned}


def _road(card: Mapping[str, Any], size: int) -> str:
    stored = int(card.get("stored", size))
    return "" if stored == size else f" Training did so in two steps: to {stored} px, then to {size} px; do likewise for the very same pixels."


def _json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _remove(kind: Format, path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    for part in (path, path.with_suffix(".bin")) if kind.name == "openvino" else (path,):
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A temporary folder next to `out`, on the same disk."""
    if why := address(out):
        raise StoreError(f"The folder cannot be written: {why}.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.exists() and not out.is_dir():
            raise StoreError(f"The folder {out} cannot be written: it is a file. Choose another with --out.")
        work = Path(tempfile.mkdtemp(dir=out.parent, prefix=".export-"))
    except OSError as error:
        raise StoreError(f"The folder {out} cannot be written: {error.strerror}. Choose another with --out.") from None
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _move(work: Path, out: Path, exported: Exported) -> None:
    """Move everything into place. Delete the files of an earlier export for variants that failed now: no proof covers them."""
    try:
        out.mkdir(exist_ok=True)
        for variant in exported.variants:
            _remove(FORMATS[variant.format], out / variant.file)
        for path in work.iterdir():
            path.replace(out / path.name)
    except OSError as error:
        raise StoreError(f"The folder {out} cannot be written: {error.strerror}. Choose another with --out.") from None
