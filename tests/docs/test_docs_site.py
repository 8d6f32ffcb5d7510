"""The built site: no warning, and nothing that is loaded from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from docs_pages import DOCS, ROOT, pages

LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src", "embed": "src", "object": "data", "link": "href"}
NOT_LOADED = {"index", "search", "next", "prev", "canonical", "author", "copyright"}  # relations of a link that a browser follows only when asked


class Loads(HTMLParser):
    """What a browser loads beside a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get(LOADING.get(tag, ""))
        if address and not (tag == "link" and set((given.get("rel") or "").split()) & NOT_LOADED):
            self.addresses.append(address)


def elsewhere(addresses: list[str]) -> list[str]:
    return [address for address in addresses if re.match(r"(?:[a-z]+:)?//", address)]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built as `make docs` builds it."""
    try:
        import furo  # noqa: F401  # the theme; whoever has it has the rest
    except ImportError:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Sphinx is not installed: pip install --require-hashes -r requirements-docs.lock")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html", "-d", str(out / "trees"), str(DOCS), str(out / "html")]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-5000:]
    return out / "html"


@pytest.mark.slow
def test_every_page_is_built(site):
    for page in pages():
        assert (site / page).with_suffix(".html").is_file()


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(site):
    for page in site.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert elsewhere(Loads(html).addresses) == [], page
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert elsewhere(re.findall(r"""(?:url\(|@import)\s*["']?([^"')\s]+)""", text)) == [], sheet


@pytest.mark.slow
@pytest.mark.parametrize("page", ["index.html", "reference/settings.html", "lessons/09_compound_scaling_by_hand.html", "reference/python.html"])
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (390, "light")])
def test_a_page_asks_for_local_files_alone_and_fits_a_phone(site, chromium, page, width, scheme):
    chromium.open(site / page, width=width, scheme=scheme)
    assert [address for address in chromium.requests if not address.startswith("file:")] == []
    assert chromium.complaints == []
    assert chromium.run("document.documentElement.scrollWidth <= window.innerWidth + 1")


def test_what_comes_from_elsewhere_is_noticed():
    html = '<link rel="stylesheet" href="https://fonts.example/a.css"><img src="//cdn.example/x.png"><link rel="next" href="b.html"><a href="https://x.example">x</a>'
    assert elsewhere(Loads(html).addresses) == ["https://fonts.example/a.css", "//cdn.example/x.png"]
