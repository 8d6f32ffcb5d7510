"""Which record belongs to which study of a store: one in the store's own file, or one in the database that its study.toml names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from automl_cnn.databases import Database
from automl_cnn.errors import StoreError
from automl_cnn.places import is_study_name
from automl_cnn.store import Store
from automl_cnn.study.identity import stored_in
from automl_cnn.study.record.record import Record
from automl_cnn.study.record.storage import Holder
from automl_cnn.study.record.where import storage_of


@dataclass(frozen=True)
class Source:
    """The record of a study, its database (None: the store's own file), and who is at work on it on any machine; `why` it could not be read."""

    record: Record | None = None
    database: Database | None = None
    holder: Holder | None = None
    why: str = ""


class Records:
    """The records of a store, or of one `database`. They are read when they are first asked for, and nothing is written."""

    def __init__(self, store: Store, database: Database | None = None) -> None:
        self._store, self._database = store, database
        self._databases: dict[str, tuple[dict[str, Record], dict[str, Holder]] | StoreError] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The studies, those of the store's folders first.

        Raises:
            StoreError: the store's own file, or the database, cannot be read.
        """
        if self._database is not None:
            return tuple(self._read(self._database)[0])
        return tuple(dict.fromkeys((*self._store.studies, *self._own)))

    def of(self, name: str) -> Source:
        """The record of one study.

        Raises:
            StoreError: the store's own file cannot be read.
        """
        database = self._database or (stored_in(self._store.place(name)) if is_study_name(name) else None)
        if database is None:
            return Source(self._own.get(name))
        try:
            records, holders = self._read(database)
        except StoreError as error:
            return Source(database=database, why=str(error))
        return Source(records.get(name), database, holders.get(name))

    @cached_property
    def _own(self) -> dict[str, Record]:
        return Record.all(self._store.journal)

    def _read(self, database: Database) -> tuple[dict[str, Record], dict[str, Holder]]:
        if database.text not in self._databases:
            try:
                storage = storage_of(database)
                records = Record.all(storage)
                self._databases[database.text] = (records, dict(storage.holders(records)))
            except StoreError as error:
                self._databases[database.text] = error
        known = self._databases[database.text]
        if isinstance(known, StoreError):
            raise known
        return known
