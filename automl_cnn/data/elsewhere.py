"""Copy the images at a URL to a local folder, from which all other modules read them.

From a folder, the images and the table `metadata.csv` at its top are downloaded; from a table, the images that it lists; an archive as a whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from automl_cnn.data import archives, kinds, refusals, rows, tables
from automl_cnn.data.downloads import WORKERS, Job, Progress
from automl_cnn.data.mirror import Mirror
from automl_cnn.data.remote import Listing, Remote
from automl_cnn.data.storable import above, leads_out, twin_of, unusable
from automl_cnn.errors import AutomlCnnError, DataError
from automl_cnn.urls import HTTP, Url

Listed = Callable[[int], None]  # how many files were listed so far


@dataclass(frozen=True)
class Copy:
    """A URL, the local copy of its folder or file, and the files that were left out: (path, reason)."""

    url: Url
    root: Path
    refused: tuple[tuple[str, str], ...] = ()

    @property
    def above(self) -> str:
        """The URL of the folder that paths in a table are relative to: its own, or that of a file's folder."""
        return self.url.parent if self.root.is_file() else str(self.url)

    def named(self, text: str) -> str:
        """The text with paths of the copy replaced by their URLs."""
        for path, url in self._places:
            text = text.replace(path, url)
        return text

    @cached_property
    def _places(self) -> tuple[tuple[str, str], ...]:
        pairs = ((self.root, str(self.url)), (self.root.parent, self.url.parent))
        return tuple((str(path), url) for here, url in pairs for path in (here.resolve(), here))

    @contextlib.contextmanager
    def naming(self) -> Iterator[None]:
        """Replace paths of the copy by their URLs in errors raised within the block."""
        try:
            yield
        except AutomlCnnError as error:
            raise type(error)(self.named(str(error))) from None


@dataclass
class _Wanted:
    """The files of a folder to fetch, those only named, and those left out."""

    jobs: list[Job] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def copied(url: Url, cache: Path, *, columns: str | None = None, listed: Listed | None = None, fetched: Progress | None = None) -> Copy:
    """The local copy of a URL, brought up to date. `listed` receives the number of files so far; `fetched` the bytes received and their total.

    Raises:
        DataError: the URL cannot be read, or there are no images, table or archive.
        ConfigError: `columns` are not those of the table.
        StoreError: `cache` cannot be written, or has no room.
    """
    _refuse_pages(url)
    report, count = fetched or (lambda done, of: None), listed or (lambda files: None)
    remote, mirror = Remote(url), Mirror(url, cache)
    listing = _listing(remote, mirror, count)
    with mirror.alone(lambda: count(0)) as waited:
        listing = _listing(remote, mirror, count) if waited else listing  # it may be an old one by now
        if listing.single and tables.is_table(Path(url.name)):
            return _table(remote, mirror, listing, columns, report)
        base = mirror.root.parent if listing.single else mirror.root
        wanted = _wanted(listing, mirror.tells_case_apart())
        mirror.tidy(base, [job.entry.path for job in wanted.jobs], wanted.others, [path for path in listing.folders if not (_hidden(path) or unusable(path))])
        mirror.fetch(remote, base, wanted.jobs, report)
    return Copy(url, mirror.root, tuple(wanted.refused))


def place_of(url: Url, cache: Path) -> Path:
    """The folder of the cache that holds the copy of a URL, where there is one."""
    return Mirror(url, cache).place


def _listing(remote: Remote, mirror: Mirror, count: Listed) -> Listing:
    listing = remote.listing()
    if listing.single:
        listing = replace(listing, entries=tuple(replace(entry, path=mirror.root.name) for entry in listing.entries))
    if not listing.entries:
        raise DataError(refusals.missing(remote.url))
    count(len(listing.entries))
    return listing


def _refuse_pages(url: Url) -> None:
    """Refuse a folder on the web: it cannot be listed."""
    path = Path(url.name)
    if url.scheme in HTTP and not (archives.is_archive(path) or tables.is_table(path) or kinds.suffix_of(url.name) in kinds.SUFFIXES):
        raise DataError(
            f"{url} names no archive and no table: over HTTP, folders cannot be listed. Expected a URL that ends in "
            f"{', '.join((*archives.SUFFIXES[:4], *rows.SUFFIXES))}; or download the folder first."
        )


def _wanted(listing: Listing, case: bool) -> _Wanted:
    wanted = _Wanted()
    folders = {*listing.folders, *(folder for entry in listing.entries for folder in above(entry.path))}
    known: dict[str, str] = {}
    for entry in sorted(listing.entries, key=lambda entry: entry.path):
        path = entry.path
        suffix = kinds.suffix_of(path)
        if not leads_out(path) and (_hidden(path) or (path in folders and not entry.size)):
            continue
        image, large = suffix in kinds.SUFFIXES, (entry.size or 0) > kinds.LARGEST_FILE
        reason = unusable(path) or ("a folder has the same name" if path in folders else "")
        reason = reason or ("" if case else twin_of(path, known)) or (kinds.too_large(entry.size or 0) if image and large else "")
        if reason:
            wanted.refused.append((path, reason))
        elif image or _is_ours(path, listing.single):
            wanted.jobs.append(Job(entry))
        elif kinds.may_hide_an_image(suffix) and not large:
            wanted.jobs.append(Job(entry, unsure=True))
        else:
            wanted.others.append(path)
    return wanted


def _is_ours(path: str, single: bool) -> bool:
    """Whether a file that is not an image is read: an archive, or the table of a folder."""
    if single:
        return archives.is_archive(Path(path))
    return tables.is_metadata(path)


def _hidden(path: str) -> bool:
    return any(kinds.is_clutter(part) for part in path.split("/"))


def _table(remote: Remote, mirror: Mirror, listing: Listing, columns: str | None, report: Progress) -> Copy:
    """A table, and the images that it lists."""
    copy, base = Copy(remote.url, mirror.root), mirror.root.parent
    table = Job(listing.entries[0])
    mirror.fetch(remote, base, [table], report)
    with copy.naming():
        if remote.url.scheme in HTTP and tables.holds_paths(mirror.root, columns):
            raise DataError(
                f"{remote.url} lists images one by one, which are not read over HTTP. Expected an archive, or a Parquet file with the images inside."
            )
        paths = tables.paths_in(mirror.root, columns, above=remote.url.parent)
    folders = sorted({path.rpartition("/")[0] for path in paths})
    with ThreadPoolExecutor(WORKERS) as pool:
        there = dict(zip(folders, pool.map(remote.beside, folders), strict=True))
    entries = {path: entry for path in paths if (entry := there[path.rpartition("/")[0]].get(path.rpartition("/")[2]))}
    jobs = [table, *(Job(replace(entry, path=path)) for path, entry in entries.items() if not unusable(path))]
    mirror.tidy(base, [job.entry.path for job in jobs], (), ())
    mirror.fetch(remote, base, jobs, report)
    return copy
