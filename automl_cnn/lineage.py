"""Trials that continued others: the chain they form, and its epochs as one training. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from automl_cnn.records import Epoch, Trial


def lineage(trial: Trial, trials: Sequence[Trial]) -> list[Trial]:
    """The trial and those that it continued, oldest first."""
    if trial.continue_from is None:  # as most: no need to look at the others
        return [trial]
    by_number = {other.number: other for other in trials}
    chain, seen = [trial], {trial.number}
    while (parent := chain[0].continue_from) is not None and parent in by_number and parent not in seen:
        chain.insert(0, by_number[parent])
        seen.add(parent)
    return chain


def continued(trial: Trial) -> tuple[Epoch, ...]:
    """The epochs of a trial that another one continued: those up to its best one, whose weights were handed on."""
    return tuple(epoch for epoch in trial.epochs if trial.best_epoch is None or epoch.number <= trial.best_epoch)


def joined(trial: Trial, trials: Sequence[Trial]) -> Trial | None:
    """The trial with the epochs of those that it continued in front of its own; None where one of them is missing."""
    *earlier, last = lineage(trial, trials)
    if (earlier or [last])[0].continue_from is not None:
        return None
    epochs = [*(epoch for part in earlier for epoch in continued(part)), *last.epochs]
    return dataclasses.replace(
        last, epochs=tuple(dataclasses.replace(epoch, number=number, epochs=len(epochs)) for number, epoch in enumerate(epochs, 1)), continue_from=None
    )
