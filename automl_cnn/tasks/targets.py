"""The numbers that are asked for: their names, their units, how they are written, and the heads of their columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

TINY = 1e-12


@dataclass(frozen=True)
class Target:
    """A number that is asked for: its `name`, its `unit` ("" where none is known), and the `mean` and standard deviation `sd` of the training images."""

    name: str
    unit: str = ""
    mean: float = 0.0
    sd: float = 1.0

    @property
    def title(self) -> str:
        """`angle (degrees)`."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def shown(self, value: float) -> str:
        """A value and its unit."""
        return f"{self.rounded(value)}{f' {self.unit}' if self.unit else ''}"

    def rounded(self, value: float) -> str:
        """The same without the unit."""
        return f"{value:,.{self.digits}f}"

    def brief(self, value: float) -> str:
        """The same without needless zeros: `20`, `10.4`."""
        text = self.rounded(value)
        return text.rstrip("0").rstrip(".") if "." in text else text

    @property
    def digits(self) -> int:
        """Digits after the point: enough to show thousandths of the standard deviation."""
        return int(np.clip(np.ceil(-np.log10(max(self.sd, TINY))) + 2, 0, 12))


def apart(heads: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """The heads of columns, none twice and none that is `taken`: a number of its own is appended to the later one."""
    known: list[str] = list(taken)
    before = len(known)
    for head in heads:
        name, times = head, 1
        while name in known:
            times += 1
            name = f"{head} {times}"
        known.append(name)
    return known[before:]
