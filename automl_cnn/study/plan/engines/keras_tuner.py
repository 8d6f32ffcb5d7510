"""KerasTuner as an engine: its oracles over the declared space, to compare with or to go on with what one is used to.

An oracle lives in memory and receives every trial again when a study resumes. It is built at the first
proposal, since importing KerasTuner imports Keras and its backend into this process, which takes about ten
seconds and 0.6 GB; nobody pays that without `--engine keras-tuner`, nor before the defaults were tried.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from automl_cnn.records import State, Trial
from automl_cnn.space import Scalar, Space
from automl_cnn.study.plan.engines.protocol import Proposal, seed_of

OWN = "search"  # the stage of the trials that an engine proposed
ASKS, OTHERS = "automl-cnn", "others"  # an oracle knows those it serves by name
IN_ORDER = ("hyperband", "grid")  # oracles with a plan of their own, in which only their own trials have a place


class KerasTunerEngine:
    """One of KerasTuner's oracles.

    random: every value by chance. bayesian: a Gaussian process after eight trials; good with few numeric
    parameters. hyperband: many short trainings, the better half of them again for twice as long, up to a whole
    one (Li et al. 2018, https://arxiv.org/abs/1603.06560); each starts over, since checkpoints of losers are
    deleted. grid: every combination in order, defaults first, ten values of each range: for spaces cut down to a
    few parameters.

    random and bayesian learn from everybody's trials, hyperband and grid only from their own, which have a place in
    their plans. A failed trial counts as tried, and to the Gaussian process as the worst so far.

    Several trials at a time. An oracle knows which of its proposals are running: bayesian takes them to come out badly, and hyperband and grid
    may have nothing to propose before one of them has ended.
    """

    name = "keras-tuner"
    note: str | None = "KerasTuner's oracles cannot stop a trial half-way: every trial is trained to its end."

    def __init__(self, space: Space, seed: int, sampler: str = "bayesian") -> None:
        self.space = space
        self.seed = seed
        self.sampler = sampler
        self._oracle: Any = None
        self._waiting: list[Trial] = []  # reported to this engine, but not yet to the oracle
        self._told = 0
        self._own = 0
        self._refused = 0  # proposals since the last trial (of the oracle's own, where it has a plan) that were not trained
        self._worst: float | None = None
        self._running: dict[int, bool] = {}  # by number, trials under way, and whether the oracle proposed them
        self._again: list[str] = []  # names of open proposals whose trials were lost

    def ask(self) -> Proposal | None:
        self._catch_up()
        seed = self._reseed()
        opened = self._oracle.ongoing_trials
        if self._again and ASKS not in opened:
            opened[ASKS] = opened.pop(self._again.pop(0))
        with _calm():
            trial = self._oracle.create_trial(ASKS)
        number = self._told + len(self._running)
        if trial.status == "IDLE" and self._running:
            return None
        if trial.status != "RUNNING":
            return Proposal(number, self.space.sample(random.Random(seed)), f"at random: KerasTuner's {self.sampler} oracle has nothing left to try")
        from automl_cnn.study.plan.engines.oracles import LONGEST, decode

        values = trial.hyperparameters.values
        share = values.get("tuner/epochs", LONGEST) / LONGEST
        return Proposal(number, decode(self.space, values), self._reason(values, share), share)

    def refuse(self, proposal: Proposal) -> None:
        """Give up the open proposal: a trial of the oracle's that failed, without a score. An oracle with a plan goes on to the next place in it."""
        self._catch_up()
        self._reseed()
        with _calm():
            opened = self._oracle.create_trial(ASKS)
            if opened.status == "RUNNING":
                opened.status, opened.message = "FAILED", "refused before training"
                self._oracle.end_trial(opened)
        self._refused += 1

    def begin(self, trial: Trial, proposal: int | None) -> None:
        opened = {} if self._oracle is None else self._oracle.ongoing_trials
        own = proposal is not None and ASKS in opened
        if own:
            opened[_name(trial.number)] = opened.pop(ASKS)
            if self.sampler == "grid":  # its next combination is known already; of itself, the oracle looks for it at the trial's end
                self._oracle._populate_next.append(opened[_name(trial.number)].trial_id)
        self._running[trial.number] = own

    def report(self, id: int, step: int, value: float) -> bool:
        """True: an oracle learns of a trial only when it has ended."""
        return True

    def tell(self, trial: Trial) -> None:
        own = self._running.pop(trial.number, False)
        if trial.lost or trial.state is State.RUNNING:
            self._again += [_name(trial.number)] if own else []
            return  # proposed again
        self._waiting.append(trial)
        if self._oracle is not None:
            self._catch_up()

    def _catch_up(self) -> None:
        """Build the oracle, if there is none yet, and tell it what it does not know."""
        if self._oracle is None:
            with _silent():
                from automl_cnn.study.plan.engines.oracles import oracle
            self._oracle = oracle(self.space, self.sampler)
        waiting, self._waiting = self._waiting, []
        with _calm():
            for trial in waiting:
                self._feed(trial)
                self._told += 1

    def _feed(self, trial: Trial) -> None:
        """Tell the oracle of a trial, in the place of the open proposal if it is the oracle's own or may be anybody's."""
        from automl_cnn.study.plan.engines.oracles import encode

        values = encode(self.space, trial.configuration)
        if self.sampler not in IN_ORDER:
            opened = self._oracle.ongoing_trials
            self._end(opened.get(_name(trial.number)) or opened.get(ASKS) or self._foreign(values), values, trial)
            self._refused = 0
        elif trial.stage == OWN:
            while self._refused < trial.refused:  # of an earlier session: its plan went on without them
                self.refuse(Proposal(self._told, {}, ""))
            self._reseed()
            opened = self._oracle.ongoing_trials.get(_name(trial.number))
            opened = opened or self._oracle.create_trial(ASKS)  # what was proposed in an earlier session
            self._own, self._refused = self._own + 1, 0
            if opened.status == "RUNNING":
                self._end(opened, values, trial)

    def _foreign(self, values: dict[str, Any]) -> Any:
        self._oracle.given = values
        try:
            return self._oracle.create_trial(OTHERS)
        finally:
            self._oracle.given = None

    def _end(self, opened: Any, values: dict[str, Any], trial: Trial) -> None:
        """End a trial of the oracle's with what was really trained, which the planner may have made smaller."""
        from automl_cnn.study.plan.engines.oracles import SCORE

        if self.sampler != "grid":  # whose next combination follows from the one proposed
            about = {key: value for key, value in opened.hyperparameters.values.items() if key.startswith("tuner/")}
            opened.hyperparameters.values = {**values, **about}
        score = None if trial.state is State.FAILED else trial.score
        if score is not None:
            self._worst = score if self._worst is None else min(self._worst, score)
        elif self.sampler == "bayesian":
            score = self._worst or 0.0
        if score is None:
            opened.status, opened.message = "FAILED", trial.failure
        else:
            self._oracle.update_trial(opened.trial_id, {SCORE: score})
            opened.status = "COMPLETED"
        self._oracle.end_trial(opened)

    def _reseed(self) -> int:
        """Random numbers by the seed, the number of trials and of refused proposals alone; KerasTuner takes 0 for no seed."""
        trials = self._own + sum(self._running.values()) if self.sampler in IN_ORDER else self._told + len(self._running)
        seed = 1 + seed_of(self.seed, trials, self._refused) % (2**32 - 1)
        self._oracle.reseed(seed)
        return seed

    def _reason(self, values: dict[str, Scalar], share: float) -> str:
        if self.sampler == "grid":
            return "the next of KerasTuner's grid"
        if self.sampler == "hyperband":
            how = "promoted" if values["tuner/round"] else "at random"
            return f"{how} by KerasTuner's Hyperband, {'a whole' if share == 1 else f'{share:.2g} of a'} training"
        from automl_cnn.study.plan.engines.oracles import STARTUP

        known = sum(trial.status == "COMPLETED" for trial in self._oracle.trials.values())
        return "proposed by KerasTuner's Gaussian process" if self.sampler == "bayesian" and known >= STARTUP else "at random, by KerasTuner"


def _name(trial: int) -> str:
    """What an oracle knows the trial by, while it runs."""
    return f"{ASKS}-{trial}"


@contextlib.contextmanager
def _calm() -> Iterator[None]:
    """On one thread, since several get in each other's way on matrices this small, and without remarks on fits that did not converge."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn brings it, without types

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Without TensorFlow's greetings on standard error, which no setting turns off."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
