"""`automl-cnn export`: write a study's best model as files to deploy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from automl_cnn import quantities
from automl_cnn.cli import backend, completions
from automl_cnn.cli.console import Text, console, plural, say, write_json
from automl_cnn.cli.dashboard import STORE, InStore
from automl_cnn.cli.front import OfTrial, model_of_trial
from automl_cnn.errors import ConfigError, ExportError, StoreError
from automl_cnn.judged import metric_name
from automl_cnn.measure import Measure, spelled
from automl_cnn.places import images_place
from automl_cnn.quantities import bytes_
from automl_cnn.store import Store
from automl_cnn.urls import Url

BATCHED = 32  # images, in the table's last column
WEB = "web"  # a page around the ONNX model, which is written from here

if TYPE_CHECKING:
    from automl_cnn.data import Dataset
    from automl_cnn.export.folder import Exported, Variant
    from automl_cnn.export.proof import Proof
    from automl_cnn.export.web import Runtime


def export(
    name: Annotated[
        str | None,
        typer.Argument(help="A study's name, its folder, or a .keras file. Default: the study last worked on.", autocompletion=completions.studies),
    ] = None,
    *,
    format_: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="One or more of keras, saved_model, onnx, litert, openvino, web, with commas or several times; web is a page around the ONNX model. "
            "Default: keras.",
            show_default=False,
            autocompletion=completions.listed(completions.formats),
        ),
    ] = None,
    quantize: Annotated[
        list[str] | None,
        typer.Option(
            help="One or more of none, float16, int8, with commas or several times; each is a file. Default: none.",
            autocompletion=completions.listed(completions.precisions),
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("exported"),
    max_latency: Annotated[
        str | None, typer.Option(help="The latency limit for one image, such as 20ms. Only the best variant within the limits is written.")
    ] = None,
    max_size: Annotated[str | None, typer.Option(help="The size limit on disk, such as 5MB. Only the best variant within the limits is written.")] = None,
    runtime: Annotated[
        str | None, typer.Option(help="For web: a copy of onnxruntime-web (its folder or .tgz), or npm to download the pinned version with npm.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")] = False,
    data: Annotated[str | None, typer.Option(help="The study's images, if they have moved. They are needed to verify the files.", show_default=False)] = None,
    store: InStore = STORE,
    trial: OfTrial = None,
) -> None:
    """Export the best model for deployment, and verify that each exported file gives the same predictions.

    The input is raw pixels (uint8), the output probabilities or numbers; labels.txt and model.json describe them. The runtime of each
    format runs its file in a fresh process on the study's validation and test images. A file whose predictions differ is not written.
    """
    from automl_cnn.export import bundle, folder
    from automl_cnn.modelfile import file as modelfile

    names, precisions = _listed(format_, "--format") or ("keras",), _listed(quantize, "--quantize")
    names, engine = with_web(names, runtime)
    place = None if data is None else images_place(data)
    limits = folder.Limits(_amount(max_latency, "--max-latency", quantities.milliseconds), _amount(max_size, "--max-size", quantities.size))
    folder.checked(names, precisions, beside=(WEB,))
    study_store = Store(store)
    model = bundle.resolve(name, study_store) if name else newest(study_store)
    if trial is not None:
        model = model_of_trial(name, trial, store)
    modelfile.read_card(model)
    if backend.require() != "tensorflow":
        raise ConfigError("Models are exported with the TensorFlow backend only. Set KERAS_BACKEND=tensorflow (pip install 'automl-cnn[cpu]'), and try again.")
    with backend.loading("Exporting") as say_doing:
        dataset, missing = dataset_of(model, place)
        exported = folder.export(model, out, names=names, quantize=precisions, limits=limits, dataset=dataset, missing=missing, say=say_doing)
    write_page(exported, engine)
    if as_json:
        write_json({"folder": str(out), **exported.as_dict()})
    else:
        _print(exported)
    if exported.failed:
        raise ExportError("\n".join(str(variant.failure) for variant in exported.failed))


def with_web(names: tuple[str, ...], runtime: str | None) -> tuple[tuple[str, ...], Runtime | None]:
    """The formats to write, with `web` replaced by ONNX, and the runtime of the page; None if `web` is not among them.

    Raises:
        ConfigError: `web` is among them, but `runtime` is None.
        ExportError: `runtime` holds no copy of onnxruntime-web.
    """
    if WEB not in names:
        return names, None
    from automl_cnn.export import web

    if runtime is None:
        raise ConfigError(
            f"The page needs a copy of onnxruntime-web {web.VERSION}: --runtime FOLDER or --runtime FILE.tgz, or --runtime npm, which fetches it."
        )
    return tuple(dict.fromkeys("onnx" if name == WEB else name for name in names)), web.find(runtime)


def write_page(exported: Exported, engine: Runtime | None) -> None:
    """Write the page around the ONNX model; do nothing if `engine` is None or the ONNX model was not written."""
    from automl_cnn.export import web

    written = [variant.file for variant in exported.kept if variant.format == "onnx"]
    if engine is not None and written:
        if engine.note:
            say(engine.note)
        say(f"Wrote {web.write(exported.folder, engine, written[0])}: open it in a browser, without a network.")


def dataset_of(model: Path, data: Path | Url | None) -> tuple[Dataset | None, str]:
    """The images of the study whose folder contains a model file, wherever they are now; or None, and why they are not available.

    Raises:
        DataError: the images are not at `data`.
        ConfigError: `data` is given, but the model is not in a study's folder.
    """
    from automl_cnn.store import StudyFolder
    from automl_cnn.study.stored.images import looked_for

    folder = StudyFolder(Path(os.path.abspath(model)).parent.parent)
    if folder.manifest.is_file():
        return looked_for(folder, data)
    if data is not None:
        raise ConfigError(f"--data: {model} is not in a study's folder, so its images are unknown. Leave --data out, or name the study.")
    return None, ""


def newest(store: Store) -> Path:
    """The best model of the study that was changed last and has a model.

    Raises:
        StoreError: the store has no model.
    """
    models = (store.find(name).model for name in store.studies)
    path = next((model for model in models if model.is_file()), None)
    if path is None:
        raise StoreError(f"There is no model in the store {store.root}. Run `automl-cnn search --data FOLDER` first, or name another --store.")
    return path


def _listed(texts: Sequence[str] | None, flag: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip().replace("-", "_") for part in ",".join(texts or ()).split(",") if part.strip()))
    if texts and not names:
        raise ConfigError(f"{flag} is empty: expected one name or more, with commas between them.")
    return names


def _amount(text: str | None, flag: str, read: Any) -> float | None:
    try:
        return None if text is None else float(read(text))
    except ValueError as error:
        raise ConfigError(f"{flag}: {error}.") from None


def _print(exported: Exported) -> None:
    screen = console()
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    name = f"test {metric_name(exported.measure)}"
    score = f"{name} ({exported.measure.unit})" if exported.measure.unit else name
    same = "same labels" if exported.task is None or exported.task.probable else "same numbers"
    for head in ("file", "precision", "size", "max difference", same, score, "ms, 1 image", f"ms, {BATCHED} images"):
        table.add_column(head, justify="left" if head in ("file", "precision") else "right", no_wrap=True)
    for variant in exported.variants:
        if variant.proof is not None:
            table.add_row(*_cells(variant, variant.proof, exported.measure))
    screen.print(table)
    known = next((variant.proof for variant in exported.variants if variant.proof), None)
    if known is not None:
        original = "" if known.original_score is None else f"; the original has {spelled(exported.measure, known.original_score)}"
        screen.print(Text(f"Each file was run in its own process on {plural(known.images, 'image')}{original}.", style="dim"), soft_wrap=True)
    for note in (*exported.notes, *(variant.note for variant in exported.variants if variant.note and variant.kept)):
        say(note)
    for variant in exported.variants:
        if variant.proof is not None and not variant.kept:
            why = variant.note or "another variant within the limits is more accurate, or as accurate and faster"
            screen.print(Text(f"Not written: {variant.file}: {why}."), soft_wrap=True)
    files = ", ".join(variant.file for variant in exported.kept)
    beside = "README.md (how to run them), labels.txt, model.json, export.json, model_card.md and variants.svg"
    screen.print(Text(f"Wrote {files}, {beside} to {exported.folder}."), soft_wrap=True)


def _cells(variant: Variant, proof: Proof, measure: Measure) -> tuple[str, ...]:
    return (
        variant.file,
        variant.method,
        bytes_(proof.bytes),
        difference(proof),
        f"{proof.same:.1%}",
        "-" if proof.score is None else spelled(measure, proof.score, unit=False),
        f"{proof.latency_ms['1']:.2f}",
        f"{proof.latency_ms[str(BATCHED)]:.1f}",
    )


def difference(proof: Proof) -> str:
    """The largest difference from the original: of a probability, or of each number in its unit."""
    if not proof.numbers:
        return f"{proof.max_difference:.1e}"
    alone = len(proof.numbers) == 1
    return ", ".join(f"{'' if alone else f'{name} '}{one['max_difference']:.2g}{' ' * bool(one['unit'])}{one['unit']}" for name, one in proof.numbers.items())
