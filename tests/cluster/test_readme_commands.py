"""The README's section on several machines: its commands are run as they stand, on other images, at other addresses and for less time."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cluster import Cluster

from automl_cnn.data.samples import write_digits
from automl_cnn.processes import environment, python

ROOT = Path(__file__).parent.parent.parent
SECTION = (ROOT / "README.md").read_text(encoding="utf-8").partition("## More than one machine")[2].partition("\n## ")[0]
COMMANDS = [line for block in re.findall(r"^```sh\n(.+?)^```", SECTION, re.MULTILINE | re.DOTALL) for line in block.splitlines()]
LOCAL, RAY, TEAM = [command for command in COMMANDS if command.startswith("automl-cnn search")]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_digits(tmp_path_factory.mktemp("readme") / "images", only=np.arange(400))


@pytest.fixture(scope="module")
def of_two_nodes(tmp_path_factory):
    """A cluster whose head has no cores, with a node that has one, and another one."""
    folders = [ROOT, ROOT / "plugins", *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    settings = {"AUTOML_CNN_NODE_CACHE": str(tmp_path_factory.mktemp("nodes")), "PYTHONPATH": os.pathsep.join(map(str, folders))}
    cluster = Cluster(cpus=0, settings=settings)
    cluster.add_node()
    cluster.add_node()
    yield cluster
    cluster.close()


def searched(command, folder, images, settings=None, **places):
    """The JSON of a command of the README, with 60 s and places of ours."""
    for there, here in {"./images": str(images), **places}.items():
        assert there in command
        command = command.replace(there, here)
    words = shlex.split(command)[1:]
    given = ["--budget", "60s", "--store", str(folder / "store"), "--pretrained", "none", "--json"]
    done = subprocess.run(
        python("-m", "automl_cnn", *words, *given), capture_output=True, text=True, check=False, timeout=300, env=environment(settings or {}), cwd=folder
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_there_are_no_other_commands():
    assert [command for command in COMMANDS if command not in (LOCAL, RAY, TEAM)] == [
        "pip install 'automl-cnn[ray]'",
        "ray start --head",
        "ray start --address HOST:6379",
    ]


@pytest.mark.slow
@pytest.mark.skipif(len(getattr(os, "sched_getaffinity", lambda pid: [0])(0)) < 2, reason="two workers need two cores")
def test_two_workers_on_this_machine(tmp_path, images):
    result = searched(LOCAL, tmp_path, images)
    assert result["workers"]["count"] == 2
    assert set(result["workers"]["trials"].values()) == {1, 2}
    assert result["test_score"] > 0.5


@pytest.mark.slow
def test_two_nodes_of_a_cluster(tmp_path, images, of_two_nodes):
    started = [of_two_nodes._head.args, *(node.process.args for node in of_two_nodes.nodes)]
    assert all("start" in words for words in started)
    assert "--head" in started[0]
    assert all(f"--address={of_two_nodes.address}" in words for words in started[1:])
    result = searched(RAY, tmp_path, images, {"RAY_AUTH_MODE": "disabled"}, **{"HOST:6379": of_two_nodes.address})
    assert (result["workers"]["count"], result["workers"]["each"]) == (2, "1 CPU")
    assert set(result["workers"]["trials"].values()) == {1, 2}
    assert result["test_score"] > 0.5
    assert Path(result["model_path"]).is_file()
    assert not list((tmp_path / "store" / "studies" / "on-ray").glob("exchange-*"))


@pytest.mark.slow
def test_a_database_and_a_server_of_a_team(tmp_path, images, database):
    sys.path.append(str(ROOT / "tests"))
    from mlflow_server import Server

    (tmp_path / "mlflow").mkdir()
    server = Server(tmp_path / "mlflow")
    server.start()
    try:
        places = {"postgresql+psycopg://ana@db.example/studies": database, "http://mlflow.example:5000": server.address}
        result = searched(TEAM, tmp_path, images, **places)
        assert result["test_score"] > 0.5
        import mlflow

        client = mlflow.MlflowClient(server.address)
        (experiment,) = client.search_experiments(filter_string="name = 'flowers'")
        assert len(client.search_runs([experiment.experiment_id])) > 1
    finally:
        server.stop()
    command = python("-m", "automl_cnn", "studies", "list", "--storage", database, "--json")
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment())
    assert "flowers" in shown.stdout
