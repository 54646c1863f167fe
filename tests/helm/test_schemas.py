"""Every rendered object against the schemas of Kubernetes and of the operators."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.helm.chart import NAMES, Manifest, only, rendered
from tests.support import kubernetes, tools

NODE_MODULES = tools.ROOT / ".cache/custom-resources"
VALIDATE = Path(__file__).parent / "custom_resources/validate.mjs"
NEEDS = {"full": "1.27"}
"""Examples that use what older versions do not know: unhealthyPodEvictionPolicy came in 1.26, timeZone in 1.27."""
OPERATORS = ("monitoring.coreos.com/", "keda.sh/")


def is_custom(manifest: Manifest) -> bool:
    """Whether an operator's, not Kubernetes' own."""
    return str(manifest["apiVersion"]).startswith(OPERATORS)


def faults_of(manifests: list[Manifest]) -> list[str | None]:
    """What the operators' schemas have against each manifest; None for nothing."""
    node = tools.need("node", "custom resources are not checked")
    if not (NODE_MODULES / "node_modules").exists():
        tools.missing(f"no {NODE_MODULES.relative_to(tools.ROOT)}: custom resources are not checked (.ci/setup.sh)")
    done = subprocess.run(
        [node, str(VALIDATE), str(NODE_MODULES)],
        input=json.dumps(manifests), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [answer["fault"] for answer in json.loads(done.stdout)]


@pytest.mark.parametrize(
    ("name", "version"),
    [(n, v) for n in NAMES for v in kubernetes.VERSIONS if not kubernetes.is_older(v, NEEDS.get(n, v))],
)
def test_kubernetes_takes_every_object(name: str, version: str) -> None:
    """Strictly: an unknown field is an error too."""
    manifests = [each for each in rendered(name).values() if not is_custom(each)]
    assert kubernetes.faults(manifests, version) == []


def test_a_misspelt_field_is_found() -> None:
    """The check of this file fails where it should: a field that Kubernetes does not know is named."""
    service = json.loads(json.dumps(only(rendered("minimal"), "Service")))
    service["spec"]["publishNotReadyAddress"] = True
    (fault,) = kubernetes.faults([service], kubernetes.VERSIONS[-1])
    assert "publishNotReadyAddress" in fault


def test_the_operators_take_every_custom_resource() -> None:
    """ServiceMonitor, PodMonitor, PrometheusRule, ScaledObject and TriggerAuthentication keep their schemas."""
    manifests = [each for name in NAMES for each in rendered(name).values() if is_custom(each)]
    expected = {"ServiceMonitor", "PodMonitor", "PrometheusRule", "ScaledObject", "TriggerAuthentication"}
    assert {each["kind"] for each in manifests} == expected
    assert faults_of(manifests) == [None] * len(manifests)


@pytest.mark.parametrize(
    ("name", "kind", "place", "value", "fault"),
    [
        ("full", "ServiceMonitor", ("spec", "endpoints", 0, "interval"), "1 minute", "/spec/endpoints/0/interval"),
        ("full", "ServiceMonitor", ("spec", "endpoints", 0, "scrapetimeout"), "1s", ".spec.endpoints.0.scrapetimeout"),
        ("split", "PodMonitor", ("spec", "sampleLimit"), "many", "/spec/sampleLimit"),
        ("full", "PrometheusRule", ("spec", "groups", 0, "rules", 0, "for"), "soon", "/spec/groups/0/rules/0/for"),
        ("split", "ScaledObject", ("spec", "triggers", 0, "metadata", "lagThreshold"), 5, "lagThreshold"),
        ("split", "ScaledObject", ("spec", "minReplicas"), 1, ".spec.minReplicas"),
    ],
)
def test_a_wrong_custom_resource_is_found(
    name: str, kind: str, place: tuple[str | int, ...], value: object, fault: str
) -> None:
    """The check fails where it should: a wrong value, and a field that the operator does not know."""
    manifest = json.loads(json.dumps(only(rendered(name), kind)))
    *way, last = place
    target: Any = manifest
    for key in way:
        target = target[key]
    target[last] = value
    (found,) = faults_of([manifest])
    assert fault in str(found)
