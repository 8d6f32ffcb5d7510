"""What the diagnosis proposes: one change of one of the best trials, so that the difference is the change's effect.

The counterfactual is trained as its parent was: the same seconds and epochs, the same share of the images, the same random
numbers. Of the changes that the findings ask for, the most hopeful is tried; what an action did so far, on this data
set (`automl_cnn.diagnosis.effects`) and in earlier studies (`automl_cnn.diagnosis.experience`), says how hopeful it is, and one that did not pay is not
proposed any more. A dearer network has fewer
epochs in the same seconds: what those cost is read off the parent's own curve. An improvement becomes a parent itself, so that actions add up.

Where the diagnosis of a parent is undecided and another explanation would ask for another change, the parent's training is changed for a few steps first
(`automl_cnn.records.Interventions`): that costs seconds, where a wrong change costs a trial.

It stands after promotion and before the engine's proposals, with at most a third of the trials that both have: findings
about the best trials are worth more than a guess at random, but they only lead uphill from where the search is, while
proposals look elsewhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from automl_cnn.diagnosis import Context, diagnose, undecided
from automl_cnn.diagnosis.actions import Change, changes
from automl_cnn.diagnosis.effects import measured
from automl_cnn.diagnosis.experience import Experience
from automl_cnn.interventions import Interventions
from automl_cnn.records import Finding, Guide, Job, State, Trial
from automl_cnn.space import Configuration, Scalar
from automl_cnn.study.plan.stages.proposals import benched, plugins_of
from automl_cnn.study.plan.stages.situation import Situation
from automl_cnn.study.plan.stages.sizing import LEAST_EPOCHS, Sizing
from automl_cnn.study.plan.wishes import Measure, Unmeasured
from automl_cnn.transfer import is_probe

STAGE = "guided"
PROPOSED = 2  # proposals of the engine for each guided trial
ALIKE = ("defaults", "portfolio", "search", STAGE)  # the stages whose trials are trained alike, each with its own random numbers
PARENTS = 2  # of the best trials
CAUGHT_UP = 0.5  # of what fewer epochs cost by the parent's curve, by a schedule that ends sooner: a guess
TESTING = 0.02  # of the time that is left, at most, for testing the diagnosis of a parent
RANK = 0.002  # of score, by which each later answer to a finding is thought to bring less than the one before, until measured


@dataclass(frozen=True)
class Wish:
    """A change of a trial, why, and by how much it may well beat the best so far. `main` is the main finding on the trial."""

    parent: Trial
    main: Finding
    finding: Finding
    change: Change
    hope: float


@dataclass(frozen=True)
class Guided:
    """Proposes the most hopeful change that the findings on the best trials ask for."""

    sizing: Sizing
    context: Context = field(default_factory=Context)
    experience: Experience = field(default_factory=Experience)  # of earlier studies
    untested: Callable[[Trial], bool] | None = None  # whether a trial's diagnosis could still be tested by interventions; None: nobody makes any

    def next(self, now: Situation) -> Job | None:
        mine, others = (sum(trial.stage == stage for trial in now.begun) for stage in (STAGE, "search"))
        if mine * PROPOSED > others or (now.share is not None and now.left < now.share):
            return None
        for wish in sorted(self.wishes(now), key=lambda wish: -wish.hope):
            if self._possible(wish, now):
                self._test(wish, now)
                parent = wish.parent
                fidelity = dataclasses.replace(parent.fidelity, epochs=round(parent.fidelity.epochs * wish.change.epochs))
                reason = f"{wish.change.action}, since trial {parent.number} shows {wish.finding.kind.replace('_', ' ')}"
                guide = Guide(wish.finding.kind, wish.change.action, parent.number, parent.guide.seed if parent.guide else parent.number)
                return Job(wish.change.configuration, fidelity, reason, STAGE, guide=guide)
        return None

    def wishes(self, now: Situation) -> Iterator[Wish]:
        """All there are; an action that did not pay so far is left out."""
        beliefs = self.experience.beliefs(now.done)
        known = measured(now.done)
        tried = {_key(trial.configuration) for trial in now.begun}
        context, chosen = self.context.among(now.done), parents(now)
        for parent in chosen:
            behind = (chosen[0].score or 0.0) - (parent.score or 0.0)
            asked: set[str] = set()
            findings = diagnose(parent, context)
            for finding in findings:
                sure = 1.0 if finding.probability is None else finding.probability
                for change in changes(finding, parent.configuration, self.sizing.space):
                    new = change.epochs > 1 or _key(change.configuration) not in tried
                    if not new or change.action in asked or (change.epochs > 1 and parent.fidelity.seconds is not None):
                        continue
                    hope = sure * (beliefs(change.action).hope - (0.0 if change.action in known else RANK * len(asked)))
                    if hope > 0:  # else its network need not be priced
                        hope -= self._forgone(parent, change.configuration)
                    if hope > 0:
                        asked.add(change.action)
                        yield Wish(parent, findings[0], finding, change, hope - behind)

    def _test(self, wish: Wish, now: Situation) -> None:
        """Ask for interventions where the parent's diagnosis is undecided, and another explanation would ask for another change.

        Raises:
            Unmeasured: they should be made first.
        """
        parent, seconds = wish.parent, Interventions.seconds_for(wish.parent)
        if self.untested is None or now.budget.slots > 1 or seconds is None or seconds > TESTING * now.left or not self.untested(parent):
            return
        main = wish.main
        if not undecided(main):
            return
        answers = {kind: self._answer(dataclasses.replace(main, kind=kind), parent) for kind in (main.kind, *(kind for kind, _ in main.others))}
        if len(set(answers.values())) > 1:
            raise Unmeasured(Measure("interventions", parent.configuration, parent))

    def _answer(self, finding: Finding, parent: Trial) -> str:
        """The first change that a finding would ask for; empty where there is none."""
        return next((change.action for change in changes(finding, parent.configuration, self.sizing.space)), "")

    def _forgone(self, parent: Trial, configuration: Configuration) -> float:
        """The score that is lost where a dearer network has fewer epochs in the parent's seconds."""
        if parent.fidelity.seconds is None:
            return 0.0
        before, after = self.sizing.estimate(parent.configuration), self.sizing.estimate(configuration)
        if not before or after <= before:
            return 0.0
        reached = [epoch.score for epoch in parent.epochs if epoch.number * after <= len(parent.epochs) * before]
        return CAUGHT_UP * (max(epoch.score for epoch in parent.epochs) - max(reached, default=0.0))

    def _possible(self, wish: Wish, now: Situation) -> bool:
        """Whether it fits into the parent's seconds with epochs enough, and into the limits."""
        configuration, seconds = wish.change.configuration, wish.parent.fidelity.seconds
        mine = [trial.guide for trial in now.begun if trial.guide and trial.guide.parent == wish.parent.number]
        if any(guide.action == wish.change.action for guide in mine):
            return False
        if plugins_of(configuration) & benched(now.done):
            return False
        if self.sizing.broken(configuration) is not None or not self.sizing.allowed(configuration):
            return False
        share = wish.parent.fidelity.share / self.sizing.least_share(configuration)
        if seconds is not None and share * self.sizing.estimate(configuration) > self.sizing.affordable(configuration, now.done, seconds, LEAST_EPOCHS):
            return False
        return now.left >= self.sizing.wanted(configuration, now.done, seconds)


def parents(now: Situation) -> list[Trial]:
    """The best trials that were trained in one go, so that a counterfactual can be trained alike."""
    trained = [trial for trial in now.done if trial.scored and trial.epochs and trial.continue_from is None and not is_probe(trial.configuration)]
    trained = [trial for trial in trained if trial.fidelity.rung == 0 and trial.stage in ALIKE and trial.state is State.COMPLETE]
    return sorted(trained, key=lambda trial: (-(trial.score or 0.0), trial.number))[:PARENTS]


def _key(configuration: Configuration) -> frozenset[tuple[str, Scalar]]:
    return frozenset(configuration.items())
