"""The plain manifests, as kustomize puts them together, and the configurations of Prometheus and Alertmanager."""

from __future__ import annotations

import json
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import sentinel
from sentinel import cli
from tests.helm import chart
from tests.support import kubernetes, tools
from tests.support.process import PATIENCE_SECONDS
from tests.support.prometheus import check_with

DEPLOY = tools.ROOT / "deploy"
OVERLAY = DEPLOY / "kustomize/overlays/example"
PROMETHEUS = DEPLOY / "prometheus/prometheus.yml"


@lru_cache(maxsize=1)
def built() -> dict[tuple[str, str], dict[str, Any]]:
    """The example overlay, by kind and name without the hash that kustomize adds to a ConfigMap's."""
    own = tools.find("kustomize")
    command = [own, "build"] if own else [tools.need("kubectl", "plain manifests are not built"), "kustomize"]
    done = subprocess.run([*command, OVERLAY], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    manifests = list(yaml.load_all(done.stdout, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    return {(each["kind"], each["metadata"]["name"]): each for each in manifests}


def pod() -> Any:
    """The pod of the StatefulSet."""
    return built()["StatefulSet", "sentinel"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", kubernetes.VERSIONS)
def test_kubernetes_takes_every_object(version: str) -> None:
    """Strictly: an unknown field is an error too."""
    assert kubernetes.faults(built().values(), version) == []


def test_everything_lies_in_one_restricted_namespace() -> None:
    """The namespace enforces the pod security standard `restricted`, and nothing is outside of it."""
    namespace = built()["Namespace", "sentinel"]["metadata"]
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {each["metadata"].get("namespace") for each in built().values() if each["kind"] != "Namespace"} == {
        "sentinel"
    }


def test_the_pod_is_the_charts() -> None:
    """Security, probes, arguments and resources are those that the chart renders; only the volumes' sources differ."""
    theirs = chart.only(chart.rendered("minimal"), "StatefulSet")["spec"]["template"]["spec"]
    for key in (
        "securityContext",
        "automountServiceAccountToken",
        "enableServiceLinks",
        "terminationGracePeriodSeconds",
    ):
        assert pod()[key] == theirs[key], key
    (container,), (other,) = pod()["containers"], theirs["containers"]
    for key in ("securityContext", "args", "env", "ports", "resources", *[key for key in other if "Probe" in key]):
        assert container[key] == other[key], key
    assert container["image"] == f"registry.example.com/sentinel:{sentinel.__version__}"
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts.items() >= {mount["name"]: mount["mountPath"] for mount in other["volumeMounts"]}.items()


def test_volumes_and_mounts_fit_together() -> None:
    """Each mount has its volume, and each ConfigMap that is named, with its hash, is made."""
    (container,) = pod()["containers"]
    claims = [each["metadata"]["name"] for each in built()["StatefulSet", "sentinel"]["spec"]["volumeClaimTemplates"]]
    volumes = {volume["name"]: volume for volume in pod()["volumes"]}
    assert sorted(mount["name"] for mount in container["volumeMounts"]) == sorted([*volumes, *claims])
    named = [volume["configMap"]["name"] for volume in volumes.values() if "configMap" in volume]
    assert len(named) == 2
    for name in named:
        assert ("ConfigMap", name) in built()
        assert name.rpartition("-")[0] in {"sentinel", "sentinel-baselines"}


def test_the_example_configuration_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sentinel check-config` takes it, once the secret is a file."""
    (tmp_path / "password").write_text("x")
    text = (OVERLAY / "sentinel.yaml").read_text().replace("/run/secrets/kafka", str(tmp_path))
    (tmp_path / "sentinel.yaml").write_text(text)
    monkeypatch.setenv("POD_NAME", "sentinel-0")
    assert cli.main(["check-config", str(tmp_path / "sentinel.yaml"), "--format", "json", "--show"]) == 0
    shown = json.loads(capsys.readouterr().out)["config"]
    assert shown["state"]["directory"] == "/var/lib/sentinel"
    assert shown["web"]["listen"] == "0.0.0.0:9469"


def test_rules_and_dashboards_have_one_source() -> None:
    """Their ConfigMaps hold the repository's files, all of them, and Grafana's sidecar finds the dashboards."""
    rules = built()["ConfigMap", "sentinel-alerts"]["data"]
    assert rules == {"alerts.yaml": (DEPLOY / "prometheus/alerts.yaml").read_text(encoding="utf-8")}
    boards = [each for (kind, name), each in built().items() if kind == "ConfigMap" and name.endswith("-dashboard")]
    files = {file.name: file.read_text(encoding="utf-8") for file in (tools.ROOT / "dashboards").glob("*.json")}
    assert {name: text for board in boards for name, text in board["data"].items()} == files
    assert {board["metadata"]["labels"]["grafana_dashboard"] for board in boards} == {"1"}


def test_prometheus_takes_its_configuration() -> None:
    """Promtool finds nothing, the rules beside it are loaded, and the job is the one that they look for."""
    settings = yaml.safe_load(PROMETHEUS.read_text(encoding="utf-8"))
    assert [PROMETHEUS.parent / file for file in settings["rule_files"]] == [DEPLOY / "prometheus/alerts.yaml"]
    assert "sentinel" in {job["job_name"] for job in settings["scrape_configs"]}
    tools.need("promtool", "the configuration of Prometheus is not checked")
    assert "SUCCESS: 1 rule files found" in check_with("promtool", "check", "config", str(PROMETHEUS))


def test_alertmanager_takes_its_configuration() -> None:
    """Amtool finds nothing."""
    tools.need("amtool", "the configuration of Alertmanager is not checked")
    assert "SUCCESS" in check_with("amtool", "check-config", str(DEPLOY / "alertmanager/alertmanager.yml"))
