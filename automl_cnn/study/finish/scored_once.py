"""Each winner of a study is scored on the test images once: where its score is kept, and how often that was done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from automl_cnn.study.record.record import RESULT, Record
from automl_cnn.study.running.executors.protocol import TestScore

NUMBERS = ("truth", "answers")  # of a test score, arrays
TESTS = "tests"  # in the record: the test scores of the study's winners, by their trials


def key_of(number: object, members: Mapping[str, float]) -> str:
    """What identifies a winner: its trial, or its members and their shares."""
    return " + ".join(f"{trial} ({share:.3f})" for trial, share in members.items()) or str(number)


def standing(record: Record, key: str) -> TestScore | None:
    """The test score that a winner has already; None if it was never scored.

    A study of a version that kept no count is given one, with the winner of its result.
    """
    known = record.group(TESTS)
    kept = known.get(key)
    if isinstance(kept, Mapping):
        numbers = {name: np.array(kept[name], float) for name in NUMBERS if kept.get(name) is not None}
        return TestScore(kept["score"], tuple(kept["interval"]), tuple(map(tuple, kept["confusion"])), **numbers)
    earlier: Mapping[str, Any] = record.settings.get(RESULT) or {}
    if not known and earlier.get("test_score") is not None:
        record.keep_one(TESTS, key_of(earlier.get("trial"), earlier.get("members") or {}), None)
    return None


def keep(record: Record, key: str, test: TestScore) -> None:
    """Keep a winner's test score."""
    record.keep_one(TESTS, key, {name: part.tolist() if isinstance(part, np.ndarray) else part for name, part in vars(test).items()})


def count(record: Record) -> int:
    """How many winners were scored on the test images so far."""
    return max(1, len(record.group(TESTS)))
