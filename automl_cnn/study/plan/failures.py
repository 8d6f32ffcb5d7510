"""Failures in a row: when the reason is the machine's or the data's and not a network's, no other network will do better."""

from __future__ import annotations

import re
from collections.abc import Sequence

from automl_cnn.records import State, Trial

EQUAL = 5  # failures in a row for one reason, of more than one architecture
EQUAL_ALONE = 10  # the same where there is only one architecture to try
NUMBER = re.compile(r"\d[\d.,]*")


def in_a_row(trials: Sequence[Trial], architectures: int) -> str | None:
    """Why a search should end, where the last of a session's `trials` all failed for one reason; `architectures` is how many there are to try."""
    row: list[Trial] = []  # the last one first
    for trial in reversed(trials):
        if trial.state is not State.FAILED:
            break
        row.append(trial)
    if not row:
        return None
    nobodys = row[0].lost  # the same trial is tried again each time
    needed = EQUAL if architectures > 1 or nobodys else EQUAL_ALONE
    last = row[:needed]
    alike = len(last) == needed and len({NUMBER.sub("0", _reason(trial)) for trial in last}) == 1
    if not alike or (architectures > 1 and not nobodys and len({trial.architecture for trial in last}) == 1):
        return None
    return f"The last {needed} trials failed for one reason, so the search ends: {_reason(row[0]).rstrip('.')}. Put that right, and the same command goes on."


def _reason(trial: Trial) -> str:
    return trial.failure or "no reason given"
