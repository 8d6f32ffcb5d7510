from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path

import pytest
from cli_fakes import ENDED, TRIALS, FakeDataset, epoch, trial
from rich.console import Console

from automl_cnn.cli.board import leaderboard
from automl_cnn.cli.live import Lines, Panel, watch
from automl_cnn.cli.words import outcome
from automl_cnn.config import study_config
from automl_cnn.diagnosis import diagnose
from automl_cnn.measure import with_margin
from automl_cnn.quantities import clock, compact
from automl_cnn.ranking import incumbent, ranked
from automl_cnn.records import Epoch, Fidelity, Job, NetCost, Progress, Started

CONFIG = study_config({"data": Path("flowers"), "budget": "10m"})


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def terminal(width: int) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=True, record=True, highlight=False, legacy_windows=False)


def drawn(observer: Panel) -> str:
    observer.screen.export_text()  # what was printed before
    observer.screen.print(observer.render())
    return observer.screen.export_text()


def underway(width: int, now: Time) -> Panel:
    observer = Panel(terminal(width), CONFIG, 940.0, now)
    observer.view.trials = TRIALS
    observer.clock(252.0, 600.0)
    observer.trial_started(Job(ENDED[1].configuration, Fidelity(60), "like trial 2, with a little more width and depth"), 7)
    observer.event(7, Started(NetCost(14_700_000, 1_200_000_000, 9), 12))
    observer.event(7, epoch(3, 0.712))
    observer.event(7, Progress(4, 12, 10, 20))
    now.now += 18.0
    return observer


NARROW = """\
╭─ automl-cnn · flowers ───────────────────────────────────────────────────────╮
│ best     accuracy 0.873 ± 0.040  trial 2: inception_resnet_v2, 96 px, width… │
│ time     ━━━━━━━━━━╸━━━━━━━━━━━━━  4:30 of 10:00, 5:30 left                  │
│ trial 7  vgg, 96 px, width 0.5  like trial 2, with a little more width and … │
│ epoch    ━━━━━━━╺━━━━━━━━━━━━━━━━  4 of 12, last accuracy 0.712, 0:18        │
│                                                                              │
│                                        mult-                                 │
│ # no. network          px width params  adds epochs        score time state  │
│ 1   2 inception_resne… 96   0.5   2.3M  123M      6 0.873 ± 0.04 1h02 done   │
│ 2   0 mobilenet_v2     96   0.5   2.3M  123M      6 0.823 ± 0.04 1:05 done   │
│ 3   1 vgg              96   0.5  14.7M  1.2G      6 0.712 ± 0.04 1:05 done   │
│ -   3 vgg              96   0.5   2.3M  123M      6 0.900 ± 0.04 1:05 pruned │
│ -   4 resnet           96   0.5      -     -      0            - 1:05 failed │
╰──────────────────────────────────────────────────────────────────────────────╯
"""

WIDE = """\
╭─ automl-cnn · flowers ───────────────────────────────────────────────────────────────────────────────────────────────╮
│ best     accuracy 0.873 ± 0.040  trial 2: inception_resnet_v2, 96 px, width 0.5                                      │
│ time     ━━━━━━━━━━━━━━━━━━╺━━━━━━━━━━━━━━━━━━━━━  4:30 of 10:00, 5:30 left                                          │
│ trial 7  vgg, 96 px, width 0.5  like trial 2, with a little more width and depth                                     │
│ epoch    ━━━━━━━━━━━╸━━━━━━━━━━━━━━━━━━━━━━━━━━━━  4 of 12, last accuracy 0.712, 0:18                                │
│                                                                                                                      │
│ #  trial  network              px  width  params  mult-adds  epochs          score     time  state   finding         │
│ 1      2  inception_resnet_v2  96    0.5    2.3M       123M       6  0.873 ± 0.040  1:02:05  done    underfitting    │
│ 2      0  mobilenet_v2         96    0.5    2.3M       123M       6  0.823 ± 0.040     1:05  done    underfitting    │
│ 3      1  vgg                  96    0.5   14.7M       1.2G       6  0.712 ± 0.040     1:05  done    underfitting    │
│ -      3  vgg                  96    0.5    2.3M       123M       6  0.900 ± 0.040     1:05  pruned  underfitting    │
│ -      4  resnet               96    0.5       -          -       0              -     1:05  failed                  │
╰──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────╯
"""


