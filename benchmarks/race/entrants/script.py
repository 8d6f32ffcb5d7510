"""What anyone can write in an afternoon: a frozen network at 224 px, and one logistic regression on its features of all images.

    python -m race.entrants.script TRAIN SEED DEADLINE

Run in the folder that is to hold the model. No search has a reason to be worse than this.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import keras
import numpy as np
from sklearn.linear_model import LogisticRegressionCV
from sklearn.preprocessing import StandardScaler

from automl_cnn import registry
from automl_cnn.models import pretrained
from automl_cnn.models.build import from_configuration
from automl_cnn.models.choose import pretrained_of
from race.images import labelled, pixels

SIDE, BATCH = 224, 32
NETWORK = {
    "architecture": "efficientnet_lite",
    "pretrained.efficientnet_lite": "lite0",
    "finetune.efficientnet_lite": "all",  # its classifier on its last map, as the script reads it
    "resolution": SIDE,
    "width": 1.0,
    "depth": 1.0,
}


def main() -> None:
    images = labelled(Path(sys.argv[1]))
    classes = sorted({label for _, label in images})
    y = np.array([classes.index(label) for _, label in images])
    plugins = registry.load()
    model = from_configuration(NETWORK, plugins, classes=len(classes), channels=3, seed=int(sys.argv[2]))
    pretrained.load(model, pretrained_of(NETWORK, plugins))
    frozen, classifier = keras.Model(model.input, model.get_layer("classifier").input), model.get_layer("classifier")
    parts = [frozen.predict_on_batch(pixels([path for path, _ in images[at : at + BATCH]], SIDE)) for at in range(0, len(images), BATCH)]
    scaler = StandardScaler().fit(x := np.concatenate(parts))
    fitted = LogisticRegressionCV(Cs=[0.003, 0.03, 0.3], cv=5, max_iter=300, random_state=int(sys.argv[2])).fit(scaler.transform(x), y)
    kernel, bias = fitted.coef_ / scaler.scale_, fitted.intercept_ - (fitted.coef_ / scaler.scale_) @ scaler.mean_
    if len(classes) == 2:  # scikit-learn keeps one row, the second class against the first
        kernel, bias = np.concatenate([0 * kernel, kernel]), np.concatenate([0 * bias, bias])
    classifier.set_weights([kernel.T, bias])
    Path("model.json").write_text(json.dumps({"classes": classes, "side": SIDE}))
    model.save("saving.keras")
    os.replace("saving.keras", "model.keras")


if __name__ == "__main__":
    main()
