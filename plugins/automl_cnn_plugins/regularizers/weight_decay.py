"""Weight decay: kernels shrink a little at every step."""

from automl_cnn import blocks
from automl_cnn.plugin import Float, Regularizer


class WeightDecay(Regularizer):
    """Every kernel shrinks by the learning rate times `strength` at each step, apart from the gradient (decoupled).

    Choose it over L2 with Adam and its like, which divide a penalty's gradient by its size; with
    plain SGD the two are the same but for a factor of 2. With an optimizer that has a weight decay
    of its own (AdamW, Lion) `strength` replaces it. Biases and norms do not decay.

    Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101
    """

    name = "weight_decay"
    strength = Float(1e-4, 0.3, default=0.01, log=True)

    def optimizer(self, optimizer):
        return blocks.decay_kernels(optimizer, self.strength)
