"""The page in a real browser: nothing complains, nothing is asked for, hover and theme work, and it fits a phone."""

from __future__ import annotations

import pytest
from report_fakes import study, trial
from test_page import STUDIES

from automl_cnn.report import page

pytestmark = pytest.mark.slow


def opened(chromium, facts, folder, **look):
    path = folder / "report.html"
    path.write_text(page(facts), encoding="utf-8")
    chromium.open(path, **look)
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
    assert shown.page.locator("#tip").is_hidden()
    point = shown.page.locator("circle[data-tip]").first
    point.scroll_into_view_if_needed()
    shown.page.wait_for_timeout(200)  # scrolling hides the tip
    point.hover()
    shown.page.locator("#tip").wait_for(state="visible")
    assert "epoch" in shown.run("document.getElementById('tip').textContent")


def test_arrow_keys_walk_the_points_of_a_chart(chromium, tmp_path):
    shown = opened(chromium, STUDIES["usual"], tmp_path)
    shown.run("document.querySelector('svg').focus()")
    tips = []
    for _ in range(2):
        shown.page.keyboard.press("ArrowRight")
        tips.append(shown.run("document.getElementById('tip').textContent"))
    assert tips[0] != tips[1]
    assert all("epoch" in words for words in tips)


def test_the_theme_follows_the_system(chromium, tmp_path):
    ground = {
        scheme: opened(chromium, STUDIES["usual"], tmp_path, scheme=scheme).run("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 28)"}
