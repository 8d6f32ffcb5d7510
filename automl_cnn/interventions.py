"""What a trained network does when its training is changed for a few steps: evidence where learning curves alone allow several explanations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from automl_cnn.records import Trial


@dataclass(frozen=True)
class Interventions:
    """What a trained network did when its training was changed for a few `steps`, each time from its checkpoint.

    Losses are means in nats, in front on training images as they are, with `val_` on validation images: `loss` of the checkpoint, `same`, `up` and `down`
    after training on at its own learning rate, ten times and a tenth of it. `fitted` is the share of 64 training images that it gets right once it was
    trained on those alone.
    """

    steps: int
    loss: float
    same: float
    up: float
    down: float
    val_loss: float
    val_same: float
    val_up: float
    val_down: float
    fitted: float
    seconds: float = 0.0

    STEPS: ClassVar[int] = 40  # for each learning rate
    FEW: ClassVar[int] = 64  # training images that are fitted alone
    FEW_STEPS: ClassVar[int] = 100

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Interventions:
        """From the figures by name; those of a later version are passed over."""
        return cls(**{name: value for name, value in kept.items() if name in cls.__dataclass_fields__})

    @staticmethod
    def seconds_for(trial: Trial) -> float | None:
        """About how long they take for a trial's network; None where its speed is unknown."""
        if not trial.images_per_second:
            return None
        steps = 3 * Interventions.STEPS + Interventions.FEW_STEPS
        scored = 4 * 800 / 3  # passes over a sample of training and validation images; a pass without learning takes a third
        return (trial.setup or 0.0) + (steps * int(trial.configuration.get("batch_size", 32)) + scored) / trial.images_per_second
