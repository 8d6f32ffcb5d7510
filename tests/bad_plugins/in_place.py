"""Breaks one rule: it writes into the batch it was given, which may be the only copy."""

from automl_cnn.plugin import Regularizer

BROKEN = "its_augmentation_keeps_the_form"


class InPlace(Regularizer):
    """Mirrors the images where they lie. Choose it to train on other photos in every epoch."""

    name = "in_place"

    def augment(self, images, labels, rng):
        images[:] = images[:, :, ::-1].copy()
        return images, labels
