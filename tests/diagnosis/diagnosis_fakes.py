"""Learning curves by formula: what a training of a kind looks like."""

import dataclasses
import math

import numpy as np

from automl_cnn.diagnosis import Context
from automl_cnn.records import Epoch, Fidelity, State, Trial
from automl_cnn.space import Choice, Float, Parameter, Space

CLASSES = 10
NOTHING = math.log(CLASSES)
KNOWN = Context(classes=CLASSES, train_images=1050, val_images=225, majority=0.1)
SPACE = Space(
    (
        Parameter("architecture", Choice("net", "other")),
        Parameter("resolution", Choice(32, 64, 96)),
        Parameter("width", Choice(0.5, 1.0, 1.4, default=1.0)),
        Parameter("depth", Choice(0.5, 1.0, 1.4, default=1.0)),
        Parameter("batch_size", Choice(16, 32, 64, default=32)),
        Parameter("optimizer", Choice("adam")),
        Parameter("adam.learning_rate", Float(1e-4, 3e-2, default=2e-3, log=True)),
        Parameter("regularizer.augment", Choice(False, True)),
        Parameter("augment.shift", Float(0.0, 0.25, default=0.1), (("regularizer.augment", True),)),
        Parameter("regularizer.dropout", Choice(False, True)),
        Parameter("dropout.rate", Float(0.0, 0.8, default=0.3), (("regularizer.dropout", True),)),
        Parameter("regularizer.l2", Choice(False, True)),
        Parameter("l2.strength", Float(1e-6, 1e-2, default=1e-4, log=True), (("regularizer.l2", True),)),
    )
)
PLAIN = SPACE.defaults()


def trial(loss, val_loss, accuracy, val_accuracy, *, number=0, raw=None, rates=None, configuration=PLAIN, measured=True, **given):
    """A trial with these curves; `loss` and `accuracy` are on training images as they are."""
    raw = loss if raw is None else raw
    rates = [1e-3] * len(loss) if rates is None else rates
    epochs = tuple(
        Epoch(
            index + 1,
            len(loss),
            2.0 * index,
            float(raw[index]),
            float(accuracy[index]),
            float(val_loss[index]),
            float(val_accuracy[index]),
            float(val_accuracy[index]),
            float(rates[index]),
            float(loss[index]) if measured else None,
            float(accuracy[index]) if measured else None,
        )
        for index in range(len(loss))
    )
    best = int(np.argmax(val_accuracy))
    made = Trial(
        number, configuration, Fidelity(len(loss), 30.0), "made", "search", State.COMPLETE, float(val_accuracy[best]), epochs=epochs, best_epoch=best + 1
    )
    return dataclasses.replace(made, **given)


def on_a_share(made, share, score, *, number):
    """The same training on a share of the images, for as many more epochs: as many images pass through the network."""
    epochs = made.epochs * round(1 / share)
    return dataclasses.replace(
        made,
        number=number,
        score=score,
        fidelity=dataclasses.replace(made.fidelity, share=share),
        epochs=tuple(dataclasses.replace(epoch, number=place) for place, epoch in enumerate(epochs, 1)),
    )


def falling(epochs, to, speed=0.35, start=NOTHING):
    """A loss that falls ever slower."""
    return to + (start - to) * np.exp(-speed * np.arange(1, epochs + 1))


def rising(epochs, to, speed=0.35, start=0.1):
    """An accuracy that rises ever slower."""
    return to - (to - start) * np.exp(-speed * np.arange(1, epochs + 1))


def good(**given):
    return trial(falling(20, 0.1), falling(20, 0.15), rising(20, 0.98), rising(20, 0.965), **given)


def overfitted(**given):
    """The validation loss is lowest in epoch 6 and rises from there."""
    val = np.concatenate([np.linspace(2.0, 0.8, 6), np.linspace(0.85, 1.6, 14)])
    return trial(falling(20, 0.01), val, rising(20, 1.0), rising(20, 0.75), **given)


def underfitted(**given):
    return trial(falling(20, 1.4), falling(20, 1.42), rising(20, 0.5), rising(20, 0.48), **given)
