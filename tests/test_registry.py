import pytest

from automl_cnn import registry
from automl_cnn.errors import PluginError, SpaceError
from automl_cnn.plugin import Architecture, Int

DROPIN = '''
from automl_cnn.plugin import Architecture, Int

class Tiny(Architecture):
    """A tiny net."""
    name = "tiny"
    blocks = Int(1, 5, default=3)
    def features(self, x, net):
        return x
'''


def test_a_dropin_is_found_and_described(tmp_path):
    (tmp_path / "tiny.py").write_text(DROPIN)
    found = registry.load(tmp_path)
    assert found.entry("architecture", "tiny").summary == "A tiny net."
    assert found.get("architecture", "tiny")(blocks=4).values == {"blocks": 4}


def test_a_broken_dropin_is_set_aside_with_its_reason(tmp_path):
    (tmp_path / "bad.py").write_text("1/0")
    (tmp_path / "none.py").write_text("x = 1")
    broken = registry.load(tmp_path).broken
    assert "ZeroDivisionError" in broken[str(tmp_path / "bad.py")]
    assert "defines no" in broken[str(tmp_path / "none.py")]


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
