"""An entry, or a file of the user's -> the list of its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from automl_cnn import keras_settings
from automl_cnn.errors import PluginError
from automl_cnn.models.pretrained.items import Item, from_torch
from automl_cnn.models.pretrained.order import items_of
from automl_cnn.models.pretrained.source import Application, find, source_of, what_to_install
from automl_cnn.models.pretrained.torch_file import read_torch
from automl_cnn.paths import unusable
from automl_cnn.plugin import Pretrained


@keras_settings.standard()
def read(entry: Pretrained, file: Path | None, *, top: bool) -> list[Item]:
    """The weights in the order of the layers; those of a classifier may be among them.

    Raises:
        PluginError: they are not to be had, or not in the form of `entry.source`.
    """
    source = source_of(entry)
    if isinstance(source, Application):
        return items_of(_downloaded(entry, source, top=top)) if file is None else _from_file(file, source, top=top)
    if file is not None:
        _expect(file, (".pth", ".pt", ".bin"), "weights in PyTorch's format")
    path = file or find(entry)
    if path is None:
        raise PluginError(f"The package with the pretrained weights '{entry.name}' is not installed ({entry.source}). {what_to_install(entry)}")
    return from_torch(read_torch(path), str(path))


@keras_settings.standard()
def fetch(entry: Pretrained) -> None:
    """Download what is not here yet; see `automl_cnn.models.pretrained.download`."""
    source = source_of(entry)
    if isinstance(source, Application):
        _downloaded(entry, source, top=False)
    elif find(entry) is None:
        raise PluginError(f"The package with the pretrained weights '{entry.name}' is not installed ({entry.source}). {what_to_install(entry)}")


def _downloaded(entry: Pretrained, source: Application, *, top: bool) -> keras.Model:
    build = _function(source)
    try:
        return build(weights="imagenet", include_top=top, **source.arguments)
    except Exception as error:  # Keras raises plain exceptions for a failed download, ValueError for arguments it has no weights for
        raise PluginError(
            f"The pretrained weights '{entry.name}' (keras.applications.{source.function}) could not be loaded: {error}. {what_to_install(entry)}"
        ) from error


def _from_file(file: Path, source: Application, *, top: bool) -> list[Item]:
    _expect(file, (".h5", ".keras"), f"weights of keras.applications.{source.function}")
    if file.suffix == ".keras":
        try:
            return items_of(keras.saving.load_model(file, compile=False))
        except PluginError:
            raise
        except Exception as error:  # a damaged archive may raise anything
            raise PluginError(f"{file} cannot be read as a Keras model ({type(error).__name__}: {error}): expected a whole .keras file.") from error
    build, reasons = _function(source), []
    for with_top in (True,) if top else (False, True):  # files come with and without the classifier
        model = build(weights=None, include_top=with_top, **source.arguments)
        try:
            model.load_weights(file)
        except Exception as error:  # h5py and Keras raise ValueError, OSError, KeyError and more
            reasons.append(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)
            continue
        items = items_of(model)
        without = len(items) if top or not with_top else len(items_of(build(weights=None, include_top=False, **source.arguments)))
        return items[:without]
    raise PluginError(
        f"{file} holds no weights that keras.applications.{source.function} takes{_arguments(source)}: {reasons[0]} "
        f"Expected a .h5 or .weights.h5 file saved from that network{', with its classifier' if top else ''}."
    )


def _function(source: Application) -> Any:
    build = getattr(keras.applications, source.function, None)
    if not callable(build):
        raise PluginError(f"keras.applications has no function '{source.function}': expected the name of a network, such as MobileNetV2.")
    return build


def _arguments(source: Application) -> str:
    return f" ({', '.join(f'{key}={value:g}' for key, value in source.arguments.items())})" if source.arguments else ""


def _expect(file: Path, suffixes: tuple[str, ...], what: str) -> None:
    if why := unusable(file):
        raise PluginError(f"{why}. Expected {what} ({', '.join(suffixes)}).")
    if not file.is_file():
        raise PluginError(f"There is no file {file}: expected {what} ({', '.join(suffixes)}).")
    if file.suffix.lower() not in suffixes:
        raise PluginError(f"{file} is a {file.suffix or 'nameless'} file: expected {what} ({', '.join(suffixes)}).")
