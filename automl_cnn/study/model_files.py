"""The models on disk: the best one in its place, the checkpoints that may yet be trained on, and no others."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl_cnn.errors import StoreError
from automl_cnn.modelfile.file import read_card, unseal, write_card
from automl_cnn.pareto import front, winner
from automl_cnn.places import checkpoint
from automl_cnn.records import Trial
from automl_cnn.study.plan.stages import in_use, kept

LEFT_BEHIND = (".model.keras.*", ".model-*.tmp", ".calibrated-*.keras", ".ensemble.keras")  # in the best one's folder, by a kill


@dataclass(frozen=True)
class ModelFiles:
    """`best` is the study's model, `checkpoints` the folder of its trials' models, `card` what is written into the best one and those of the front."""

    best: Path
    checkpoints: Path
    card: Callable[[Trial], dict[str, Any]]
    objectives: tuple[str, ...] = ()

    def checkpoint(self, number: int) -> Path:
        """Where a trial's model lies, if it is still there."""
        return checkpoint(self.checkpoints, number)

    def put(self, trials: Sequence[Trial]) -> None:
        """Bring the files in line with the trials: the winner's model in its place, losers' models deleted.

        Called after each trial and when a study is taken up again, it also puts right what a kill between two steps left.
        """
        for pattern in LEFT_BEHIND:
            for path in self.best.parent.glob(pattern):
                path.unlink(missing_ok=True)
        best = winner(trials, self.objectives)
        if best is not None and self.checkpoint(best.number).exists() and self.standing() != best.number:
            self._promote(best)
        wanted = {self.checkpoint(number) for number in kept(trials, self.objectives) | in_use(trials)}
        for path in self.checkpoints.glob("*"):
            if path not in wanted:
                path.unlink(missing_ok=True)
        for trial in front(trials, self.objectives):  # each can be exported and asked from its file
            if self.checkpoint(trial.number).exists() and _trial(self.checkpoint(trial.number)) is None:
                write_card(self.checkpoint(trial.number), self.card(trial))

    def standing(self) -> int | None:
        """The trial whose model is in the best one's place."""
        return _trial(self.best)

    def _promote(self, trial: Trial) -> None:
        """A copy with its labels and settings inside, moved into place in one step."""
        self.best.parent.mkdir(parents=True, exist_ok=True)
        part = self.best.with_name(f".{self.best.name}.{os.getpid()}")
        try:
            part.unlink(missing_ok=True)
            same(self.checkpoint(trial.number), part)
            write_card(part, self.card(trial))
            unseal(self.best)
            part.replace(self.best)
        except OSError as error:
            raise StoreError(f"The best model cannot be written to {self.best.parent}: {error.strerror}. Free some space there; the last one stands.") from None
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def same(file: Path, other: Path) -> None:
    """The same file under another name, at no cost where the file system can do that; it is not changed but replaced later on."""
    try:
        os.link(file, other)
    except OSError:
        shutil.copyfile(file, other)


def _trial(model: Path) -> int | None:
    """The trial that the card in a model file names."""
    try:
        number = read_card(model).get("trial")
    except StoreError:
        return None
    return None if number is None else int(number)
