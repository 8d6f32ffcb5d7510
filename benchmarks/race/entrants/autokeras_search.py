"""AutoKeras: `ImageClassifier` with its defaults, until the deadline.

    python -m race.entrants.autokeras_search TRAIN SEED DEADLINE

Run in an environment with autokeras, in the folder that is to hold the model.
"""

from __future__ import annotations

import sys
from pathlib import Path

import autokeras

from race.entrants.keeper import Keeper
from race.images import training


def main() -> None:
    (x, y), (x_val, y_val), classes, side = training(Path(sys.argv[1]), int(sys.argv[2]))
    keeper = Keeper.begin(Path.cwd(), float(sys.argv[3]), classes, side)
    classifier = autokeras.ImageClassifier(
        max_trials=1000, directory=Path.cwd() / "autokeras", overwrite=True, seed=int(sys.argv[2]) + 1
    )  # it treats a seed of 0 as none
    classifier.fit(x.astype("float32"), y, validation_data=(x_val.astype("float32"), y_val), callbacks=[keeper], verbose=2)


if __name__ == "__main__":
    main()
