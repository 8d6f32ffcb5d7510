"""The fields of a RayJob as KubeRay's API reference (ray.io/v1, release 1.7) lists them, as a JSON schema of our own words.

It knows the names and types of all fields of RayJobSpec, RayClusterSpec, HeadGroupSpec and WorkerGroupSpec. What lies below fields that our manifest does not
use (autoscalerOptions, networkPolicy and the like) is not checked. Pod templates are checked by the schemas of Kubernetes: see `pods`.
"""

from __future__ import annotations

from typing import Any

import kubernetes_validate
from jsonschema import Draft202012Validator

KUBERNETES = "1.37"
TEXT = {"type": "string"}
SWITCH = {"type": "boolean"}
NUMBER = {"type": "number", "minimum": 0}
COUNT = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
POSITIVE = {**COUNT, "minimum": 1}
TEXTS = {"type": "object", "additionalProperties": TEXT}
ANYTHING = {"type": "object"}  # not checked
NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}


def fields(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "additionalProperties": False, "properties": properties}


TEMPLATE = fields(("spec",), metadata=ANYTHING, spec=ANYTHING)
HEAD = fields(
    ("template",),
    template=TEMPLATE,
    rayStartParams=TEXTS,
    headService=ANYTHING,
    enableIngress=SWITCH,
    ingressOptions=ANYTHING,
    resources=TEXTS,
    labels=TEXTS,
    serviceType={"enum": ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]},
)
WORKERS = fields(
    ("groupName", "template"),
    groupName=NAME,
    template=TEMPLATE,
    rayStartParams=TEXTS,
    replicas=COUNT,
    minReplicas=COUNT,
    maxReplicas=COUNT,
    numOfHosts=POSITIVE,
    idleTimeoutSeconds=COUNT,
    priority=COUNT,
    resources=TEXTS,
    labels=TEXTS,
    scaleStrategy=ANYTHING,
    suspend=SWITCH,
)
CLUSTER = fields(
    ("headGroupSpec",),
    rayVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
    headGroupSpec=HEAD,
    workerGroupSpecs={"type": "array", "items": WORKERS},
    enableInTreeAutoscaling=SWITCH,
    autoscalerOptions=ANYTHING,
    headServiceAnnotations=TEXTS,
    gcsFaultToleranceOptions=ANYTHING,
    authOptions=ANYTHING,
    historyServerOptions=ANYTHING,
    networkPolicy=ANYTHING,
    tlsOptions=ANYTHING,
    upgradeStrategy=ANYTHING,
    managedBy=TEXT,
    suspend=SWITCH,
)
JOB = fields(
    ("entrypoint", "rayClusterSpec"),
    entrypoint=TEXT,
    rayClusterSpec=CLUSTER,
    submissionMode={"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"]},
    submitterPodTemplate=TEMPLATE,
    submitterConfig=fields((), backoffLimit=COUNT),
    backoffLimit=COUNT,
    activeDeadlineSeconds=POSITIVE,
    preRunningDeadlineSeconds=POSITIVE,
    shutdownAfterJobFinishes=SWITCH,
    ttlSecondsAfterFinished=COUNT,
    deletionStrategy=ANYTHING,
    entrypointNumCpus=NUMBER,
    entrypointNumGpus=NUMBER,
    entrypointResources=TEXT,
    runtimeEnvYAML=TEXT,
    metadata=TEXTS,
    clusterSelector=TEXTS,
    jobId=TEXT,
    managedBy=TEXT,
    suspend=SWITCH,
)
RAYJOB = fields(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata=fields(("name",), name=NAME, namespace=NAME, labels=TEXTS, annotations=TEXTS),
    spec=JOB,
)


def groups(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The head group and the worker groups."""
    cluster = job["spec"]["rayClusterSpec"]
    return [cluster["headGroupSpec"], *cluster.get("workerGroupSpecs", [])]


def problems(job: dict[str, Any]) -> list[str]:
    """What is wrong with a RayJob: its own fields, what KubeRay requires of them together, and its pods."""
    wrong = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(RAYJOB).iter_errors(job)]
    if wrong:
        return wrong
    spec = job["spec"]
    if spec.get("ttlSecondsAfterFinished") and not spec.get("shutdownAfterJobFinishes"):
        wrong.append("ttlSecondsAfterFinished works only with shutdownAfterJobFinishes")
    workers = groups(job)[1:]
    if len({group["groupName"] for group in workers}) < len(workers):
        wrong.append("two worker groups have one name")
    for group in workers:
        if not group.get("minReplicas", 0) <= group.get("replicas", 0) <= group.get("maxReplicas", 2**31 - 1):
            wrong.append(f"the replicas of {group['groupName']} are not between minReplicas and maxReplicas")
    return wrong or kubernetes(pods(job))


def pods(job: dict[str, Any]) -> dict[str, Any]:
    """The pod templates of a RayJob as a list of pods, which Kubernetes has a schema for."""
    items = [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, **group["template"]} for group in groups(job)]
    return {"apiVersion": "v1", "kind": "PodList", "items": items}


def kubernetes(resource: dict[str, Any]) -> list[str]:
    """What Kubernetes' own schema finds wrong with a resource; unknown fields too."""
    try:
        kubernetes_validate.validate(resource, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{error.json_path}: {error.message}"]
    return []
