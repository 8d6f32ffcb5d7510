"""Resolve the images that a user names to local paths: files at a URL are copied to the cache, but messages show the URL."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from automl_cnn.cli import backend
from automl_cnn.cli.console import say
from automl_cnn.places import images_place
from automl_cnn.quantities import bytes_
from automl_cnn.text import inline

if TYPE_CHECKING:
    from automl_cnn.data.elsewhere import Copy


@dataclass(frozen=True)
class Given:
    """The paths, and which of them are copies."""

    paths: tuple[Path, ...] = ()
    copies: tuple[Copy, ...] = ()

    def named(self, text: str) -> str:
        """The text with the paths of copies replaced by their URLs."""
        for copy in self.copies:
            text = copy.named(text)
        return text

    def above(self, path: Path) -> str:
        """The URL that whole URLs in a table at `path` begin with; "" if `path` is not a copy of a URL."""
        return next((copy.above for copy in self.copies if copy.root == path), "")

    @contextlib.contextmanager
    def naming(self) -> Iterator[None]:
        """Replace the paths of copies by their URLs in errors raised within the block."""
        with contextlib.ExitStack() as stack:
            for copy in self.copies:
                stack.enter_context(copy.naming())
            yield


def here(given: Sequence[str], cache: Path, columns: str | None) -> Given:
    """The local paths of images. Files at URLs are downloaded to `cache`.

    Raises:
        ConfigError: an item is neither a path nor a URL, or a table lacks `columns`.
        DataError: a URL cannot be read.
        StoreError: `cache` cannot be written.
    """
    places = [images_place(text) for text in given]
    if all(isinstance(place, Path) for place in places):
        return Given(tuple(place for place in places if isinstance(place, Path)))
    from automl_cnn.data.elsewhere import copied
    from automl_cnn.data.tables import is_table

    paths, copies = [], []
    with backend.loading("Fetching the images") as show:
        for place in places:
            if isinstance(place, Path):
                paths.append(place)
                continue
            own = columns if is_table(Path(place.name)) else None
            copies.append(copied(place, cache, columns=own, fetched=lambda done, of: show(f"Fetching the images: {bytes_(done)} of {bytes_(of)}")))
            paths.append(copies[-1].root)
    for copy in copies:
        for path, reason in copy.refused:
            say(inline(f"left out {copy.url}/{path}: {reason}"))
    return Given(tuple(paths), tuple(copies))
