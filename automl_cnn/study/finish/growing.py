"""How far more images would help the winner: measured at the end of a search where that takes seconds, else when somebody asks for it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from automl_cnn import elapsed
from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset
from automl_cnn.data.part import thinned
from automl_cnn.diagnosis.forecast import of_readouts, of_trainings
from automl_cnn.errors import ConfigError, TrialError
from automl_cnn.growth import GROWTH, Growth
from automl_cnn.lineage import continued, lineage
from automl_cnn.metrics import Z95
from automl_cnn.quantities import clock
from automl_cnn.records import Epoch, Fidelity, Finished, Job, State, Trial
from automl_cnn.store import Store
from automl_cnn.study.finish import asked
from automl_cnn.study.identity import stored_in
from automl_cnn.study.plan.budget import FORWARD, SETUP
from automl_cnn.study.record.lock import held
from automl_cnn.study.record.record import Record
from automl_cnn.study.record.where import storage_of
from automl_cnn.study.running.executors.protocol import Executor, GrowthJob
from automl_cnn.study.stored.images import images_of
from automl_cnn.study.stored.overview import Overview
from automl_cnn.transfer import is_probe

FITS = 4.0  # seconds for building a readout's network and fitting it on all the parts; without them all, on the larger ones
SHARE = 0.04  # of the budget, from which on these seconds are not set aside for it
SHARES = (0.25, 0.5)  # of the images, that a network is trained on once more
CLEAN = 500  # training images that are scored after each epoch
SLOWER = 1.3  # by how much longer trainings may take than estimated before a budget ends them
TOO_FEW = "there are too few images, or no time was left"


@dataclass(frozen=True)
class Growing:
    """What measures a readout at the end of a search. `left` gives the seconds that there are."""

    config: StudyConfig
    executor: Executor
    left: Callable[[], float]

    def foreseen(self, best: Trial | None, ready: float | None = None) -> float:
        """Seconds to set aside for it; none where they would be more than a small share of the budget. `ready` is as in `Refits.foreseen`."""
        if best is None or self.config.budget is None or best.is_majority or not is_probe(best.configuration):
            return 0.0
        wanted = FITS * max(1.0, (ready or SETUP) / SETUP)
        return wanted if wanted <= SHARE * self.config.budget else 0.0

    def standing(self, record: Record, best: Trial, note: Callable[[str], None], say: Callable[[str], None]) -> Growth | None:
        """What is measured and kept in the record; of a study that goes on and has the same winner, what is known already."""
        known = Growth.of(record.group(GROWTH).get(str(best.number)))
        if known is not None or best.is_majority or not is_probe(best.configuration):
            return known
        why, made = "no time was left", None
        if self.left() >= FITS / 2:
            say("measuring what more images would give")
            try:
                made, why = _read(best, self.executor, self.left), TOO_FEW
            except TrialError as error:
                why = str(error)
        if made is None:
            note(f"What more images would give was not measured: {why}. `automl-cnn diagnose {record.name} --more-images` measures it.")
            return None
        record.keep_one(GROWTH, str(best.number), made.as_dict())
        return made


def _read(trial: Trial, executor: Executor, left: Callable[[], float]) -> Growth | None:
    """The growth of a readout, within the seconds that are left; None of too few images.

    Raises:
        TrialError: it was stopped, or the features cannot be read.
    """
    seconds = left()
    limit = None if seconds == float("inf") else seconds
    job = GrowthJob(trial.number, trial.configuration, trial.strength or 1.0, limit)
    sizes = executor.growth(job, None if limit is None else lambda: max(0.0, left()))
    return None if sizes is None else of_readouts(sizes)


@dataclass(frozen=True)
class Lesson:
    """A training on a `share` of the images, which are `images`, for `epochs` epochs: as many steps as the whole took."""

    share: float
    images: int
    epochs: int
    seconds: float  # that it is expected to take


def lessons(trial: Trial, trials: Sequence[Trial], dataset: Dataset) -> tuple[int, tuple[Lesson, ...]]:
    """How many images a trained network learned from, and the trainings that show how far it gains from them."""
    counts = {trial.fidelity.share * share: len(thinned(dataset, trial.fidelity.share * share).rows("train")) for share in (*SHARES, 1.0)}
    whole, speed = counts[trial.fidelity.share], trial.images_per_second or 100.0
    *earlier, last = lineage(trial, trials)
    epochs_of = [*((one, len(continued(one))) for one in earlier), (last, max(1, len(last.epochs)))]
    passed = sum(len(thinned(dataset, one.fidelity.share).rows("train")) * epochs for one, epochs in epochs_of)
    made: list[Lesson] = []
    for share, images in counts.items():
        if images >= whole or (made and images <= made[-1].images):
            continue
        epochs, judged = max(1, round(passed / images)), len(thinned(dataset, share).rows("val")) + CLEAN
        made.append(Lesson(share, images, epochs, (trial.setup or 0.0) + passed / speed + epochs * judged / (FORWARD * speed)))
    return whole, tuple(made)


@dataclass(frozen=True)
class Plan:
    """What is to be measured, in at most `budget` seconds: a readout, or a network by some trainings. `sentence` says what is done and how long it takes."""

    trial: Trial
    dataset: Dataset
    trainings: tuple[Lesson, ...]
    budget: float | None
    sentence: str


def planned(study: Overview, number: int | None, budget: float | None) -> Plan:
    """The plan for the best trial, or that of a `number`.

    Raises:
        ConfigError: there is no such trial, it cannot be measured, or the budget is too short for it.
        DataError: the images are not there.
        StoreError: they cannot be decoded again.
    """
    trial, dataset = asked.chosen(study, number), images_of(study.folder)
    if is_probe(trial.configuration):
        sentence = f"Fitting the readout of trial {trial.number} on parts of its images: about {clock(SETUP + FITS)}."
        return Plan(trial, dataset, (), budget, sentence)
    some = _affordable(trial, study, dataset, budget)
    parts = " and ".join(f"{one.images:,}" for one in some)
    every = f"{'once' if len(some) == 1 else 'twice'}, on {parts} images, for as many steps as before"
    sentence = f"Training the network of trial {trial.number} {every}: about {clock(SETUP + sum(one.seconds for one in some))}."
    return Plan(trial, dataset, some, budget, sentence)


def measure(study: Overview, store: Store, plan: Plan, step: Callable[[str], None]) -> Growth:
    """Carry out the plan, and keep the result in the study's record. `step` receives the step under way, in words.

    Raises:
        StoreError: somebody is at work on the study, or its record cannot be written.
        TrialError: it failed, or there are too few images.
    """
    began, storage = elapsed.now(), storage_of(stored_in(study.folder) or store.journal)

    def left() -> float:
        return float("inf") if plan.budget is None else plan.budget - (elapsed.now() - began)

    with held(study.folder.lock, study.name), storage.held(study.name), tempfile.TemporaryDirectory() as aside, asked.worker_of(study, aside) as executor:
        growth = _trained(plan, study, (executor, left, step)) if plan.trainings else _read(plan.trial, executor, left)
        if growth is None:
            raise TrialError(f"What more images would give could not be measured: {TOO_FEW}.")
        Record(storage, study.name).keep_one(GROWTH, str(plan.trial.number), growth.as_dict())
    return growth


def _affordable(trial: Trial, study: Overview, dataset: Dataset, budget: float | None) -> tuple[Lesson, ...]:
    """The trainings that there is time for, the one on the fewest images first.

    Raises:
        ConfigError: there is time for none, or there are too few images to leave some out.
    """
    plan = lessons(trial, study.trials, dataset)[1]
    if not plan:
        raise ConfigError(f"Trial {trial.number} learned from too few images to be trained on a part of them.")
    fitting: tuple[Lesson, ...] = ()
    for one in plan:
        if budget is None or SETUP + sum(other.seconds for other in (*fitting, one)) <= budget:
            fitting = (*fitting, one)
    if not fitting:
        raise ConfigError(f"One training takes about {clock(SETUP + plan[0].seconds)}, longer than --budget {clock(budget or 0.0)}. Raise it.")
    return fitting


Tools = tuple[Executor, Callable[[], float], Callable[[str], None]]


def _trained(plan: Plan, study: Overview, tools: Tools) -> Growth | None:
    """The growth of a trained network, by training it on fewer images.

    Raises:
        TrialError: a training failed, or the time was over.
    """
    executor, left, step = tools
    trial = plan.trial
    whole, _ = lessons(trial, study.trials, plan.dataset)
    scores, right = [(whole, trial.score or 0.0)], [trial.right]
    for number, one in enumerate(plan.trainings):
        seed = trial.seed if trial.seed is not None else trial.number if trial.guide is None else trial.guide.seed
        job = Job(trial.configuration, Fidelity(one.epochs, share=one.share), "fewer images", "growth", seed=seed)
        ended = None
        for event in executor.run(job, number, left):
            if isinstance(event, Epoch):
                step(f"training on {one.images:,} images: epoch {event.number} of {event.epochs}")
            if left() <= 0:
                executor.stop()
            if isinstance(event, Finished):
                ended = event
        if ended is None or ended.state is not State.COMPLETE or ended.score is None:
            raise TrialError(f"The training on {one.images:,} images did not end: {(ended and ended.failure) or 'no time was left; raise --budget'}.")
        scores.append((one.images, ended.score))
        right.append(ended.right)
    low, high = trial.interval or (0.0, 1.0)
    return of_trainings(sorted(scores), (high - low) / (2 * Z95), right)
