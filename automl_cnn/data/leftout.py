"""The files that a walk left out, counted by kind and reported in a few lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from automl_cnn.data.kinds import HINTS, NO_SUFFIX

SHOWN = 10  # extensions that are named one by one
_NAMED = 5


@dataclass
class LeftOut:
    """Files that are not images of a known format, by extension; links and special files, each with its reason; folders of this package's own."""

    kinds: Counter[str] = field(default_factory=Counter)
    misnamed: Counter[str] = field(default_factory=Counter)  # used, although their extension is another
    refused: list[tuple[str, str]] = field(default_factory=list)  # path, reason
    own: list[str] = field(default_factory=list)
    crowded: list[str] = field(default_factory=list)  # folders that too many links lead to

    def notes(self) -> list[str]:
        """One line for each kind of file that was left out, except the refused files."""
        notes = []
        if self.kinds:
            total = sum(self.kinds.values())
            what = "1 file is not an image of a supported format and was" if total == 1 else f"{total:,} files are not images of a supported format and were"
            notes.append(f"{what} left out: {'; '.join(_grouped(self.kinds))}.")
        if self.misnamed:
            total = sum(self.misnamed.values())
            what = "1 file is an image by its content, not by its extension, and is" if total == 1 else f"{total:,} files are images by their content and are"
            notes.append(f"{what} used: {', '.join(_counts(self.misnamed))}.")
        if self.own:
            notes.append(f"{_named(self.own)} left out: automl-cnn wrote {'it' if len(self.own) == 1 else 'them'} (studies or an exported model).")
        if self.crowded:
            notes.append(f"{_named(self.crowded)} left out in some places: too many links lead there.")
        return notes


def _grouped(kinds: Counter[str]) -> list[str]:
    """The counts, grouped by advice: `25 .heic, 3 .avif (convert them to JPEG or PNG)`."""
    groups: dict[str, Counter[str]] = {}
    for kind, count in kinds.most_common():
        groups.setdefault(HINTS.get(kind, ""), Counter())[kind] = count
    plain = groups.pop("", Counter())
    lines = [f"{', '.join(_counts(counts))} ({hint})" for hint, counts in groups.items()]
    return [*lines, ", ".join(_counts(plain))] if plain else lines


def _counts(kinds: Counter[str]) -> list[str]:
    listed = [f"{count:,} {'with ' if kind == NO_SUFFIX else ''}{kind}" for kind, count in kinds.most_common(SHOWN)]
    rest = kinds.most_common()[SHOWN:]
    return [*listed, f"{sum(count for _, count in rest):,} with {len(rest)} other extensions"] if rest else listed


def _named(folders: list[str]) -> str:
    names = ", ".join(f"'{name}'" for name in folders[:_NAMED])
    more = f" and {len(folders) - _NAMED:,} more" if len(folders) > _NAMED else ""
    return f"The folder {names} was" if len(folders) == 1 else f"The folders {names}{more} were"
