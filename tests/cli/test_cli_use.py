"""predict, export, dashboard and plugins, with stand-ins for what they call."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from automl_cnn.errors import DataError
from automl_cnn.store import Store
from automl_cnn.tasks import Multiclass

PLUGIN = '''
from automl_cnn.plugin import Architecture, Choice, Float, Int, Optimizer, Regularizer

class Tiny(Architecture):
    """A tiny net. Choose it in tests.

    Nobody 2020.
    """
    name = "tiny"
    blocks = Int(1, 5, default=3)
    rate = Float(1e-4, 1e-1, default=1e-2, log=True)
    act = Choice("relu", "gelu")
    def features(self, x, net):
        return x

class Calm(Regularizer):
    """Does nothing."""
    name = "calm"
'''


@pytest.fixture
def folder(tmp_path):
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "tiny.py").write_text(PLUGIN)
    (plugins / "wrong.py").write_text("import not_there_at_all\n")
    return plugins


def module(monkeypatch, name: str, **contents: object) -> None:
    made = ModuleType(name)
    vars(made).update(contents)
    monkeypatch.setitem(sys.modules, name, made)
    parent, _, child = name.rpartition(".")
    monkeypatch.setattr(__import__(parent, fromlist=["_"]), child, made, raising=False)


class Classifier:
    classes = ("cat", "dog")
    task = Multiclass(2)

    def answers(self, paths):
        for path in paths:
            if "bad" in path.name:
                raise DataError(f"{path.name} is truncated")
        return np.array([[0.75, 0.25] if path.name.startswith("c") else [0.1, 0.9] for path in paths])


@pytest.fixture
def model(monkeypatch, tmp_path):
    """A model file, and the modules that find and read it."""
    path = tmp_path / "store" / "studies" / "pets-1" / "best" / "model.keras"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    card = {"classes": ["cat", "dog"], "size": 64, "channels": 3, "study": "pets-1", "trial": 4}
    resolved: list[tuple[str, Path]] = []

    def resolve(name, store):
        resolved.append((name, store.root))
        return path

    module(monkeypatch, "automl_cnn.export.bundle", resolve=resolve, load=lambda file: Classifier())
    monkeypatch.setattr("automl_cnn.modelfile.file.read_card", lambda file: card)
    monkeypatch.setattr("automl_cnn.backend._installed", lambda name: name == "jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    return SimpleNamespace(path=path, store=tmp_path / "store", resolved=resolved)


def photos(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def test_predict_writes_csv_and_says_accuracy(cli, model, tmp_path):
    root = photos(tmp_path / "pets", "cat/c1.jpg", "cat/d2.PNG", "dog/d3.jpeg", "dog/notes.txt")
    done = cli("predict", "pets-1", root, "--store", model.store)
    assert done.exit_code == 0, done.output
    assert list(csv.reader(io.StringIO(done.stdout))) == [
        ["path", "label", "confidence", "cat", "dog"],
        [str(root / "cat/c1.jpg"), "cat", "0.7500", "0.7500", "0.2500"],
        [str(root / "cat/d2.PNG"), "dog", "0.9000", "0.1000", "0.9000"],
        [str(root / "dog/d3.jpeg"), "dog", "0.9000", "0.1000", "0.9000"],
    ]
    assert "accuracy 0.667: 2 of the 3 images in folders named after a class\n" in done.stderr
    assert set(model.resolved) == {("pets-1", model.store)}


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_predict_leaves_out_what_cannot_be_read(cli, model, tmp_path, batch):
    root = photos(tmp_path / "mixed", "c1.jpg", "bad2.jpg", "c3.jpg")
    done = cli("predict", "pets-1", root, "--batch", batch)
    assert done.exit_code == 0
    assert [Path(row["path"]).name for row in csv.DictReader(io.StringIO(done.stdout))] == ["c1.jpg", "c3.jpg"]
    assert done.stderr.count("left out") == 1
    assert "bad2.jpg: bad2.jpg is truncated" in done.stderr
    assert "accuracy" not in done.stderr


def test_predict_takes_each_file_once(cli, model, tmp_path):
    root = photos(tmp_path / "one", "c1.jpg")
    done = cli("predict", "pets-1", root, root / "c1.jpg")
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize(("names", "message"), [((), "No images were found"), (("bad1.jpg",), "None of 1 image could be read")])
def test_predict_without_any_image(cli, model, tmp_path, names, message):
    root = tmp_path / "few"
    root.mkdir()
    photos(root, *names)
    done = cli("predict", "pets-1", root)
    assert done.exit_code == 2
    assert message in done.stderr


def test_predict_names_a_path_that_does_not_exist(cli, model, tmp_path):
    done = cli("predict", "pets-1", tmp_path / "gone")
    assert done.exit_code == 2
    assert "There is no file or folder" in done.stderr


def test_dashboard_serves(cli, monkeypatch, tmp_path):
    calls = []
    module(monkeypatch, "automl_cnn.track", serve=lambda *arguments: calls.append(arguments) or 3)
    assert cli("dashboard", "--store", tmp_path, "--port", 5050, "--no-browser").exit_code == 3
    assert [arguments[:3] for arguments in calls] == [(Store(tmp_path), 5050, False)]


def test_plugins_list_as_a_table(cli, folder):
    done = cli("plugins", "list", "--plugins-dir", folder)
    assert done.exit_code == 0
    assert "tiny" in done.stdout
    assert "A tiny net. Choose it in tests." in done.stdout
    heads = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    assert heads[:4] == ["architectures", "optimizers", "regularizers", "could not be loaded"]
    assert "ModuleNotFoundError" in done.stdout.partition("could not be loaded")[2]


def test_plugins_list_as_json(cli, folder):
    listed = json.loads(cli("plugins", "list", "--plugins-dir", folder, "--json").stdout)
    tiny = {"kind": "architecture", "name": "tiny", "summary": "A tiny net. Choose it in tests.", "source": str(folder / "tiny.py")}
    assert tiny in listed["plugins"]
    assert listed["broken"][str(folder / "wrong.py")] == "ModuleNotFoundError: No module named 'not_there_at_all' (wrong.py, line 1)"


@pytest.fixture
def builder(monkeypatch):
    """Stands in for the building and counting of networks."""
    import dataclasses

    @dataclasses.dataclass
    class Layer:
        name: str
        shape: tuple[int | None, ...]
        params: int
        mult_adds: int
        activations: int

    built = []

    def build(architecture, **options):
        built.append((architecture.values, options))
        return "net"

    counted = SimpleNamespace(
        params=1234567, mult_adds=987654321, activations=200704, memory=802816, layers=(Layer("conv", (56, 56, 64), 1728, 5_419_008, 200_704),)
    )
    module(monkeypatch, "automl_cnn.models.build", build=build)
    module(monkeypatch, "automl_cnn.models.cost", cost=lambda model: counted)
    monkeypatch.setattr("automl_cnn.backend._installed", lambda name: name == "jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    return built


SHOWN = """\
tiny  architecture, from SOURCE

