"""Augmentation: the same object, seen a little differently each time."""

import math

import numpy as np
from PIL import Image

from automl_cnn.plugin import Choice, Float, Regularizer

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Augment(Regularizer):
    """Random flips, shifts, zooms, rotations and colors of the training images. The most effective single regularizer below 10,000 photos.

    Each image is drawn once, through one affine map with bilinear sampling; what comes in from
    beyond the border is its mirror image. Labels stay as they are: choose `flip="none"` where left
    and right matter (digits, signs, text), "both" where there is no up (microscopes, satellites),
    and a small `colour` where color distinguishes the classes.

    `shift` and `zoom` are the largest shares of the image's side, `rotation` is in degrees, `colour`
    is the largest relative change of brightness, contrast and saturation (gray images have no
    saturation). Krizhevsky et al. 2012, https://doi.org/10.1145/3065386
    """

    name = "augment"
    default_on = True
    flip = Choice("horizontal", "none", "both")
    shift = Float(0.0, 0.25, default=0.1)
    zoom = Float(0.0, 0.5, default=0.15)
    rotation = Float(0.0, 30.0, default=10.0)
    colour = Float(0.0, 0.5, default=0.2)

    def augment(self, images, labels, rng):
        count = len(images)
        maps = _affine(
            count,
            flip_x=self.flip != "none",
            flip_y=self.flip == "both",
            shift=self.shift,
            zoom=self.zoom,
            rotation=math.radians(self.rotation),
            size=images.shape[1:3],
            rng=rng,
        )
        strengths = 1 + rng.uniform(-self.colour, self.colour, (3, count)).astype(np.float32)
        changed = images if images.dtype == np.uint8 else np.clip(np.rint(images), 0, 255).astype(np.uint8)
        if self.colour:
            changed = _recolour(changed, *strengths)
        if self.shift or self.zoom or self.rotation:
            changed = _resample(changed, maps)
        else:
            changed = np.stack([image[:: int(np.sign(m[1, 1])), :: int(np.sign(m[0, 0]))] for image, m in zip(changed, maps, strict=True)])
        return changed.astype(images.dtype, copy=False), labels


def _affine(count, *, flip_x, flip_y, shift, zoom, rotation, size, rng):
    """`count` 2x3 matrices from places in the new image to places in the old, both in pixels from the center."""
    angle = rng.uniform(-rotation, rotation, count)
    scale = (1 + zoom) ** rng.uniform(-1, 1, count)
    mirror_x = np.where(rng.random(count) < 0.5 * flip_x, -1.0, 1.0)
    mirror_y = np.where(rng.random(count) < 0.5 * flip_y, -1.0, 1.0)
    height, width = size
    maps = np.empty((count, 2, 3))
    maps[:, 0, 0], maps[:, 0, 1] = np.cos(angle) * scale * mirror_x, np.sin(angle) * scale * mirror_y
    maps[:, 1, 0], maps[:, 1, 1] = -np.sin(angle) * scale * mirror_x, np.cos(angle) * scale * mirror_y
    maps[:, :, 2] = rng.uniform(-shift, shift, (count, 2)) * (width, height)
    return maps


def _recolour(images, brightness, contrast, saturation):
    """New uint8 images: contrast around each image's mean, saturation around each pixel's luma, then brightness."""
    gain = (brightness * contrast)[:, None, None, None]
    offset = (brightness * (1 - contrast) * images[:, ::2, ::2].mean(axis=(1, 2, 3), dtype=np.float32))[:, None, None, None]
    if images.shape[-1] == 3:
        saturation = saturation[:, None, None, None]
        gray = (images @ LUMA)[..., None]
        changed = images * (gain * saturation)
        changed += gray * (gain * (1 - saturation)) + offset
    else:
        changed = images * gain
        changed += offset
    return np.clip(changed, 0, 255, out=changed).astype(np.uint8)


def _resample(images, maps):
    """Each uint8 image through its map, out of a batch that is mirrored at its borders as far as the maps reach."""
    count, height, width, channels = images.shape
    reach_x = (np.abs(maps[:, 0, :2]) @ (width / 2, height / 2) + np.abs(maps[:, 0, 2])).max() - width / 2
    reach_y = (np.abs(maps[:, 1, :2]) @ (width / 2, height / 2) + np.abs(maps[:, 1, 2])).max() - height / 2
    left, top = max(0, math.ceil(reach_x)) + 1, max(0, math.ceil(reach_y)) + 1
    wide = np.pad(images, ((0, 0), (top, top), (left, left), (0, 0)), mode="symmetric")
    changed = np.empty_like(images)
    for index in range(count):
        (a, b, c), (d, e, f) = maps[index]
        x = c + left + width / 2 - (a * width + b * height) / 2
        y = f + top + height / 2 - (d * width + e * height) / 2
        for channel in (slice(None),) if channels == 3 else range(channels):
            plane = Image.fromarray(wide[index, ..., channel])
            changed[index, ..., channel] = plane.transform((width, height), Image.Transform.AFFINE, (a, b, x, d, e, y), Image.Resampling.BILINEAR)
    return changed