def test_what_the_terminal_echoes_at_ctrl_c_lands_below_the_panel():
    """At the panel's last column it would wrap, and the next redraw would begin a line too low."""
    screen = terminal(80)
    with Panel(screen, CONFIG, 940.0, Time()):
        pass
    shown, erased, _ = screen.file.getvalue().partition("\r\x1b[1A")  # a redraw, or the end, goes up from where the cursor was
    assert erased
    assert re.sub(r"\x1b\[[?0-9;]*[a-z]", "", shown.rpartition("╯")[2]) == "\n\n"  # the last line break is that of the end


@pytest.mark.parametrize(("width", "expected"), [(80, NARROW), (120, WIDE)])
def test_the_panel(width, expected):
    assert drawn(underway(width, Time())) == expected


@pytest.mark.parametrize("width", [60, 80, 99, 100, 160])
def test_the_panel_is_exactly_as_wide_as_the_terminal(width):
    assert {len(line) for line in drawn(underway(width, Time())).splitlines()} == {width}


def test_the_clock_goes_on_between_events():
    now = Time()
    observer = Panel(terminal(80), CONFIG, 940.0, now)
    assert "1:00 of 10:00, 9:00 left" in drawn(observer)
    now.now += 5.0
    assert "1:05 of 10:00, 8:55 left" in drawn(observer)
    observer.clock(300.0, 600.0)
    now.now += 1.0
    assert "5:01 of 10:00, 4:59 left" in drawn(observer)


def test_without_a_budget_trials_are_counted():
    observer = Panel(terminal(80), study_config({"data": Path("flowers"), "trials": 20}), 940.0, Time())
    observer.view.trials = TRIALS
    observer.clock(60.0, None)
    assert "1:00, 5 of 20 trials" in drawn(observer)


def test_what_is_being_done_is_said():
    observer = Panel(terminal(80), CONFIG, 940.0, Time())
    assert "none yet" in drawn(observer)
    assert "checking the images" in drawn(observer)
    observer.data(FakeDataset())
    assert "planning the first trial" in drawn(observer)
    observer.trial_started(Job(ENDED[1].configuration, Fidelity(60), "default of vgg"), 0)
    assert "building the network" in drawn(observer)
    observer.trial_finished(ENDED[0], ENDED[:1])
    assert "planning the next trial" in drawn(observer)
    observer.finishing("scoring the test images once")
    assert "scoring the test images once" in drawn(observer)


def test_a_note_shows_in_the_panel_at_once_and_stays_above_it_later():
    observer = Panel(terminal(80), CONFIG, 940.0, Time())
    observer.note("Stopping.")
    assert "│ Stopping." in drawn(observer)
    observer.trial_finished(ENDED[0], ENDED[:1])
    assert "Stopping.\n" in observer.screen.export_text(clear=False)
    assert "Stopping." not in drawn(observer)


def test_a_failed_trial_says_why_above_the_panel():
    observer = Panel(terminal(100), CONFIG, 940.0, Time())
    observer.trial_finished(ENDED[4], ENDED)
    assert "trial 4 (resnet, 96 px, width 0.5) failed after 1:05: out of memory at batch 128" in observer.screen.export_text()


def test_the_panel_is_gone_at_the_end_whatever_ended_it():
    observer = Panel(terminal(80), CONFIG, 940.0, Time())
    observer.note("Stopping.")
    with pytest.raises(KeyboardInterrupt), observer:
        raise KeyboardInterrupt
    assert not observer._live.is_started
    assert observer.view.notes == []


def test_the_screen_decides():
    assert isinstance(watch(terminal(80), CONFIG, 0.0), Panel)
    assert isinstance(watch(Console(file=io.StringIO()), CONFIG, 0.0), Lines)


