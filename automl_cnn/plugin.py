"""Everything that a plugin may import besides `automl_cnn.blocks` and Keras.

    from automl_cnn import blocks
    from automl_cnn.plugin import Architecture, Choice, Int, Net

    class TinyNet(Architecture):
        \"\"\"Three plain stages. Choose it where a model must be tiny.\"\"\"

        name = "tiny"
        min_size = 16
        stages = Int(1, 4, default=3)
        kernel = Choice(3, 5)

        def features(self, x, net: Net):
            for stage in range(self.stages):
                for _ in range(net.depth(1)):
                    x = blocks.conv(x, net.width(16 * 2**stage), self.kernel, net=net)
                x = blocks.max_pool(net.after_block(x), 2)
            return x

A class declares a space, an instance is one point of it: `TinyNet(stages=2)` works in a
notebook, `TinyNet()` is the default and the first trial queued, `TinyNet(stages=9)` raises.

`keras` here is the Keras module, imported at its first use (about 11 s with TensorFlow), so
that listing plugins stays instant. A plain `import keras` works too, at that price.
"""

from __future__ import annotations

import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from automl_cnn.errors import PluginError, SpaceError, did_you_mean
from automl_cnn.records import Epoch
from automl_cnn.space import Choice, Domain, Float, Int, Scalar

if TYPE_CHECKING:
    import keras
    import numpy as np
else:

    class _Late:
        """Stands for a module that is imported at its first use."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, attribute: str) -> Any:
            return getattr(importlib.import_module(self._name), attribute)

    keras = _Late("keras")

__all__ = ["Architecture", "Choice", "Epoch", "Float", "Inputs", "Int", "Net", "Optimizer", "Plugin", "Pretrained", "Regularizer", "Story", "keras"]

Tensor = Any  # a Keras tensor; Keras has no public type for it


@dataclass(frozen=True)
class Inputs:
    """The preprocessing of pixels 0..255 that a network expects: times `scale` plus `offset`, for red, green and blue.

    `bgr` says that its first kernel wants blue first; the framework then turns the kernel, not the pixels.
    """

    scale: tuple[float, float, float] = (1 / 127.5,) * 3
    offset: tuple[float, float, float] = (-1.0,) * 3
    bgr: bool = False

    @classmethod
    def torch(cls) -> Inputs:
        """0..1, less ImageNet's mean color, in its standard deviations."""
        mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        return cls(tuple(1 / (255 * d) for d in deviation), tuple(-m / d for m, d in zip(mean, deviation, strict=True)))  # type: ignore[arg-type]  # three each

    @classmethod
    def caffe(cls) -> Inputs:
        """0..255, less ImageNet's mean color, blue first."""
        return cls((1.0,) * 3, (-123.68, -116.779, -103.939), bgr=True)


@dataclass(frozen=True)
class Pretrained:
    """Weights learned on ImageNet that an architecture can start from.

    `point` are the architecture's parameters, `width` and `depth` the multipliers that the weights
    were trained with, `size` the pixels. `source` says where they are:

        package:NAME/FILE       a file inside an installed package (`*` stands for any letters), in PyTorch's format
        keras:FUNCTION          the weights of `keras.applications.FUNCTION`, downloaded if missing

    `distribution` names what to install to have a package; `top_1` is the accuracy on ImageNet.
    """

    name: str
    source: str
    point: Mapping[str, Scalar] = field(default_factory=dict)
    width: float = 1.0
    depth: float = 1.0
    size: int = 224
    inputs: Inputs = Inputs()
    epsilon: float = 1e-3  # of the batch norms
    distribution: str = ""
    top_1: float | None = None


@dataclass(frozen=True)
class Story:
    """An architecture's place in history, for learners: `automl-cnn plugins show` prints it.

    `idea` is one or two sentences, `block` a small drawing of its block in plain text. `before` and `after` name the plugins whose ideas it took up
    and which took up its own; `studies` and `notebooks` are the folders and files of this project that put its claims to the test.
    """

    year: int
    idea: str
    block: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    notebooks: tuple[str, ...] = ()


