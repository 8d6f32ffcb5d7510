"""Plain text of the code, as Markdown."""

from __future__ import annotations

import re

CODE = re.compile(r"(`[^`\n]+`)")
FLAG = re.compile(r"(?<![\w`-])(--[a-z][a-z-]*)")
SPECIAL = re.compile(r"([\\*<>\[\]$|])")


def escaped(text: str) -> str:
    """A sentence of help with nothing that Markdown would take for markup; flags become code, what is in backticks stays."""
    parts = CODE.split(re.sub(r"\s+", " ", text).strip())
    return "".join(part if part.startswith("`") else FLAG.sub(r"`\1`", SPECIAL.sub(r"\\\1", part)) for part in parts)


def block(code: str, language: str = "text") -> str:
    """A fenced block."""
    return f"```{language}\n{code}\n```"


def described(text: str) -> str:
    """Paragraphs of a docstring; indented ones, and single lines that are a command, become code."""
    made = []
    for part in re.split(r"\n\s*\n", text.strip("\n")):
        command = part.strip()
        is_code = all(line.startswith("    ") for line in part.splitlines()) or ("\n" not in command and command.startswith("automl-cnn "))
        made.append(block("\n".join(line.strip() for line in part.splitlines())) if is_code else escaped(part))
    return "\n\n".join(made)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table; cells are Markdown already."""
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows)])
