"""MixUp: two images in one, and both their labels."""

import numpy as np

from automl_cnn.plugin import Float, Regularizer


class MixUp(Regularizer):
    """Each training image is blended with another one of its batch, and the labels in the same proportion.

    Choose it for long trainings that overfit or are too sure of themselves; short ones get little
    from it. The proportion is drawn for each image from a Beta distribution with both parameters
    `alpha`: 0.2 is mostly one image with a trace of another, 1 anything alike. Training loss and
    accuracy are of the blends, hence worse than the validation's.

    Where images have several labels, a label that one of the two has gets that image's share, and
    one that both have stays 1. Binary cross-entropy is linear in its targets, so this is the
    paper's blend of the two images' losses, here too (so do Kong et al. 2020 for the
    labels of sounds, https://arxiv.org/abs/1912.10211).

    Zhang et al. 2018, https://arxiv.org/abs/1710.09412
    """

    name = "mixup"
    alpha = Float(0.05, 1.0, default=0.2)

    def augment(self, images, labels, rng):
        share = rng.beta(self.alpha, self.alpha, len(images)).astype(np.float32)
        partner = rng.permutation(len(images))
        mixed = _blend(images, images[partner], share)
        return (mixed if images.dtype != np.uint8 else np.rint(mixed, out=mixed).astype(np.uint8)), _blend(labels, labels[partner], share)


def _blend(ours, theirs, share):
    """`share` of each of `ours`, the rest of `theirs`; float32."""
    share = share.reshape(-1, *(1,) * (ours.ndim - 1))
    blend = ours * share
    blend += theirs * (1 - share)
    return blend
