"""After the one test score: the winner's recipe trained on every image, in the scored model's place if nothing speaks against it.

More images make a better model, and the test images have served their purpose. The scored model stays beside it, as `scored.keras`.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset
from automl_cnn.data.dataset import SplitName
from automl_cnn.errors import AutomlCnnError, StoreError
from automl_cnn.modelfile.file import read_card, unseal, write_card
from automl_cnn.records import Refit, Trial
from automl_cnn.store import StudyFolder
from automl_cnn.study.model_files import ModelFiles, same
from automl_cnn.study.plan.budget import FORWARD, SETUP
from automl_cnn.study.running.executors.protocol import Executor, RefitJob, Refitted
from automl_cnn.tasks import Words
from automl_cnn.tasks.words import MULTICLASS
from automl_cnn.transfer import is_probe

PART = ".refit.keras"
ASIDE = "refitted.keras"  # such a model of an earlier session, while the study goes on
REFIT = "refit"  # in the card of a model that was trained on more images than the scored one
SHARE = 0.08  # of the budget, for training a network on; a readout takes what it takes
RESTART, LOWEST = 0.5, 0.05  # the rate of a refit that is as long as the first training, as a share of the first rate; and of it, at least
LEAST = 1.0  # seconds without which no refit is begun
REGRESSION = 4.0  # seconds for building a frozen network and fitting its regression once more
EPOCHS = 0.2  # of those that a network was trained for, where no budget is set
SURE = 2.0  # standard errors
LOSS = 1.1  # times the loss of the scored model, which did not learn from the images, that the refit may have on them


@dataclass(frozen=True)
class Refits:
    """What is needed to refit a study's winner."""

    config: StudyConfig
    folder: StudyFolder
    model_files: ModelFiles
    dataset: Dataset
    executor: Executor

    @property
    def splits(self) -> tuple[SplitName, ...]:
        """What the delivered model learns from: everything, or all but the test images where the user set them apart. Empty where nothing is refitted."""
        if self.config.refit == "off":
            return ()
        every = self.config.refit == "all" or (self.config.refit == "auto" and not self.dataset.own_test)
        return ("train", "val", "test") if every else ("train", "val")

    def foreseen(self, best: Trial | None, ready: float | None = None) -> float:
        """Seconds to set aside for refitting the best trial; none where nothing is refitted. `ready` is how long the machine took until its first trial."""
        if best is None or best.is_majority or not self.splits:
            return 0.0
        if not is_probe(best.configuration):
            return SHARE * (self.config.budget or 0.0)
        return REGRESSION * max(1.0, (ready or SETUP) / SETUP)

    def make(self, best: Trial, left: float, members: int) -> tuple[Refit, bool]:
        """Train the best trial's recipe on more images, beside the scored model; whether the new model is to be delivered."""
        rows = [len(self.dataset.rows(split)) for split in self.splits]
        standing = Refit(sum(rows), rows[0], self.splits)
        if members > 1:
            return _kept(standing, "an ensemble is not trained again"), False
        if self._again(best):
            return standing, True
        seconds: float | None = None
        if not is_probe(best.configuration) and self.config.budget is not None:
            seconds = min(left, SHARE * self.config.budget) - (best.setup or 0.0)
            passed = sum(rows) / (best.images_per_second or 1e9)
            compared = 2 * sum(rows[1:]) / (FORWARD * (best.images_per_second or 1e9))
            if seconds - compared < passed:
                return _kept(standing, f"no time was left to train it on all {standing.images:,} images"), False
            seconds -= compared
        checkpoint = self.model_files.checkpoint(best.number)
        job = RefitJob(
            model=str(self.folder.model),
            checkpoint=str(checkpoint if checkpoint.exists() else self.folder.model),
            out=str(self.folder.best / PART),
            number=best.number,
            configuration=best.configuration,
            splits=self.splits,
            seconds=seconds,
            epochs=max(1, round(EPOCHS * len(best.epochs))) if seconds is None else self.config.max_epochs,
            restart=restart(best, EPOCHS * len(best.epochs) if seconds is None else seconds * (best.images_per_second or 0.0) / sum(rows)),
            strength=best.strength,
        )
        if left < LEAST:
            return _kept(standing, f"no time was left to train it on all {standing.images:,} images"), False
        try:
            made = self.executor.refit(job, None if self.config.budget is None else lambda: left)
        except AutomlCnnError as error:
            self.discard()
            return _kept(standing, f"training it on all {standing.images:,} images failed ({error})"), False
        judged = Refit(sum(rows), rows[0], self.splits, made.compared, made.correct, made.correct_before, made.loss, made.loss_before)
        why = objection(made, self.dataset.task.words)
        if why is None:
            return judged, True
        self.discard()
        return _kept(judged, why), False

    def place(self, refit: Refit) -> None:
        """Put the new model in the scored one's place, and the scored one beside it."""
        part = self.folder.best / PART
        write_card(part, {**read_card(self.folder.model), REFIT: {"images": refit.images, "scored_images": refit.scored_images, "splits": list(refit.splits)}})
        unseal(self.folder.model)
        self.folder.scored.unlink(missing_ok=True)
        same(self.folder.model, self.folder.scored)  # a kill before the next step leaves the scored model in both places
        os.replace(part, self.folder.model)

    def _again(self, best: Trial) -> bool:
        """Whether an earlier session refitted the same winner on the same images, in which case that model is taken."""
        aside = self.folder.best / ASIDE
        card = _card(aside) or {}
        if card.get("trial") == best.number and (card.get(REFIT) or {}).get("splits") == list(self.splits):
            os.replace(aside, self.folder.best / PART)
            return True
        aside.unlink(missing_ok=True)
        return False

    def discard(self) -> None:
        """Delete what was made."""
        (self.folder.best / PART).unlink(missing_ok=True)


