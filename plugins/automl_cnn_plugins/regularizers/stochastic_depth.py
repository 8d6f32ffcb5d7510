"""Stochastic depth: a shorter network at every step."""

from automl_cnn import blocks
from automl_cnn.plugin import Float, Regularizer


class StochasticDepth(Regularizer):
    """Leaves out residual branches at random while training, image by image: many networks of different depths in one.

    Choose it for deep residual networks (resnet, senet, mobilenet_v2, efficientnet); without
    residual branches it does nothing. The l-th of L branches is left out at `rate` * l / L, since
    early ones are needed by all that follow.

    Huang et al. 2016, https://arxiv.org/abs/1603.09382
    """

    name = "stochastic_depth"
    rate = Float(0.0, 0.5, default=0.2)

    def branch(self, x):
        return blocks.stochastic_depth(x, self.rate)

    def built(self, model):
        layers = [layer for layer in model.layers if type(layer).__name__ == "StochasticDepth"]
        for number, layer in enumerate(layers, 1):
            layer.rate = self.rate * number / len(layers)
