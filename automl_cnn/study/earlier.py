"""What earlier studies in the same store measured of the diagnosis' actions."""

from __future__ import annotations

from automl_cnn.dataset_summary import images_in, task_of
from automl_cnn.diagnosis.experience import Experience
from automl_cnn.records import Trial
from automl_cnn.study.record.record import DATA, Record
from automl_cnn.study.record.storage import Storage

KEY = "experience"  # in the record: what the study began with, so that every session of it plans alike
MOST = 30  # studies that are read, the newest


def experience(record: Record, storage: Storage) -> Experience:
    """The effects that other studies of the same task measured, as this study began with them; kept in its record.

    Raises:
        StoreError: the storage cannot be read or written.
    """
    data = record.settings[DATA]
    images, kept = images_in(data, "train"), record.settings.get(KEY)
    if kept is None:
        kept = Experience.of(_studies(record, storage, task_of(data).name), images).as_list()
        record.keep(KEY, kept)
    return Experience.from_list(kept, images)


def _studies(record: Record, storage: Storage, task: str) -> list[tuple[int, tuple[Trial, ...]]]:
    """The number of training images and the trials of each other study of that task."""
    others = [other for name, other in Record.all(storage).items() if name != record.name][-MOST:]
    known = [(other.settings.get(DATA), other) for other in others]
    return [(images_in(data, "train"), other.trials) for data, other in known if data and task_of(data).name == task]
