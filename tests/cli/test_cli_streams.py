"""Streams that know few characters: nothing ends in a UnicodeEncodeError."""

import io
import os
import subprocess
import sys

import pytest

from automl_cnn.cli import streams

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("environment", [ASCII, {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "cp1252"}], ids=["locale", "ascii", "cp1252"])
@pytest.mark.parametrize("command", [["--help"], ["search", "--help"], ["plugins", "show", "no-such-µ-plugin"]], ids=" ".join)
def test_no_command_fails_for_want_of_characters(environment, command):
    code = "import sys; from automl_cnn.cli import main; sys.argv[1:] = eval(sys.argv[1]); main()"
    done = subprocess.run([sys.executable, "-c", code, ascii(command)], capture_output=True, env={**os.environ, **environment}, check=False, timeout=300)
    assert b"Traceback" not in done.stderr
    assert done.returncode == (2 if "show" in command else 0)
    assert b"Unicode" not in done.stderr


@pytest.mark.parametrize(
    ("text", "encoding", "written"),
    [
        ("0.5 ± 0.1 … ╭─╮", "ascii", b"0.5 +/- 0.1 ... +-+"),
        ("0.5 ± 0.1 │", "cp1252", "0.5 ± 0.1 |".encode("cp1252")),
        ("café 猫", "ascii", rb"caf\xe9 \u732b"),
        ("caf\udce9 \udcc3\udca9", "ascii", rb"caf\xe9 \xc3\xa9"),
        ("caf\udce9 é", "utf-8", "caf\\xe9 é".encode()),
        ("\ud800", "utf-8", rb"\ud800"),
    ],
)
def test_something_readable_stands_in(monkeypatch, text, encoding, written):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    streams.prepare()
    print(text, end="", flush=True)
    assert raw.getvalue() == written


def test_paths_on_standard_input_may_hold_any_bytes(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9.jpg\n"), encoding="ascii"))
    streams.prepare()
    assert os.fsencode(sys.stdin.readline()) == b"caf\xe9.jpg\n"
