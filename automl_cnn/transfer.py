"""How a configuration selects pretrained weights and the way to fine-tune them.

    pretrained.<architecture>     the name of the weights, or "none": from scratch
    finetune.<architecture>       probe, head_first, gradual or all
    finetune_rate.<architecture>  the rate of the pretrained layers, as a share of the optimizer's
    readout_sizes.<architecture>, readout_stages.<architecture>, readout_mirror.<architecture>
                                  of a probe: how the frozen network is read (see `Readout`)

probe         the layers stay as they are; a logistic regression reads their features. Seconds, and hard to beat on a few hundred photos.
head_first    the probe first, then every layer is trained on, slowly; batch norms keep their statistics (Kumar et al. 2022, https://arxiv.org/abs/2202.10054).
gradual       as head_first, the lower a layer the slower (Howard and Ruder 2018, https://arxiv.org/abs/1801.06146).
all           a new classifier and every layer at once, batch norms included.
"""

from __future__ import annotations

from dataclasses import dataclass

from automl_cnn.space import Configuration

PRETRAINED = "pretrained."
FINETUNE = "finetune."
RATE = "finetune_rate."
SIZES, STAGES, MIRROR = "readout_sizes.", "readout_stages.", "readout_mirror."
MOST_SIZES, MOST_STAGES = 3, 4
SMALLER = 1.8  # a readout's sizes are this far apart
NONE = "none"
PROBE = "probe"
MODES = (PROBE, "head_first", "gradual", "all")
TRAIN_ON = "head_first"  # what follows a probe
LOWEST = 0.1  # with "gradual", the rate of the lowest layer as a share of the highest's


@dataclass(frozen=True)
class Readout:
    """How the features of a frozen network are read: all of them go into one logistic regression.

    `sizes` is the number of image sizes, the largest first, each `SMALLER` times smaller than the one before: objects of several scales.
    `stages` is the number of last stages whose maps are averaged: textures and parts beside whole objects.
    `mirror` averages the features with those of the mirrored image.

    Several stages together: Evci et al. 2022 (Head2Toe), https://arxiv.org/abs/2201.03529
    """

    sizes: int = 1
    stages: int = 1
    mirror: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is the last map at one size, as a fine-tuned network sees it."""
        return self == Readout()

    def pixels(self, largest: int) -> tuple[int, ...]:
        """The image sizes in pixels, in multiples of 32 below the largest, none below 32 px."""
        smaller = (max(32, round(largest / SMALLER**step / 32) * 32) for step in range(1, self.sizes))
        return tuple(dict.fromkeys((largest, *(size for size in smaller if size < largest))))


def readout_of(configuration: Configuration) -> Readout:
    """How a probe reads its network; the plain readout for everything else."""
    if not is_probe(configuration):
        return Readout()
    name = configuration["architecture"]
    values = (configuration.get(f"{prefix}{name}", default) for prefix, default in ((SIZES, 1), (STAGES, 1), (MIRROR, False)))
    sizes, stages, mirror = values
    return Readout(int(sizes), int(stages), bool(mirror))


def weights_of(configuration: Configuration) -> str | None:
    """The name of the pretrained weights, or None where the network learns from scratch."""
    name = configuration.get(f"{PRETRAINED}{configuration.get('architecture')}", NONE)
    return None if name == NONE else str(name)


def mode_of(configuration: Configuration) -> str | None:
    """The mode of fine-tuning, one of `MODES`; None from scratch."""
    if weights_of(configuration) is None:
        return None
    return str(configuration.get(f"{FINETUNE}{configuration['architecture']}", PROBE))


def is_probe(configuration: Configuration) -> bool:
    """Whether nothing but a logistic regression is trained."""
    return mode_of(configuration) == PROBE


def rate_of(configuration: Configuration) -> float:
    """The rate of the pretrained layers as a share of the optimizer's; 1 from scratch."""
    if weights_of(configuration) is None:
        return 1.0
    return float(configuration.get(f"{RATE}{configuration['architecture']}", LOWEST))


def name_of(configuration: Configuration) -> str:
    """The network in a few words: `vgg`, or `efficientnet_lite from lite0, probe of 4 stages at 224 and 128 px, mirrored`."""
    architecture, weights, mode = str(configuration["architecture"]), weights_of(configuration), mode_of(configuration)
    if weights is None:
        return architecture
    return f"{architecture} from {weights}, {str(mode).replace('_', ' ')}{_in_words(readout_of(configuration), configuration)}"


def sizes_in_name(configuration: Configuration) -> tuple[int, ...]:
    """The sides of the images in pixels, where `name_of` has them: for a readout at several sizes. The resolution is the first of them."""
    if not {"architecture", "resolution"} <= configuration.keys() or weights_of(configuration) is None:
        return ()
    readout = readout_of(configuration)
    sizes = readout.pixels(int(configuration["resolution"])) if readout.sizes > 1 else ()
    return sizes if len(sizes) > 1 else ()


def _in_words(readout: Readout, configuration: Configuration) -> str:
    stages = f" of {readout.stages} stages" if readout.stages > 1 else ""
    sizes = sizes_in_name(configuration)
    at = f" at {' and '.join(map(str, sizes))} px" if sizes else ""
    return f"{stages}{at}{', mirrored' if readout.mirror else ''}"
