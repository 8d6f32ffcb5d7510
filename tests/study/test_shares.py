"""What each worker is given of a machine."""

import os
import subprocess
import sys
import time

import pytest

from automl_cnn.config import study_config
from automl_cnn.errors import ConfigError
from automl_cnn.study import team
from automl_cnn.study.running.executors import gpus as gpu
from automl_cnn.study.running.executors.gpus import gpus
from automl_cnn.study.running.executors.shares import GB, Share, part, shares, short_of_memory


def test_cores_are_divided_without_overlap():
    given = shares(3, [0, 1, 4, 5, 6, 7, 8], ())
    assert [share.cores for share in given] == [(0, 1), (4, 5), (6, 7, 8)]
    assert part(given) == pytest.approx(1 / 3)
    assert given[2].environment["OMP_NUM_THREADS"] == given[2].environment["TF_NUM_INTRAOP_THREADS"] == "3"
    assert "CUDA_VISIBLE_DEVICES" not in given[0].environment


def test_a_single_worker_has_everything_and_a_plain_environment():
    for workers in (1, "auto"):
        (share,) = shares(workers, [0, 1], ())
        assert (share, dict(share.environment), part((share,))) == (Share(), {}, 1.0)


def test_a_gpu_each_and_all_of_their_speed():
    given = shares("auto", [0, 1, 2, 3], ["0", "GPU-5f"])
    assert [share.gpu for share in given] == ["0", "GPU-5f"]
    assert part(given) == 1.0
    assert given[1].environment["CUDA_VISIBLE_DEVICES"] == "GPU-5f"
    assert given[1].environment["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert given[1].cores == (2, 3)


@pytest.mark.parametrize(
    ("workers", "cores", "expected", "message"),
    [
        (99, [0, 1], (), "--workers 99: found 2 cores that this process may use, .* Pass at most 2, or auto"),
        (2, [3], (), "--workers 2: found 1 core that"),
        (3, [0, 1, 2, 3], ("0", "1"), "--workers 3: found 2 GPUs, .* Pass at most 2, or auto. .* CUDA_VISIBLE_DEVICES=-1"),
    ],
)
def test_more_workers_than_there_is_room_for(workers, cores, expected, message):
    with pytest.raises(ConfigError, match=message):
        shares(workers, cores, expected)


def test_little_memory_is_said_with_what_would_fit():
    assert short_of_memory(4, 8 * GB) is None
    assert short_of_memory(1, GB // 2) is None
    assert short_of_memory(4, 3 * GB).startswith("4 workers hold about 4.8 GB of memory, and 3.0 GB are free")
    assert short_of_memory(4, 3 * GB).endswith("Pass --workers 2.")


@pytest.mark.parametrize("given", [0, -1, 1.5, "0", "two", True, "1e3", ""])
def test_what_is_no_number_of_workers(given, tmp_path):
    with pytest.raises(ConfigError, match="is not a number of workers: expected auto, or a whole number from 1 on"):
        study_config({"data": tmp_path, "workers": given})


@pytest.mark.parametrize(("given", "read"), [(2, 2), ("3", 3), ("AUTO", "auto"), (4.0, 4)])
def test_what_is_one(given, read, tmp_path):
    assert study_config({"data": tmp_path, "workers": given}).workers == read


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system keeps no process on cores")
def test_a_process_is_kept_on_its_cores():
    core = min(os.sched_getaffinity(0))
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        Share((core,)).hold(process.pid)
        assert os.sched_getaffinity(process.pid) == {core}
    finally:
        process.kill()
        process.wait()
    Share((core,)).hold(process.pid)  # gone: nothing happens


def listing(folder, text):
    """A PATH with a driver's tool that prints `text`."""
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{text}\n")
    tool.chmod(0o755)
    return {"PATH": str(folder)}


@pytest.fixture
def with_gpus(monkeypatch):
    monkeypatch.setattr(gpu, "_cpu_only", lambda: False)


@pytest.mark.usefixtures("with_gpus")
def test_gpus_are_those_of_the_driver_or_of_the_variable(tmp_path):
    two = listing(tmp_path, "echo 0; echo 1")
    assert gpus("tensorflow", two) == ("0", "1")
    assert gpus("tensorflow", {**two, "CUDA_VISIBLE_DEVICES": "1"}) == ("1",)
    assert gpus("tensorflow", {**two, "CUDA_VISIBLE_DEVICES": "GPU-1a,GPU-2b"}) == ("GPU-1a", "GPU-2b")
    assert gpus("tensorflow", {**two, "CUDA_VISIBLE_DEVICES": ""}) == ()
    assert gpus("tensorflow", {**two, "CUDA_VISIBLE_DEVICES": "1,-1,0"}) == ("1",)


@pytest.mark.usefixtures("with_gpus")
@pytest.mark.parametrize("text", ["echo No devices were found", "exit 9", "sleep 60"])
def test_a_driver_without_gpus_or_that_does_not_answer_has_none(tmp_path, monkeypatch, text):
    monkeypatch.setattr(gpu, "PATIENCE", 0.5)
    began = time.monotonic()
    assert gpus("torch", {**listing(tmp_path, text), "PATH": f"{tmp_path}:/bin:/usr/bin"}) == ()
    assert time.monotonic() - began < 30


def test_a_tensorflow_without_gpus_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu, "_cpu_only", lambda: True)
    assert gpus("tensorflow", listing(tmp_path, "echo 0")) == ()
    assert gpus("torch", listing(tmp_path, "echo 0")) == ("0",)


@pytest.mark.parametrize(
    ("given", "side", "cores", "free", "count"),
    [
        ({"budget": "5m"}, 32, 2, 16, 2),
        ({"budget": "5m"}, 32, 16, 64, 4),
        ({"budget": "5m"}, 32, 16, 5, 2),  # GB of memory
        ({"budget": "5m"}, 32, 1, 16, 1),
        ({"budget": "5m"}, 32, 8, 1, 1),
        ({"budget": "5m"}, 224, 8, 64, 1),
        ({"budget": "5m"}, None, 8, 64, 1),
        ({"trials": 5}, 32, 8, 64, 1),  # with one worker, the same seed gives the same trials
        ({"budget": "5m", "max_latency": "5ms"}, 32, 8, 64, 1),
        ({"budget": "5m", "workers": 1}, 32, 8, 64, 1),
    ],
)
def test_auto_shares_the_cores_where_images_are_small_and_time_is_limited(tmp_path, monkeypatch, given, side, cores, free, count):
    class Memory:
        available = free * 2**30

    monkeypatch.setattr(team.processes, "core_numbers", lambda: list(range(cores)))
    monkeypatch.setattr(team, "gpus", lambda backend: ())
    monkeypatch.setattr(team.psutil, "virtual_memory", lambda: Memory)
    notes = []
    assert len(team.shares_of(study_config({"data": tmp_path, **given}), notes.append, side=lambda: side)) == count
    mentioned = [f"{count} workers share the {cores} cores: networks for images of 32 px gain little from more cores" in note for note in notes]
    assert mentioned == ([True] if count > 1 else [])


def test_what_the_user_should_know(tmp_path, monkeypatch):
    monkeypatch.setattr(team.processes, "core_numbers", lambda: list(range(8)))
    monkeypatch.setattr(team, "gpus", lambda backend: ())
    notes = []
    config = study_config({"data": tmp_path, "workers": 4, "objectives": "accuracy,latency"})
    assert len(team.shares_of(config, notes.append)) == 4
    assert "A network is timed only while no other is trained" in " ".join(notes)
    notes.clear()
    assert len(team.shares_of(config, notes.append, alone=True)) == 1
    assert notes == ["workers = 4 counts for a search alone: here, one network is trained at a time."]
    notes.clear()
    assert team.shares_of(study_config({"data": tmp_path}), notes.append) == (Share(),)
    assert notes == []
