"""RandAugment: a few operations out of many, all of one strength."""

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from automl_cnn.plugin import Float, Int, Regularizer

GRAY = 128  # what comes in from beyond the border


class RandAugment(Regularizer):
    """Each training image goes through `operations` random ones out of fourteen, of color and of shape, at one `magnitude`.

    Choose it beyond `augment` when a longer training still overfits: it is stronger, and two numbers
    are all there is to choose. No operation flips an image, so labels stay right for digits and text;
    still, do without it where color or brightness distinguishes the classes. Larger networks
    and more images tolerate more of both.

    The fourteen are the paper's: identity, autocontrast, equalize, rotate, solarize, posterize,
    color, contrast, brightness, sharpness, and shears and translations along x and y. `magnitude` 10 is
    30 degrees, shears by 0.3, translations by 0.45 of the side, enhancements by a factor of 0.1 or
    1.9, posterizing to 4 bits and solarizing everything. Cubuk et al. 2020, https://arxiv.org/abs/1909.13719
    """

    name = "randaugment"
    operations = Int(1, 3, default=2)
    magnitude = Float(0.0, 10.0, default=5.0)

    def augment(self, images, labels, rng):
        changed = images.copy() if images.dtype == np.uint8 else np.clip(np.rint(images), 0, 255).astype(np.uint8)
        chosen = rng.integers(0, len(OPERATIONS), (len(images), self.operations))
        signs = rng.choice((-1.0, 1.0), chosen.shape) * self.magnitude / 10
        colour = images.shape[-1] == 3
        for index, (operations, strengths) in enumerate(zip(chosen, signs, strict=True)):
            for channel in (slice(None),) if colour else range(images.shape[-1]):
                image = Image.fromarray(changed[index, ..., channel])
                for operation, strength in zip(operations, strengths, strict=True):
                    image = OPERATIONS[operation](image, float(strength))
                changed[index, ..., channel] = image
        return changed.astype(images.dtype, copy=False), labels


def _moved(image, *, a=1.0, b=0.0, c=0.0, d=1.0, x=0.0, y=0.0):
    """Through the 2x2 map (a, b; c, d) about the center from new places to old ones, and by (x, y) pixels."""
    width, height = image.size
    matrix = (a, b, x + (width - a * width - b * height) / 2, c, d, y + (height - c * width - d * height) / 2)
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=(GRAY,) * len(image.getbands()))


def _enhanced(enhancement):
    return lambda image, strength: enhancement(image).enhance(1 + 0.9 * strength)


def _rotated(image, strength):
    angle = np.deg2rad(30 * strength)
    return _moved(image, a=np.cos(angle), b=np.sin(angle), c=-np.sin(angle), d=np.cos(angle))


OPERATIONS = (  # each takes an image and a strength within -1..1
    lambda image, strength: image,
    lambda image, strength: ImageOps.autocontrast(image),
    lambda image, strength: ImageOps.equalize(image),
    _rotated,
    lambda image, strength: ImageOps.solarize(image, round(256 * (1 - abs(strength)))),
    lambda image, strength: ImageOps.posterize(image, 8 - round(4 * abs(strength))),
    _enhanced(ImageEnhance.Color),
    _enhanced(ImageEnhance.Contrast),
    _enhanced(ImageEnhance.Brightness),
    _enhanced(ImageEnhance.Sharpness),
    lambda image, strength: _moved(image, b=0.3 * strength),
    lambda image, strength: _moved(image, c=0.3 * strength),
    lambda image, strength: _moved(image, x=0.45 * strength * image.width),
    lambda image, strength: _moved(image, y=0.45 * strength * image.height),
)