class Net(Protocol):
    """The rules for every network; the framework passes one to `Architecture.features`.

    An architecture that spells its channels `net.width(64)` and its repeats `net.depth(3)` can be
    scaled by the search, and one built with `automl_cnn.blocks` is regularized by it.
    """

    @property
    def input_size(self) -> int:
        """Height and width of the (square) input, in pixels."""

    @property
    def classes(self) -> int:
        """The number of classes."""

    def width(self, channels: int) -> int:
        """`channels` times the width multiplier, rounded to a multiple of 8, never below 90 % (as EfficientNet does)."""

    def depth(self, repeats: int) -> int:
        """`repeats` times the depth multiplier, rounded up."""

    def early_stride(self, index: int) -> int:
        """The stride of the `index`-th early downsampling (1 or 2): 2, or 1 where the input is too small for it.

        The first is taken from 64 px, the second from 128 px, so that a network made for
        224 px still sees a map of at least 4x4 at 32 px.
        """

    def stem(self, x: Tensor, channels: int, kernel: int = 7) -> Tensor:
        """The classic opening: a strided convolution with norm and ReLU, then a 3x3 max pooling; each without its stride on small images.

        It applies the width multiplier to `channels`: do not call `net.width` for them.
        """

    def penalty(self) -> keras.regularizers.Regularizer | None:
        """The active regularizers' kernel penalty; every kernel must ask for it (`automl_cnn.blocks` does)."""

    def after_block(self, x: Tensor) -> Tensor:
        """The active regularizers' block-level layers (dropout and the like); call it once at the end of each block."""

    def after_branch(self, x: Tensor) -> Tensor:
        """The active regularizers' layers on a residual branch, before it is added (`blocks.residual` calls it)."""

    def auxiliary(self, x: Tensor, weight: float = 0.3) -> None:
        """Put a second classifier on `x`, (batch, features), whose loss counts `weight` times while training; the trained model is without it."""

    def before_dense(self, x: Tensor) -> Tensor:
        """The active regularizers' layers in front of a dense layer; call it in a dense head."""


class Plugin(ABC):
    """Base of the three kinds. Public class attributes that are an Int, Float or Choice form the space."""

    kind: ClassVar[str]
    name: ClassVar[str]
    _domains: ClassVar[dict[str, Domain]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {key: value for key, value in vars(cls).items() if isinstance(value, Domain)}
        inherited = {key: domain for key, domain in cls._domains.items() if key in own or key not in vars(cls)}  # `shortcut = False` fixes what was searched
        cls._domains = {**inherited, **own}  # a parameter that is declared again keeps its place
        name = vars(cls).get("name")
        if name is not None and not re.fullmatch(r"[a-z][a-z0-9_]*", str(name)):
            raise PluginError(f"{cls.__name__}.name is {name!r}: expected lower-case letters, digits and underscores, beginning with a letter.")

    def __init__(self, **values: Scalar) -> None:
        name = getattr(type(self), "name", type(self).__name__)
        for key in values:
            if key not in self._domains:
                raise SpaceError(f"{name} has no parameter '{key}'. {did_you_mean(key, self._domains)}")
        for key, domain in self._domains.items():
            vars(self)[key] = domain.check(values.get(key, domain.default), f"{name}.{key}")

    def __setattr__(self, name: str, value: object) -> None:
        if name in self._domains:
            raise PluginError(
                f"{type(self).__name__}.{name} cannot be changed: an instance is one point of its space. Make another: {type(self).__name__}({name}={value!r})."
            )
        super().__setattr__(name, value)

    @classmethod
    def domains(cls) -> dict[str, Domain]:
        """The declared space, by parameter name, in the order of declaration."""
        return dict(cls._domains)

    @property
    def values(self) -> dict[str, Scalar]:
        """This instance's point of the space."""
        return {key: vars(self)[key] for key in self._domains}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in self.values.items())})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.values == other.values

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.values.items())))


