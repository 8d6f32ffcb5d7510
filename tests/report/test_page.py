"""The page as HTML: complete in itself, accessible, and true to what it is made of."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_fakes import GROWTH, checked, evidence, jpeg, labeled, numbered, problem, study, trial, two_numbers

from automl_cnn.evidence import Mistake
from automl_cnn.problems import Case
from automl_cnn.records import State
from automl_cnn.report import charts, page

VOID = {"meta", "img", "br", "rect", "line", "circle", "polyline", "polygon", "link", "input"}
LOADING = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background"}


class Reading(HTMLParser):
    """Every element with its attributes, and whether tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


HUNDRED = tuple(f"class {number}" for number in range(100))
STUDIES = {
    "usual": study(),
    "nothing": study((), data={}, skipped=(), notes=()),
    "all failed": study(tuple(trial(number, None, state=State.FAILED, failure="out of memory", epochs=()) for number in range(3))),
    "one trial": study((trial(0, 0.7),)),
    "two hundred": study(tuple(trial(number, 0.5 + number / 1000, configuration={"rate": number / 7}) for number in range(200))),
    "two classes": study((trial(1, 0.82),), data={"classes": ["no", "yes"]}, evidence=evidence(1, 2)),
    "hundred classes": study((trial(1, 0.82),), data={"classes": list(HUNDRED)}, evidence=evidence(1, 100)),
    "more images": study(growths={1: GROWTH, 0: GROWTH}),
    "several labels": labeled(),
    "a number": numbered(),
    "two numbers": two_numbers(),
    "a number, never looked at": numbered(evidence=None, without_evidence="There was no time.", result=None),
    "no evidence": study(evidence=None, without_evidence="There was no time."),
    "checked": study(
        checked=checked(
            problem("blank", "error", cases=(Case("rose/empty.jpg", "gray", row=1, others=("rose/" + "long" * 30 + ".jpg",)),)),
            problem("small_class", "warning", cases=(Case("daisy", "9 images"),)),
            problem("shortcut", "note"),
            pictures={"rose/empty.jpg": jpeg()},
        ),
        evidence=evidence(1, suspects=(Mistake("rose/1.jpg", 1, 0, 0.93, 0.02), Mistake("rose/2.jpg", 1, 0, 0.9, 0.05, jpeg()))),
    ),
    "checked, no problem": study(checked=checked()),
}


@pytest.fixture(params=STUDIES)
def read(request):
    return Reading(page(STUDIES[request.param]))


def test_tags_are_closed_in_order(read):
    assert read.open == []


def test_nothing_is_loaded_from_anywhere(read):
    for tag, attributes in read.elements:
        for name in LOADING & attributes.keys():
            assert attributes[name].startswith(("#", "data:image/jpeg;base64,")), (tag, attributes)
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert "url(" not in attributes.get("style", "")
    policy = next(attributes["content"] for attributes in read.all("meta") if attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")


def test_style_and_script_fetch_nothing():
    folder = Path(__import__("automl_cnn.report").report.__file__).parent
    for name in ("style.css", "script.js", "page.html"):
        text = (folder / name).read_text()
        assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttpRequest|import\(", text), name


def test_pictures_and_charts_say_what_they_show(read):
    for image in read.all("img"):
        assert image["alt"]
        assert image["width"] in ("144", "80")
        assert image["height"] == image["width"]
    for chart in read.all("svg"):
        assert chart["role"] == "img"
        assert len(chart["aria-label"]) > 10


def test_tables_have_heads_with_scopes(read):
    for head in read.all("th"):
        assert head.get("scope") in ("row", "col")


def test_anchors_lead_somewhere_and_names_are_unique(read):
    names = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(names) == len(set(names))
    assert {attributes["href"][1:] for attributes in read.all("a")} <= set(names)


def test_headings_descend_one_at_a_time(read):
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(levels))


def test_the_language_and_the_width_are_told(read):
    assert read.all("html")[0]["lang"] == "en"
    assert any(attributes.get("name") == "viewport" and "width=device-width" in attributes["content"] for attributes in read.all("meta"))


def test_everything_is_on_the_page():
    text = page(STUDIES["usual"])
    for words in (
        "Leaderboard",
        "Learning curves",
        "Accuracy and cost",
        "What helped",
        "What it confuses",
        "How reliable its confidence",
        "worst mistakes",
        "The images",
        "What next",
    ):
        assert words in text
    assert "dropout" in text
    assert "From epoch 3 on it learns the training images by heart." in text
    assert "+0.021" in text


def test_names_cannot_become_html():
    evil = "<script>alert('1')</script>&\""
    facts = study(
        (trial(0, None, state=State.FAILED, failure=evil, epochs=()), trial(1, 0.8, evil)), name=evil, data={"classes": [evil, "b", "ü 花"]}, notes=(evil,)
    )
    read = Reading(page(facts))
    assert read.open == []
    assert len(read.all("script")) == 1
    assert "ü 花" in "".join(read.text)


def test_a_page_is_small_enough_to_mail():
    assert len(page(STUDIES["two hundred"])) < 1_500_000
    assert len(page(STUDIES["hundred classes"])) < 1_500_000


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_of_text_are_told_apart_from_the_ground(scheme):
    style = (Path(__import__("automl_cnn.report").report.__file__).parent / "style.css").read_text()
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", blocks[scheme]))
    for ground in ("ground", "raised"):
        for ink in ("ink", "soft", "accent", "validation", "win", "high", "medium", "low", "training"):
            light, dark = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)


@pytest.mark.parametrize(("values", "lower"), [((0.2, 0.9, 0.95, 1.0), True), ((2.0, 0.3, 0.2, 0.1), False)])
def test_words_on_a_chart_stand_where_the_curve_is_not(values, lower):
    drawn = charts.curves("a curve", [charts.Line("score", "val", tuple(enumerate(values, 1)))], "epoch", "score", [charts.Mark(2, "here")])
    height = float(re.search(r'<text class="mark-words"[^>]* y="([0-9.]+)"[^>]*>here<', drawn).group(1))
    assert (height > charts.HEIGHT / 2) is lower
