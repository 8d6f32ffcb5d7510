"""The target `images`: mutated image files, read as a search and `predict` do."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from automl_cnn.data.decode import MIN_SIDE, header_of, pixels_of, read_image
from automl_cnn.data.decoded import look
from automl_cnn.errors import DataError
from automl_cnn.text import inline
from fuzzing.case import Case, Target
from fuzzing.images import images
from fuzzing.mutations import mutated

SIZES = (4, 32, 96, 224)
LONGEST = 500  # characters of a reason
TAG = 64  # characters of what a header says


def case(seed: int, number: int, known: dict[str, bytes]) -> Case:
    """The mutated image of this number, under the name of what it was."""
    rng = np.random.default_rng([seed, number])
    names = sorted(known)
    name, other = names[number % len(names)], names[int(rng.integers(len(names)))]
    return Case(name, {"image.img": mutated(rng, known[name], known[other])}, "image.img")


def read(path: Path, case: Case, number: int) -> tuple[str, str]:
    """(`problem`, `outcome`) of reading one file: an empty problem is none."""
    size, channels = SIZES[number % len(SIZES)], (1, 3)[number % 2]
    try:
        probe = look(path)
        reason = probe.reason
        if not reason:
            if wrong := _of_header(path.read_bytes()):
                return wrong, ""
            pixels, _ = read_image(path, size, channels)
            if pixels.dtype != np.uint8 or pixels.shape != (size, size, channels):
                return f"the result is {pixels.dtype} {pixels.shape}", ""
            return "", "read"
    except DataError as error:
        reason = str(error)
    except BaseException as error:
        return f"{type(error).__name__}: {error}", ""
    if len(reason) > LONGEST or inline(reason) != reason or not reason:
        return f"the reason is not a sentence: {reason!r}", ""
    return "", "refused"


def _of_header(content: bytes) -> str:
    """What is wrong with the header of an image that may be decoded; empty where nothing is."""
    header, pixels = header_of(content), pixels_of(content)
    texts = (header.format, header.mode, header.camera, header.taken)
    wrong = min(header.width, header.height) < MIN_SIDE or not header.format or any(len(text) > TAG or inline(text) != text for text in texts)
    return f"the header is {header}, of {pixels} pixels" if wrong or pixels < 1 else ""


TARGET = Target(10_000, 1200.0, 10.0, lambda seed: images(np.random.default_rng(seed)), case, read)
