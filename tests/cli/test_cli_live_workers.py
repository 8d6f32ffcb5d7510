"""The live view of a search with several workers."""

from __future__ import annotations

import dataclasses

from cli_fakes import ENDED, RESULT, TRIALS, epoch
from rich.console import Console
from test_cli_live import CONFIG, Time, drawn, terminal

from automl_cnn.cli.live import Lines, Panel
from automl_cnn.cli.summary import print_summary
from automl_cnn.records import Fidelity, Job, NetCost, Progress, Started
from automl_cnn.workers import WAITING, Place, Workers

JOBS = [Job(ended.configuration, Fidelity(60), f"like trial {ended.number}") for ended in ENDED]


def underway(width: int, count: int) -> Panel:
    now = Time()
    observer = Panel(terminal(width), CONFIG, 940.0, now)
    observer.workers([Place(number, part=1 / count) for number in range(1, count + 1)])
    observer.trial_started(JOBS[1], 7, Place(2))
    observer.event(7, Started(NetCost(14_700_000, 1_200_000_000, 9), 12))
    observer.event(7, epoch(3, 0.712))
    observer.event(7, Progress(4, 12, 10, 20))
    now.now += 18.0
    observer.trial_started(JOBS[0], 8, Place(1))
    observer.event(8, Started(NetCost(2_300_000, 123_000_000, 9), 20))
    observer.event(8, Progress(1, 20, 1, 2))
    now.now += 4.0
    return observer


TWO = """\
╭─ automl-cnn · flowers ───────────────────────────────────────────────────────╮
│ best      none yet                                                           │
│ time      ━━━╺━━━━━━━━━━━━━━━━━━━━  1:22 of 10:00, 8:38 left                 │
│ worker 1  trial 8: mobilenet_v2, 96 px, width 0.5  like trial 0              │
│           ╸━━━━━━━━━━━━━━━━━━━━━━━  1 of 20, 0:04                            │
│ worker 2  trial 7: vgg, 96 px, width 0.5  like trial 1                       │
│           ━━━━━━━╺━━━━━━━━━━━━━━━━  4 of 12, last accuracy 0.712, 0:22       │
╰──────────────────────────────────────────────────────────────────────────────╯
"""

FIVE = """\
╭─ automl-cnn · flowers ───────────────────────────────────────────────────────╮
│ best      none yet                                                           │
│ time      ━━━╺━━━━━━━━━━━━━━━━━━━━  1:22 of 10:00, 8:38 left                 │
│ worker 1  ╸━━━━━━━━━━━━━━━━━━━━━━━  trial 8: 1 of 20, 0:04                   │
│ worker 2  ━━━━━━━╺━━━━━━━━━━━━━━━━  trial 7: 4 of 12, accuracy 0.712, 0:22   │
│ worker 3  idle                                                               │
│ worker 4  idle                                                               │
│ worker 5  idle                                                               │
╰──────────────────────────────────────────────────────────────────────────────╯
"""


def test_each_worker_is_shown_with_its_trial():
    assert drawn(underway(80, 2)) == TWO


def test_many_workers_have_a_line_each():
    assert drawn(underway(80, 5)) == FIVE


def test_the_panel_is_as_wide_as_the_terminal():
    for width in (60, 80, 120):
        for count in (2, 5):
            assert {len(line) for line in drawn(underway(width, count)).splitlines()} == {width}


def test_a_trial_that_ends_leaves_the_others():
    observer = underway(80, 2)
    observer.trial_finished(dataclasses.replace(TRIALS[1], number=7), TRIALS)
    text = drawn(observer)
    assert "worker 1  trial 8" in text
    assert "worker 2  idle" in text
    observer.trial_finished(dataclasses.replace(TRIALS[0], number=8), TRIALS)
    assert "planning the next trial" in drawn(observer)


def test_once_one_worker_has_taken_all_cores_the_view_is_that_of_one():
    observer = underway(80, 2)
    observer.view.running.clear()
    observer.workers([Place()])
    observer.trial_started(JOBS[1], 9, Place())
    text = drawn(observer)
    assert "worker" not in text
    assert "trial 9" in text


def test_lines_name_the_worker_where_there_are_several():
    screen = Console(record=True, width=200)
    lines = Lines(screen, CONFIG, 940.0, Time())
    lines.trial_started(JOBS[0], 1, Place(1))
    lines.workers([Place(1, part=0.5), Place(2, part=0.5)])
    lines.trial_started(JOBS[1], 2, Place(2))
    one, two = screen.export_text().splitlines()
    assert "trial 1 starts: mobilenet_v2" in one
    assert "trial 2 starts on worker 2: vgg" in two


def test_the_summary_states_how_the_workers_were_used():
    def printed(workers):
        screen = Console(record=True, width=200)
        print_summary(screen, dataclasses.replace(RESULT, workers=workers), CONFIG.store)
        return screen.export_text()

    used = Workers(4, 0.25, 372.0, 28.0, 100.0)
    expected = "workers     4, each with 25% of the cores: 3.72 times the trial seconds of one such worker; idle for 7% of the time (28 s together)"
    assert expected in printed(used)
    assert "each with a GPU of its own" in printed(dataclasses.replace(used, part=1.0))
    assert "workers" not in printed(Workers(1, 1.0, 90.0, 0.0, 90.0))
    assert "workers" not in printed(None)


def test_what_is_kept_of_the_workers_can_be_read_again():
    used = Workers(2, 0.5, 10.0, 2.0, 6.0, {0: 1, 1: 2})
    assert Workers.of(used.as_dict()) == used
    assert Workers.of(None) is None
    assert Workers(2).unused == Workers(2).at_once == 0.0


def test_workers_of_a_cluster_are_shown_with_their_nodes():
    observer = underway(80, 2)
    observer.workers([Place(1, "gpu-7"), Place(2, "gpu-8"), Place(3, WAITING)])
    observer.trial_finished(dataclasses.replace(TRIALS[1], number=7), TRIALS)
    observer.trial_started(JOBS[1], 9, Place(2, "gpu-8"))
    observer.trial_finished(dataclasses.replace(TRIALS[0], number=8), TRIALS)
    text = drawn(observer)
    assert "worker 1  gpu-7, idle" in text
    assert "worker 2  gpu-8, trial 9: vgg" in text
    assert "worker 3  waiting for a node" in text