def test_a_log_has_a_line_every_fifth_epoch():
    screen = Console(file=io.StringIO(), width=120, highlight=False)
    observer = Lines(screen, CONFIG, 940.0, Time())
    observer.trial_started(Job(ENDED[1].configuration, Fidelity(60), "default of vgg"), 0)
    for number in range(1, 13):
        observer.event(0, Epoch(number, 12, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 1e-3))
    text = screen.file.getvalue()
    assert [number for number in range(1, 13) if f"epoch {number} of 12" in text] == [5, 10]


def test_a_log_has_a_line_every_few_seconds_while_the_images_are_checked():
    screen = Console(file=io.StringIO(), width=120, highlight=False)
    now = Time()
    observer = Lines(screen, CONFIG, 940.0, now)
    for second in range(12):
        now.now = 1000.0 + second
        observer.checking(f"checking the images: {second} of 12")
    assert [line.split("  ")[-1].strip() for line in screen.file.getvalue().splitlines()] == ["checking the images: 5 of 12", "checking the images: 10 of 12"]


def test_the_panel_says_how_far_the_images_are_checked():
    observer = Panel(terminal(100), CONFIG, 940.0, Time())
    observer.checking("checking the images: 40,000 of 200,000")
    assert "checking the images: 40,000 of 200,000" in drawn(observer)


def test_the_order_of_the_leaderboard():
    assert [trial.number for trial in ranked(TRIALS, incumbent(TRIALS))] == [2, 0, 1, 3, 4]


@pytest.mark.parametrize(("number", "text"), [(None, "-"), (0, "0"), (999, "999"), (1000, "1.0k"), (12_345, "12.3k"), (999_999, "1.0M"), (1_234_567, "1.2M")])
def test_compact(number, text):
    assert compact(number) == text


@pytest.mark.parametrize(("seconds", "expected"), [(0, "0:00"), (59.6, "1:00"), (245, "4:05"), (3723, "1:02:03"), (-1, "0:00")])
def test_clock(seconds, expected):
    assert clock(seconds) == expected


def board(trials, width: int) -> list[str]:
    screen = terminal(width)
    screen.print(leaderboard(trials, width))
    return screen.export_text().splitlines()


@pytest.mark.parametrize("width", [76, 120])
def test_cross_validated_scores_bear_a_mark_that_takes_no_room(width):
    plain, marked = board(TRIALS, width), board([dataclasses.replace(one, folds=5) if one.number == 0 else one for one in TRIALS], width)
    assert [line.replace("†", " ").rstrip() for line in marked[: len(plain)]] == [line.rstrip() for line in plain]
    assert sum("0.823†± 0.0" in line for line in marked) == 1
    legend = " ".join(" ".join(marked[len(plain) :]).split())
    assert legend == "† 5-fold cross-validation over training and validation images; the others: validation images"


def test_the_line_of_a_cross_validated_trial_says_so():
    assert "accuracy 0.823 ± 0.040 (5-fold), 6 epochs" in outcome(dataclasses.replace(TRIALS[0], folds=5), "accuracy")
    assert "fold" not in outcome(TRIALS[0], "accuracy")


def test_with_margin():
    assert with_margin("accuracy", 0.8234, (0.781, 0.863)) == "0.823 ± 0.041"
    assert with_margin("accuracy", 0.5, None) == "0.500"
    assert with_margin("accuracy", None, None) == "-"


def test_the_live_table_finds_what_the_record_s_figures_show():
    data = {"classes": ["defect", "ok"], "splits": {"train": [14, 266], "val": [3, 57]}, "copies": 0.3}
    observer = watch(terminal(140), CONFIG, 940.0)
    observer.known(data, "balanced_accuracy")
    assert observer.view.metric == "balanced_accuracy"
    context = observer.view.known
    assert (context.majority, context.baseline, context.copies) == (0.95, 0.5, 0.3)
    always_ok = trial(0, "vgg", 0.5, interval=(0.4, 0.6), epochs=tuple(epoch(number, 0.95) for number in range(1, 7)))
    observer.view.trials = (always_ok,)
    assert "leak" in drawn(observer)
    observer.known({**data, "copies": 0.0}, "balanced_accuracy")
    assert any(finding.kind == "worse_than_baseline" for finding in diagnose(always_ok, observer.view.known))
