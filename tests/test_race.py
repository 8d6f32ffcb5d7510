"""The benchmark race: which cells are run, what a row says, what is held out, how a run is watched."""

import importlib.util
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def importable():
    """The parts of the race, as a package `race`, for these tests only."""
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))
    for name in [name for name in sys.modules if name == "race" or name.startswith("race.")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def script():
    """race.py itself, beside the package of the same name."""
    spec = importlib.util.spec_from_file_location("race_script", BENCHMARKS / "race.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two classes: 8 images, one of them in a folder below, and 5."""
    for label, number in (("rose", 8), ("tulip", 5)):
        for index in range(number):
            path = tmp_path / "flowers" / label / ("more" if index == 0 else "") / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((20 + 10 * index, 40, 3), 30 * index, np.uint8)).save(path)
    (tmp_path / "flowers" / "notes.txt").write_text("no image")
    return tmp_path / "flowers"


def row(tool="random", set="signs", seed=0, budget=180, curve=(0.2, 0.4, 0.6), **other) -> dict:
    from race.results import FIRST, LAST

    accuracy = curve[-1] if curve and curve[-1] != "" else ""
    values = {"seconds_used": 171.5, "trials": 7, "peak_memory_mb": 900, "disk_mb": 12.5, "seconds_to_first_model": 31.0}
    made = {**dict.fromkeys((*FIRST, *LAST), ""), "tool": tool, "set": set, "seed": seed, "budget": budget, "test_accuracy": accuracy, **values}
    return made | {f"minute_{minute}": value for minute, value in enumerate(curve, 1)} | other


def text(rows) -> list[dict[str, str]]:
    return [{key: str(value) for key, value in row.items()} for row in rows]


def test_every_tool_meets_every_set_before_a_second_seed():
    from race.cells import cells

    made = cells(["a", "b"], ["signs", "flowers"], [0, 1], 300)
    assert [(cell.tool, cell.set, cell.seed) for cell in made[:5]] == [
        ("a", "signs", 0),
        ("b", "signs", 0),
        ("a", "flowers", 0),
        ("b", "flowers", 0),
        ("a", "signs", 1),
    ]
    assert len(set(made)) == 8


def test_only_keeps_the_cells_that_meet_one_of_the_wishes():
    from race.cells import cells, only

    every = cells(["a", "b"], ["signs", "flowers"], [0, 1], 300)
    assert only(every, []) == every
    assert {(cell.tool, cell.set) for cell in only(every, ["tool=a,seed=1"])} == {("a", "signs"), ("a", "flowers")}
    assert len(only(every, ["tool=a,set=signs,seed=0", "tool=b"])) == 5


@pytest.mark.parametrize(("wish", "message"), [("tool=c", "tool: a, b"), ("model=a", "'model'"), ("tool", "'tool'")])
def test_a_wish_that_no_cell_meets_is_told_with_what_there_is(wish, message):
    from race.cells import cells, only

    with pytest.raises(ValueError, match=message):
        only(cells(["a", "b"], ["signs"], [0], 300), [wish])


def test_an_image_set_is_a_name_with_one_or_two_folders(tmp_path):
    from race.cells import ImageSet

    assert ImageSet.parse(f"signs={tmp_path}") == ImageSet("signs", tmp_path.resolve())
    assert ImageSet.parse(f"signs={tmp_path}/a:{tmp_path}/b").test == tmp_path.resolve() / "b"
    for wrong in ("signs", "signs=", "=folder"):
        with pytest.raises(ValueError, match="NAME=FOLDER"):
            ImageSet.parse(wrong)


def test_finished_cells_are_skipped_failed_ones_too_and_another_budget_is_another_cell(tmp_path):
    from race.cells import cells, pending
    from race.results import append, finished, read

    file = tmp_path / "results" / "race.csv"
    append(file, row(tool="a"))
    append(file, row(tool="b", curve=("", "", ""), failure='it went, so to say, "down"\nwith a bang'))
    known = finished(read(file))
    assert [cell.tool for cell in pending(cells(["a", "b", "c"], ["signs"], [0], 180), known)] == ["c"]
    assert len(pending(cells(["a", "b"], ["signs"], [0], 60), known)) == 2
    assert read(file)[1]["failure"] == 'it went, so to say, "down"\nwith a bang'


def test_a_longer_run_adds_columns_of_minutes_and_leaves_the_earlier_rows_as_they_were(tmp_path):
    from race.results import append, minutes, read

    file = tmp_path / "race.csv"
    append(file, row(budget=60, curve=(0.5,)))
    append(file, row(budget=150, curve=("", 0.25, 0.75)))
    short, long = read(file)
    assert minutes(short) == [0.5]
    assert minutes(long) == [None, 0.25, 0.75]
    header = file.read_text().splitlines()[0].split(",")
    assert header[:4] == ["tool", "set", "seed", "budget"]
    assert header[11:] == ["minute_1", "minute_2", "minute_3", "trials", "note", "failure", "versions", "date"]
    assert {path.name for path in tmp_path.iterdir()} == {"race.csv", ".race.csv.lock"}


def test_the_table_has_means_over_seeds_the_most_accurate_first_and_counts_failures():
    from race.results import table

    rows = [row(tool="weak", curve=(0.1, 0.2, 0.3)), row(tool="good", seed=0), row(tool="good", seed=1, curve=(0.2, 0.4, 0.8)), row(tool="broken", curve=())]
    lines = table(text([*rows, row(tool="other", budget=60, curve=(0.9,))]), 180).splitlines()
    assert [line.split()[0] for line in lines[3:]] == ["good", "weak", "broken"]
    assert "0.700 (0.600-0.800)" in lines[3]
    assert lines[3].split()[3:5] == ["2", "0"]
    assert lines[5].split()[1:4] == ["-", "1", "1"]
    assert "60 s" in table(text(rows), 60)


def test_the_mean_curve_begins_where_every_seed_has_a_model():
    from race.results import mean_curve

    assert mean_curve(text([row(curve=("", 0.4, 0.6)), row(curve=(0.3, 0.2, 0.4))])) == [None, pytest.approx(0.3), pytest.approx(0.5)]


def test_the_plot_is_the_same_file_for_the_same_rows_and_names_sets_and_tools(tmp_path):
    from race.plot import plot

    rows = text([row(), row(seed=1, curve=("", 0.3, 0.5)), row(tool="automl-cnn", set="flowers"), row(tool="late", curve=("", "", ""))])
    drawn = plot(rows, 180, tmp_path / "a")
    assert [path.name for path in drawn] == ["race.svg", "race.png"]
    assert Image.open(drawn[1]).size[0] > 500
    words = drawn[0].read_text()
    assert all(f"<!-- {word} -->" in words for word in ("signs", "flowers", "random", "automl-cnn"))
    assert "<!-- late -->" not in words
    assert plot(rows, 180, tmp_path / "b")[0].read_text() == words
    with pytest.raises(ValueError, match="60 s"):
        plot(rows, 60, tmp_path)


def test_a_stratified_quarter_is_held_out_the_same_every_time(folder, tmp_path):
    from race.images import divide, labelled

    first = divide(folder, tmp_path / "a")
    second = divide(folder, tmp_path / "b")
    kept, out = ([(path.name, label) for path, label in labelled(place)] for place in first)
    assert [sum(label == name for _, label in out) for name in ("rose", "tulip")] == [2, 1]
    assert len(kept) + len(out) == 13
    assert not set(kept) & set(out)
    assert {name for name, _ in kept + out} >= {"more-0.png", "1.png"}
    assert [(path.name, label) for path, label in labelled(second[1])] == out


def test_a_folder_of_splits_or_of_one_class_is_refused(folder, tmp_path):
    from race.images import divide, labelled

    train, _ = divide(folder, tmp_path / "divided")
    with pytest.raises(ValueError, match="holds splits"):
        labelled(train.parent)
    with pytest.raises(ValueError, match="fewer than two classes"):
        labelled(folder / "rose")
    with pytest.raises(ValueError, match="no folder"):
        labelled(folder / "lily")


def test_training_images_come_at_their_native_size_with_a_share_for_validation(folder):
    from race.images import training

    (x, y), (x_val, y_val), classes, side = training(folder, seed=0)
    assert classes == ["rose", "tulip"]
    assert side == 40  # most are as wide as 40 px and no narrower
    assert x.shape == (11, 40, 40, 3)
    assert (len(x_val), len(y_val)) == (2, 2)
    assert sorted([*y, *y_val]) == [0] * 8 + [1] * 5
    again = training(folder, seed=1)[0][0]
    assert (again != x).any()


def test_the_best_model_at_a_mark_is_the_last_one_that_was_complete_by_then():
    from race.watch import Snapshot, at, marks

    snapshots = [Snapshot(Path("a"), 20.0), Snapshot(Path("b"), 59.0), Snapshot(Path("c"), 90.5)]
    assert marks(90) == [60, 90]
    assert marks(60) == [60]
    assert marks(40) == [40]
    assert [at(snapshots, mark).path.name for mark in (60, 90, 91)] == ["b", "b", "c"]
    assert at(snapshots, 19) is None


def _watch(tmp_path, program: str, seconds: float):
    from race.watch import watch

    work, keep = tmp_path / "work", tmp_path / "kept"
    for place in (work, keep):
        place.mkdir()
    command = [sys.executable, "-c", program]
    log = tmp_path / "log"
    return watch(command, folder=work, model=work / "model.txt", keep=keep, seconds=seconds, environment=os.environ, log=log, started=time.time())


def test_a_watched_run_leaves_every_version_of_its_model_and_the_memory_of_its_children(tmp_path, monkeypatch):
    monkeypatch.setattr("race.watch.TICK", 0.1)
    child = "import time; held = bytearray(150_000_000); time.sleep(1.5)"
    program = f"""
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}])
for text in ("first", "second"):
    open("part", "w").write(text)
    os.replace("part", "model.txt")
    time.sleep(0.6)
child.wait()
sys.exit(3)
"""
    seen = _watch(tmp_path, program, seconds=60)
    assert [snapshot.path.read_text() for snapshot in seen.snapshots] == ["first", "second"]
    assert 0 < seen.snapshots[0].seconds < seen.snapshots[1].seconds < seen.seconds
    assert seen.peak_memory > 150_000_000
    assert (seen.code, seen.ended) == (3, False)


def test_a_run_that_does_not_end_is_ended_with_all_that_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr("race.watch.TICK", 0.1)
    monkeypatch.setattr("race.watch.GRACE", 0.5)
    program = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"], start_new_session=True)
open("child", "w").write(str(child.pid))
time.sleep(100)
"""
    seen = _watch(tmp_path, program, seconds=0.5)
    assert seen.ended
    assert seen.snapshots == ()
    child = int((tmp_path / "work" / "child").read_text())
    assert _gone(child, within=20)


def _gone(pid: int, within: float) -> bool:
    import psutil

    until = time.time() + within
    while time.time() < until:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False


def test_disk_counts_a_file_with_two_names_once(tmp_path):
    from race.watch import disk

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "model").write_bytes(b"x" * 1000)
    os.link(tmp_path / "a" / "model", tmp_path / "again")
    assert disk(tmp_path) == 1000


def test_a_single_column_of_probabilities_is_the_second_class():
    from race.predict import likeliest

    assert likeliest(np.array([[0.2], [0.9]])).tolist() == [0, 1]
    assert likeliest(np.array([[0.2, 0.7, 0.1], [0.5, 0.2, 0.3]])).tolist() == [1, 0]


def _tool(program: str, **other):
    from race.tools import Tool

    return Tool("fake", lambda run: [run.python, "-c", program, str(run.train)], Path("model.keras"), "keras", ("numpy",), **other)


def test_a_tool_without_a_model_is_a_row_with_its_reason(script, folder, tmp_path, monkeypatch):
    from race.cells import Cell, ImageSet

    monkeypatch.setattr("race.watch.TICK", 0.1)
    monkeypatch.setitem(script.TOOLS, "fake", _tool("import sys; open('trials', 'w').write('2'); sys.exit('no network fits ' + sys.argv[1])"))
    made = script.run(Cell("fake", "flowers", 0, 60), ImageSet("flowers", folder), tmp_path)
    assert made["failure"].startswith("no model by the deadline (exit code 1): no network fits ...")
    assert str(tmp_path) not in made["failure"]
    assert (made["test_accuracy"], made["minute_1"], made["trials"], made["test_images"]) == ("", "", 2, 3)
    assert made["versions"] == f"numpy={np.__version__}"
    assert [path.name for path in tmp_path.iterdir()] == ["flowers"]


def test_an_environment_that_cannot_be_made_is_a_row_with_its_reason(script, folder, tmp_path, monkeypatch):
    from race.cells import Cell, ImageSet

    def broken(pins, place):
        raise RuntimeError(f"no matching distribution for {pins[0]}")

    monkeypatch.setattr(script, "python_with", broken)
    monkeypatch.setitem(script.TOOLS, "fake", _tool("", pins=("nonesuch==1",)))
    made = script.run(Cell("fake", "flowers", 0, 60), ImageSet("flowers", folder), tmp_path)
    assert made["failure"] == "no matching distribution for nonesuch==1"


def test_training_and_test_folders_of_different_classes_are_refused(script, folder, tmp_path):
    from race.cells import Cell, ImageSet

    (folder / "rose").rename(tmp_path / "kept-rose")
    other = tmp_path / "other"
    for label in ("tulip", "lily"):
        (other / label).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(other / label / "0.png")
    (folder / "daisy").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "daisy" / "0.png")
    with pytest.raises(ValueError, match="different classes"):
        script.run(Cell("random", "flowers", 0, 60), ImageSet("flowers", folder, other), tmp_path)


def test_the_command_lists_what_is_finished_and_what_is_pending(script, folder, tmp_path, monkeypatch, capsys):
    from race.results import append

    file = tmp_path / "race.csv"
    append(file, row(tool="random", set="flowers", budget=60, curve=(0.5,)))
    words = ["race.py", "--sets", f"flowers={folder}", "--budget", "1m", "--seeds", "0", "--results", str(file), "--list"]
    monkeypatch.setattr(sys, "argv", words)
    assert script.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert "finished  random on flowers, seed 0, 60 s" in lines
    assert "pending   keras-tuner on flowers, seed 0, 60 s" in lines
    assert len(lines) == len(script.TOOLS)
    monkeypatch.setattr(sys, "argv", [*words, "--only", "tool=nonesuch"])
    with pytest.raises(SystemExit):
        script.main()
    assert "there is no such cell" in capsys.readouterr().err


def test_random_search_takes_what_the_engine_proposes_with_all_the_time_there_is():
    from race.entrants.random_search import OnlyAsks

    from automl_cnn.records import NetCost
    from automl_cnn.space import Choice, Parameter, Space
    from automl_cnn.study import planning
    from automl_cnn.study.plan.budget import Budget
    from automl_cnn.study.plan.engines.protocol import Proposal
    from automl_cnn.study.plan.planner import Planner
    from automl_cnn.study.plan.stages import Sizing

    class Engine:
        refused = 0

        def ask(self):
            return Proposal(1, {"architecture": "ab"[self.refused > 2], "resolution": 32, "width": 1.0}, "at random")

        def refuse(self, proposal):
            self.refused += 1

        def tell(self, trial):
            pass

    space = Space((Parameter("architecture", Choice("a", "b")), Parameter("resolution", Choice(32, 64)), Parameter("width", Choice(0.5, 1.0, default=1.0))))
    sizing = Sizing(space, lambda configuration: NetCost(1000, 1_000_000, {"a": 200, "b": 5}[configuration["architecture"]]), 100)
    fresh = Budget(300.0, 12.0)
    job = OnlyAsks(sizing, Engine(), 60).next([], fresh)
    ours = Planner(sizing, Engine(), 60).next([], fresh)
    assert (job.stage, job.reason) == ("search", "at random")
    assert ours.stage == "defaults"
    assert job.fidelity == ours.fidelity
    late = Budget(300.0, 220.0)
    assert late.left < late.final  # automl-cnn would train its best longer now
    assert OnlyAsks(sizing, Engine(), 60).next([], late).stage == "search"
    short = OnlyAsks(sizing, Engine(), 60).next([], Budget(300.0, 240.0))
    assert short.configuration["architecture"] == "b"  # a takes longer to build than is left
    assert OnlyAsks(sizing, Engine(), 60).next([], Budget(300.0, 285.0)) is None
    assert planning.Planner is Planner  # where the entrant puts its own
