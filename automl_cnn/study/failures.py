"""Failures in a row: when the reason is the machine's or the data's and not a network's, no other network will do better."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from automl_cnn.records import INTERRUPTED, State, Trial

EQUAL = 5  # failures in a row for one reason, of more than one architecture
EQUAL_ALONE = 10  # the same where there is only one architecture to try
NUMBER = re.compile(r"\d[\d.,]*")


@dataclass
class Failures:
    """The trials of this session that failed one after the other."""

    _row: list[tuple[str, str]] = field(default_factory=list)  # reason and architecture

    def add(self, trial: Trial) -> None:
        """Count a trial that has ended; one that did not fail ends the row."""
        if trial.state is not State.FAILED:
            self._row.clear()
        else:
            self._row.append((trial.failure or "no reason given", trial.architecture))

    def reason(self, architectures: int) -> str | None:
        """Why the search should end, where its last failures show it; `architectures` is how many there are to try."""
        if not self._row:
            return None
        nobodys = self._row[-1][0].startswith(INTERRUPTED)  # the same trial is tried again each time
        needed = EQUAL if architectures > 1 or nobodys else EQUAL_ALONE
        last = self._row[-needed:]
        alike = len(last) == needed and len({NUMBER.sub("0", reason) for reason, _ in last}) == 1
        if not alike or (architectures > 1 and not nobodys and len({architecture for _, architecture in last}) == 1):
            return None
        return f"The last {needed} trials failed for one reason, so the search ends: {last[-1][0].rstrip('.')}. Put that right, and the same command goes on."
