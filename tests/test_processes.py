"""Whatever modules lie in the folder where somebody stands, no process of ours runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import automl_cnn
from automl_cnn import processes

COMMANDS = {
    "version": [sys.executable, "-m", "automl_cnn", "--version"],
    "plugins": [sys.executable, "-m", "automl_cnn", "plugins", "list"],
    "worker": processes.python("-m", "automl_cnn.study.running.executors.worker"),
}
EARLY = "import runpy, sys; print(*{name.partition('.')[0] for name in sys.modules})"  # what Python itself reads before the first line of ours


@pytest.fixture
def shadows(tmp_path):
    """A folder with a module of the name of everything there is; each leaves its name in `executed`."""
    names = {*sys.stdlib_module_names, "automl_cnn_plugins", "keras", "numpy", "optuna", "PIL", "pydantic", "rich", "typer", "torch", "jax", "psutil"}
    early = subprocess.run([sys.executable, "-P", "-c", EARLY], capture_output=True, text=True, check=True).stdout.split()
    for name in names - {*early, *sys.builtin_module_names}:
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write({name + ' '!r})\nx = 1\n")
    return tmp_path


@pytest.mark.parametrize("path", ["RELATED", ":RELATED", "RELATED:"], ids=["plain", "leading colon", "trailing colon"])
@pytest.mark.parametrize("command", list(COMMANDS))
def test_modules_in_the_current_folder_are_not_run(shadows, command, path):
    related = os.pathsep.join(entry for entry in sys.path if entry and "site-packages" not in entry and Path(entry).joinpath("automl_cnn").is_dir())
    environment = {**os.environ, "PYTHONPATH": path.replace("RELATED", related)}
    if command == "worker":
        environment = {**environment, "PYTHONPATH": related}  # `environment` removes the empty entries for it
    done = subprocess.run(COMMANDS[command], cwd=shadows, env=environment, input="/nowhere\n00\n", capture_output=True, text=True, check=False)
    assert not (shadows / "executed").exists(), (shadows / "executed").read_text()
    if command == "worker":
        assert "FileNotFoundError" in done.stderr  # it began, and there was nobody at that address
    else:
        assert done.returncode == 0, done.stderr


def test_a_folder_that_pythonpath_names_is_searched_still(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path, rest in ((".", [str(tmp_path), "/lib"]), ("", ["/lib"]), (":", ["/lib"]), ("/other", ["/lib"])):
        monkeypatch.setenv("PYTHONPATH", path)
        monkeypatch.setattr(sys, "path", [str(tmp_path), *([str(tmp_path)] if path in (".", ":") else []), "/lib"])
        processes.leave_folder()
        assert sys.path == rest


@pytest.mark.parametrize(("path", "kept"), [("/a:/b", "/a:/b"), ("/a::/b:", "/a:/b"), (".", "."), ("", None), (":", None)])
def test_what_our_processes_start_leaves_the_folder_out_too(monkeypatch, path, kept):
    monkeypatch.setenv("PYTHONPATH", path)
    environment = processes.environment({"MORE": "1"})
    assert (environment.get("PYTHONPATH"), environment["PYTHONSAFEPATH"], environment["MORE"]) == (kept, "1", "1")


def test_every_python_process_is_started_in_one_way():
    package = Path(automl_cnn.__file__).parent
    assert [path.name for path in sorted(package.rglob("*.py")) if "sys.executable" in path.read_text()] == ["streams.py", "processes.py"]


def test_the_dashboards_server_stands_in_a_folder_of_its_own(tmp_path, monkeypatch):
    """Its web server searches its own folder for modules, whatever Python's settings are."""
    from automl_cnn.store import Store
    from automl_cnn.track.serve import serve

    class Gone(Exception):
        pass

    seen = []

    def start(command, **options):
        seen.append((command, options, list(Path(options["cwd"]).iterdir())))
        raise Gone

    (tmp_path / "mlflow.db").touch()
    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(Gone):
        serve(Store(tmp_path), 5000, False)
    ((command, options, inside),) = seen
    assert inside == []
    assert "-P" in command
    assert options["env"]["PYTHONSAFEPATH"] == "1"
    assert not Path(options["cwd"]).exists()
