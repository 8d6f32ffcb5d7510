"""The models on disk: the best one in its place, the checkpoints that may yet be trained on, and no others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl_cnn.errors import StoreError
from automl_cnn.export.bundle import read_card, write_card
from automl_cnn.records import Trial, incumbent
from automl_cnn.study.stages import kept


@dataclass(frozen=True)
class Shelf:
    """`best` is the study's model, `checkpoints` the folder of its trials' models, `card` what is written into the best one."""

    best: Path
    checkpoints: Path
    card: Callable[[Trial], dict[str, Any]]

    def checkpoint(self, number: int) -> Path:
        """Where a trial's model lies, if it is still there."""
        return self.checkpoints / f"trial-{number:04d}.keras"

    def put(self, trials: Sequence[Trial]) -> None:
        """Bring the shelf in line with the trials: the incumbent's model in its place, losers' models deleted.

        Called after each trial and when a study is taken up again, it also puts right what a kill between two steps left.
        """
        best = incumbent(tuple(trials))
        if best is not None and self.checkpoint(best.number).exists() and self.standing() != best.number:
            self._promote(best)
        wanted = {self.checkpoint(number) for number in kept(trials)}
        for path in self.checkpoints.glob("*"):
            if path not in wanted:
                path.unlink(missing_ok=True)

    def standing(self) -> int | None:
        """The trial whose model is in the best one's place."""
        try:
            number = read_card(self.best).get("trial")
        except StoreError:
            return None
        return None if number is None else int(number)

    def _promote(self, trial: Trial) -> None:
        """A copy with its labels and settings inside, moved into place in one step."""
        self.best.parent.mkdir(parents=True, exist_ok=True)
        part = self.best.with_name(f".{self.best.name}.{os.getpid()}")
        try:
            shutil.copyfile(self.checkpoint(trial.number), part)
            write_card(part, self.card(trial))
            part.replace(self.best)
        except OSError as error:
            raise StoreError(f"The best model cannot be written to {self.best.parent}: {error.strerror}. Free some space there; the last one stands.") from None
        finally:
            part.unlink(missing_ok=True)
