"""How grave a finding is."""

from __future__ import annotations

GRADES = ("low", "medium", "high")


def grade(value: float, medium: float, high: float) -> str:
    """low, medium from one bound on, high from the other."""
    return GRADES[(value >= medium) + (value >= high)]


def graver(severity: str) -> str:
    """One degree more."""
    return GRADES[min(GRADES.index(severity) + 1, len(GRADES) - 1)]
