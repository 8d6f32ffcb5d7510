"""How a study's images become square: as its settings say, as it began, or, where the shapes are extreme, in the way that reads best."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from automl_cnn import elapsed
from automl_cnn.check.material import Material
from automl_cnn.config import StudyConfig
from automl_cnn.data import Dataset, Scan
from automl_cnn.data.fit import FITS, Fit
from automl_cnn.data.shapes import extreme
from automl_cnn.errors import TrialError
from automl_cnn.measure import Measure
from automl_cnn.registry import Registry
from automl_cnn.squares import FALLBACK, Candidates, Choice, Comparison
from automl_cnn.store import StudyFolder
from automl_cnn.study.identity import IDENTITY_KEY, settled
from automl_cnn.study.observer import Observer
from automl_cnn.study.plan.space import TRANSFER_SIZES
from automl_cnn.study.planning import setting_of
from automl_cnn.study.record.record import Record
from automl_cnn.study.running.executors.protocol import Executor
from automl_cnn.study.weights import choose
from automl_cnn.transfer import FINETUNE, MOST_STAGES, PRETRAINED, PROBE, STAGES

KEY = "fit"  # of the choice in the record
SHARE = 0.2  # of the time that is left, for reading images in each way
LEAST = 40.0  # seconds of the budget without which nothing is compared
MOST = (1000, 2000)  # images that are read in each way, and where there are many classes: scores are then known to within three points
ENOUGH, EACH = 50, 5  # images altogether and for each class, with fewer of which the best would be chance, unless they are half of all
DECODING = 0.3  # of the time that is left, at most, for reading all images once more
SUFFICES = 224  # px that the comparison reads at, at most, where the images have as many
NO_TIME = "there is no time for it within the budget"


@dataclass(frozen=True)
class Way:
    """How the images are made square: by `fit`; by a `choice`, where the study made one. `open` says that it may still make one."""

    fit: Fit
    choice: Choice | None = None
    open: bool = False


def known(config: StudyConfig, record: Record) -> Way:
    """What settings and record say. A study that began before there was a choice goes on as it began."""
    begun, kept = record.settings.get(IDENTITY_KEY), record.settings.get(KEY)
    if begun is None:
        if kept is not None:  # a search was killed before its study began, and its settings may have been others
            record.keep(KEY, None)
        return Way(FALLBACK, open=True) if config.fit == "auto" else Way(config.fit)
    fit: Fit = begun.get("fit", FALLBACK) if config.fit == "auto" else config.fit
    choice = None if kept is None else Choice.of(kept)
    return Way(fit, choice if choice is not None and choice.fit == fit else None)


@dataclass(frozen=True)
class Chooser:
    """Looks whether the shapes of a new study's images are extreme, and then which way reads best. Test images are left alone."""

    config: StudyConfig
    registry: Registry
    record: Record
    executor: Executor
    observer: Observer
    folder: StudyFolder
    started: float

    def way(self, material: Material, images: Scan) -> Way:
        """How the study goes on; the choice, where there is one, is in the record from then on."""
        dataset = material.dataset
        rows = np.sort(np.concatenate([dataset.rows("train"), dataset.rows("val")]))
        headers = [material.headers[row] for row in rows] if material.headers else []
        shapes = extreme([(header.width, header.height) for header in headers])
        if not shapes:
            return Way(FALLBACK)
        choice = self._choice(shapes, dataset, rows, images.folder)
        self.record.keep(KEY, choice.as_dict())
        return Way(choice.fit, choice)

    def _choice(self, shapes: str, dataset: Dataset, rows: np.ndarray, place: Path) -> Choice:
        plain = Choice(FALLBACK, shapes)
        config = settled(self.config, self.record, dataset)
        described = self.folder.folder / ".squares.json"
        try:
            dataset.save(described)
            self.executor.configure(setting_of(config, self.registry, self.folder, described))
            if self._left < LEAST or not self.executor.wait(min(self._left - LEAST, 1e6)):
                return dataclasses.replace(plain, why=NO_TIME)
            configuration = self._readout(dataset)
            if configuration is None:
                return dataclasses.replace(plain, why="there are no pretrained weights to read them with")
            self.observer.checking(f"the shapes of the images are extreme: comparing {', '.join(FITS)}")
            comparison = self._compared(configuration, dataset, rows, place)
        except TrialError as error:
            return dataclasses.replace(plain, why=f"the comparison failed ({error})")
        finally:
            described.unlink(missing_ok=True)
        name = str(configuration["architecture"])
        network = f"{name} from {configuration[f'{PRETRAINED}{name}']}"
        metric = Measure.of(config.scored_by, {"classes": dataset.classes, **dataset.task.stated()})
        made = dataclasses.replace(plain, metric=str(metric), scale=metric.scale, unit=metric.unit, digits=metric.digits)
        made = dataclasses.replace(made, network=network, size=int(configuration["resolution"]), comparison=comparison)
        return self._taken(made, comparison, dataset, len(rows))

    def _taken(self, made: Choice, comparison: Comparison, dataset: Dataset, images: int) -> Choice:
        if not comparison.scores or comparison.images < min(images / 2, max(ENOUGH, min(EACH * len(dataset.classes), MOST[0]))):
            return dataclasses.replace(made, comparison=None, why=f"only {comparison.images:,} images could be read for it, too few to tell them apart")
        best = comparison.best
        if best != FALLBACK and comparison.decoding * len(dataset) > DECODING * self._left:
            return dataclasses.replace(made, why="there is no time to read all images once more")
        return dataclasses.replace(made, fit=best)

    def _readout(self, dataset: Dataset) -> dict[str, str | int] | None:
        """The frozen network that compares: the first whose weights the study may begin with, its last stages together."""
        architectures = self.registry.only("architecture", self.config.architectures)
        file = str(self.config.weights) if self.config.weights else None
        chosen = choose(self.registry, architectures, self.config.pretrained, file=file, fetch=self.executor.fetch, note=lambda text: None)
        if not chosen:
            return None
        name, weights = next(iter(chosen.items()))
        sizes = [size for size in TRANSFER_SIZES if size <= self.config.max_resolution] or [self.config.max_resolution]
        size = next((size for size in sizes if size >= min(dataset.side, SUFFICES)), sizes[-1])
        return {
            "architecture": name,
            f"{PRETRAINED}{name}": weights[0],
            f"{FINETUNE}{name}": PROBE,
            f"{STAGES}{name}": MOST_STAGES,
            "resolution": size,
        }

    def _compared(self, configuration: dict[str, str | int], dataset: Dataset, rows: np.ndarray, place: Path) -> Comparison:
        """
        Raises:
            TrialError: the network cannot be built, or the worker is lost.
        """
        order = np.random.default_rng(self.config.seed).permutation(rows)[: min(MOST[1], max(MOST[0], EACH * len(dataset.classes)))]
        seconds = None if self.config.budget is None else SHARE * self._left
        candidates = Candidates(configuration, str(place), tuple(order.tolist()), seconds, self.config.max_pixels)
        return self.executor.squares(candidates, None if seconds is None else lambda: max(LEAST, self._left / 2))

    @property
    def _left(self) -> float:
        """Seconds of the budget."""
        if self.config.budget is None:
            return float("inf")
        return self.config.budget - self.record.seconds - (elapsed.now() - self.started)
