"""What is wrong with an installation is named first, with what to type; nothing heavy is imported for it."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
from importlib.metadata import distribution
from types import SimpleNamespace

import pytest
from imports import HEAVY, heavy
from typer.testing import CliRunner

import automl_cnn
from automl_cnn.cli import app
from automl_cnn.doctor import examine
from automl_cnn.export.formats import FORMATS


def doctor(*arguments: object):
    return CliRunner().invoke(app, ["doctor", *map(str, arguments)])


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """`installed("Requires-Dist: …")` stands in for the installed package, with these lines of metadata and the same plugins."""
    entry_points = distribution("automl-cnn").read_text("entry_points.txt")

    def install(*lines: str, plugins: str = entry_points, version: str = automl_cnn.__version__) -> None:
        folder = tmp_path / "site" / f"automl_cnn-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text("\n".join(("Metadata-Version: 2.4", "Name: automl-cnn", f"Version: {version}", *lines, "")))
        (folder / "entry_points.txt").write_text(plugins)
        monkeypatch.syspath_prepend(folder.parent)
        importlib.invalidate_caches()

    return install


@pytest.fixture
def store(tmp_path):
    return tmp_path / "runs"


def sentences(health, severity: str) -> str:
    return "\n".join(f"{issue.sentence} {issue.advice}" for issue in health.issues if issue.severity == severity)


def test_a_whole_installation_can_search(store):
    health = examine(store)
    assert health.able, health.issues
    assert health.versions["automl-cnn"] == automl_cnn.__version__
    assert health.versions["Keras"] == importlib.metadata.version("keras")
    assert health.devices["cores"] >= 1
    assert health.store == {"folder": str(store), "exists": False, "studies": 0, "free": health.store["free"]}
    assert not store.exists()  # looking creates nothing
    assert {one.name for one in health.formats} == {*FORMATS, "web"}
    assert {one.name for one in health.weights if one.here} >= {"lite0"}


def test_nothing_heavy_is_imported(store):
    assert heavy(["doctor", "--store", str(store)], set(HEAVY) - {"optuna"}) == []


def test_it_is_printed_with_problems_first_and_as_json(store, installed):
    installed("Requires-Dist: no-such-package>=1")
    done = doctor("--store", store)
    assert done.exit_code == 2
    assert done.stdout.startswith("error    Not installed: no-such-package.")
    assert "pip install --upgrade automl-cnn" in done.stdout
    assert "A search cannot run" in done.stdout
    shown = doctor("--store", store, "--json")
    assert shown.exit_code == 2
    written = json.loads(shown.stdout)
    assert written["able"] is False
    assert written["issues"][0]["severity"] == "error"


def test_another_version_than_required_is_a_warning(store, installed):
    installed("Requires-Dist: numpy<1")
    health = examine(store)
    assert health.able
    assert "pip install 'numpy<1'" in sentences(health, "warning")


def test_requirements_of_other_systems_and_of_extras_do_not_count(store, installed):
    installed('Requires-Dist: no-such-package; sys_platform == "elsewhere"', "Provides-Extra: far", 'Requires-Dist: no-such-other; extra == "far"')
    assert not sentences(examine(store), "error")


def test_extras_come_from_the_metadata_with_what_each_lacks(store, installed):
    installed(
        "Provides-Extra: ray",
        "Provides-Extra: near",
        "Provides-Extra: dev",
        "Provides-Extra: onnx",
        'Requires-Dist: no-such-ray[default]>=2.60; extra == "ray"',
        'Requires-Dist: numpy>=2; extra == "near"',
        'Requires-Dist: pytest; extra == "dev"',
    )
    extras = {one.name: one for one in examine(store).extras}
    assert set(extras) == {"ray", "near"}  # neither those of developers nor those of formats
    assert extras["ray"].missing == ("no-such-ray",)
    assert extras["ray"].install == "pip install 'automl-cnn[ray]'"
    assert (extras["near"].purpose, extras["near"].missing, extras["near"].install) == ("numpy", (), "")


def test_extras_of_a_required_package_are_looked_at_too(store, installed, tmp_path):
    installed("Provides-Extra: near", 'Requires-Dist: some-driver[binary]; extra == "near"')
    folder = tmp_path / "site" / "some_driver-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text('Metadata-Version: 2.4\nName: some-driver\nVersion: 1.0\nRequires-Dist: no-such-library; extra == "binary"\n')
    [extra] = examine(store).extras
    assert extra.missing == ("no-such-library",)


def test_formats_say_what_they_lack_and_what_installs_it(store, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None if name in ("openvino", "tf2onnx") else find_spec(name, package))
    formats = {one.name: one for one in examine(store).formats}
    assert formats["keras"].missing == ()
    assert (formats["onnx"].missing, formats["onnx"].install) == (("tf2onnx",), "pip install 'automl-cnn[onnx]'")
    assert formats["web"].install == formats["onnx"].install
    assert (formats["openvino"].missing, formats["openvino"].install) == (("tf2onnx", "openvino"), "pip install 'automl-cnn[openvino]'")
    assert "needs tf2onnx" in doctor("--store", store).stdout


def test_without_tensorflow_every_format_asks_for_it(store, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None if name in ("tensorflow", "openvino") else find_spec(name, package))
    formats = {one.name: one for one in examine(store).formats}
    assert {one.install for name, one in formats.items() if name != "openvino"} == {"pip install 'automl-cnn[cpu]'"}
    assert formats["openvino"].install == "pip install 'automl-cnn[cpu,openvino]'"


def test_without_a_backend_no_search_can_run(store, monkeypatch):
    monkeypatch.setattr("automl_cnn.backend._installed", lambda name: False)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    health = examine(store)
    assert not health.able
    assert health.backend is None
    assert "pip install 'automl-cnn[cpu]'" in sentences(health, "error")


def test_another_backend_cannot_export(store, monkeypatch):
    monkeypatch.setattr("automl_cnn.backend._installed", lambda name: name == "jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    health = examine(store)
    assert health.able
    assert "Set KERAS_BACKEND=tensorflow" in sentences(health, "note")


def test_without_plugins_there_is_nothing_to_search(store, installed):
    installed(plugins="")
    health = examine(store)
    assert not health.able
    assert "No architecture is installed" in sentences(health, "error")


def test_a_plugin_that_cannot_be_loaded_is_a_warning(store, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "wrong.py").write_text("import not_there_at_all\n")
    health = examine(store, tmp_path / "mine")
    assert health.able
    assert "not_there_at_all" in sentences(health, "warning")


def test_a_folder_of_plugins_that_is_not_there_is_an_error(store, tmp_path):
    assert "does not exist" in sentences(examine(store, tmp_path / "gone"), "error")


def test_an_older_installation_beside_the_code_is_a_warning(store, installed):
    installed(version="0.0.1")
    assert "automl-cnn 0.0.1 is installed" in sentences(examine(store), "warning")


@pytest.mark.parametrize(("free", "severity"), [(50_000_000, "error"), (500_000_000, "warning")])
def test_little_room_on_the_disk(store, monkeypatch, free, severity):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free))
    assert "free on the disk" in sentences(examine(store), severity)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    assert "cannot be written" in sentences(examine(tmp_path / "locked" / "runs"), "error")


@pytest.fixture
def driver(monkeypatch, tmp_path):
    """`driver("0\\n1")` puts an nvidia-smi that prints this onto the path."""

    def put(output: str, code: int = 0) -> None:
        tool = tmp_path / "bin" / "nvidia-smi"
        tool.parent.mkdir()
        tool.write_text(f"#!/bin/sh\nprintf '{output}'\nexit {code}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    return put


def test_gpus_that_tensorflow_cpu_leaves_idle_are_a_warning(store, driver, installed, monkeypatch, tmp_path):
    driver("0\\n1\\n")
    folder = tmp_path / "other" / "tensorflow_cpu-2.21.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.4\nName: tensorflow-cpu\nVersion: 2.21.0\n")
    monkeypatch.syspath_prepend(folder.parent)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setattr("automl_cnn.backend._installed", lambda name: name == "tensorflow")
    health = examine(store)
    assert (health.devices["gpus"], health.devices["gpus_unused"]) == ([], ["0", "1"])
    assert "2 GPUs are here, but tensorflow-cpu computes on CPUs only" in sentences(health, "warning")
    assert "automl-cnn[gpu]" in sentences(health, "warning")


def test_gpus_are_listed(store, driver, monkeypatch):
    driver("0\\n")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr("automl_cnn.backend._installed", lambda name: name == "jax")
    assert examine(store).devices["gpus"] == ["0"]


def test_a_driver_that_does_not_answer_is_a_warning(store, driver):
    driver("", code=9)
    assert "nvidia-smi is installed, but lists no GPU" in sentences(examine(store), "warning")


@pytest.fixture
def library(monkeypatch, tmp_path):
    """`library(code)` stands in for Keras in other processes."""

    def write(code: str) -> None:
        (tmp_path / "path").mkdir()
        (tmp_path / "path" / "keras.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "path"), os.environ.get("PYTHONPATH", "")]))

    return write


def test_loading_lists_the_devices_that_the_backend_sees(store, library):
    library(
        "from types import SimpleNamespace as Some\n"
        "print('a greeting')\n"
        "__version__ = '3.15.1'\n"
        "backend = Some(backend=lambda: 'tensorflow')\n"
        "distribution = Some(list_devices=lambda: ['gpu:0'])\n"
    )
    health = examine(store, load=True)
    assert health.loaded == {"backend": "tensorflow", "keras": "3.15.1", "devices": ["gpu:0"]}
    assert "it sees gpu:0" in doctor("--store", store, "--load").stdout


def test_a_backend_that_cannot_be_imported_is_an_error(store, library):
    library("raise ImportError('libcudart.so is missing')\n")
    health = examine(store, load=True)
    assert not health.able
    assert health.loaded is None
    assert "ImportError: libcudart.so is missing" in sentences(health, "error")
