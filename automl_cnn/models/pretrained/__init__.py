"""Weights learned on ImageNet, from where they are into a network of ours.

    model = build(architecture, …, pretrained=entry)
    load(model, entry)

They are put in by the order of the layers, every kind and shape checked: no layer of ours needs a
name of someone else's. `available` and `what_to_install` answer without Keras.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from automl_cnn.models.pretrained.source import available, what_to_install
from automl_cnn.plugin import Pretrained

__all__ = ["available", "download", "load", "what_to_install"]


def load(model: Any, entry: Pretrained, *, file: Path | None = None, top: bool = False) -> None:
    """Put the weights of `entry` into `model`, a classifier that was built for them; its own classifier stays as it is.

    `file` is used in place of the entry's own source and has the same form. With `top`, the classifier
    of ImageNet's 1000 classes is loaded too. Weights of keras.applications are downloaded where they
    are not on this machine. The model is changed only if everything fits.

    Raises:
        PluginError: the weights are missing, unreadable or do not fit; the message names the layer.
    """
    from automl_cnn.models.pretrained.fit import fit
    from automl_cnn.models.pretrained.read import read

    fit(model, read(entry, file, top=top), entry, origin=str(file) if file else entry.source, top=top)


def download(entry: Pretrained) -> None:
    """Have the weights of keras.applications on this machine from now on; nothing to do for those of a package.

    Raises:
        PluginError: they cannot be downloaded, or the package is not installed.
    """
    from automl_cnn.models.pretrained.read import fetch

    fetch(entry)
