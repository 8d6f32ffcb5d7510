"""Images read by the frozen network of a readout: its features, of as many images as time allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from automl_cnn import transfer
from automl_cnn.data import Dataset
from automl_cnn.errors import TrialError
from automl_cnn.models.build import Network
from automl_cnn.models.choose import pretrained_of
from automl_cnn.models.readout import Look, looks_of
from automl_cnn.records import Progress
from automl_cnn.registry import Registry
from automl_cnn.train.features import Features
from automl_cnn.train.probe import Stopwatch
from automl_cnn.train.spec import Emit, TrialSpec


class Reader(Protocol):
    """What is needed to read: the network with its pretrained weights, the images, and who wants to know how far it is."""

    spec: TrialSpec
    dataset: Dataset
    registry: Registry
    net: Network
    emit: Emit


@dataclass(frozen=True)
class Reading:
    """`features` (images, features) of the images in `rows`.

    `computed` is the number of images that went through the network, since a second reading finds the features of the first. `stopped` says whether somebody
    ended it.
    """

    features: np.ndarray
    rows: np.ndarray
    computed: int
    stopped: bool


def read_out(reader: Reader, rows: np.ndarray, first: int, clock: Stopwatch) -> Reading:
    """The readout's features of the images in `rows`, in their order: of the `first` ones, and of as many more as time allows.

    Raises:
        TrialError: it was stopped before there were enough images to learn from.
    """
    configuration, dataset = reader.spec.configuration, reader.dataset
    entry, readout = pretrained_of(configuration, reader.registry), transfer.readout_of(configuration)
    assert entry is not None  # only frozen networks are read
    assert reader.net.reader is not None
    resolution = int(configuration["resolution"])
    stopped, computed = not reader.emit(Progress(1, 1, 0, len(rows))), 0

    def watching(done: int, of: int) -> bool:
        nonlocal stopped, computed
        computed = done
        stopped = stopped or not reader.emit(Progress(1, 1, done, of))
        return not stopped and not (clock.over and len(rows) - of + done > first)

    by_look, done = Features(dataset, reader.net.reader, entry).read(looks_of(readout, resolution), resolution, rows, watching)
    learned, task = dataset.truth(rows[first:done]), dataset.task
    if stopped and (not task.enough(learned) or len(learned) < task.outputs):
        raise TrialError(f"no time was left after {done} of {len(rows)} images were read, too few to learn from: raise --budget")
    parts, chosen = [], Features.columns(reader.net.reader, readout.stages)
    for look, values in by_look.items():
        if not look.mirrored:
            other = by_look.get(Look(look.side, True))
            parts.append((values if other is None else (values + other) / 2)[:, chosen])
    return Reading(np.concatenate(parts, axis=1), rows[:done], computed, stopped)
