"""What a release consists of besides code: its license, metadata, workflow and wheel agree with each other."""

from __future__ import annotations

import re
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml

import automl_cnn
from automl_cnn import registry

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = (ROOT / "automl_cnn", ROOT / "plugins" / "automl_cnn_plugins")


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pythons() -> list[str]:
    """The minor versions of Python among the classifiers."""
    return [one.rpartition(" :: ")[2] for one in PROJECT["classifiers"] if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", one)]


def test_the_license_file_is_the_license_of_the_metadata():
    words = text("LICENSE")
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in words.splitlines()[1]
    assert "Version 2.0, January 2004" in words
    assert "END OF TERMS AND CONDITIONS" in words
    assert not [one for one in PROJECT["classifiers"] if one.startswith("License ::")]  # refused beside an expression


def test_the_notice_names_every_set_of_pretrained_weights():
    loaded = registry.load()
    weights = {one.name for name in loaded.names("architecture") for one in loaded.get("architecture", name).pretrained}
    assert {"lite0", "vgg16"} <= weights
    assert weights - set(re.findall(r"\w+", text("NOTICE"))) == set()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_each_package_is_marked_as_typed(package):
    assert (package / "py.typed").is_file()


def test_the_version_is_the_same_everywhere():
    assert yaml.safe_load(text("CITATION.cff"))["version"] == PROJECT["version"] == automl_cnn.__version__


def test_the_citation_has_what_its_format_requires():
    citation = yaml.safe_load(text("CITATION.cff"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["license"] == PROJECT["license"]


def test_the_workflow_checks_every_python_that_the_metadata_promises():
    jobs = yaml.safe_load(text(".github/workflows/ci.yml"))["jobs"]
    assert jobs["check"]["strategy"]["matrix"]["python"] == pythons()
    assert PROJECT["requires-python"] == f">={pythons()[0]}"
    assert {"run": ".ci/run"} in jobs["check"]["steps"]
    smoke = [step["with"]["python-version"] for step in jobs["smoke"]["steps"] if "with" in step]
    assert set(smoke) <= set(pythons())


def test_the_code_of_the_smoke_test_writes_images(tmp_path, monkeypatch):
    jobs = yaml.safe_load(text(".github/workflows/ci.yml"))["jobs"]
    code = re.search(r'python -c "(.+)"', jobs["smoke"]["steps"][-1]["run"])
    assert code
    monkeypatch.chdir(tmp_path)
    exec(code[1], {})
    assert len(list((tmp_path / "digits").glob("*/*.png"))) == 1797


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_issue_forms_have_what_the_forge_requires(name):
    form = yaml.safe_load(text(f".github/ISSUE_TEMPLATE/{name}.yml"))
    assert {"name", "description", "body"} <= set(form)
    fields = [one for one in form["body"] if one["type"] != "markdown"]
    assert all(one["id"] and one["attributes"]["label"] for one in fields)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links_lead_to_files_and_headings(name):
    links = re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", text(name))
    assert links
    for file, anchor in links:
        target = ROOT / (file or name)
        assert target.exists(), file
        if anchor:
            assert anchor in anchors(target), f"{file}#{anchor}"


def anchors(page: Path) -> set[str]:
    """The anchors that forges make of the headings of a Markdown file."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    builder = pytest.importorskip("hatchling.builders.wheel", reason="hatchling comes with the extra 'build'")
    folder = tmp_path_factory.mktemp("wheel")
    [made] = builder.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(made) as opened:
        yield opened


def test_the_wheel_holds_every_file_of_both_packages(wheel):
    ours = {
        path.relative_to(package.parent).as_posix() for package in PACKAGES for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"automl_cnn/py.typed", "automl_cnn_plugins/py.typed", "automl_cnn/report/page.html", "automl_cnn/export/readme.md.jinja"} <= ours
    assert ours - set(wheel.namelist()) == set()


def test_the_wheel_carries_license_and_notice(wheel):
    information = f"automl_cnn-{PROJECT['version']}.dist-info"
    for name in ("LICENSE", "NOTICE"):
        assert wheel.read(f"{information}/licenses/{name}").decode() == text(name)
    head = metadata.PathDistribution(zipfile.Path(wheel, f"{information}/")).metadata
    assert head["License-Expression"] == PROJECT["license"]
    assert set(head.get_all("Classifier")) == set(PROJECT["classifiers"])
