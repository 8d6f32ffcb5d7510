"""`automl-cnn export`: a study's best model as files to deploy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from automl_cnn.cli.console import say
from automl_cnn.cli.dashboard import STORE
from automl_cnn.errors import ConfigError, StoreError, did_you_mean
from automl_cnn.store import Store

FORMATS = ("keras",)


def export(
    name: Annotated[str | None, typer.Argument(help="A study's name, its folder, or a .keras file. Default: the study last worked on.")] = None,
    format_: Annotated[str, typer.Option("--format", help=f"One of: {', '.join(FORMATS)}.")] = "keras",
    out: Annotated[Path, typer.Option(help="The folder to write.")] = Path("exported"),
    store: Annotated[Path, typer.Option(help="The folder that holds the studies.")] = STORE,
) -> None:
    """Copy the best model, its labels and what is known of it into a folder."""
    if format_ not in FORMATS:
        raise ConfigError(f"There is no export format '{format_}' yet. {did_you_mean(format_, FORMATS)}")
    from automl_cnn.export.bundle import read_card, resolve

    model = resolve(name, Store(store)) if name else newest(Store(store))
    card = dict(read_card(model))
    try:
        out.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(model, out / "model.keras")
        (out / "labels.txt").write_text("".join(f"{label}\n" for label in card["classes"]), encoding="utf-8")
        (out / "model.json").write_text(json.dumps(_described(card), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"The folder {out} cannot be written: {error.strerror}. Choose another with --out.") from None
    say(f"Wrote {out / 'model.keras'}, labels.txt and model.json (study {card.get('study', '-')}, trial {card.get('trial', '-')}).")


def newest(store: Store) -> Path:
    """The best model of the study last worked on that has one.

    Raises:
        StoreError: there is none.
    """
    models = (store.find(name).model for name in store.studies)
    found = next((model for model in models if model.is_file()), None)
    if found is None:
        raise StoreError(f"There is no model in the store {store.root}. Run `automl-cnn search --data FOLDER` first, or name another --store.")
    return found


def _described(card: dict[str, Any]) -> dict[str, Any]:
    """The card, and how to feed the model."""
    given = {"shape": [None, None, None, card.get("channels")], "layout": "NHWC", "range": [0, 255], "resized_inside_to": card.get("size")}
    return {**card, "input": given, "output": "one probability per line of labels.txt"}
