"""A frozen network's features of every image and of its mirror image, from the cache that searches fill too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from automl_cnn.data import Dataset, pixels, resize_array
from automl_cnn.data.closer import middles
from automl_cnn.data.passes import Tell
from automl_cnn.errors import PluginError
from automl_cnn.models.pretrained import available
from automl_cnn.plugin import Architecture, Pretrained
from automl_cnn.registry import Registry
from automl_cnn.space import Scalar

if TYPE_CHECKING:
    from automl_cnn.train.features import Features

BLOCK = 256  # images whose views are in memory at once
Watching = Callable[[int, int], bool]  # images done, of how many; False ends it
MOST = 50_000  # images up to which all are brought to the network's size and kept; of more it sees a part
SIDE = 160  # px: a size that searches read at as well


@dataclass(frozen=True)
class Read:
    """Of the images in `rows`: the features of the network's last stages, `plain` and `mirrored` (images, channels); `last` is where its last stage lies.

    `middles` are the features of their middles, None if there was no time for them.
    """

    rows: np.ndarray
    plain: np.ndarray
    mirrored: np.ndarray
    middles: np.ndarray | None
    last: slice
    network: str

    @property
    def both(self) -> np.ndarray:
        """The mean of an image and its mirror image: what does not depend on the side."""
        return np.asarray((self.plain + self.mirrored) / 2)


def smallest(registry: Registry) -> tuple[type[Architecture], Pretrained] | None:
    """The pretrained network of the smallest images among those whose weights are on this machine; None where there are none."""
    entries = []
    for name in registry.names("architecture"):
        plugin = registry.get("architecture", name)
        assert issubclass(plugin, Architecture)  # the registry keeps the kinds apart
        entries += [(entry.size, entry.width * entry.depth, name, number, plugin, entry) for number, entry in enumerate(plugin.pretrained) if available(entry)]
    return min(entries, key=lambda entry: entry[:4])[4:] if entries else None


def read(dataset: Dataset, registry: Registry, seconds: float | None, tell: Tell) -> Read | None:
    """The features of all images, or of as many as `seconds` allow, drawn at random; None where there are no weights on this machine.

    `tell` receives the current step, the number of images done, and their total.

    Raises:
        PluginError: the network cannot be built, or its weights do not fit.
    """
    chosen = smallest(registry)
    if chosen is None:
        return None
    plugin, entry = chosen
    tell("starting Keras", 0, 1)
    from automl_cnn.models import pretrained
    from automl_cnn.models.build import network_of
    from automl_cnn.models.readout import Look
    from automl_cnn.train.features import Features
    from automl_cnn.transfer import FINETUNE, PRETRAINED, PROBE

    configuration: dict[str, Scalar] = {
        "architecture": plugin.name,
        f"{PRETRAINED}{plugin.name}": entry.name,
        f"{FINETUNE}{plugin.name}": PROBE,
        "resolution": SIDE,
    }
    tell(f"loading {plugin.name}", 0, 1)
    network = network_of(configuration, registry, classes=len(dataset.classes), channels=dataset.channels, seed=0)
    if network.reader is None:
        raise PluginError(f"{plugin.name} with the weights '{entry.name}' cannot be read stage by stage.")
    pretrained.load(network.body, entry)
    order, began = np.random.default_rng(0).permutation(len(dataset)), time.monotonic()

    def watching(done: int, of: int) -> bool:
        tell("looking with a frozen network", done, of)
        return seconds is None or time.monotonic() - began < seconds

    looks = (Look(SIDE), Look(SIDE, True))
    features = Features(dataset, network.reader, entry)
    known, last = f"{plugin.name} ({entry.name}) at {SIDE} px", Features.columns(network.reader, 1)
    if len(dataset) > MOST:
        rows, plain, mirrored, zoomed = _some(dataset, features, order, watching)
        return Read(rows, plain, mirrored, zoomed, last, known)
    pixels(dataset, SIDE, report=lambda done, of: tell("bringing the images to size", done, of))
    values, count = features.read(looks, SIDE, order, watching)
    rows = order[:count]
    back = np.argsort(rows)
    plain, mirrored = (values[look][back] for look in looks)
    rows = rows[back]
    images = pixels(dataset, SIDE)
    blocks = (middles(images[rows[start : start + BLOCK]]) for start in range(0, count, BLOCK))
    middle = features.of(blocks, lambda done: watching(done, count)) if watching(0, count) else None
    return Read(rows, plain, mirrored, middle if middle is not None and len(middle) == count else None, last, known)


def _some(
    dataset: Dataset, features: Features, order: np.ndarray, watching: Callable[[int, int], bool]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The rows, and the network's features of these images, their mirror images and their middles, for a set of which there is time for a part only.

    Images are brought to size as they are read, and nothing is kept: neither the disk nor the memory holds what is never looked at.
    """
    stored, chosen = pixels(dataset, dataset.side), order[: MOST // BLOCK * BLOCK]

    def views() -> Iterator[np.ndarray]:
        for start in range(0, len(chosen), BLOCK):
            images = resize_array(np.asarray(stored[np.sort(chosen[start : start + BLOCK])]), SIDE)
            yield from (images, images[:, :, ::-1], middles(images))

    values = features.of(views(), lambda done: done < 3 * BLOCK or watching(done // 3, len(dataset)))
    blocks = len(values) // (3 * BLOCK)
    seen = values[: 3 * BLOCK * blocks].reshape(blocks, 3, BLOCK, -1)
    rows = np.concatenate([np.sort(chosen[start : start + BLOCK]) for start in range(0, blocks * BLOCK, BLOCK)])
    back = np.argsort(rows)
    plain, mirrored, zoomed = (seen[:, view].reshape(len(rows), -1)[back] for view in range(3))
    return rows[back], plain, mirrored, zoomed
