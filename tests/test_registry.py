import importlib.metadata

import pytest

from automl_cnn import registry
from automl_cnn.errors import PluginError, SpaceError
from automl_cnn.plugin import Architecture, Int

NO_POINTS = importlib.metadata.EntryPoints()
DROPIN = '''
from automl_cnn.plugin import Architecture, Int

class Tiny(Architecture):
    """A tiny net."""
    name = "tiny"
    blocks = Int(1, 5, default=3)
    def features(self, x, net):
        return x
'''
REGULARIZER = '''
from automl_cnn.plugin import Regularizer

class Steady(Regularizer):
    """Does nothing."""
    name = "steady"
'''


def test_a_dropin_is_found_and_described(tmp_path):
    (tmp_path / "tiny.py").write_text(DROPIN)
    loaded = registry.load(tmp_path)
    assert loaded.entry("architecture", "tiny").summary == "A tiny net."
    assert loaded.get("architecture", "tiny")(blocks=4).values == {"blocks": 4}


def test_a_broken_dropin_is_set_aside_with_its_reason(tmp_path):
    (tmp_path / "bad.py").write_text("1/0")
    (tmp_path / "none.py").write_text("x = 1")
    broken = registry.load(tmp_path).broken
    assert "ZeroDivisionError" in broken[str(tmp_path / "bad.py")]
    assert "defines no" in broken[str(tmp_path / "none.py")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DROPIN.replace("def features", "def feature"), "Tiny has no method `features` (is `feature` a misspelling of it?)"),
        (DROPIN.replace("def features", "def network"), "Tiny has no method `features`"),
        (DROPIN.replace('    name = "tiny"\n', ""), "Tiny has no `name`"),
        (DROPIN.replace("default=3", "default=9"), "the default 9 of Int(...) is out of range: expected 1 to 5 (bad.py, line 7)"),
        (DROPIN.replace("Int(1, 5, default=3)", "Int(5, 1)"), "(bad.py, line 7)"),
    ],
)
def test_a_dropin_that_declares_no_plugin_gets_its_reason(tmp_path, text, reason):
    (tmp_path / "bad.py").write_text(text)
    assert registry.load(tmp_path).broken[str(tmp_path / "bad.py")].endswith(reason)


def test_a_base_class_beside_a_plugin_lacks_nothing(tmp_path):
    (tmp_path / "two.py").write_text(DROPIN.replace("class Tiny(Architecture)", "class Base(Architecture):\n    pass\n\nclass Tiny(Base)"))
    loaded = registry.load(tmp_path)
    assert loaded.broken == {}
    assert "tiny" in loaded.names("architecture")


def test_an_entry_point_in_a_misspelled_group_gets_its_reason(monkeypatch):
    declared = [importlib.metadata.EntryPoint("dense", "mine:Dense", group) for group in ("automl_cnn.architecture", "console_scripts")]
    points = importlib.metadata.EntryPoints(declared)
    monkeypatch.setattr(registry.importlib.metadata, "entry_points", points.select)
    (reason,) = registry.load().broken.values()
    assert reason.startswith("its entry point is in the group automl_cnn.architecture: expected automl_cnn.architectures, ")


def test_an_unknown_name_says_how_a_plugin_takes_part_unless_a_folder_was_read(tmp_path):
    with pytest.raises(PluginError, match="--plugins-dir FOLDER"):
        registry.load().get("architecture", "dense")
    with pytest.raises(PluginError) as caught:
        registry.load(tmp_path).get("architecture", "dense")
    assert "--plugins-dir" not in str(caught.value)


def test_one_name_twice_is_an_error(tmp_path):
    (tmp_path / "a.py").write_text(DROPIN)
    (tmp_path / "b.py").write_text(DROPIN)
    with pytest.raises(PluginError, match="Two architecture plugins are named 'tiny'"):
        registry.load(tmp_path)


def test_an_unknown_name_gets_the_nearest(tmp_path):
    (tmp_path / "tiny.py").write_text(DROPIN)
    with pytest.raises(PluginError, match="Did you mean 'tiny'"):
        registry.load(tmp_path).get("architecture", "tyny")


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(PluginError, match="does not exist"):
        registry.load(tmp_path / "no")


