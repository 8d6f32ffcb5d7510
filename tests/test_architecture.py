"""ARCHITECTURE.md and the packages that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def packages():
    """Every package of ours below the two roots, as the page names it."""
    for root in ("automl_cnn", "plugins/automl_cnn_plugins"):
        for init in (ROOT / root).rglob("__init__.py"):
            yield init.parent.relative_to(ROOT).as_posix()


def test_every_package_of_the_core_is_in_the_table():
    listed = set(re.findall(r"^\| `(automl_cnn[\w/]*)` \|", PAGE, re.MULTILINE))
    assert listed == {package for package in packages() if package.startswith("automl_cnn/")}


def test_everything_that_is_mentioned_exists():
    mentioned = set(re.findall(r"`((?:[\w]+/)+[\w]+(?:\.py)?|[\w]+\.py)`", PAGE))
    assert len(mentioned) > 30
    missing = [name for name in mentioned if not any((root / name).exists() for root in (ROOT, ROOT / "automl_cnn"))]
    assert not missing


def test_the_page_is_two_pages():
    assert len(PAGE.split()) < 1400