class Architecture(Plugin):
    """A family of networks. One required method: `features`.

    The framework owns the input, the resizing and rescaling, the classifier, the loss and the
    training. `min_size` is the smallest input, in pixels, at which every point of the space builds;
    `pretrained` are the weights it can start from, the best to begin with first. `story` is for learners and may be left out.
    """

    kind = "architecture"
    min_size: ClassVar[int] = 32
    pretrained: ClassVar[tuple[Pretrained, ...]] = ()
    story: ClassVar[Story | None] = None

    @abstractmethod
    def features(self, x: Tensor, net: Net) -> Tensor:
        """The 4-D feature map (batch, height, width, channels) of `x`, which is scaled to -1..1."""

    def head(self, x: Tensor, net: Net) -> Tensor:
        """A 2-D tensor (batch, features) of the feature map, in front of the classifier. Default: global average pooling."""
        return keras.layers.GlobalAveragePooling2D(data_format="channels_last")(x)


class Optimizer(Plugin):
    """An optimizer together with its learning-rate schedule. One required method: `build`."""

    kind = "optimizer"

    @abstractmethod
    def build(self, steps: int) -> keras.optimizers.Optimizer:
        """A fresh Keras optimizer for a training of `steps` batches in all."""


class Regularizer(Plugin):
    """A strategy against overfitting. Every hook does nothing by default; several can be active at once.

    In a study's space a regularizer is a switch, off or on, with its own parameters behind it.
    `default_on` says where the switch stands in the first trials. `tasks` names the tasks it makes
    sense for, as in `tasks = ("multiclass", "multilabel")`; a study of another task leaves it out.
    None, the default, means all of them:

        "multiclass"     one class for each image
        "multilabel"     any number of labels for each image
        "regression"     numbers for each image
    """

    kind = "regularizer"
    default_on: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...] | None] = None

    @classmethod
    def suits(cls, task: str) -> bool:
        """Whether it suits the task of that name."""
        return cls.tasks is None or task in cls.tasks

    def penalty(self) -> keras.regularizers.Regularizer | None:
        """A penalty on every kernel."""
        return None

    def block(self, x: Tensor) -> Tensor:
        """Layers at the end of each block of the network."""
        return x

    def branch(self, x: Tensor) -> Tensor:
        """Layers on each residual branch, before it is added to its input."""
        return x

    def dense(self, x: Tensor) -> Tensor:
        """Layers in front of each dense layer, the classifier included."""
        return x

    def built(self, model: keras.Model) -> None:
        """Called when the whole network is built: a last change to the layers that this plugin added (rates that depend on how many there are)."""

    def optimizer(self, optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
        """The optimizer before training begins; change it, or return another."""
        return optimizer

    def callbacks(self) -> Sequence[keras.callbacks.Callback]:
        """Keras callbacks for one training; at the end of an epoch they run before the validation images are scored."""
        return ()

    def stop(self, epochs: Sequence[Epoch]) -> bool:
        """Whether to end the training early, after the last of `epochs` (their `number` of `epochs` planned, `score`, `val_loss` and so on).

        The best epoch's weights are kept in any case.
        """
        return False

    def augment(self, images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A training batch, changed at random; never used for validation or prediction.

        `images` is (batch, height, width, channels), uint8 or float32 within 0..255, `labels` is (batch,
        outputs), float32. For the task "multiclass" each row of them is a distribution, for "multilabel"
        each number lies within 0..1 and rows need not sum to 1, for "regression" they are the values.
        Both may be new arrays; do not write into those given.
        """
        return images, labels

    def targets(self, labels: np.ndarray, task: str) -> np.ndarray:
        """The targets that the loss compares with the predictions for a training batch, from its `labels` after every `augment`.

        For what changes labels alone and depends on the task, such as label smoothing. `labels` and what is
        returned have the form that `augment` describes; do not write into the array given. How much
        each image weighs is settled before, by the labels as they were.
        """
        return labels
