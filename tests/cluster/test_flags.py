"""Every flag of automl-cnn in the files for clusters exists, and every setting is one that the command takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from automl_cnn.cli import app
from automl_cnn.config import StudyConfig

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = ("slurm", "kubernetes")
CLUSTER = ("executor", "address", "cpus_per_trial", "gpus_per_trial", "exchange")


def options(*path: str) -> set[str]:
    command = typer.main.get_command(app)
    for name in path:
        command = command.commands[name]
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}


KNOWN = options("search") | {f"--{name.replace('_', '-')}" for name in CLUSTER}  # the latter by a test of their own


def commands(text: str) -> list[list[str]]:
    """The commands in the shell blocks of a page, each as its words."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(line) for line in lines if line and not line.startswith("#")]


def searches() -> list[tuple[str, list[str]]]:
    """The arguments of every search in manifest, script and guides."""
    *_, job = yaml.safe_load_all((DOCS / "cluster" / "rayjob.yaml").read_text(encoding="utf-8"))
    script = (DOCS / "cluster" / "search.sbatch").read_text(encoding="utf-8")
    [own] = re.findall(r"^ +automl-cnn search (.*) &$", script, re.MULTILINE)
    all_of_them = [("rayjob.yaml", shlex.split(job["spec"]["entrypoint"])[2:]), ("search.sbatch", shlex.split(own) + re.findall(r"--budget", script)[:1])]
    for guide in GUIDES:
        for words in commands((DOCS / "guides" / f"{guide}.md").read_text(encoding="utf-8")):
            if words[:2] == ["automl-cnn", "search"]:
                all_of_them.append((guide, words[2:]))
            elif words[0] == "sbatch":
                all_of_them.append((guide, words[words.index("search.sbatch") + 1 :]))
    return all_of_them


@pytest.mark.parametrize(("where", "arguments"), searches())
def test_every_flag_exists(where, arguments):
    flags = {word.partition("=")[0] for word in arguments if word.startswith("--")}
    assert flags, where
    assert flags - KNOWN == set()


@pytest.mark.parametrize("guide", GUIDES)
def test_every_flag_that_a_guide_speaks_of_exists_somewhere(guide):
    """In prose, flags stand between backticks; those of sbatch, docker and ray are named here."""
    text = (DOCS / "guides" / f"{guide}.md").read_text(encoding="utf-8")
    others = {"--requeue", "--no-kill", "--signal", "--export", "--build-arg", "--from-literal"}
    spoken = {
        match for quoted in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)) for match in re.findall(r"(?<!\S)--[a-z-]+", quoted)
    }
    spoken -= {word for quoted in re.findall(r"`(?:scancel|sbatch|docker|kubectl)[^`]*`", text) for word in re.findall(r"--[a-z-]+", quoted)}
    assert spoken - others - KNOWN == set()


def test_settings_of_a_cluster_are_settings_of_a_study_and_flags():
    assert set(CLUSTER) - set(StudyConfig.model_fields) == set()
    assert {f"--{name.replace('_', '-')}" for name in CLUSTER} - options("search") == set()


def test_other_commands_in_the_guides_exist():
    for guide in GUIDES:
        for words in commands((DOCS / "guides" / f"{guide}.md").read_text(encoding="utf-8")):
            if words[0] == "automl-cnn" and words[1] != "search":
                path = [word for word in words[1:3] if not word.startswith("-")]
                assert {word for word in words if word.startswith("--")} <= options(*path)
