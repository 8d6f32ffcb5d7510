"""Hostile plugins and modules in the working folder."""

from __future__ import annotations

from typing import Any

from hostile.cases import case
from hostile.lab import KERAS, LONG, Lab, document
from hostile.watch import Finding

GOOD = '''
from automl_cnn import blocks
from automl_cnn.plugin import Architecture


class Good(Architecture):
    """A plain net. Choose it in tests."""

    name = "good_net"

    def features(self, x, net):
        return blocks.conv(x, net.width(16), 3, net=net)
'''
SHADOWS = (
    "random", "select", "json", "keras", "numpy", "typing", "secrets", "tensorflow", "typer", "rich", "yaml", "optuna", "mlflow", "automl_cnn_plugins", "site",
)  # fmt: skip


def listed(lab: Lab, code: str, why: str, **expected: Any) -> None:
    """A folder with a hostile plugin and a good one: the good one is there, the other one is named with its reason, and the output is whole."""
    lab.file("plugins/bad.py", code)
    lab.file("plugins/good.py", GOOD)
    listing = document(lab.cli("plugins", "list", "--plugins-dir", lab.folder / "plugins", "--json", **expected))
    if "good_net" not in {plugin["name"] for plugin in listing["plugins"]}:
        raise Finding("the good plugin is not listed")
    reason = next((text for source, text in listing["broken"].items() if "bad.py" in source), None)
    if reason is None or why not in reason:
        raise Finding(f"of the hostile plugin it says {reason!r}, expected {why!r}")


@case(quick=True)
def sys_exit_on_import(lab: Lab) -> None:
    listed(lab, "import sys\nsys.exit(0)\n", "SystemExit")


@case(quick=True)
def a_base_exception_on_import(lab: Lab) -> None:
    listed(lab, "class Odd(BaseException): pass\nraise Odd('boo')\n", "Odd")


@case(quick=True)
def printing_on_import(lab: Lab) -> None:
    listed(
        lab,
        f"import os, sys\nprint('noise')\nsys.stdout.write('more')\nos.write(1, b'and more')\n{GOOD.replace('good_net', 'other_net')}\nraise ValueError",
        "",
    )


@case()
def printing_a_gigabyte_on_import(lab: Lab) -> None:
    listed(lab, "import sys\nfor _ in range(1000): sys.stdout.write('x' * 10**6)\nraise ValueError('done')\n", "done")


@case()
def hanging_on_import(lab: Lab) -> None:
    listed(lab, "import time\ntime.sleep(100_000)\n", "", seconds=180)


@case()
def hanging_in_a_loop_on_import(lab: Lab) -> None:
    listed(lab, "while True: pass\n", "", seconds=180)


@case()
def endless_recursion_on_import(lab: Lab) -> None:
    listed(lab, "def f(): f()\nf()\n", "RecursionError")


@case()
def an_error_that_cannot_be_printed(lab: Lab) -> None:
    listed(lab, "class Odd(Exception):\n    def __str__(self): raise ValueError('no words')\nraise Odd\n", "Odd")


@case()
def an_error_of_a_million_letters_and_escapes(lab: Lab) -> None:
    listed(lab, "raise ValueError('\\x1b[31m' + 'x' * 10**6)\n", "ValueError")
    lab.cli("plugins", "list", "--plugins-dir", lab.folder / "plugins")


@case()
def files_that_are_no_python(lab: Lab) -> None:
    for code in ("def", "\0", "# coding: nonsense\n", "x = " + "(" * 500 + ")" * 500):
        listed(lab, code, "Error")


@case()
def bytes_that_are_no_utf_8(lab: Lab) -> None:
    lab.file("plugins/latin.py", b"# \xe4\n")
    listed(lab, "raise ValueError\n", "ValueError")


@case()
def a_plugin_without_a_class(lab: Lab) -> None:
    listed(lab, "x = 1\n", "no Architecture")


@case()
def two_plugins_of_one_name(lab: Lab) -> None:
    lab.file("plugins/a.py", GOOD)
    lab.file("plugins/b.py", GOOD)
    lab.cli("plugins", "list", "--plugins-dir", lab.folder / "plugins", code=2, err="good_net")


