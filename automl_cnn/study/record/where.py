"""From the place of a record to what keeps it there."""

from __future__ import annotations

from pathlib import Path

from automl_cnn.databases import Database
from automl_cnn.study.record.journal_file import JournalFile
from automl_cnn.study.record.storage import Storage


def storage_of(where: Path | Database | Storage) -> Storage:
    """The storage at a place: a path is a journal file's."""
    if isinstance(where, Path):
        return JournalFile(where)
    if isinstance(where, Database):
        from automl_cnn.study.record.postgres import PostgreSQL  # SQLAlchemy takes a moment

        return PostgreSQL(where)
    return where
