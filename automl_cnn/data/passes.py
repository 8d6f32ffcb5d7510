"""Progress through several passes over the same images, reported as one count of images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

OFTEN = 2048  # items between two reports
Report = Callable[[int, int], None]  # how many are done, of how many
Tell = Callable[[str, int, int], None]  # what is being done, how many are done, of how many
_T = TypeVar("_T")


def counted(items: Iterable[_T], report: Report | None, of: int, start: int = 0) -> Iterator[_T]:
    """The items, with a report every so often; `start` of them were done before."""
    for number, item in enumerate(items, start):
        if report is not None and not number % OFTEN:
            report(number, of)
        yield item


class Passes:
    """Progress through passes whose relative durations are `weights`. `part` reports progress within a pass, `done` ends it.

    The reported number is a share of `images` and never decreases.
    """

    def __init__(self, report: Report | None, images: int, weights: Sequence[float]) -> None:
        self._report = report
        self._images = images
        self._weights = tuple(weights)
        self._at = 0
        self.part(0, 1)

    def part(self, done: int, of: int) -> None:
        """Report that `done` of `of` items of the current pass are finished."""
        if self._report is not None:
            share = (sum(self._weights[: self._at]) + sum(self._weights[self._at : self._at + 1]) * done / max(1, of)) / sum(self._weights)
            self._report(int(share * self._images), self._images)

    def done(self) -> None:
        """End the current pass."""
        self._at += 1
        self.part(0, 1)
