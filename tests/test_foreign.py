"""Code of others, run in this process."""

import os
import signal
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from automl_cnn import foreign
from automl_cnn.errors import PluginError


class Odd(BaseException):
    def __str__(self):
        raise RuntimeError("no words")


def raises(error):
    raise error


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (lambda: sys.exit(0), "SystemExit: it tried to end the process, with 0"),
        (lambda: exec("import sys; sys.exit()"), "SystemExit: it tried to end the process, with None"),
        (lambda: os._exit(0), "SystemExit: it tried to end the process, with 0"),
        (lambda: exec("import os; os.abort()"), "SystemExit: it tried to end the process, with 'os.abort()'"),
        (lambda: exec("from os import _exit as gone; gone(3)"), "SystemExit: it tried to end the process, with 3"),
        (lambda: raises(GeneratorExit()), "GeneratorExit"),
        (lambda: raises(Odd()), "Odd"),
        (lambda: raises(ValueError("one\n  two")), "ValueError: one two"),
        (lambda: raises(PluginError("It has no name.")), "It has no name."),
        (lambda: input("? "), "EOFError: EOF when reading a line"),
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
def test_whatever_it_does_becomes_one_sentence(code, sentence):
    with pytest.raises(foreign.ForeignError) as caught:
        foreign.call(code, "mine.py", seconds=60)
    assert str(caught.value) == sentence


def test_keras_colors_and_its_list_of_arguments_are_left_out():
    error = ValueError("\x1b[1mThe output is empty.\x1b[0m\n\nArguments received by MaxPooling2D.call():\n  • args=(1,)")
    assert foreign.sentence(error) == "ValueError: The output is empty."


def test_the_place_of_an_error_is_the_line_of_the_first_foreign_file():
    with pytest.raises(foreign.ForeignError) as caught:
        foreign.call(lambda: PurePosixPath(1), "mine.py", seconds=60)  # pathlib raises, this file called it
    line = test_the_place_of_an_error_is_the_line_of_the_first_foreign_file.__code__.co_firstlineno + 2
    assert foreign.place(caught.value.__cause__) == f" (test_foreign.py, line {line})"


def test_an_error_without_foreign_code_or_with_a_line_of_its_own_has_no_place():
    with pytest.raises(foreign.ForeignError) as caught:
        foreign.call(lambda: compile("def (", "mine.py", "exec"), "mine.py", seconds=60)
    assert [foreign.place(error) for error in (caught.value.__cause__, ValueError("never raised"), None)] == ["", "", ""]


def test_afterwards_everything_is_as_it_was():
    before = os._exit, os.abort, sys.stdin, sys.stdout, signal.getsignal(signal.SIGALRM)
    assert foreign.call(lambda: 7, "mine.py", seconds=60) == 7
    with pytest.raises(foreign.ForeignError):
        foreign.call(lambda: 1 / 0, "mine.py", seconds=60)
    assert (os._exit, os.abort, sys.stdin, sys.stdout, signal.getsignal(signal.SIGALRM)) == before


def test_ctrl_c_is_the_users():
    with pytest.raises(KeyboardInterrupt):
        foreign.call(lambda: raises(KeyboardInterrupt()), "mine.py", seconds=60)


def test_what_it_prints_goes_to_standard_error(capfd):
    def prints():
        print("by print")
        sys.stdout.write("by write\n")
        os.write(1, b"by the system\n")
        os.system("echo by another process")

    foreign.call(prints, "mine.py", seconds=60)
    print("ours")
    out, err = capfd.readouterr()
    assert out == "ours\n"
    assert {line for line in err.splitlines() if line.startswith("by ")} == {"by print", "by write", "by the system", "by another process"}


def test_what_hangs_is_interrupted_in_a_process_of_its_own():
    hangs = Path(__file__).with_name("foreign_hangs.py")
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(hangs)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    assert "failed" not in done.stdout
