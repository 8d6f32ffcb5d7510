"""The forecast of what twice the images give, on curves whose truth is known."""

import dataclasses
import json
import math

import numpy as np
import pytest

from automl_cnn.diagnosis import forecast as module
from automl_cnn.diagnosis.forecast import Measured, bars, forecast, growth_of, of_readouts, of_trainings, sentence, split, training_noise, verdict
from automl_cnn.growth import Growth, Point, Size, Sizes
from automl_cnn.measure import PLAIN, Measure
from automl_cnn.paired import packed

SHARES = (0.125, 0.25, 0.5, 1.0)


def curve(error, exponent, floor=0.0):
    """Errors by share of the images: `error` with all of them, of which the share `floor` never goes away."""
    return lambda share: error * (floor + (1 - floor) * share**-exponent)


def points(errors, shares=SHARES, noise=0.0005):
    return [Measured(round(1000 * share), 1 - errors(share), noise) for share in shares]


@pytest.mark.parametrize("exponent", [0.15, 0.35, 0.7])
@pytest.mark.parametrize("error", [0.05, 0.4])
def test_a_power_law_is_continued(error, exponent):
    errors = curve(error, exponent)
    ahead = forecast(points(errors))
    assert ahead.images == 2000
    assert ahead.score == pytest.approx(1 - errors(2), abs=0.03 * error)
    assert ahead.gain == pytest.approx(errors(1) - errors(2), abs=0.03 * error)
    assert ahead.gain_interval[0] < errors(1) - errors(2) < ahead.gain_interval[1]
    assert ahead.interval[0] < 1 - errors(2) < ahead.interval[1]


def test_a_floor_takes_part_where_the_points_show_one(monkeypatch):
    flattening = curve(0.2, 1.0, floor=0.9)
    truth, ahead = flattening(1) - flattening(2), forecast(points(flattening))
    assert ahead.gain_interval[0] < truth < ahead.gain_interval[1]
    monkeypatch.setattr(module, "FLOORS", np.array([0.0, 0.001]))
    endless = forecast(points(flattening))
    assert truth < ahead.gain < endless.gain - 0.002, "without a floor, the steep steps at the beginning promise more"


def test_a_flat_curve_promises_nothing_and_one_that_falls_by_chance_neither():
    flat = forecast(points(lambda share: 0.2))
    assert 0 <= flat.gain < 0.005
    falling = forecast([Measured(500, 0.82, 0.01), Measured(1000, 0.8, 0.01)])
    assert falling.gain < 0.03
    assert 0.75 < falling.interval[0] < falling.score < falling.interval[1] < 0.9


def test_noise_and_few_points_widen_the_interval():
    errors = curve(0.2, 0.4)

    def width(*given, **more):
        low, high = forecast(points(errors, *given, **more)).interval
        return high - low

    assert width(noise=0.02) > 1.2 * width(noise=0.001)
    few, many = (forecast(points(errors, shares, 0.005)).gain_interval for shares in ((0.5, 1.0), SHARES))
    assert few[1] - few[0] > 1.1 * (many[1] - many[0])
    quiet, loud = (forecast(points(errors), shared, 0.001) for shared in (0.0, 0.05))
    assert loud.interval[1] - loud.interval[0] > 2 * (quiet.interval[1] - quiet.interval[0])
    assert loud.gain_interval == quiet.gain_interval, "what all scores share cancels in their difference"


def test_95_percent_intervals_contain_the_truth_about_95_times_of_100():
    rng, within, tries = np.random.default_rng(0), 0, 200
    for _ in range(tries):
        errors = curve(rng.uniform(0.03, 0.4), math.exp(rng.normal(math.log(0.3), 0.6)), rng.choice([0.0, rng.uniform(0, 0.9)]))
        judged = int(rng.choice([150, 600, 2500]))
        lucky, made = rng.normal(), []
        for share in SHARES[1:]:
            error = min(0.9, errors(share))
            own, shared = split(math.sqrt(error * (1 - error) / judged))
            noise = math.hypot(own, training_noise(1 - error))
            made.append(Measured(round(1000 * share), 1 - error + lucky * shared + noise * rng.normal(), noise))
        low, high = forecast(made, shared).interval
        truth = 1 - errors(2)
        within += low <= truth + training_noise(truth) * rng.normal() <= high
    assert 0.9 * tries <= within <= 0.99 * tries


