"""The benchmark of hostile inputs: that it sees what is wrong, and that its cases find nothing. A sample of the longer ones runs in CI only."""

import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def cases():
    """The package `hostile` is importable for these tests only."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module("hostile.cases"), importlib.import_module("hostile.cases").every()
    finally:
        sys.path.remove(str(BENCHMARKS))


hostile, EVERY = cases()
QUICK = [one for one in EVERY if one.quick]
LONGER = [one for one in EVERY if not one.quick and not one.search][::6]  # a sample: all of them take a quarter of an hour


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    from hostile.lab import Shared

    return Shared(tmp_path_factory.mktemp("hostile") / "root")


@pytest.fixture
def lab(shared):
    return shared.lab(f"test-{len(list(shared.cases.iterdir()))}")


def finding_of(lab, script: str, **expected) -> str:
    """What is found of a shell script; empty where nothing is."""
    from hostile.watch import Finding

    try:
        lab.run(["/bin/sh", "-c", script], **expected)
    except Finding as finding:
        return str(finding)
    return ""


@pytest.mark.parametrize(
    ("script", "expected", "words"),
    [
        ("exit 0", {}, ""),
        ("echo 'error: no such folder' >&2; exit 2", {"code": 2, "err": "no such"}, ""),
        ("exit 0", {"code": 2}, "exit code 0, expected 2"),
        ("echo no >&2; exit 2", {"code": 2, "err": "folder"}, "does not match"),
        ("echo 'Traceback (most recent call last):' >&2", {}, "a traceback on stderr"),
        ("printf '\\033[31mred'", {}, "control character"),
        ("echo row; echo no >&2; exit 2", {"code": 2}, "writes to standard output"),
        ("exit 2", {"code": 2}, "a refusal of 0 lines"),
        ("sleep 60", {"seconds": 0.5}, "no end after"),
        ("sleep 60 >/dev/null 2>&1 &", {}, "left processes behind: sleep 60"),
        (f"{sys.executable} -c 'import time; x = bytearray(300_000_000); time.sleep(60)'", {"megabytes": 200}, "expected at most 200"),
    ],
)
def test_a_command_is_watched(lab, script, expected, words):
    seen = finding_of(lab, script, **expected)
    assert words in seen
    assert bool(words) == bool(seen)


def test_what_a_case_changes_outside_of_its_folder_is_found(shared):
    def reaches_out(lab):
        (lab.shared.canary / "file.txt").write_text("touched")

    one = hostile.Case("files", "reaches_out", reaches_out, True, False)
    row = hostile.perform(one, shared)
    assert row.outcome == "FINDING"
    assert "changed outside" in row.why
    assert hostile.perform(hostile.Case("files", "does_nothing", lambda lab: None, True, False), shared).outcome == "ok"


def test_every_area_has_cases_with_names_of_their_own():
    assert {one.area for one in EVERY} == set(hostile.AREAS)
    assert len({(one.area, one.name) for one in EVERY}) == len(EVERY)


@pytest.mark.parametrize("one", QUICK, ids=lambda one: f"{one.area}.{one.name}")
def test_nothing_is_found(one, shared):
    row = hostile.perform(one, shared)
    assert row.outcome in ("ok", "skipped"), row.why


@pytest.mark.slow
@pytest.mark.parametrize("one", LONGER, ids=lambda one: f"{one.area}.{one.name}")
def test_nothing_is_found_in_the_longer_cases(one, shared):
    row = hostile.perform(one, shared)
    assert row.outcome in ("ok", "skipped"), row.why
