"""Which runs there are: every tool on every image set with every seed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FIELDS = ("tool", "set", "seed")


@dataclass(frozen=True)
class ImageSet:
    """A folder of class folders, and the one that is scored; without one a quarter is held out."""

    name: str
    folder: Path
    test: Path | None = None

    @classmethod
    def parse(cls, text: str) -> ImageSet:
        """`NAME=FOLDER` or `NAME=FOLDER:TEST_FOLDER`.

        Raises:
            ValueError: it is neither.
        """
        name, _, places = text.partition("=")
        folder, _, test = places.partition(":")
        if not name.strip() or not folder:
            raise ValueError(f"{text!r} names no image set. Expected NAME=FOLDER or NAME=FOLDER:TEST_FOLDER.")
        return cls(name.strip(), Path(folder).resolve(), Path(test).resolve() if test else None)


@dataclass(frozen=True)
class Cell:
    """One run of one tool."""

    tool: str
    set: str
    seed: int
    budget: int  # seconds

    @classmethod
    def of(cls, row: Mapping[str, str]) -> Cell:
        """The cell that a row tells of."""
        return cls(row["tool"], row["set"], int(row["seed"]), int(row["budget"]))

    def __str__(self) -> str:
        return f"{self.tool} on {self.set}, seed {self.seed}, {self.budget} s"


def cells(tools: Sequence[str], sets: Sequence[str], seeds: Sequence[int], budget: int) -> list[Cell]:
    """All of them; every tool has run on every set before a second seed is begun, so that an unfinished race compares like with like."""
    return [Cell(tool, name, seed, budget) for seed in seeds for name in sets for tool in tools]


def only(every: Sequence[Cell], wanted: Sequence[str]) -> list[Cell]:
    """Those that meet one of the wishes, each such as `tool=random,seed=0`; all where there is no wish.

    Raises:
        ValueError: a wish is not of that form, or no cell meets it.
    """
    if not wanted:
        return list(every)
    chosen: set[Cell] = set()
    for wish in wanted:
        pairs = [part.partition("=") for part in wish.split(",")]
        unknown = [key for key, sign, _ in pairs if not sign or key.strip() not in FIELDS]
        if unknown:
            raise ValueError(f"--only {wish}: '{unknown[0]}' says nothing about a cell. Expected tool=..., set=... or seed=..., separated by commas.")
        met = {cell for cell in every if all(str(getattr(cell, key.strip())) == value.strip() for key, _, value in pairs)}
        if not met:
            known = "; ".join(f"{key}: {', '.join(dict.fromkeys(str(getattr(cell, key)) for cell in every))}" for key in FIELDS)
            raise ValueError(f"--only {wish}: there is no such cell. There are {known}.")
        chosen |= met
    return [cell for cell in every if cell in chosen]


def pending(every: Sequence[Cell], finished: Collection[Cell]) -> list[Cell]:
    """Those without a row yet."""
    return [cell for cell in every if cell not in finished]
