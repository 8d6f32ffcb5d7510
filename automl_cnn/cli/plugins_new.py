"""`automl-cnn plugins new`: write a template for a plugin, which passes every check as it is."""

from __future__ import annotations

import keyword
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from automl_cnn import plugin, registry
from automl_cnn.cli.console import Text, console
from automl_cnn.errors import ConfigError
from automl_cnn.paths import unusable

ARCHITECTURE = '''\
"""{title}: a family of networks."""

from automl_cnn import blocks
from automl_cnn.plugin import Architecture, Choice, Int


class {class_name}(Architecture):
    """Stages of plain convolutions, each followed by a pooling. Choose it where ...

    Say here when to choose it, and cite its paper. Users read this with `automl-cnn plugins show {name}`.
    """

    name = "{name}"
    min_size = 16  # pixels; every point of the space below must build at this size

    # The space: what a search may vary. {class_name}() is the default and the first trial.
    stages = Int(1, 4, default=3)
    kernel = Choice(3, 5)  # the first is the default
    activation = Choice("relu", "silu")

    def features(self, x, net):
        """(batch, size, size, channels), scaled to -1..1 -> a map (batch, height, width, channels)."""
        for stage in range(self.stages):
            # net.width and net.depth apply the multipliers that compound scaling grows a network with.
            for _ in range(net.depth(1)):
                # blocks.conv asks for net.penalty(), so that L1 and L2 reach its kernel.
                x = blocks.conv(x, net.width(16 * 2**stage), self.kernel, net=net, activation=self.activation)
            x = net.after_block(x)  # where dropout and its like act
            x = blocks.max_pool(x, 2)
        return x

    # def head(self, x, net): a row (batch, features) of the map; without it, global average pooling.
'''

OPTIMIZER = '''\
"""{title}: an optimizer with its learning-rate schedule."""

from automl_cnn import blocks
from automl_cnn.plugin import Choice, Float, Optimizer, keras


class {class_name}(Optimizer):
    """Gradient descent with momentum. Choose it where ...

    Say here when to choose it, and cite its paper. Users read this with `automl-cnn plugins show {name}`.
    """

    name = "{name}"

    # The space: what a search may vary. log=True where factors matter, not differences.
    learning_rate = Float(1e-3, 1e-1, default=1e-2, log=True)
    momentum = Float(0.0, 0.95, default=0.9)
    schedule = Choice("cosine", "constant")  # the first is the default

    def build(self, steps):
        """A fresh Keras optimizer for a training of `steps` batches in all, which may be a single one."""
        rate = blocks.learning_rate(self.learning_rate, steps, schedule=self.schedule, warm_up=0.05)
        return keras.optimizers.SGD(rate, momentum=self.momentum)
'''

REGULARIZER = '''\
"""{title}: a strategy against overfitting."""

import numpy as np

from automl_cnn.plugin import Float, Regularizer


class {class_name}(Regularizer):
    """Noise on the pixels of training images. Choose it where ...

    Say here when to choose it, and cite its paper. Users read this with `automl-cnn plugins show {name}`.
    """

    name = "{name}"
    default_on = False  # whether the first trials have it on
    # tasks = ("multiclass", "multilabel")  # what it makes sense for; without it, everything, "regression" too

    # The space: what a search may vary while this regularizer is on.
    strength = Float(0.0, 32.0, default=8.0)  # standard deviation, of 255

    def augment(self, images, labels, rng):
        """Training images (batch, height, width, channels) within 0..255 and labels (batch, outputs), changed at random."""
        noisy = images + rng.normal(0, self.strength, images.shape)  # a new array: those given must stay as they are
        return np.clip(np.rint(noisy), 0, 255).astype(images.dtype), labels

    # Other hooks, each of which does nothing unless it is written:
    #   penalty()              a Keras regularizer on every kernel
    #   block(x), branch(x)    layers at the end of each block, on each residual branch
    #   dense(x)               layers in front of each dense layer
    #   optimizer(optimizer)   the optimizer, changed or replaced
    #   callbacks(), stop(epochs)
    #   targets(labels, task)  what the loss compares answers with, where that depends on the task
'''


class Kind(StrEnum):
    """The kinds of plugins."""

    ARCHITECTURE = "architecture"
    OPTIMIZER = "optimizer"
    REGULARIZER = "regularizer"


TEMPLATES = {Kind.ARCHITECTURE: ARCHITECTURE, Kind.OPTIMIZER: OPTIMIZER, Kind.REGULARIZER: REGULARIZER}


def new(
    *,
    kind: Annotated[Kind, typer.Argument(help="The kind of plugin.")],
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits and underscores.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write into; made where it does not exist.")] = Path("plugins"),
) -> None:
    """Write a working, commented plugin as a template for your own."""
    _usable(kind, name)
    path = out / f"{name}.py"
    if why := unusable(path):
        raise ConfigError(f"{why}. Choose another --out.")
    if path.exists():
        raise ConfigError(f"{path} exists and is left as it is. Choose another name or --out, or move the file away.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATES[kind].format(name=name, class_name=_class_name(kind, name), title=name.replace("_", " ").capitalize()))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error}. Choose another --out.") from None
    screen = console()
    screen.print(Text(f"wrote {path}\n\nNext, change it, and then:"))
    for command in (f"automl-cnn plugins check {path}", f"automl-cnn search --data FOLDER --plugins-dir {out}"):
        screen.print(Text(f"  {command}", style="cyan"), soft_wrap=True)


def _usable(kind: Kind, name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise ConfigError(
            f"A plugin cannot be called '{name}': expected lower-case letters, digits and underscores, beginning with a letter, and no Python keyword."
        )
    known = registry.load().entries[kind.value]
    if name in known:
        article = "a" if kind is Kind.REGULARIZER else "an"
        raise ConfigError(f"There is {article} {kind.value} called '{name}' already, from {known[name].source}. Choose another name.")


def _class_name(kind: Kind, name: str) -> str:
    made = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    return f"{made}{kind.value.capitalize()}" if made in plugin.__all__ else made