def restart(best: Trial, epochs: float) -> float:
    """The share of the first rate at which a refit of about `epochs` epochs begins.

    It is in proportion to the epochs: in a short training, a high rate leads away from what was learned and has no time to come back.
    """
    return RESTART * min(1.0, max(LOWEST, epochs / max(1, len(best.epochs))))


def undo(folder: StudyFolder) -> None:
    """Put the scored model back in its place, for a study that goes on: one that has learned from the test images must not be scored on them.

    The refit is kept aside, in case the same trial wins again.
    """
    if folder.scored.exists() and folder.model.exists() and folder.scored.samefile(folder.model):
        folder.scored.unlink()  # a kill left the scored model in both places: renaming one to the other would change nothing
    (folder.folder / "best" / PART).unlink(missing_ok=True)
    if REFIT in (_card(folder.model) or {}):
        unseal(folder.model)
        os.replace(folder.model, folder.model.with_name(ASIDE))
    if folder.scored.exists():
        unseal(folder.model)
        os.replace(folder.scored, folder.model)


def _card(model: Path) -> Mapping[str, Any] | None:
    """What a model file says of itself; None where there is none, or it cannot be read."""
    try:
        return read_card(model)
    except StoreError:
        return None


def objection(made: Refitted, words: Words = MULTICLASS) -> str | None:
    """Why a refit is not to be delivered, or None; in the `words` of its task.

    It has learned from the images that it is compared on, and the scored model has not: it must not be worse there, beyond chance.
    """
    if not math.isfinite(made.loss):
        return "trained on more images, its loss was not finite"
    share = min(max(made.correct_before, 1 / (made.compared + 2)), 1 - 1 / (made.compared + 2))
    if made.correct < made.correct_before - SURE * math.sqrt(share * (1 - share) / made.compared):
        return f"trained on more images, it {words.right} on fewer of them ({made.correct:.3f} against {made.correct_before:.3f})"
    if made.loss > LOSS * made.loss_before + 1 / made.compared:
        return f"trained on more images, its {words.loss} was higher on them ({made.loss:.3f} against {made.loss_before:.3f})"
    return None


def _kept(refit: Refit, why: str) -> Refit:
    return dataclasses.replace(refit, kept=why)
