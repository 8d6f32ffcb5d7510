"""Folders of empty-looking files for the tests of names."""

from __future__ import annotations

from pathlib import Path


def make(root: Path, *paths: str) -> Path:
    """Each path as a small file, or as an empty folder where it ends in a slash."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            (root / path).mkdir(exist_ok=True)
        else:
            (root / path).write_bytes(b"never read")
    return root
