"""The demo, with a stand-in for the commands that it runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STAND_IN = """
import csv, os, signal, sys, time
from pathlib import Path

words = sys.argv[1:]
with open("commands.txt", "a") as file:
    file.write(" ".join(words) + "\\n")
if words[0] == "search":
    if os.environ.get("DEMO_TEST") == "wait":
        def end(number, frame):
            time.sleep(1)  # longer than Python gives a child before it kills it
            Path("ended-well").touch()
            sys.exit(0)
        signal.signal(signal.SIGINT, end)
        Path("searching").touch()
        time.sleep(60)
    sys.exit(2 if os.environ.get("DEMO_TEST") == "fail" else 0)
out = csv.writer(sys.stdout)
out.writerow(["path", "label"])
for index, path in enumerate(sorted(Path(words[2]).glob("*/*.png"))):
    wrong = os.environ.get("DEMO_TEST") == "wrong" and index % 10 == 0
    out.writerow([path, "none" if wrong else path.parent.name])
"""


@pytest.fixture
def stand_in(monkeypatch, tmp_path) -> Path:
    """Takes the place of `python -m automl_cnn`; the demo runs in the folder that is returned."""
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("automl_cnn.cli.demo.python", lambda *words: [sys.executable, str(script)])
    monkeypatch.setattr("automl_cnn.backend._installed", lambda name: name == "jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    return folder


def commands(folder: Path) -> list[str]:
    return (folder / "commands.txt").read_text().splitlines()


def test_it_writes_searches_and_predicts(cli, stand_in):
    done = cli("demo")
    assert done.exit_code == 0, done.output
    search, held_out = (stand_in / "demo-data" / name for name in ("digits", "digits-held-out"))
    names = [{path.name for path in folder.glob("*/*.png")} for folder in (search, held_out)]
    assert [len(one) for one in names] == [1438, 359]
    assert not names[0] & names[1]
    assert commands(stand_in) == ["search --data demo-data/digits --budget 3m --name digits", "predict digits demo-data/digits-held-out"]
    assert "$ automl-cnn search --data demo-data/digits --budget 3m --name digits\n" in done.stdout
    assert "$ automl-cnn predict digits demo-data/digits-held-out > demo-data/predictions.csv\n" in done.stdout
    assert "Right on 359 held-out digits: 1.0000 (expected at least 0.97)" in done.stdout
    assert "automl-cnn report digits --open" in done.stdout


def test_a_model_that_reads_too_few_digits_exits_with_1(cli, stand_in, monkeypatch):
    monkeypatch.setenv("DEMO_TEST", "wrong")
    done = cli("demo")
    assert done.exit_code == 1
    assert "Right on 359 held-out digits: 0.8997" in done.stdout


def test_a_search_that_fails_ends_it_with_the_same_exit_code(cli, stand_in, monkeypatch):
    monkeypatch.setenv("DEMO_TEST", "fail")
    assert cli("demo").exit_code == 2
    assert len(commands(stand_in)) == 1


def test_folder_budget_and_store_are_passed_on(cli, stand_in):
    done = cli("demo", "--out", "a b", "--budget", "30s", "--store", "my store")
    assert done.exit_code == 0, done.output
    assert commands(stand_in)[0] == "search --data a b/digits --budget 30s --name digits --store my store"
    assert "$ automl-cnn search --data 'a b/digits' --budget 30s --name digits --store 'my store'\n" in done.stdout
    assert "automl-cnn report digits --open --store 'my store'" in done.stdout
    assert (stand_in / "a b" / "predictions.csv").is_file()


def test_a_file_in_its_way_is_named(cli, stand_in):
    (stand_in / "demo-data").touch()
    done = cli("demo")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: The demo cannot be written to demo-data")
    assert not (stand_in / "commands.txt").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals to a group of processes")
def test_ctrl_c_lets_the_search_end_well(stand_in):
    code = (
        "import sys; from automl_cnn.cli import demo, main; "
        f"demo.python = lambda *words: [sys.executable, {str(stand_in.parent / 'stand_in.py')!r}]; "
        "sys.argv = ['automl-cnn', 'demo']; main()"
    )
    environment = {**os.environ, "DEMO_TEST": "wait"}
    environment.pop("KERAS_BACKEND")
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while not (stand_in / "searching").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert (stand_in / "ended-well").exists()
    assert errors.strip().endswith("The demo was interrupted. `automl-cnn demo` continues it.")
    assert len(commands(stand_in)) == 1
