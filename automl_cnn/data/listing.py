"""Write the split of each image as a table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from automl_cnn.data.dataset import Dataset, write_atomically
from automl_cnn.data.split import NOWHERE, SPLITS
from automl_cnn.text import readable

HEAD = ("path", "class", "group", "split", "reason")
_NAMES = {code: name for name, code in SPLITS.items()} | {NOWHERE: "none"}


def write_splits(dataset: Dataset, place: Path) -> None:
    """One line for each image: images of one group are versions of one photo, or belong together by the user's rule.

    Raises:
        OSError: the file cannot be written.
    """
    out, why = io.StringIO(), dict(dataset.aside)
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(HEAD)
    for row, (path, label, code) in enumerate(zip(dataset.paths, dataset.labels.tolist(), dataset.splits.tolist(), strict=True)):
        name = _NAMES[code]
        reason = why.get(row) or ("as the folder has it" if name in dataset.given else "drawn")
        rows.writerow((readable(path), dataset.label_names[label], dataset.groups[row] if dataset.groups else row, name, reason))
    write_atomically(place, out.getvalue().encode())
