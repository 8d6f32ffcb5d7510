"""How far the images are listed, checked and decoded: shown on the screen, and ended when the budget is used up."""

from __future__ import annotations

from collections.abc import Callable

from automl_cnn import elapsed
from automl_cnn.errors import ConfigError
from automl_cnn.quantities import bytes_, clock
from automl_cnn.study.observer import Observer

OFTEN = 0.2  # seconds between two messages
PACE_KNOWN = 1.0  # seconds of checking after which its pace tells how long the rest takes
SOON = 3.0  # seconds beyond a used-up budget that the rest may take: then at least the majority class comes out
_ROOM = 3  # budgets that are suggested leave room for a search after the images are ready
_ROUND = (60, 120, 300, 600, 900, 1800, 3600)


class Checking:
    """Passes progress on to an observer, a few times a second.

    Raises:
        ConfigError: from every method, once the budget is used up and the images are not nearly ready; the message says how far it got and what to do.
    """

    def __init__(self, observer: Observer, started: float, budget: float | None, now: Callable[[], float] = elapsed.now) -> None:
        self.observer = observer
        self.started = started
        self.budget = budget
        self.now = now
        self._began = now()
        self._shown = float("-inf")

    def listed(self, files: int) -> None:
        """So far `files` files were listed."""
        if self._is_over():
            raise ConfigError(
                f"The budget of {clock(self.budget or 0)} was used up while the files were listed ({files:,} so far). "
                "Nothing was searched. Set a longer --budget, or pass a folder with fewer files."
            )
        self._show(f"listing the files: {files:,} so far")

    def fetched(self, done: int, of: int) -> None:
        """`done` of `of` bytes of the images came from elsewhere."""
        if self._is_over() and done < of:
            raise ConfigError(
                f"The budget of {clock(self.budget or 0)} was used up while the images were fetched ({bytes_(done)} of {bytes_(of)}). "
                "Nothing was searched. What was fetched is kept: the same command goes on there, or set a longer --budget."
            )
        self._show(f"fetching the images: {bytes_(done)} of {bytes_(of)}")

    def images(self, done: int, of: int) -> None:
        """`done` of `of` steps were taken; each image is read in the first half of them and decoded in the second."""
        images = of // 2
        reading = done <= images
        count = done if reading else done - images
        spent = self.now() - self._began
        needed = spent * of / max(1, done)
        if self._is_over() and done < of and spent > PACE_KNOWN and needed - spent > SOON:
            raise ConfigError(
                f"The budget of {clock(self.budget or 0)} was used up while the images were {'checked' if reading else 'decoded'} "
                f"({count:,} of {images:,}). Nothing was searched. On this machine these images alone take about {clock(needed)}. "
                f"Set a longer budget, such as --budget {_suggested(needed)}."
            )
        self._show(f"{'checking' if reading else 'decoding'} the images: {count:,} of {images:,}")

    def step(self, what: str, done: int, of: int) -> None:
        """`done` of `of` images are done in one of the steps that follow, or something that is not counted by images is being done."""
        self._show(f"{what}: {done:,} of {of:,}" if of > 1 else what)

    def _is_over(self) -> bool:
        return self.budget is not None and self.now() - self.started >= self.budget

    def _show(self, text: str) -> None:
        if self.now() - self._shown >= OFTEN:
            self._shown = self.now()
            self.observer.checking(text)


def _suggested(needed: float) -> str:
    """A round length of time with room for a search: `5m`."""
    wanted = _ROOM * needed
    seconds = next((length for length in _ROUND if length >= wanted), 3600 * -(-int(wanted) // 3600))
    return f"{seconds // 3600}h" if seconds % 3600 == 0 else f"{seconds // 60}m"
