"""The wheel, in a fresh environment: from there doctor, search, export and predict run, with the declared dependencies alone."""

from __future__ import annotations

import csv
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
EXTRAS = ("cpu", "onnx")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


class Installed:
    """An environment with the wheel in it. Its commands run in a folder of their own, away from the checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "venv" / ("Scripts" if os.name == "nt" else "bin")
        self.work = root / "work"
        self.work.mkdir()

    def run(self, *words: object, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
        """A command of the environment; fails with what it printed if its exit code is not among `codes`."""
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "AUTOML_CNN", "COV_", "PYTEST"))}
        command = [str(self.bin / str(words[0])), *map(str, words[1:])]
        done = subprocess.run(command, cwd=self.work, env={**ours, "PYTHONNOUSERSITE": "1"}, capture_output=True, text=True, check=False)
        assert done.returncode in codes, f"{words}\n{done.stdout}\n{done.stderr}"
        return done


def closure(wheel: Path, extras: tuple[str, ...]) -> set[str]:
    """What a wheel requires with these extras, directly or not, as far as this machine needs it: names, read from this environment's metadata."""
    with zipfile.ZipFile(wheel) as opened:
        [name] = [one for one in opened.namelist() if one.endswith(".dist-info/METADATA")]
        lines = re.findall(r"^Requires-Dist: (.+)$", opened.read(name).decode(), re.MULTILINE)
    open_, seen = [(line, extras) for line in lines], set()
    while open_:
        line, wanted = open_.pop()
        requirement = Requirement(line)
        if requirement.marker is not None and not any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *wanted)):
            continue
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key not in seen:
            seen.add(key)
            open_ += [(more, tuple(requirement.extras)) for more in importlib.metadata.requires(requirement.name) or ()]
    return {name for name, _ in seen}


def borrow(names: set[str], site: Path) -> None:
    """Link the files of these packages, which this environment has with the hashes of requirements.lock, into another's folder of packages.

    An installation of its own would take minutes and 2.4 GB. Packages that are not in `names` cannot be imported there. Nothing is downloaded.
    """
    for name in names:
        distribution = importlib.metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
        assert tops, f"{name} has no list of its files"
        for top in tops:
            if not (site / top).exists():  # the folder of several packages, such as google, is linked once
                (site / top).symlink_to(distribution.locate_file(top))


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    """The wheel, built and installed into a fresh environment that has its dependencies alone."""
    pytest.importorskip("hatchling", reason="hatchling comes with the extra 'build'")
    root = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(root), str(ROOT)], check=True)
    [wheel] = root.glob("*.whl")
    venv.create(root / "venv", symlinks=os.name != "nt")
    environment = Installed(root)
    place = {"base": str(root / "venv"), "platbase": str(root / "venv")}
    borrow(closure(wheel, EXTRAS), Path(sysconfig.get_path("purelib", "venv", vars=place)))
    into = [*pip, "--python", str(environment.bin / "python")]
    subprocess.run([*into, "install", "--no-deps", "--no-index", str(wheel)], check=True)
    subprocess.run([*into, "check"], check=True)
    return environment


def test_the_packages_are_those_of_the_wheel(installed):
    code = "import automl_cnn, automl_cnn_plugins; print(automl_cnn.__file__); print(automl_cnn_plugins.__file__)"
    for place in installed.run("python", "-c", code).stdout.splitlines():
        assert Path(place).is_relative_to(installed.root / "venv"), place
    installed.run("python", "-c", "import pytest", codes=(1,))  # what the wheel does not require is not there


def test_the_doctor_is_content(installed):
    health = json.loads(installed.run("automl-cnn", "doctor", "--load", "--json").stdout)
    assert [issue for issue in health["issues"] if issue["severity"] == "error"] == []
    assert health["loaded"]["backend"] == "tensorflow"
    missing = {one["name"]: one["missing"] for one in health["formats"]}
    assert [missing[name] for name in ("keras", "saved_model", "onnx")] == [[], [], []]
    assert missing["openvino"] == ["openvino"]  # the extra was left out
    assert {one["name"] for one in health["weights"] if one["here"]} == {"lite0"}


def test_the_demo_runs(installed):
    done = installed.run("automl-cnn", "demo", "--budget", "30s", codes=(0, 1))  # 1: on a busy machine, no network may be trained in so short a time
    assert re.search(r"^Right on 359 held-out digits: [01]\.\d+", done.stdout, re.MULTILINE), done.stdout
    [study] = json.loads(installed.run("automl-cnn", "studies", "--json").stdout)
    assert (study["study"], study["state"]) == ("digits", "finished")


def test_a_search_an_export_and_predictions(installed):
    """Without a budget, so that the result does not depend on what else the machine does."""
    installed.run("python", "-c", "from pathlib import Path; from automl_cnn.data.samples import write_digits; write_digits(Path('all'))")
    how = ("--trials", 1, "--max-epochs", 10, "--architectures", "simple_cnn", "--pretrained", "none", "--refit", "off")
    result = json.loads(installed.run("automl-cnn", "search", "--data", "all", "--name", "all", *how, "--json").stdout)
    assert result["test_score"] > 0.5
    exported = json.loads(installed.run("automl-cnn", "export", "all", "--format", "keras,onnx", "--out", "exported", "--json").stdout)
    assert {one["file"]: one["kept"] for one in exported["variants"]} == {"model.keras": True, "model.onnx": True}
    for model in ("all", "exported/model.keras", "exported/model.onnx"):
        rows = list(csv.DictReader(installed.run("automl-cnn", "predict", model, "all/3").stdout.splitlines()))
        assert sum(row["label"] == "3" for row in rows) > len(rows) / 2 > 0
