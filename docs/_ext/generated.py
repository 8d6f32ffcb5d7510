"""Pages that are made, not written. `pages()` gives them; `write()` puts them beside those that are written."""

from __future__ import annotations

from pathlib import Path

import commands
import elsewhere
import settings
import zoo


def pages() -> dict[str, str | bytes]:
    """Path below docs/ -> content."""
    return {
        "reference/commands.md": commands.page(),
        "reference/settings.md": settings.page(),
        "reference/zoo.md": zoo.page(),
        **elsewhere.pages(),
    }


def write(folder: Path) -> None:
    """Write what has changed, so that a second build reads only that."""
    for name, content in pages().items():
        path, data = folder / name, content.encode() if isinstance(content, str) else content
        if not path.is_file() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
