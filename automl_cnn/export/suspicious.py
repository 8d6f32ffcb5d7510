"""Refuse model files that could do more than compute, before any runtime opens them."""

from __future__ import annotations

import mmap
from pathlib import Path

from automl_cnn.errors import StoreError

ELSEWHERE = b"\x0a\x08location"  # in an ONNX file: the key of a tensor that lies in another file
FILE_OPERATIONS = tuple(
    name.encode()
    for name in (
        *("ReadFile", "WriteFile", "MatchingFiles", "WholeFileReader", "FixedLengthRecord", "TextLine", "TFRecord"),
        *("PyFunc", "PrintV2", "WriteSummary", "WriteImageSummary", "SummaryFileWriter", "SaveDataset", "LoadDataset", "TableFromTextFile"),
    )
)  # in a SavedModel's graph: the names of operations on files, or parts of them


def require_self_contained(path: Path) -> None:
    """Refuse an ONNX file that loads tensors from other files.

    Raises:
        StoreError: it loads tensors from other files, or it cannot be read.
    """
    if _holds(path, (ELSEWHERE,)):
        raise StoreError(f"{path} takes its weights from other files, which `automl-cnn export` never writes. It was not used: export the model again.")


def require_harmless(folder: Path, *, vouched: bool) -> None:
    """Refuse a SavedModel that may read or write files: its graph is a program.

    `vouched` says whether model.json has the hash of its graph. The hash does not prove the model's origin; the graph is therefore
    searched for file operations too.

    Raises:
        StoreError: the model is refused; the message says how to run it anyway.
    """
    anyway = "If you trust whoever made it, pass --trust (from Python: trust=True)."
    if not vouched:
        raise StoreError(f"{folder} is a SavedModel whose hash is in no model.json, and a SavedModel is a program that may read and write files. {anyway}")
    if operation := _holds(folder / "saved_model.pb", FILE_OPERATIONS):
        raise StoreError(f"The SavedModel {folder} contains the operation {operation.decode()}, which reads or writes files. It was not run. {anyway}")


def _holds(path: Path, words: tuple[bytes, ...]) -> bytes | None:
    """The first of `words` in a file."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return next((word for word in words if content.find(word) >= 0), None)
    except ValueError:  # an empty file
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}. Copy it again, or export the model again.") from None
