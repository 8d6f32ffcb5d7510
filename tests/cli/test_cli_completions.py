"""What the shells complete, through the protocol that their scripts speak; bash itself where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import get_args

import pytest

from automl_cnn import registry
from automl_cnn.config import METRICS, PRUNERS, SAMPLERS, Fit
from automl_cnn.export.formats import FORMATS, QUANTIZATIONS
from automl_cnn.store import Store

HEAVY = {"tensorflow", "keras", "mlflow", "sklearn", "pandas", "optuna"}
CODE = f"""
import sys
from automl_cnn.cli import main
try:
    main()
finally:
    print("HEAVY", sorted(set(sys.modules) & {HEAVY!r} | {{name for name in sys.modules if name.startswith("automl_cnn_plugins.")}}), file=sys.stderr)
"""
SHELLS = {
    "bash": lambda line: {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)},
    "zsh": lambda line: {"_TYPER_COMPLETE_ARGS": line},
    "fish": lambda line: {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}


def asked(line: str, shell: str = "bash", cwd=None) -> str:
    """What a shell's script receives for a line."""
    environment = {**os.environ, **SHELLS[shell](line), "_AUTOML_CNN_COMPLETE": f"complete_{shell}"}
    done = subprocess.run([sys.executable, "-P", "-c", CODE], env=environment, cwd=cwd, capture_output=True, text=True, check=True)
    assert done.stderr == "HEAVY []\n"
    return done.stdout


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("search --metric ", METRICS),
        ("search --fit ", get_args(Fit)),
        ("search --metric ac", ("accuracy",)),
        ("search --sampler ", SAMPLERS["optuna"]),
        ("search --engine keras-tuner --sampler ", SAMPLERS["keras-tuner"]),
        ("search --pruner ", PRUNERS["optuna"]),
        ("search --objective accuracy,la", ("accuracy,latency",)),
        ("export s --format ", (*FORMATS, "web")),
        ("export s --format onnx,li", ("onnx,litert",)),
        ("export s --quantize ", QUANTIZATIONS),
        ("check --task ", ("multiclass", "multilabel", "regression")),
        ("search --data ", ()),
    ],
)
def test_values_are_offered_where_there_are_choices(line, offered):
    assert asked(f"automl-cnn {line}").split() == list(offered)


def test_plugins_are_offered_by_name_once_each():
    names = registry.load().names("architecture")
    assert asked("automl-cnn scale --architecture ").split() == list(names)
    assert asked("automl-cnn search --architectures vgg,").split() == [f"vgg,{name}" for name in names if name != "vgg"]


@pytest.mark.parametrize("line", ["predict ", "export ", "report ", "diagnose ", "studies show ", "studies compare a ", "search --name "])
def test_studies_of_the_store_are_offered(line, tmp_path):
    for name in ("flowers", "fruit-1a2b3c", "my study", "$(echo no)"):
        Store(tmp_path / "automl-cnn-runs").study(name)
    assert set(asked(f"automl-cnn {line}", cwd=tmp_path).split("\n")) == {"flowers", "fruit-1a2b3c", ""}


def test_studies_of_another_store_are_offered_where_the_line_names_it(tmp_path):
    Store(tmp_path / "mine").study("moths")
    assert asked(f"automl-cnn studies show --store {tmp_path / 'mine'} ").split() == ["moths"]
    assert asked("automl-cnn studies show ", cwd=tmp_path).split() == []
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]  # asking creates nothing


def test_tables_of_comparisons_are_offered(tmp_path):
    (tmp_path / "studies" / "depth").mkdir(parents=True)
    (tmp_path / "studies" / "depth" / "study.toml").touch()
    assert asked("automl-cnn study ", cwd=tmp_path).split() == ["depth"]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_is_answered(shell):
    offered = asked("automl-cnn search --metric quadratic", shell)
    assert "quadratic_kappa" in offered
    assert "accuracy" not in offered


@pytest.mark.parametrize(("shell", "mark"), [("bash", "complete -o default"), ("zsh", "#compdef automl-cnn"), ("fish", "complete --command automl-cnn")])
def test_the_script_of_each_shell_is_shown(cli, monkeypatch, shell, mark):
    monkeypatch.setattr("typer.completion._get_shell_name", lambda: shell)
    done = cli("--show-completion")
    assert done.exit_code == 0
    assert mark in done.stdout


@pytest.mark.parametrize(
    ("shell", "file"), [("bash", ".bash_completions/automl-cnn.sh"), ("zsh", ".zfunc/_automl-cnn"), ("fish", ".config/fish/completions/automl-cnn.fish")]
)
def test_the_script_of_each_shell_is_installed(cli, monkeypatch, tmp_path, shell, file):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("typer._completion_shared._get_shell_name", lambda: shell)
    done = cli("--install-completion")
    assert done.exit_code == 0, done.output
    assert "_AUTOML_CNN_COMPLETE" in (tmp_path / file).read_text()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes(tmp_path):
    """As a person would: the script that is shown, then Tab."""
    command = tmp_path / "automl-cnn"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m automl_cnn "$@"\n')
    command.chmod(0o755)
    lines = """
        source <(automl-cnn --show-completion)
        COMP_WORDS=(automl-cnn search --architectures mobilenet,res) COMP_CWORD=3
        _automl_cnn_completion automl-cnn
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(["bash", "--norc", "-c", lines], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "mobilenet,resnet\n", done.stderr