def test_an_instance_is_a_point_of_its_space():
    class Net(Architecture):
        name = "net"
        blocks = Int(1, 5, default=3)

        def features(self, x, net):
            return x

    assert Net().blocks == 3
    assert Net(blocks=4) == Net(blocks=4) != Net()
    with pytest.raises(SpaceError, match=r"net.blocks = 9 is out of range: expected 1 to 5"):
        Net(blocks=9)
    with pytest.raises(SpaceError, match="Did you mean 'blocks'"):
        Net(block=1)


def test_a_bad_name_is_refused():
    with pytest.raises(PluginError, match="lower-case"):
        type("Bad", (Architecture,), {"name": "Not OK"})


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; sys.exit(0)", "SystemExit: it tried to end the process, with 0"),
        ("exit()", "SystemExit: it tried to end the process, with None"),
        ("import os; os._exit(0)", "SystemExit: it tried to end the process, with 0"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("class Gone(BaseException): pass\nraise Gone('away')", "Gone: away"),
        ("class Net(__import__('automl_cnn.plugin').plugin.Architecture):\n    raise SystemExit(3)", "SystemExit: it tried to end the process, with 3"),
        (DROPIN + "    min_size = 'large'\n", "TypeError: Tiny.min_size is 'large': expected int"),
        (DROPIN + "    pretrained = ['lite0']\n", "TypeError: Tiny.pretrained is ['lite0']: expected tuple"),
        (DROPIN + "    pretrained = ('lite0',)\n", "TypeError: Tiny.pretrained is 'lite0': expected Pretrained"),
        (REGULARIZER + "    tasks = 'multiclass'\n", "TypeError: Steady.tasks is 'multiclass': expected tuple"),
        (REGULARIZER + "    tasks = (1,)\n", "TypeError: Steady.tasks is 1: expected str"),
        (DROPIN + "    @classmethod\n    def domains(cls):\n        raise SystemExit\n", "SystemExit: it tried to end the process, with None"),
        (DROPIN.replace('"tiny"', '"Not OK"'), "Tiny.name is 'Not OK'"),
    ],
)
def test_whatever_a_dropin_does_on_import_only_it_is_lost(tmp_path, code, reason):
    (tmp_path / "bad.py").write_text(code)
    (tmp_path / "good.py").write_text(DROPIN.replace("tiny", "good"))
    loaded = registry.load(tmp_path)
    assert loaded.broken[str(tmp_path / "bad.py")].startswith(reason)
    assert "good" in loaded.names("architecture")


class Point:
    """An entry point that does something of its own."""

    name, value, dist = "odd", "odd:Odd", None

    def __init__(self, load):
        self.load = load


def test_an_installed_plugin_that_exits_is_set_aside_too(monkeypatch):
    def leave():
        raise SystemExit(0)

    monkeypatch.setattr(registry.importlib.metadata, "entry_points", lambda group=None: [Point(leave)] if group == "automl_cnn.architectures" else NO_POINTS)
    assert registry.load().broken["odd:Odd:odd"].startswith("SystemExit: it tried to end the process, with 0 (test_registry.py, line ")


def test_what_a_plugin_prints_is_no_output_of_ours(tmp_path, capfd):
    (tmp_path / "tiny.py").write_text(f"import os\nprint('hello')\nos.write(1, b'from below')\n{DROPIN}")
    assert "tiny" in registry.load(tmp_path).names("architecture")
    assert capfd.readouterr().out == ""


def test_what_is_broken_in_another_process_is_not_tried_again(tmp_path):
    (tmp_path / "tiny.py").write_text("raise AssertionError('it was tried')")
    assert registry.load(tmp_path, without={str(tmp_path / "tiny.py"): "it hung"}).broken == {str(tmp_path / "tiny.py"): "it hung"}


def test_a_dropin_imports_the_file_beside_it_and_takes_no_other_modules_place(tmp_path):
    (tmp_path / "_beside_it.py").write_text("WORDS = 'a tiny net'")
    (tmp_path / "_random.py").write_text("raise AssertionError('it was taken for a module of Python')")
    (tmp_path / "tiny.py").write_text(f"import _beside_it, _random\n{DROPIN}")
    assert registry.load(tmp_path).broken == {}