A tiny net. Choose it in tests.

Nobody 2020.

space
  parameter    range                    default
  blocks       1 to 5                   3
  rate         0.0001 to 0.1 (log)      0.01
  act          one of 'relu', 'gelu'    relu

the default network
  at             112 px, 10 classes, width 0.5, depth 1
  params         1,234,567                                 1.2M
  mult-adds      987,654,321                               988M
  activations    200,704                                   201k
  memory         0.8 MB per image while training           float32

layers
  name    shape       params    mult-adds    activations
  conv    56x56x64     1,728    5,419,008        200,704
"""


def test_plugins_show(cli, folder, builder):
    done = cli("plugins", "show", "tiny", "--plugins-dir", folder, "--size", 112, "--classes", 10, "--width", 0.5, "--layers")
    assert done.exit_code == 0, done.output
    text = done.stdout.replace(str(folder / "tiny.py"), "SOURCE")
    assert "\n".join(line.rstrip() for line in text.splitlines()) + "\n" == SHOWN
    assert builder == [({"blocks": 3, "rate": 0.01, "act": "relu"}, {"classes": 10, "channels": 3, "size": 112, "width": 0.5, "depth": 1.0})]


def test_plugins_show_as_json(cli, folder, builder):
    shown = json.loads(cli("plugins", "show", "tiny", "--plugins-dir", folder, "--json").stdout)
    assert shown["space"]["blocks"] == {"type": "int", "low": 1, "high": 5, "step": 1, "log": False, "default": 3}
    assert shown["network"] == {
        "size": 224,
        "classes": 1000,
        "width": 1.0,
        "depth": 1.0,
        "params": 1234567,
        "mult_adds": 987654321,
        "activations": 200704,
        "memory_per_image": 802816,
    }


def test_plugins_show_builds_nothing_for_other_kinds(cli, folder, builder):
    done = cli("plugins", "show", "calm", "--plugins-dir", folder)
    assert done.exit_code == 0
    assert "nothing to vary" in done.stdout
    assert builder == []


def test_plugins_show_names_the_nearest(cli, folder):
    done = cli("plugins", "show", "tinny", "--plugins-dir", folder)
    assert done.exit_code == 2
    assert "Did you mean 'tiny'?" in done.stderr
