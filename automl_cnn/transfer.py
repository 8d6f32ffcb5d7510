"""How a configuration says that a network begins with weights learned elsewhere, and what is done with them.

    pretrained.<architecture>     the name of the weights, or "none": from scratch
    finetune.<architecture>       probe, head_first, gradual or all
    finetune_rate.<architecture>  the rate of the pretrained layers, as a share of the optimizer's

probe         the layers stay as they are; a logistic regression reads their features. Seconds, and hard to beat on a few hundred photos.
head_first    the probe first, then every layer is trained on, slowly; batch norms keep their statistics (Kumar et al. 2022, https://arxiv.org/abs/2202.10054).
gradual       as head_first, the lower a layer the slower (Howard and Ruder 2018, https://arxiv.org/abs/1801.06146).
all           a new classifier and every layer at once, batch norms included.
"""

from __future__ import annotations

from automl_cnn.space import Configuration

PRETRAINED = "pretrained."
FINETUNE = "finetune."
RATE = "finetune_rate."
NONE = "none"
PROBE = "probe"
MODES = (PROBE, "head_first", "gradual", "all")
TRAIN_ON = "head_first"  # what follows a probe
LOWEST = 0.1  # with "gradual", the rate of the lowest layer as a share of the highest's


def weights_of(configuration: Configuration) -> str | None:
    """The name of the pretrained weights, or None where the network learns from scratch."""
    name = configuration.get(f"{PRETRAINED}{configuration.get('architecture')}", NONE)
    return None if name == NONE else str(name)


def mode_of(configuration: Configuration) -> str | None:
    """What is done with the pretrained weights, one of `MODES`; None from scratch."""
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
    """The network in a few words: `vgg`, or `efficientnet_lite from lite0, probe`."""
    architecture, weights, mode = str(configuration["architecture"]), weights_of(configuration), mode_of(configuration)
    return architecture if weights is None else f"{architecture} from {weights}, {str(mode).replace('_', ' ')}"
