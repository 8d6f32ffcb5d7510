"""Everything in a report and a model card, as plain data: nothing in it is read from a disk or computed later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from automl_cnn.caveats import COPIES_TEST
from automl_cnn.evidence import Evidence
from automl_cnn.growth import Growth
from automl_cnn.judged import folds_of, refit_of
from automl_cnn.pareto import winner
from automl_cnn.problems import Checked
from automl_cnn.records import Finding, Folds, Refit, Trial
from automl_cnn.scored import ahead


@dataclass(frozen=True)
class Effect:
    """What an action did on this data set: how often it was tried, by how much the validation score rose on average, and the 95 % interval of that."""

    action: str
    tried: int
    mean: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Facts:
    """One study. `settings`, `data` and `result` are as the record keeps them; what is not known is empty."""

    name: str
    metric: str = "accuracy"
    state: str = "finished"
    store: str = "automl-cnn-runs"
    settings: Mapping[str, Any] = field(default_factory=dict)
    toml: str = ""  # what would repeat it
    data: Mapping[str, Any] = field(default_factory=dict)
    skipped: tuple[tuple[str, str], ...] = ()  # path, reason
    notes: tuple[str, ...] = ()  # about the images
    checked: Checked | None = None  # what was wrong with them, as far as it shows without a network
    trials: tuple[Trial, ...] = ()
    result: Mapping[str, Any] | None = None
    seconds: float = 0.0
    evidence: Evidence | None = None
    without_evidence: str = ""  # why there is none, in a sentence
    findings: Mapping[int, tuple[Finding, ...]] = field(default_factory=dict)  # by trial
    effects: tuple[Effect, ...] = ()
    model: str = ""  # where the best one lies
    versions: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    written: str = ""
    growths: Mapping[int, Growth] = field(default_factory=dict)  # by trial: what more images would give, where that was measured

    @property
    def growth(self) -> Growth | None:
        """What more images would give the best trial's recipe."""
        best = self.winner
        return self.growths.get(best.number) if best is not None else None

    @property
    def winner(self) -> Trial | None:
        """The trial whose network is the best model, alone or as the first of an ensemble."""
        return winner(self.trials, tuple(self.settings.get("objectives") or ()))

    @property
    def best(self) -> Trial | None:
        """The best trial; of an ensemble in its place, the first member with the size and the validation score of all."""
        best = self.winner
        if best is None or not self.members:
            return best
        result = self.result or {}
        low, high = result["val_interval"]
        return replace(best, params=result["params"], mult_adds=result["mult_adds"], score=result["val_score"], interval=(low, high), folds=0)

    @property
    def copied(self) -> bool:
        """Whether test images are copies of training images."""
        return bool(self.data.get(COPIES_TEST))

    @property
    def caveats(self) -> tuple[str, ...]:
        """Warnings about the best trial's scores."""
        best, result = self.winner, self.result or {}
        return tuple(result.get("caveats") or ()) if best is not None and result.get("trial") == best.number else ()

    @property
    def refit(self) -> Refit | None:
        """How the best trial's recipe was trained on more images, if that was tried."""
        best, result = self.winner, self.result or {}
        return refit_of(result.get("refit")) if best is not None and result.get("trial") == best.number else None

    @property
    def cross_validation(self) -> Folds | None:
        """The best trial's recipe over every image, if folds were asked for."""
        best, result = self.winner, self.result or {}
        return folds_of(result.get("cross_validation")) if best is not None and result.get("trial") == best.number else None

    @property
    def ahead(self) -> str:
        """That a trial is ahead of the best one by chance only; empty where none is, or where the score alone does not decide."""
        best = self.winner
        if best is None or best.is_majority or self.members or self.settings.get("objectives"):
            return ""
        return ahead(self.trials, best, self.metric)

    @property
    def members(self) -> Mapping[str, float]:
        """Of an ensemble, each member's share, by trial; empty where the best model is one network, or where a trial was better since."""
        best, result = self.winner, self.result or {}
        return result.get("members") or {} if best is not None and result.get("trial") == best.number else {}

    @property
    def joined(self) -> str:
        """What an ensemble is made of, in words; empty where there is none."""
        return ", ".join(f"trial {number} ({share:.0%})" for number, share in self.members.items())
