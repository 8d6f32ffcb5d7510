"""docs/cluster/rayjob.yaml and Dockerfile: checked against schemas, and against each other. No cluster runs here, and no image is built.

Pods and the volume are checked against the JSON schemas of Kubernetes, strictly. The RayJob around them is checked against the fields in KubeRay's API
reference: no package that we know of carries KubeRay's own schema.
"""

from __future__ import annotations

import copy
import re
import shlex
from pathlib import Path

import pytest
import yaml
from kuberay import groups, kubernetes, problems

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "docs" / "cluster"
GUIDE = (ROOT / "docs" / "guides" / "kubernetes.md").read_text(encoding="utf-8")
VOLUME, JOB = yaml.safe_load_all((CLUSTER / "rayjob.yaml").read_text(encoding="utf-8"))
SPEC = JOB["spec"]
HEAD, *WORKERS = groups(JOB)
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def container(group: dict) -> dict:
    [only] = group["template"]["spec"]["containers"]
    return only


def given(name: str) -> str:
    words = shlex.split(SPEC["entrypoint"])
    return words[words.index(name) + 1]


def secrets(group: dict) -> set[str]:
    one = container(group)
    alone = {entry["valueFrom"]["secretKeyRef"]["name"] for entry in one.get("env", []) if "valueFrom" in entry}
    return alone | {entry["secretRef"]["name"] for entry in one.get("envFrom", [])}


def test_the_manifest_is_valid():
    assert problems(JOB) == []
    assert kubernetes(VOLUME) == []


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("spec.entryPoint", "x", "'entryPoint' was unexpected"),
        ("spec.backoffLimit", "5", "is not of type 'integer'"),
        ("spec.shutdownAfterJobFinishes", False, "works only with shutdownAfterJobFinishes"),
        ("spec.rayClusterSpec.headGroupSpec.rayStartParams.num-cpus", 0, "is not of type 'string'"),
        ("spec.rayClusterSpec.workerGroupSpecs.0.maxReplicas", 1, "not between minReplicas and maxReplicas"),
        ("spec.rayClusterSpec.workerGroupSpecs.1.groupName", "cpu", "two worker groups have one name"),
        ("spec.rayClusterSpec.workerGroupSpecs.0.template.spec.containers.0.resource", {}, "'resource' was unexpected"),
        ("spec.rayClusterSpec.headGroupSpec.template.spec.containers.0.env.0", {"value": "x"}, "'name' is a required property"),
        ("spec.rayClusterSpec.headGroupSpec.template.spec.volumes.0.persistentVolumeClaim", {}, "'claimName' is a required property"),
    ],
)
def test_the_checks_notice_mistakes(path, value, message):
    wrong = copy.deepcopy(JOB)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = wrong
    for part in way:
        place = place[part]
    place[last] = value
    assert message in "; ".join(problems(wrong))


def test_every_pod_has_the_same_image_and_ray_version():
    assert len({container(group)["image"] for group in (HEAD, *WORKERS)}) == 1
    assert container(HEAD)["image"] in GUIDE
    assert container(HEAD)["image"] in (CLUSTER / "Dockerfile").read_text(encoding="utf-8")


def test_the_ray_of_the_manifest_is_the_locked_one():
    assert re.findall(r"^ray==(\S+)", LOCK, re.MULTILINE) == [SPEC["rayClusterSpec"]["rayVersion"]]


def test_the_workers_of_the_command_fit_the_pods():
    each = int(given("--cpus-per-trial"))
    slots = sum(group["replicas"] * (int(container(group)["resources"]["limits"]["cpu"]) // each) for group in WORKERS)
    assert slots == int(given("--workers"))
    assert HEAD["rayStartParams"]["num-cpus"] == "0", "else Ray puts trials beside the coordinator"


def test_the_deadline_is_longer_than_the_budget():
    number, unit = re.fullmatch(r"(\d+)([smhd])", given("--budget")).groups()
    assert SPEC["activeDeadlineSeconds"] >= int(number) * UNITS[unit] + 1800


def test_a_retry_can_go_on_because_name_store_and_record_outlive_the_pods():
    assert SPEC["backoffLimit"] > 0
    assert given("--name")
    assert given("--storage").startswith("postgresql+psycopg://")
    mounts = {mount["mountPath"]: mount["name"] for mount in container(HEAD)["volumeMounts"]}
    claims = {volume["name"]: volume["persistentVolumeClaim"]["claimName"] for volume in HEAD["template"]["spec"]["volumes"]}
    assert claims[mounts[given("--store")]] == VOLUME["metadata"]["name"]


def test_what_is_not_in_the_shared_volume_travels_through_the_bucket():
    assert given("--data").startswith("s3://")
    assert given("--exchange").startswith("s3://")
    assert "s3" in " ".join(secrets(HEAD))


def test_no_secret_is_written_down_and_the_guide_makes_each_of_them():
    assert all("password" not in word and ":" not in word.partition("://")[2].partition("@")[0] for word in shlex.split(SPEC["entrypoint"]))
    made = set(re.findall(r"kubectl create secret generic (\S+)", GUIDE))
    assert secrets(HEAD) | set().union(*map(secrets, WORKERS)) == made
    assert all(secrets(group) == {"automl-cnn-s3"} for group in WORKERS), "the database is the head's alone"


def test_the_image_copies_what_exists_and_installs_what_the_manifest_uses():
    text = (CLUSTER / "Dockerfile").read_text(encoding="utf-8")
    copied = [word for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert "requirements.lock" in copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    [extras] = re.findall(r'"\.\[\$\{ACCELERATOR\},([a-z0-9,]+)\]"', text)
    assert set(extras.split(",")) == {"ray", "postgres", "s3"}
    [user] = re.findall(r"^USER (\d+)$", text, re.MULTILINE)
    assert HEAD["template"]["spec"]["securityContext"]["fsGroup"] == int(user), "the volume must be writable for the user of the image"
    assert "wget" in text, "KubeRay's probes call it"


def test_the_constraints_of_the_image_are_the_locked_versions_without_hashes():
    lines = [re.sub(r" *\\$", "", line) for line in LOCK.splitlines() if not re.match(r" +--hash=", line)]
    packages = [line for line in lines if line and not line.startswith("#")]
    assert len(packages) > 100
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==\S+( ; .+)?", line) for line in packages), "pip takes no extras and no hashes in constraints here"
