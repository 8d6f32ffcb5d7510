"""CutMix: a piece of another image, and as much of its label."""

import numpy as np

from automl_cnn.plugin import Float, Regularizer


class CutMix(Regularizer):
    """A rectangle of each training image is replaced by the same one of another in its batch; labels mix by the area.

    Choose it for long trainings that overfit where any part of an object identifies it; where
    one small detail decides, the label may be wrong. The rectangle has the image's proportions and a
    share of its area drawn for each image from Beta(`alpha`, `alpha`); it is cut off at the border,
    and the labels are mixed by the pixels actually pasted. Training loss and accuracy are those of the mixtures,
    hence worse than on validation images.

    Where images have several labels, each is mixed by the pixels too: that share is about the
    probability that a small object, which may be anywhere, is still visible. For a single image it may be wrong
    (Burgert et al. 2024, https://arxiv.org/abs/2405.13451).

    Yun et al. 2019, https://arxiv.org/abs/1905.04899
    """

    name = "cutmix"
    tasks = ("multiclass", "multilabel")
    alpha = Float(0.1, 2.0, default=1.0)

    def augment(self, images, labels, rng):
        count, height, width = images.shape[:3]
        side = np.sqrt(1 - rng.beta(self.alpha, self.alpha, count))
        rows, columns = _span(height, side, rng), _span(width, side, rng)
        partner = rng.permutation(count)
        pasted = rows[:, :, None] & columns[:, None, :]
        share = pasted.mean(axis=(1, 2), dtype=np.float32)[:, None]
        return np.where(pasted[..., None], images[partner], images), labels * (1 - share) + labels[partner] * share


def _span(length, side, rng):
    """(count, length) of bool: the pixels of a line that a rectangle covers, `side` of it long, its center anywhere."""
    centre, half = rng.integers(0, length, len(side)), np.floor(length * side / 2)
    places = np.arange(length)
    return (places >= (centre - half)[:, None]) & (places < (centre + half)[:, None])
