"""Records in a journal file of the store: the default, for one machine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend

from automl_cnn.errors import AutomlCnnError, StoreError
from automl_cnn.study.record.disk import go_on, is_full
from automl_cnn.study.record.journal import JournalLock
from automl_cnn.study.record.storage import Holder


@dataclass(frozen=True)
class JournalFile:
    """A journal file that all studies of a store share."""

    file: Path

    @property
    def name(self) -> str:
        return str(self.file)

    def open(self) -> BaseStorage:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lock = JournalLock(self.file)
        lock.acquire()  # whoever takes it repairs the file, so that it can be read
        lock.release()
        return self._storage()

    def look(self) -> BaseStorage | None:
        return self._storage() if self.file.exists() else None

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        journal = self.file
        if journal.exists() and not journal.is_file():  # opening a pipe would wait for a writer
            raise StoreError(f"The record {journal} cannot be opened: it is not a regular file. Expected a journal of automl-cnn; move it away to start over.")
        try:
            yield
        except AutomlCnnError:
            raise
        except Exception as error:  # Optuna checks no line of a journal: one of somebody else's may raise anything
            if is_full(error):
                raise StoreError(f"The record {journal} cannot be written: the disk is full. {go_on('Free some space')}") from None
            why = str(error) if isinstance(error, (OSError, ValueError)) else f"an entry is none of a study ({type(error).__name__})"
            raise StoreError(
                f"The record {journal} cannot be opened: {why[:300]}. Expected a journal written by automl-cnn; move it away to start over."
            ) from None

    def claim(self, backend: BaseStorage, study: str, number: int) -> None:
        """Nobody else writes to this file."""

    def ours(self, marks: Mapping[str, object]) -> bool:
        return True

    def held(self, study: str) -> AbstractContextManager[None]:
        return contextlib.nullcontext()

    def limit(self, seconds: Callable[[], float]) -> None:
        """A file is there or is not."""

    def holders(self, studies: Iterable[str]) -> Mapping[str, Holder]:
        return {}

    def _storage(self) -> BaseStorage:
        return JournalStorage(JournalFileBackend(str(self.file), lock_obj=JournalLock(self.file)))