def test_it_is_the_same_each_time_and_none_of_too_little():
    errors = points(curve(0.3, 0.3))
    assert forecast(errors) == forecast(errors) == forecast(errors[::-1])
    assert forecast(errors[:1]) is None
    assert forecast([errors[0], errors[0]]) is None
    assert forecast([errors[0], Measured(1000, math.nan, 0.1)]) is None
    perfect = forecast([Measured(500, 1.0, 0.005), Measured(1000, 1.0, 0.005)])
    assert 0.98 < perfect.interval[0] < perfect.interval[1] <= 1.0
    worse = forecast([Measured(500, -0.4, 0.05), Measured(1000, -0.1, 0.05)])
    assert -0.1 < worse.score < 0.5, "an error above one standard deviation is none of a share"


def test_readouts_count_the_noise_of_their_draws():
    scores = {125: (0.70, 0.74, 0.72, 0.73), 250: (0.80, 0.78, 0.79), 500: (0.85, 0.86), 1000: (0.90,)}
    sizes = Sizes(tuple(Size(images, some, 0.01) for images, some in scores.items()), 0.6)
    growth = of_readouts(sizes)
    assert growth.how == "readout"
    assert [point.images for point in growth.points] == [125, 250, 500, 1000]
    assert growth.points[0].score == pytest.approx(0.7225)
    assert 0.9 < growth.twice.score < 0.95
    wild = dataclasses.replace(sizes, sizes=(Size(125, (0.6, 0.85, 0.7, 0.74), 0.01), *sizes.sizes[1:]))
    widths = [one.twice.interval[1] - one.twice.interval[0] for one in (growth, of_readouts(wild))]
    assert widths[1] > widths[0]
    assert of_readouts(Sizes((), 0.5)) is None
    single = Sizes((Size(500, (0.85,), 0.01), Size(1000, (0.9,), 0.01)), 0.6)
    assert of_readouts(single).points[1].interval[0] < 0.89


def test_trainings_that_are_right_on_the_same_images_show_a_gain_more_clearly():
    rng = np.random.default_rng(0)
    luck = rng.random(400)
    alike = [packed(luck < score) for score in (0.7, 0.8, 0.86)]
    apart = [packed(rng.random(400) < score) for score in (0.7, 0.8, 0.86)]
    scores = [(250, 0.7), (500, 0.8), (1000, 0.86)]
    spans = [of_trainings(scores, 0.017, right).gain_interval for right in (alike, apart)]
    assert spans[0][1] - spans[0][0] < spans[1][1] - spans[1][0]
    assert of_trainings(scores, 0.017, [None, *alike[1:]]).how == "training"


def test_the_sentence_says_what_is_sure():
    helps = of_trainings([(250, 0.70), (500, 0.80), (1000, 0.86)], 0.005)
    assert verdict(helps) == "help"
    low, high = helps.twice.interval
    assert sentence(helps, PLAIN.reading("accuracy", None, "", 3)) == (
        f"More images would help: from 500 to 1,000 images its accuracy rose from 0.800 to 0.860; 2,000 should give {low:.3f} to {high:.3f}."
    )
    hardly = of_trainings([(250, 0.949), (500, 0.95), (1000, 0.95)], 0.005)
    assert verdict(hardly) == "hardly help"
    assert sentence(hardly, Measure("accuracy")).startswith("More images would hardly help: from 500 to 1,000 images its accuracy stayed at 0.950; 2,000")
    unsure = of_trainings([(500, 0.80), (1000, 0.81)], 0.05)
    assert verdict(unsure) == "may help"
    assert sentence(unsure, Measure("accuracy")).startswith("More images may help: from")


def test_errors_are_in_their_unit():
    years = Measure.reading("rmse", 20.0, "years", 1)
    growth = of_trainings([(250, 0.55), (500, 0.7), (1000, 0.8)], 0.005)
    text = sentence(growth, years)
    assert text.startswith("More images would help: from 500 to 1,000 images its RMSE fell from 6.0 years to 4.0 years; 2,000 should give 2.")
    assert text.endswith(" years.")
    rows = bars(growth, years)
    assert [row[0] for row in rows] == ["250", "500", "1,000", "2,000"]
    assert len(rows[0][2]) > len(rows[1][2]) > len(rows[2][2]), "an error that falls has shorter and shorter bars"


def test_the_bars_grow_with_the_score_and_the_forecast_is_set_apart():
    rows = bars(of_trainings([(250, 0.70), (500, 0.80), (1000, 0.86)], 0.005), Measure("accuracy"))
    lengths = [len(bar) for *_, bar in rows]
    assert lengths == sorted(lengths)
    assert [set(bar) for *_, bar in rows] == [{"="}, {"="}, {"="}, {"-"}]
    assert rows[-1][1].endswith("forecast")


def test_growth_goes_through_json():
    growth = growth_of(points(curve(0.3, 0.3)), 0.01, "readout")
    assert Growth.of(json.loads(json.dumps(growth.as_dict()))) == growth
    assert Growth.of(None) is None
    assert Growth.of({"points": 3}) is None
    assert isinstance(growth.twice, Point)
