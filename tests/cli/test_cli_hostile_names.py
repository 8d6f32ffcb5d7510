"""Names of classes, files, studies and plugins that a terminal would obey, or that Rich would read as markup."""

import dataclasses
import io
import json
from types import SimpleNamespace

import cli_fakes
import pytest
from rich.panel import Panel
from rich.table import Table
from rich.text import Text as RichText

from automl_cnn.cli.console import Screen, Text
from automl_cnn.cli.live import Lines
from automl_cnn.cli.summary import fact, print_summary
from automl_cnn.config import study_config
from automl_cnn.text import is_safe

EVIL = "a\x1b[31mb\x07\r\u202e[red]x[/red]:smile:\x9b2J"
SHOWN = "a\\x1b[31mb\\x07\\r\\u202e[red]x[/red]:smile:\\x9b2J"


def printed(*things: object, **options: object) -> str:
    out = io.StringIO()
    screen = Screen(file=out, width=120, **options)
    for thing in things:
        screen.print(thing)
    return out.getvalue()


@pytest.mark.parametrize("make", [str, Text, RichText, lambda name: Text.assemble("x ", (name, "bold")), lambda name: Panel(name, title=Text(name))])
def test_whatever_is_printed_is_shown_as_it_is(make):
    text = printed(make(EVIL))
    assert is_safe(text)
    assert "\\x1b[31mb" in text
    assert "[red]x[/red]:smile:" in text


def test_cells_and_heads_of_tables_are_shown_as_they_are():
    table = Table()
    table.add_column(EVIL)
    table.add_row(EVIL)
    table.add_row(Text(EVIL))
    text = printed(table)
    assert text.count(SHOWN) == 3
    assert is_safe(text)
    assert len({len(line) for line in text.splitlines()}) == 1  # the columns stay aligned


def test_colours_of_our_own_stay_on_a_terminal():
    text = printed(Text(EVIL, style="bold"), force_terminal=True, color_system="standard")
    assert text == f"\x1b[1m{SHOWN}\x1b[0m\n"


def test_a_name_cannot_begin_a_line_of_its_own():
    assert "\n" not in fact("data", "cats\nerror: all is well").plain


@pytest.fixture
def hostile(monkeypatch, fake_search):
    monkeypatch.setattr(cli_fakes.FakeDataset, "name", EVIL)
    monkeypatch.setattr(cli_fakes.FakeDataset, "skipped", (SimpleNamespace(path=f"{EVIL}/\n1.jpg", reason=f"it is {EVIL}"),))
    monkeypatch.setattr(cli_fakes.FakeDataset, "notes", (f"class {EVIL} has 12 images only",))
    configuration = {**cli_fakes.RESULT.configuration, "architecture": EVIL}
    monkeypatch.setattr(cli_fakes, "RESULT", dataclasses.replace(cli_fakes.RESULT, study=EVIL, configuration=configuration, notes=(EVIL,)))
    return fake_search


def test_a_search_prints_no_control_character(cli, hostile, tmp_path):
    done = cli("search", "--data", tmp_path, "--store", tmp_path / "x\x1b[31m")
    assert done.exit_code == 0, done.output
    assert is_safe(done.stdout)
    assert is_safe(done.stderr)
    assert SHOWN in done.stdout
    assert "\\n1.jpg" in done.stdout


def test_its_json_is_ascii(cli, hostile, tmp_path):
    done = cli("search", "--data", tmp_path, "--json")
    assert done.stdout.isascii()
    assert json.loads(done.stdout)["study"] == EVIL


def test_an_error_prints_no_control_character(cli, tmp_path):
    done = cli("search", "--data", tmp_path / EVIL)
    assert done.exit_code == 2
    assert is_safe(done.stderr)
    assert "\\x1b[31m" in done.stderr


def test_lines_of_a_log_are_lines(tmp_path):
    out = io.StringIO()
    watch = Lines(Screen(file=out, width=120), study_config({"data": tmp_path}), 0.0, lambda: 0.0)
    watch.note("Plugin left out: two\nlines \x1b[2J")
    assert out.getvalue() == "   0:00  Plugin left out: two lines \\x1b[2J\n"


def test_the_summary_of_a_search(tmp_path):
    out = io.StringIO()
    print_summary(Screen(file=out, width=100), dataclasses.replace(cli_fakes.RESULT, study=EVIL), tmp_path)
    assert is_safe(out.getvalue())
