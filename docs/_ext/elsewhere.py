"""Pages that live elsewhere in the repository: studies, lessons, and the project's own files."""

from __future__ import annotations

import base64
import json
import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FILES = {  # file of the repository -> page
    "ARCHITECTURE.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "CHANGELOG.md": "project/changelog.md",
    "benchmarks/README.md": "project/benchmarks.md",
    "studies/README.md": "studies/index.md",
    "notebooks/README.md": "lessons/index.md",
    "README.md": "index.md",
}
LINK = re.compile(r"(!?\[[^\]]*\])\(([^)#\s]+)?(#[^)\s]*)?\)")
BARE = re.compile(r"""(?<![<(\[`"'/\w])(https?://[^\s)>`"']*[^\s)>`"'.,;:])([.,;:)]?)""")  # an address that is not a link yet
TABLE = re.compile(r"<table.*</table>", re.DOTALL)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def pages() -> dict[str, str | bytes]:
    """Path below docs/ -> Markdown, or the bytes of a picture."""
    made: dict[str, str | bytes] = {page: moved(file) for file, page in FILES.items() if file != "README.md"}
    names = sorted(file.parent.name for file in (ROOT / "studies").glob("*/study.toml"))
    for name in names:
        made[f"studies/{name}.md"] = moved(f"studies/{name}/README.md")
    made["studies/index.md"] = f"{made['studies/index.md']}\n{_contents(names)}"
    lessons = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    for lesson in lessons:
        made |= _lesson(lesson)
    made["lessons/index.md"] = f"{made['lessons/index.md']}\n{_contents([lesson.stem for lesson in lessons])}"
    return made


def page_of(file: str) -> str | None:
    """The page that shows a file of the repository, None where there is none."""
    file = file.rstrip("/")
    if match := re.fullmatch(r"studies/(\w+)(?:/README\.md)?", file):
        return f"studies/{match[1]}.md"
    if match := re.fullmatch(r"notebooks/(\d\d_\w+)\.(?:ipynb|py)", file):
        return f"lessons/{match[1]}.md"
    if file.startswith("docs/"):
        return file.removeprefix("docs/")
    return FILES.get(file) or FILES.get(f"{file}/README.md")


def moved(file: str) -> str:
    """A Markdown file of the repository, with its links as they are from its page. A link to a file that has no page becomes its name."""
    here, page = posixpath.dirname(file), page_of(file)
    assert page is not None  # it is one of those above

    def link(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2] or "", match[3] or ""
        if not target or re.match(r"[a-z]+:", target):
            return match[0]
        path = posixpath.normpath(posixpath.join(here, target))
        other = page_of(path)
        if words.startswith("!"):
            return f"{words}({posixpath.relpath(f'../{path}', posixpath.dirname(page))})"
        if other is None:
            return words[1:-1] if words[1:-1].startswith("`") else f"`{path}`"
        return f"{words}({posixpath.relpath(other, posixpath.dirname(page))}{anchor})"

    text = LINK.sub(link, (ROOT / file).read_text(encoding="utf-8"))
    return BARE.sub(r"<\1>\2", text) if file.startswith("studies/") else text  # their sources; other files have addresses in code too


def _contents(names: list[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", "", *names, "```", ""])


def _lesson(path: Path) -> dict[str, str | bytes]:
    """An executed notebook: its text, its code, and what that printed."""
    made: dict[str, str | bytes] = {}
    parts: list[str] = []
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"<!-- not executed: tests/test_notebooks.py executes the lesson -->\n```python\n{source}\n```")
        printed = ""
        for output in cell.get("outputs", []):
            if output["output_type"] == "stream":
                printed += "".join(output["text"])
                continue
            text, picture = _shown(output["data"])
            if picture:
                name = f"{path.stem}-{number}.png"
                made[f"lessons/{name}"] = picture
                text = f"![the plot of the code above]({name})"
            parts += [_text(printed), text]
            printed = ""
        parts.append(_text(printed))
    made[f"lessons/{path.stem}.md"] = "\n\n".join(part for part in parts if part) + "\n"
    return made


def _shown(data: dict[str, Any]) -> tuple[str, bytes]:
    """The value of a cell as Markdown, or as a picture."""
    if "image/png" in data:
        return "", base64.b64decode("".join(data["image/png"]))
    if "text/html" in data and (table := TABLE.search("".join(data["text/html"]))):
        plain = table[0].replace('border="1" class="dataframe"', 'class="docutils"')
        return f'```{{raw}} html\n<div class="table-wrapper">{plain}</div>\n```', b""
    return _text("".join(data.get("text/plain", ""))), b""


def _text(printed: str) -> str:
    """What was printed, as a block; nothing where nothing was."""
    return f"```text\n{ANSI.sub('', printed).rstrip()}\n```" if printed.strip() else ""
