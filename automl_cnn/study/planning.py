"""From settings, images and plugins to a space and a planner."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from automl_cnn import registry as plugins
from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset
from automl_cnn.diagnosis import Context
from automl_cnn.diagnosis.experience import Experience
from automl_cnn.errors import ConfigError
from automl_cnn.space import Space
from automl_cnn.store import Store, StudyFolder
from automl_cnn.study.course import COMPARISON, Course
from automl_cnn.study.earlier import experience
from automl_cnn.study.observer import Observer
from automl_cnn.study.plan.engines import Engine, engine_for
from automl_cnn.study.plan.engines.adapted import Adapted, ByPhi
from automl_cnn.study.plan.limits import Limits
from automl_cnn.study.plan.planner import Planner
from automl_cnn.study.plan.space import by_phi, smallest_inputs, study_space, worth_enlarging
from automl_cnn.study.plan.stages import Sizing
from automl_cnn.study.record.record import DATA, WEIGHTS, Record
from automl_cnn.study.record.where import storage_of
from automl_cnn.study.running.executors.protocol import Executor, Setting
from automl_cnn.study.running.prices import Prices
from automl_cnn.study.scaling.planner import KEY as SCALE
from automl_cnn.study.scaling.planner import coefficients
from automl_cnn.study.weights import WeightNames, choose


@dataclass(frozen=True)
class Parts:
    """What a planner is made of beside settings, images and record. `largest_model` is what the disk has room for, in bytes; None: any.

    `part` is the part of the machine's cores that a trial has.
    """

    space: Space
    prices: Prices
    registry: plugins.Registry
    store: Store
    largest_model: int | None = None
    part: float = 1.0


def weights_of(registry: plugins.Registry, config: StudyConfig, record: Record, executor: Executor, observer: Observer) -> WeightNames:
    """The pretrained weights of the study, the same in every session of it, since they shape its space."""
    known = record.settings.get(WEIGHTS)
    if known is None:
        known = choose(
            registry,
            registry.only("architecture", config.architectures),
            config.pretrained,
            file=str(config.weights) if config.weights else None,
            fetch=executor.fetch,
            note=observer.note,
        )
        record.keep(WEIGHTS, known)
    return {architecture: tuple(names) for architecture, names in known.items()}


def setting_of(config: StudyConfig, registry: plugins.Registry, folder: StudyFolder, dataset: Path) -> Setting:
    """What the worker needs to know of the study; `dataset` is the file that describes the images."""
    return Setting(
        dataset=str(dataset),
        metric=config.scored_by,
        class_weights=config.class_weights,
        loss=config.loss,
        seed=config.seed,
        plugins_dir=str(config.plugins_dir) if config.plugins_dir else None,
        checkpoints=str(folder.trials),
        weights=str(config.weights.resolve()) if config.weights else None,
        broken=dict(registry.broken),
    )


def space_of(registry: plugins.Registry, config: StudyConfig, dataset: Dataset, weights: WeightNames, observer: Observer) -> Space:
    """The space that is searched."""
    return study_space(
        registry,
        native=dataset.native,
        images=len(dataset.rows("train")),
        max_resolution=config.max_resolution,
        task=dataset.task.name,
        architectures=config.architectures,
        optimizers=config.optimizers,
        regularizers=config.regularizers,
        weights=weights,
        note=observer.note,
    )


def planner_of(
    config: StudyConfig, dataset: Dataset, record: Record, observer: Observer, *, parts: Parts, course: Course | None
) -> tuple[Planner, Sizing | None]:
    """Who plans: the search, or a course of its own; and, of a search, the sizes that its ending goes by.

    The planner looks up what was measured; where something is missing, its decision is to measure it.

    Raises:
        ConfigError: the study is of another kind, or was begun with other settings.
    """
    top = worth_enlarging(dataset.native, config.max_resolution)
    limits = Limits(
        params=int(config.max_params) if config.max_params else None,
        mult_adds=int(config.max_mult_adds) if config.max_mult_adds else None,
        bytes=min((int(most) for most in (config.max_size, parts.largest_model) if most is not None), default=None),
        latency=config.max_latency,
        measure=parts.prices.latency,
    )
    sizing = Sizing(
        parts.space,
        parts.prices.cost,
        len(dataset.rows("train")),
        top,
        limits,
        parts.prices.known.broken,
        smallest_inputs(parts.registry, config.architectures),
        dataset.task.words.readout,
        parts.part,
    )
    pure = dataclasses.replace(sizing, cost=parts.prices.known.cost, limits=dataclasses.replace(limits, measure=parts.prices.known.latency))
    if course is not None:
        planner = course.plan(sizing, record, observer.note)
        return dataclasses.replace(planner, sizing=pure, timed=parts.prices.known.measured if course.timed else None), None
    if COMPARISON in record.settings:
        raise ConfigError(f"The study '{record.name}' is a comparison, not a search: go on with it by `automl-cnn study`, or choose another --name.")
    if SCALE in record.settings:
        raise ConfigError(f"The study '{record.name}' is one of scaling, not a search: go on with it by `automl-cnn scale`, or choose another --name.")
    engine = _engine(config, parts.space, top)
    if engine.note:
        observer.note(engine.note)
    known = Context.of(record.settings[DATA], config.scored_by) if config.guided == "on" else None
    earlier = experience(record, storage_of(config.storage or parts.store.journal)) if known is not None else Experience()
    scales = {} if config.scaling == "off" else coefficients(config.storage or parts.store.journal, dataset.fingerprint)
    timed = "latency" in (config.objectives or ()) or config.max_latency is not None
    objectives = config.objectives or ()
    measured = parts.prices.known.measured if timed else None
    return Planner(pure, engine, config.max_epochs, objectives, known, config.scaling, scales, earlier, timed=measured), sizing


def _engine(config: StudyConfig, space: Space, top: int) -> Engine:
    """The engine of the settings, which explores phi where the settings say so."""
    if config.scaling == "compound":
        inner = by_phi(space)
        return ByPhi(engine_for(config, inner), inner, space, top)
    return engine_for(config, space) if config.scaling == "off" else Adapted(engine_for(config, space), space)
