"""KerasTuner: Hyperband over the convolutional net of its guides, until the deadline.

    python -m race.entrants.keras_tuner_search TRAIN SEED DEADLINE

Run in the folder that is to hold the model.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import keras_tuner

from race.entrants.keeper import Keeper
from race.images import training

EPOCHS = 30  # of the longest trials


def network(hp: keras_tuner.HyperParameters, side: int, classes: int) -> keras.Model:
    """Convolutions with pooling, then dense layers: layers, filters, units, dropout and rate are searched."""
    x = inputs = keras.Input((side, side, 3))
    x = keras.layers.Rescaling(1 / 255)(x)
    for layer in range(hp.Int("conv_layers", 2, 4)):
        x = keras.layers.Conv2D(hp.Int(f"filters_{layer}", 32, 128, step=32), 3, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(hp.Int("units", 32, 256, step=32), activation="relu")(x)
    if hp.Boolean("dropout"):
        x = keras.layers.Dropout(0.5)(x)
    model = keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x))
    rate = hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


def main() -> None:
    (x, y), validation, classes, side = training(Path(sys.argv[1]), int(sys.argv[2]))
    keeper = Keeper.begin(Path.cwd(), float(sys.argv[3]), classes, side)
    tuner = keras_tuner.Hyperband(
        lambda hp: network(hp, side, len(classes)),
        objective="val_accuracy",
        max_epochs=EPOCHS,
        hyperband_iterations=1000,
        seed=int(sys.argv[2]) + 1,  # it treats a seed of 0 as none
        directory=Path.cwd() / "keras_tuner",
        overwrite=True,
    )
    tuner.search(x, y, validation_data=validation, callbacks=[keeper], verbose=2)


if __name__ == "__main__":
    main()
