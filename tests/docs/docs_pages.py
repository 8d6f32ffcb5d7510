"""The documentation as the tests read it: pages, their blocks of code, their links and anchors."""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^(?:<!-- (?P<mark>[^\n]*?) -->\n)?(?P<fence>```+)(?P<language>[\w{}-]*)[^\n]*\n(?P<code>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL)
CODE = ("sh", "python", "toml")  # what is executed, unless it is marked


@dataclass(frozen=True)
class Block:
    """A fenced block. `mark` is empty where the fast tests execute it, `slow`, or `not executed: REASON`."""

    page: str
    language: str
    code: str
    mark: str

    def __str__(self) -> str:
        return f"{self.page}: {self.code.strip().splitlines()[0][:60]}"


@functools.cache
def generated() -> dict[str, str]:
    """The pages that are made, as the site makes them."""
    sys.path.insert(0, str(DOCS / "_ext"))
    try:
        made: dict[str, Any] = importlib.import_module("generated").pages()
    finally:
        sys.path.remove(str(DOCS / "_ext"))
    return {name: text for name, text in made.items() if isinstance(text, str)}


@functools.cache
def written() -> dict[str, str]:
    """The pages that are written by hand, by their path below docs/."""
    paths = (path.relative_to(DOCS) for path in sorted(DOCS.rglob("*.md")))
    names = [path.as_posix() for path in paths if path.parts[0] not in ("_build", "_ext")]
    return {name: (DOCS / name).read_text(encoding="utf-8") for name in names if name not in generated()}


@functools.cache
def pages() -> dict[str, str]:
    """Every page of the site."""
    return {**generated(), **written()}


def blocks(page: str, text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(page, match["language"], match["code"], match["mark"] or "") for match in FENCE.finditer(text)]


def code(*marks: str) -> list[Block]:
    """The blocks of code with one of these marks, of all pages; start.md, which makes the study of the others, comes first."""
    names = sorted(pages(), key=lambda name: (name != "start.md", name))
    return [block for name in names for block in blocks(name, pages()[name]) if block.language in CODE and block.mark in marks]


def anchors(text: str) -> set[str]:
    """What a link may name on a page: its headings, as MyST spells them, and its labels."""
    body = FENCE.sub("", text)
    titles = re.findall(r"^#{1,4} (.+)$", body, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()).replace(" ", "-") for title in titles}
    return slugs | set(re.findall(r"^\(([\w-]+)\)=$", body, re.MULTILINE))


def links(text: str) -> Iterator[tuple[str, str]]:
    """(file, anchor) of each link and picture that does not lead to another site."""
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text)):
        if not re.match(r"[a-z]+:", target):
            file, _, anchor = target.partition("#")
            yield file, anchor


def commands(block: Block) -> Iterator[str]:
    """The lines of a block that call automl-cnn, without comments, redirections and what they are piped into."""
    for line in (line.strip().removeprefix("$ ") for line in re.sub(r"\\\n", " ", block.code).splitlines()):
        if re.match(r"automl-cnn(\s|$)", line):
            yield re.split(r"\s+[|>#](?:\s|$)", line)[0]