@case()
def a_fifo_and_a_folder_that_end_in_py(lab: Lab) -> None:
    import os

    (lab.folder / "plugins" / "folder.py").mkdir(parents=True)
    os.mkfifo(lab.folder / "plugins" / "fifo.py")
    listed(lab, "raise ValueError\n", "ValueError")


@case()
def a_search_with_a_plugin_that_exits(lab: Lab) -> None:
    lab.file("plugins/bad.py", "import sys\nsys.exit(0)\n")
    lab.cli("search", "--data", lab.photos(), "--store", lab.store, "--plugins-dir", lab.folder / "plugins", code=2, wordy=True)


@case()
def checking_a_file_that_exits(lab: Lab) -> None:
    lab.cli("plugins", "check", lab.file("bad.py", "import sys\nsys.exit(0)\n"), code=2, err="SystemExit|exit", megabytes=KERAS)


@case()
def checking_a_plugin_that_raises_everywhere(lab: Lab) -> None:
    code = GOOD.replace("return blocks.conv(x, net.width(16), 3, net=net)", "raise SystemExit(0)")
    lab.cli("plugins", "check", lab.file("bad.py", code), "--json", code=1, megabytes=KERAS, seconds=LONG)


@case()
def showing_a_plugin_that_exits_when_it_is_built(lab: Lab) -> None:
    lab.file("plugins/bad.py", GOOD.replace("return blocks.conv(x, net.width(16), 3, net=net)", "raise SystemExit(0)"))
    lab.cli("plugins", "show", "good_net", "--plugins-dir", lab.folder / "plugins", code=2, megabytes=KERAS)


@case()
def a_plugins_folder_that_is_none(lab: Lab) -> None:
    for folder in (lab.folder / "nothing", lab.file("file.txt", "x")):
        lab.cli("plugins", "list", "--plugins-dir", folder, code=2, err="folder")
        lab.cli("search", "--data", lab.photos(), "--plugins-dir", folder, code=2, err="folder")


@case(quick=True)
def modules_of_the_users_in_the_working_folder(lab: Lab) -> None:
    shadows(lab)
    lab.cli("plugins", "list")
    lab.cli("search", "--data", lab.photos(), "--store", lab.store, code=2)
    untouched(lab)


@case()
def modules_of_the_users_and_a_check(lab: Lab) -> None:
    shadows(lab)
    lab.cli("plugins", "check", lab.file("good.py", GOOD), code=(0, 1), megabytes=KERAS, seconds=LONG)
    lab.cli("predict", lab.model(), lab.photo(), megabytes=KERAS)
    untouched(lab)


@case(search=True)
def modules_of_the_users_and_a_search(lab: Lab) -> None:
    shadows(lab)
    photos = lab.shared.study() / "photos"
    limits = ("--trials", "1", "--budget", "3m", "--max-resolution", "24")
    lab.cli("search", "--data", photos, "--store", lab.store, "--name", "odd", *limits, megabytes=KERAS, seconds=LONG)
    lab.cli("export", "--store", lab.store, "odd", "--format", "onnx", "--out", lab.folder / "out", megabytes=KERAS, seconds=LONG)
    untouched(lab)


@case(search=True)
def a_search_with_plugins_that_die_in_training(lab: Lab) -> None:
    lab.file("plugins/bad.py", GOOD.replace("return blocks", "import os; os._exit(0)\n        return blocks").replace("good_net", "dying_net"))
    photos = lab.shared.study() / "photos"
    limits = ("--architectures", "dying_net", "--pretrained", "none", "--trials", "2", "--budget", "2m", "--max-resolution", "32")
    lab.cli(
        "search",
        "--data",
        photos,
        "--store",
        lab.store,
        "--plugins-dir",
        lab.folder / "plugins",
        *limits,
        code=(0, 2),
        megabytes=KERAS,
        seconds=LONG,
        wordy=True,
    )


def shadows(lab: Lab) -> None:
    """Modules of common names in the working folder, which leave a mark when they are run."""
    for name in SHADOWS:
        (lab.work / f"{name}.py").write_text(f"open({str(lab.work / 'executed.txt')!r}, 'a').write(__name__ + '\\n')\nraise RuntimeError('shadow')\n")


def untouched(lab: Lab) -> None:
    mark = lab.work / "executed.txt"
    if mark.exists():
        raise Finding(f"modules of the working folder were run: {sorted(set(mark.read_text().split()))}")
