"""What more images would give, in the report: a sentence, a chart and a table with the same numbers."""

import itertools
import re

from report_fakes import GROWTH, numbered, study

from automl_cnn.growth import Growth, Point
from automl_cnn.report import page
from automl_cnn.report.view import view


def test_it_is_shown_where_it_was_measured_the_winner_first():
    shown = view(study(growths={0: GROWTH, 1: GROWTH, 9: GROWTH}))
    assert [one.title.partition(":")[0] for one in shown.growths] == ["trial 1", "trial 0"]
    one = shown.growths[0]
    assert one.sentence == "More images would help: from 50 to 100 images its accuracy rose from 0.780 to 0.820; 200 should give 0.790 to 0.910."
    assert one.rows[0] == ("12", "0.620", "0.500 to 0.740", "measured")
    assert one.rows[-1] == ("200", "0.855", "0.790 to 0.910", "forecast")
    assert one.how.startswith("It is a logistic regression on pretrained features")
    assert view(study()).growths == ()
    assert "more-images" not in page(study())


def test_the_chart_has_every_point_with_its_interval_and_ends_in_the_forecast():
    (one,) = view(study(growths={1: GROWTH})).growths
    dots = re.findall(r'<circle class="dot (\w+)" cx="([\d.]+)" cy="([\d.]+)"', one.chart)
    assert [look for look, *_ in dots] == ["validation"] * 4 + ["winner"]
    across, up = ([float(dot[place]) for dot in dots] for place in (1, 2))
    steps = [right - left for left, right in itertools.pairwise(across)]
    assert max(steps) - min(steps) < 6, "doublings are equally far apart"
    assert up == sorted(up, reverse=True)
    assert len(re.findall('class="whisker', one.chart)) == 5
    assert [text for text in ("12", "25", "50", "100", "200") if f">{text}</text>" not in one.chart] == []
    assert "200 images, forecast: 0.855 (0.790 to 0.910)" in one.chart
    assert 'class="line ahead"' in one.chart


def test_errors_fall_in_their_unit():
    points = tuple(Point(images, score, (score - 0.1, score + 0.1)) for images, score in ((100, 0.6), (200, 0.7)))
    facts = numbered(growths={0: Growth(points, Point(400, 0.78, (0.65, 0.88)), 0.08, (0.02, 0.12), "training")})
    (one,) = view(facts).growths
    assert "RMSE fell from" in one.sentence
    heights = [float(height) for height in re.findall(r'<circle class="dot \w+" cx="[\d.]+" cy="([\d.]+)"', one.chart)]
    assert heights == sorted(heights), "a falling error goes down the page"
    assert float(one.rows[0][1]) > float(one.rows[-1][1])
