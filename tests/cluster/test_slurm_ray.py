"""docs/cluster/search.sbatch with real Ray nodes, all on this machine; srun, scontrol, scancel and the search are stand-ins."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from slurm_job import STAND_INS, Job, free_port, until

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

SEARCH = """#!{python}
# Stands in for the search: runs a task in the cluster, writes down what it sees, and ends when `go` exists.
import json, os, pathlib, sys, time
import ray

folder = pathlib.Path(os.environ["STAND_INS"])
ray.init(address=sys.argv[sys.argv.index("--address") + 1], log_to_driver=False)
answer = ray.get(ray.remote(num_cpus=1)(lambda: "done").remote(), timeout=60)
seen = dict(nodes=sum(node["Alive"] for node in ray.nodes()), cpus=ray.cluster_resources()["CPU"], answer=answer)
(folder / "part.json").write_text(json.dumps(seen))
(folder / "part.json").rename(folder / "seen.json")
while not (folder / "go").exists():
    time.sleep(0.1)
"""


@pytest.fixture
def start(tmp_path):
    """`start()` is another job on two nodes, n1 and n2, which are this machine. It has a number, and so a port, of its own."""
    jobs, temps = [], []

    def started() -> Job:
        folder = tmp_path / f"job-{len(jobs)}"
        programs = folder / "bin"
        programs.mkdir(parents=True)
        for name in ("srun", "scontrol", "scancel"):
            (programs / name).symlink_to(STAND_INS / name)
        search = programs / "automl-cnn"
        search.write_text(SEARCH.format(python=sys.executable))
        search.chmod(0o755)
        temps.append(tempfile.mkdtemp(prefix="r", dir="/tmp"))  # short: sockets lie in it
        env = {
            "PATH": f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "NODES": "n1 n2",
            "SLURM_JOB_ID": str(free_port() - 20000 + 7 * len(jobs)),
            "SLURM_CPUS_PER_TASK": "1",
            "AUTOML_CNN_HEAD_ADDRESS": "127.0.0.1",
            "AUTOML_CNN_TEMP": temps[-1],
        }
        jobs.append(Job(folder, env))
        return jobs[-1].start()

    yield started
    for job, temp in zip(jobs, temps, strict=True):
        if not job.ended:
            job.term()
            job.end(120)
        shutil.rmtree(temp, ignore_errors=True)


def seen(job: Job) -> dict:
    """What the search of that job saw of its cluster."""
    file = job.folder / "seen.json"
    until(lambda: file.exists() or job.ended, 240)
    assert file.exists(), (job.end(), job.err)
    return json.loads(file.read_text())


def processes(job: Job) -> list[psutil.Process]:
    """Those of the job's Ray, known by its folder in their command lines."""
    temp = job.env["AUTOML_CNN_TEMP"]
    return [process for process in psutil.process_iter(["cmdline"]) if any(str(temp) in word for word in process.info["cmdline"] or [])]


def test_two_jobs_on_one_machine_have_two_clusters_and_leave_nothing_behind(start):
    jobs = [start(), start()]
    for job in jobs:
        assert seen(job) == {"nodes": 2, "cpus": 2.0, "answer": "done"}
        assert processes(job)
    first, second = jobs
    (first.folder / "go").touch()
    assert first.end(120) == 0, first.err
    assert processes(first) == []
    assert processes(second), "the end of one job must not stop the other's Ray"
    (second.folder / "go").touch()
    assert second.end(120) == 0, second.err
    assert processes(second) == []
    assert [list(Path(str(job.env["AUTOML_CNN_TEMP"])).iterdir()) for job in jobs] == [[], []]
