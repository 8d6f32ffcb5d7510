"""The CSV of `predict`: read again by a program it says the same, and no spreadsheet runs it."""

import csv
import io
import os

import numpy as np
import pytest
from typer.testing import CliRunner

from automl_cnn.cli import predict
from automl_cnn.cli.sheet import Sheet, exact, inert
from automl_cnn.tasks import Multiclass

NAMES = ["daisy", "-5", "+1", "-1.5e3", "a,b", 'say "x"', "two\nlines", "a\rb", " spaced ", "café 猫", "u\u2028v\u0085w", "", "'quoted'", "a=b", "-"]
FORMULAS = ["=cmd|' /C calc'!A0", "+cmd|x", "-2+3+cmd|x", "@SUM(1)", "\t=1", "\r=1", "＝1", "-abc", "'=1", "''=1", '=HYPERLINK("http://x","y")']


@pytest.mark.parametrize("name", NAMES)
def test_other_names_are_read_again_as_they_were(name):
    out = io.StringIO()
    Sheet(out).row([name, "end"])
    assert list(csv.reader(io.StringIO(out.getvalue(), newline=""))) == [[exact_or(name), "end"]]


def exact_or(name: str) -> str:
    return name if name != "-" else "'-"


@pytest.mark.parametrize("name", [*NAMES, *FORMULAS])
def test_the_exact_name_can_be_had_again(name):
    assert exact(inert(name)) == name


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_begins_as_a_formula(name):
    out = io.StringIO()
    Sheet(out).row(["x", name])
    ((_, cell),) = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert cell == f"'{name}"


def test_a_terminal_obeys_no_cell():
    out = io.StringIO()
    out.isatty = lambda: True
    Sheet(out).row(["a\x1b[2Jb\nc"])
    assert out.getvalue() == "a\\x1b[2Jb\\nc\n"


class Classifier:
    classes = ("=1+1", "caf\\xe9")
    task = Multiclass(2)

    def answers(self, paths):
        return np.array([[0.25, 0.75] for _ in paths])


@pytest.fixture
def run(monkeypatch):
    from automl_cnn.cli import app

    monkeypatch.setattr(predict, "classifier_of", lambda model, store, trust=False: Classifier())
    return lambda *arguments, given="": CliRunner().invoke(app, ["predict", *map(str, arguments)], input=given)


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_names_that_are_no_utf8_are_written_as_the_classes_are(run, tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "1.jpg").write_bytes(b"x")
    done = run("m", tmp_path)
    assert done.exit_code == 0, done.output
    head, row = csv.reader(io.StringIO(done.stdout))
    assert head == ["path", "label", "confidence", "'=1+1", "caf\\xe9"]
    assert row[:2] == [f"{tmp_path}/caf\\xe9/1.jpg", "caf\\xe9"]
    assert "accuracy 1.000" in done.stderr


@pytest.mark.parametrize(
    ("given", "words"), [("nosuch://bucket/cats", "no installed package knows nosuch://"), ("http://127.0.0.1:9/x.png", "cannot be reached")]
)
def test_a_url_that_cannot_be_read_is_one_sentence(run, tmp_path, monkeypatch, given, words):
    monkeypatch.chdir(tmp_path)
    done = run("m", given)
    assert done.exit_code == 2
    assert given in done.stderr
    assert words in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_address_in_a_pipe_is_left_out(tmp_path):
    from automl_cnn.errors import DataError
    from automl_cnn.export.inputs import as_batches

    with pytest.raises(DataError, match=r"cat\.jpg is an address"):
        list(as_batches(["https://example.org/cat.jpg"], 32, 3, 4, stored=32))


@pytest.mark.parametrize(
    "command",
    [
        ["predict", "https://example.org/m.keras", "x.jpg"],
        ["search", "--data", "x", "--store", "s3://bucket/runs"],
        ["check", "--data", "x", "--out", "s3://b/x"],
    ],
)
def test_models_and_what_is_written_have_no_address(cli, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.jpg").write_bytes(b"")
    done = cli(*command)
    assert done.exit_code == 2
    assert "is an address" in done.stderr
