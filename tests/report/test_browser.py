"""The page in a real browser: nothing complains, nothing is asked for, hover and theme work, and it fits a phone."""

from __future__ import annotations

import os

import browser
import pytest
from report_fakes import study, trial
from test_page import STUDIES

from automl_cnn.report import page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    if browser.found() is None:
        words = "no Chromium on this machine: expected chromium or google-chrome on the path"
        (pytest.fail if os.environ.get("AUTOML_CNN_REQUIRE_BROWSER") else pytest.skip)(words)
    shown = browser.Browser(tmp_path_factory.mktemp("profile"))
    yield shown
    shown.close()


def opened(chromium, facts, folder, *, width: int = 1200, scheme: str = "light"):
    path = folder / "report.html"
    path.write_text(page(facts), encoding="utf-8")
    chromium.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    chromium.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    chromium.open(path)
    return chromium


@pytest.mark.parametrize("name", STUDIES)
def test_it_opens_without_a_word_or_a_request(chromium, tmp_path, name):
    shown = opened(chromium, STUDIES[name], tmp_path)
    assert shown.complaints == []
    assert [url for url in shown.requests if not url.endswith("/report.html")] == []


@pytest.mark.parametrize("name", STUDIES)
def test_it_fits_a_phone(chromium, tmp_path, name):
    shown = opened(chromium, STUDIES[name], tmp_path, width=360)
    assert shown.run("document.documentElement.scrollWidth") <= 360


def test_long_names_fit_a_phone(chromium, tmp_path):
    shown = opened(chromium, study((trial(0, 0.8, "a" * 90),), name="n" * 200, data={"classes": ["c" * 120, "d", "e"]}), tmp_path, width=360)
    assert shown.run("document.documentElement.scrollWidth") <= 360


def test_hovering_a_point_tells_it(chromium, tmp_path):
    shown = opened(chromium, STUDIES["usual"], tmp_path)
    shown.run("document.querySelector('circle[data-tip]').scrollIntoView({block: 'center', behavior: 'instant'})")
    shown.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))")  # scrolling hides what is told
    box = shown.run("(({x, y, width, height}) => [x + width / 2, y + height / 2])(document.querySelector('circle[data-tip]').getBoundingClientRect())")
    assert shown.run("document.getElementById('tip').hidden")
    shown.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
    shown.until("!document.getElementById('tip').hidden", 10)
    assert "epoch" in shown.run("document.getElementById('tip').textContent")


def test_arrow_keys_walk_the_points_of_a_chart(chromium, tmp_path):
    shown = opened(chromium, STUDIES["usual"], tmp_path)
    shown.run("document.querySelector('svg').focus()")
    said = []
    for _ in range(2):
        shown.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowRight")
        said.append(shown.run("document.getElementById('tip').textContent"))
    assert said[0] != said[1]
    assert all("epoch" in words for words in said)


def test_the_theme_follows_the_system(chromium, tmp_path):
    ground = {
        scheme: opened(chromium, STUDIES["usual"], tmp_path, scheme=scheme).run("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 28)"}
