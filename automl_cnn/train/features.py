"""The features of images from a frozen network: computed once for each way to look at them, and kept in the store's cache.

After that, another probe, another readout or the head of a fine-tuning costs a regression and no forward pass.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np

from automl_cnn.data import Dataset, arrays, pixels
from automl_cnn.errors import TrialError
from automl_cnn.models.fold import folded
from automl_cnn.models.readout import Look, view_of
from automl_cnn.plugin import Pretrained

BATCH = 16  # images at once: what a layer makes of more does not stay in the processor's cache
LARGEST = float(np.finfo(np.float16).max)
DAMAGED = "the pretrained features are not finite: the weights may be damaged"
Watching = Callable[[int, int], bool]  # images done, of how many; False ends it


class Features:
    """The averages of a frozen network's last stages, for the images of one data set.

    `body` gives a list of averages (batch, channels), lowest stage first; its weights are loaded.
    """

    def __init__(self, dataset: Dataset, body: keras.Model, entry: Pretrained) -> None:
        self.dataset, self.body, self.entry = dataset, body, entry
        self.weights = _digest(body)
        self.widths = _widths(body)

    def read(self, looks: Sequence[Look], resolution: int, rows: np.ndarray, watching: Watching | None = None) -> tuple[dict[Look, np.ndarray], int]:
        """By look, float32 (rows, all stages' channels) of the images in `rows`, and how many rows were read: fewer where `watching` ended it.

        Raises:
            TrialError: its weights, or what it gives, are not finite.
        """
        self._require_finite()
        kept = {look: self._kept(look, resolution) for look in looks}
        missing = [look for look in looks if np.isnan(kept[look][rows, 0]).any()]
        done = len(rows)
        if missing:
            done = self._compute(missing, resolution, rows, kept, watching)
        return {look: np.asarray(kept[look][rows[:done]], np.float32) for look in looks}, done

    def of(self, blocks: Iterable[np.ndarray], watching: Callable[[int], bool] | None = None) -> np.ndarray:
        """All stages' averages, float32 (images, channels), of other images than the data set's: uint8 (n, side, side, channels) in blocks. None is kept.

        Fewer where `watching`, which is given the number of images so far, ends it. It raises as `read` does.
        """
        self._require_finite()
        reader: keras.Model | None = None
        parts: list[np.ndarray] = []
        done = 0
        for block in blocks:
            side = block.shape[1]
            if reader is None:
                given = keras.Input(block.shape[1:], dtype="uint8")
                reader = keras.Model(given, self._joined(folded(self.body), given, Look(side), side))
            for start in range(0, len(block), BATCH):
                some = block[start : start + BATCH]
                made = reader.predict_on_batch(np.resize(some, (BATCH, *some.shape[1:])))  # always of one shape, as above
                parts.append(keras.ops.convert_to_numpy(made)[: len(some)].astype(np.float32))
                done += len(some)
                if watching is not None and not watching(done):
                    return np.concatenate(parts)
        return np.concatenate(parts)

    def _require_finite(self) -> None:
        """Refuse damaged weights. What the network gives does not always show them: on some processors, the ReLU of NaN is 0."""
        if not all(np.isfinite(keras.ops.convert_to_numpy(weight)).all() for weight in self.body.weights):
            raise TrialError(DAMAGED)

    @staticmethod
    def columns(body: keras.Model, stages: int) -> slice:
        """Where the last `stages` stages of a frozen network lie in what `read` gives."""
        widths = _widths(body)
        return slice(sum(widths[: max(0, len(widths) - stages)]), None)

    def _compute(self, looks: list[Look], resolution: int, rows: np.ndarray, kept: dict[Look, np.ndarray], watching: Watching | None) -> int:
        order = rows[np.any([np.isnan(kept[look][rows, 0]) for look in looks], axis=0)]
        sides = {look: look.side if self._direct(look, resolution) else resolution for look in looks}
        images = {side: pixels(self.dataset, side) for side in dict.fromkeys(sides.values())}
        given = {side: keras.Input(stored.shape[1:], dtype="uint8") for side, stored in images.items()}
        body = folded(self.body)
        reader = keras.Model(list(given.values()), [self._joined(body, given[sides[look]], look, sides[look]) for look in looks])
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            padded = np.resize(chosen, BATCH)  # always of one shape, else the network is traced again
            made = reader.predict_on_batch([np.asarray(stored[padded]) for stored in images.values()])
            for look, values in zip(looks, made if isinstance(made, list) else [made], strict=True):
                read = keras.ops.convert_to_numpy(values)[: len(chosen)]
                if not np.isfinite(read).all():  # in the file, NaN stands for what was not read yet
                    raise TrialError(DAMAGED)
                kept[look][chosen] = np.clip(read, -LARGEST, LARGEST)
            if watching is not None and not watching(min(start + BATCH, len(order)), len(order)):
                break
        known = ~np.any([np.isnan(kept[look][rows, 0]) for look in looks], axis=0)
        return int(np.argmin(known)) if not known.all() else len(rows)

    def _joined(self, body: keras.Model, given: Any, look: Look, resolution: int) -> Any:
        averages = body(view_of(given, look, resolution, self.entry), training=False)
        return keras.layers.Concatenate()(averages) if isinstance(averages, (list, tuple)) and len(averages) > 1 else averages

    def _direct(self, look: Look, resolution: int) -> bool:
        """Whether the look's images are those that are stored at its size: the model brings images to the stored size first, and from there to the look's."""
        return resolution in {look.side, self.dataset.side}

    def _kept(self, look: Look, resolution: int) -> np.ndarray:
        """float16 (images, channels) on disk; NaN where nothing was computed yet. In memory where the disk does not take it."""
        shape = (len(self.dataset), sum(self.widths))
        path = Path(self.dataset.array).with_name(f"{Path(self.dataset.array).stem.rpartition('-')[0]}-{self._key(look, resolution)}.npy")
        with suppress(OSError, ValueError):
            array = np.load(path, mmap_mode="r+")
            if array.shape == shape and array.dtype == np.float16:
                os.utime(path)
                return np.asarray(array)
        part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
        try:
            arrays.trim(path.parent, arrays.LIMIT_BYTES - 2 * int(np.prod(shape)), keep=path)
            made = np.lib.format.open_memmap(part, mode="w+", dtype=np.float16, shape=shape)
            made[:] = np.nan
            made.flush()
            os.replace(part, path)
            return np.asarray(made)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            return np.full(shape, np.nan, np.float16)

    def _key(self, look: Look, resolution: int) -> str:
        text = f"{self.weights}\n{0 if self._direct(look, resolution) else resolution}\n{look}\n{self.widths}\n{self.dataset.fingerprint}"
        return f"features{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


def _widths(body: keras.Model) -> list[int]:
    return [int(output.shape[-1]) for output in body.outputs]


def _digest(model: keras.Model) -> str:
    """Of all weights, so that features never outlive the weights that gave them."""
    digest = hashlib.blake2b(digest_size=8)
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()
