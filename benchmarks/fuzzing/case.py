"""What a target of the fuzzer is: cases made of a seed and a number, and what reading one comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """Files that are put into a folder, by their names; `main` is the one to read, with these settings.

    `refuse` is why it must be refused, where it must; one that is `good` must be read.
    """

    name: str
    files: Mapping[str, bytes]
    main: str
    settings: Mapping[str, str] = field(default_factory=dict)
    refuse: str = ""
    good: bool = False

    def written(self, folder: Path) -> Path:
        """The files in `folder`; the path of the main one."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder / self.main


@dataclass(frozen=True)
class Target:
    """`known` makes for a seed what is mutated, `case` the case of a number, `read` answers with (`problem`, `outcome`) of a file, a case and its number.

    `megabytes` and `seconds` (of processor time) are what one case may cost.
    """

    count: int
    megabytes: float
    seconds: float
    known: Callable[[int], Any]
    case: Callable[[int, int, Any], Case]
    read: Callable[[Path, Case, int], tuple[str, str]]
