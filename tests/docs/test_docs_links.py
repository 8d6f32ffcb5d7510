"""Links between pages lead somewhere, and every page can be reached."""

from __future__ import annotations

import posixpath
import re

import pytest
from docs_pages import DOCS, ROOT, anchors, generated, links, pages, written


@pytest.mark.parametrize("page", sorted(pages()))
def test_each_link_leads_to_a_page_or_a_file_and_to_a_heading_of_it(page):
    for file, anchor in links(pages()[page]):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page), file)) if file else page
        if not target.endswith(".md"):
            assert (DOCS / target).exists() or target.startswith("lessons/"), target  # pictures of lessons are made with their pages
            continue
        assert target in pages(), f"{page} links to {target}, which is not a page"
        assert not anchor or anchor in anchors(pages()[target]), f"{page} links to {target}#{anchor}"


def test_every_page_is_in_a_table_of_contents():
    listed = {"index.md"}
    for page, text in pages().items():
        for lines in re.findall(r"^```\{toctree\}\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            for entry in (line.strip() for line in lines.splitlines() if line.strip() and not line.startswith(":")):
                here = posixpath.dirname(page)
                whole = posixpath.normpath(posixpath.join(here, f"{entry}.md"))
                listed |= {name for name in pages() if posixpath.dirname(name) == here} if entry == "*" else {whole}
    assert set(pages()) - listed == set()
    assert listed - set(pages()) == set()


def test_every_study_and_every_lesson_has_a_page():
    for study in (ROOT / "studies").glob("*/study.toml"):
        assert f"studies/{study.parent.name}.md" in generated()
    for lesson in (ROOT / "notebooks").glob("[0-9][0-9]_*.py"):
        assert f"lessons/{lesson.stem}.md" in generated()


def test_no_page_that_is_made_is_also_written():
    ignored = (DOCS / ".gitignore").read_text(encoding="utf-8").splitlines()
    for name in generated():
        assert f"/{name}" in ignored or f"/{name.partition('/')[0]}/" in ignored, f"git would keep {name}"
    assert "index.md" in written()
