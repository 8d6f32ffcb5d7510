"""The writing rules of CONTRIBUTING.md, as far as a machine can check them: phrases and names that do not come back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer
from typer.testing import CliRunner

from automl_cnn.cli import app

ROOT = Path(__file__).parent.parent
MADE = tuple(f"docs{line}" for line in (ROOT / "docs" / ".gitignore").read_text(encoding="utf-8").splitlines() if line.startswith("/"))
DOCS = [name for path in sorted((ROOT / "docs").rglob("*.md")) if not (name := path.relative_to(ROOT).as_posix()).startswith(MADE)]
STUDIES = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "studies").glob("*/README.md"))]
MEASURED = ("benchmarks/README.md", "studies/README.md", "notebooks/README.md", *STUDIES)
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md", "CHANGELOG.md", *MEASURED, *DOCS)
CODE = [path for package in ("automl_cnn", "plugins") for path in sorted((ROOT / package).rglob("*")) if path.suffix in {".py", ".html", ".js", ".jinja"}]
MODULES = [path for path in CODE if path.suffix == ".py"]
SCRIPTS = [path for package in ("benchmarks", "docs", "notebooks", "studies", "tests") for path in sorted((ROOT / package).rglob("*.py"))]
PHRASES = {  # what is banned, and what to write instead
    r"so many": "as many",
    r"anew": "again",
    r"told": "receives, knows, is distinguished",
    r"heard": "receives",
    r"what (?:is|was)(?: not)? said": "the default, the prediction",
    r"(?<!there )(?:is|are|was|were) no (?!(?:longer|more|less|fewer|better|worse|faster|slower|larger|smaller|higher|lower|other)\b)\w+": "is not a",
    r"right when (?:said|given)": "precision",
    r"what spoke for": "the evidence for",
    r"asks the network for nothing": "makes no network requests",
}
NAMES = {"said", "told", "found", "heard"}
ALLOWED_PHRASES: set[tuple[str, str]] = set()  # (file, phrase) that may stay for now


def phrases(text: str) -> Iterator[str]:
    """The banned phrases in a text, as they stand there; in any case, and across line breaks and comment signs."""
    flat = re.sub(r"\s+(?:# )?", " ", text)
    for phrase in PHRASES:
        yield from (match[0].lower() for match in re.finditer(rf"\b{phrase}\b", flat, re.IGNORECASE))


def prose(page: Path) -> str:
    """A Markdown page without its code: what stands between backticks is quoted."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def bound(tree: ast.AST) -> Iterator[str]:
    """Every name that a module gives to something: variables, attributes, parameters, functions, classes, imports."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.alias(asname=str(name)) | ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("name", PAGES)
def test_pages_keep_to_the_rules(name):
    assert list(phrases(prose(ROOT / name))) == []


@pytest.mark.parametrize("path", commands(typer.main.get_command(app)), ids=" ".join)
def test_help_keeps_to_the_rules(path):
    done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "2000"})  # no sentence is wrapped
    assert done.exit_code == 0
    assert "Usage" in done.stdout
    assert list(phrases(done.stdout)) == []


def test_docstrings_messages_comments_and_templates_keep_to_the_rules():
    uses = {(relative(path), phrase) for path in CODE for phrase in phrases(path.read_text(encoding="utf-8"))}
    assert uses - ALLOWED_PHRASES == set()
    assert ALLOWED_PHRASES - uses == set(), "mended: delete these lines of ALLOWED_PHRASES"


def test_names_say_what_they_hold():
    uses = {(relative(path), name) for path in (*MODULES, *SCRIPTS) for name in bound(ast.parse(path.read_text(encoding="utf-8"))) if name in NAMES}
    assert uses == set()


def test_the_rules_are_written_down():
    rules = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for word in ("so many", "anew", "is told", *NAMES):
        assert f"`{word}`" in rules


@pytest.mark.parametrize("text", ["there is no folder", "There are no images", "is no longer used", "are no faster", "is no better"])
def test_plain_english_is_allowed(text):
    assert list(phrases(text)) == []


@pytest.mark.parametrize("text", ["so  many\nwords", "It is\n    # told everything", "Told apart", "begins anew.", "a list is no folder"])
def test_a_banned_phrase_is_recognized_wherever_a_line_breaks(text):
    assert list(phrases(text))


@pytest.mark.parametrize(
    "code",
    [
        "said = 1",
        "x.told = 1",
        "def f(found): ...",
        "def heard(): ...",
        "for found in x: ...",
        "[0 for said in x]",
        "import re as told",
        "if (found := 1): ...",
    ],
)
def test_a_banned_name_is_recognized_wherever_it_is_bound(code):
    assert set(bound(ast.parse(code))) & NAMES
