"""What the chart gives to Prometheus, Grafana and the scalers, and that `helm package` ships it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.chart import CHART, LINKS, helm, kinds, only, rendered
from tests.support import tools
from tests.support.prometheus import check_with


def alerts_of(spec: dict[str, Any]) -> list[str]:
    """The names of the alerts of a PrometheusRule."""
    return [rule["alert"] for group in spec["groups"] for rule in group["rules"] if "alert" in rule]


def test_rules_are_shipped_unchanged(tmp_path: Path) -> None:
    """They are those of the repository but for the addresses, and promtool takes them as rendered."""
    spec = only(rendered("full"), "PrometheusRule")["spec"]
    text = LINKS["files/alerts.yaml"].read_text(encoding="utf-8")
    text = text.replace("https://sentinel.example.com/runbooks", "https://runbooks.example.org/sentinel")
    text = text.replace("https://grafana.example.com/d", "https://grafana.example.org/d")
    assert spec == yaml.safe_load(text)
    assert "example.com" not in json.dumps(spec)
    tools.need("promtool", "the rendered rules are not checked")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec))
    assert "SUCCESS" in check_with("promtool", "check", "rules", str(tmp_path / "rules.yaml"))


def test_rules_can_be_left_out_added_and_told_to_an_old_prometheus() -> None:
    """What is disabled is gone and nothing else; a group of the values follows ours; a field of 2.42 can be dropped."""
    before = only(rendered("full"), "PrometheusRule")["spec"]
    own = {"name": "own", "rules": [{"alert": "Own", "expr": "vector(1)"}]}
    over = {
        "prometheusRule.disabled": ["SentinelDown", "SentinelDrift"],
        "prometheusRule.additionalGroups": [own],
        "prometheusRule.keepFiringFor": False,
    }
    after = only(rendered("full", over), "PrometheusRule")["spec"]
    assert set(alerts_of(before)) - set(alerts_of(after)) == {"SentinelDown", "SentinelDrift"}
    assert set(alerts_of(after)) - set(alerts_of(before)) == {"Own"}
    assert after["groups"][-1] == own
    kept = [rule for group in before["groups"] for rule in group["rules"] if rule.get("alert") in alerts_of(after)]
    for rule in kept:
        rule = {key: value for key, value in rule.items() if key != "keep_firing_for"}
        assert any(rule in group["rules"] for group in after["groups"]), rule["alert"]
    assert "keep_firing_for" not in json.dumps(after)


def test_dashboards_are_shipped_unchanged() -> None:
    """Each is a ConfigMap of its own, below the limit of 1 MiB, with the label that Grafana's sidecar looks for."""
    manifests = rendered("full")
    found = {
        next(iter(each["data"])): each
        for (kind, name), each in manifests.items()
        if kind == "ConfigMap" and name.endswith("-dashboard")
    }
    files = {file.name: file.read_text(encoding="utf-8") for file in LINKS["files/dashboards"].glob("*.json")}
    assert {name: each["data"][name] for name, each in found.items()} == files
    for each in found.values():
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert each["metadata"]["annotations"]["grafana_folder"] == "Models"
        assert each["metadata"]["namespace"] == "grafana"
        assert len(json.dumps(each)) < 2**20


@pytest.mark.parametrize(
    ("name", "kind", "place"),
    [("full", "ServiceMonitor", "endpoints"), ("split", "PodMonitor", "podMetricsEndpoints")],
)
def test_the_daemons_are_scraped_as_the_job_of_the_rules(name: str, kind: str, place: str) -> None:
    """The monitor selects what carries the daemons' labels, in their namespace, and sets the alerts' job."""
    manifests = rendered(name)
    monitor = only(manifests, kind)["spec"]
    (endpoint,) = monitor[place]
    job = {"action": "replace", "targetLabel": "job", "replacement": "sentinel"}
    component = {
        "action": "replace",
        "sourceLabels": ["__meta_kubernetes_pod_label_app_kubernetes_io_component"],
        "targetLabel": "component",
    }
    assert endpoint["relabelings"][:2] == [job, component]
    assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")
    assert monitor["namespaceSelector"] == {"matchNames": ["ml"]}
    (expression,) = monitor["selector"]["matchExpressions"]
    scraped = [
        each["metadata"]["labels"]["app.kubernetes.io/component"]
        for (of, _), each in manifests.items()
        if of in {"StatefulSet", "Deployment", "Service"}
    ]
    assert set(scraped) <= set(expression["values"])
    assert monitor["sampleLimit"] > 20_000  # the default of limits.max_series


def test_a_guarded_port_is_scraped_with_what_guards_it() -> None:
    """TLS and basic auth of the values reach the endpoint, whose scheme follows webConfig.tls."""
    (endpoint,) = only(rendered("kafka-tls"), "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["scheme"] == "https"
    assert endpoint["tlsConfig"]["serverName"] == "sentinel"
    assert endpoint["basicAuth"]["password"] == {"name": "scrape", "key": "password"}


def test_keda_follows_both_topics_and_logs_in_as_the_collectors_do() -> None:
    """One trigger a topic, of the configuration's group and brokers; user and authority from the same Secrets."""
    manifests = rendered("split")
    scaled = only(manifests, "ScaledObject")["spec"]
    assert scaled["scaleTargetRef"]["name"] == only(manifests, "StatefulSet")["metadata"]["name"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (1, 12)
    told = [trigger["metadata"] for trigger in scaled["triggers"]]
    assert [each["topic"] for each in told] == ["churn.predictions", "churn.outcomes"]
    assert told[0] == {
        "bootstrapServers": "kafka-0.kafka:9093,kafka-1.kafka:9093",
        "consumerGroup": "sentinel",
        "topic": "churn.predictions",
        "lagThreshold": "100000",
        "offsetResetPolicy": "earliest",
        "allowIdleConsumers": "false",
        "sasl": "scram_sha512",
        "tls": "enable",
    }
    authentication = only(manifests, "TriggerAuthentication")
    assert {trigger["authenticationRef"]["name"] for trigger in scaled["triggers"]} == {
        authentication["metadata"]["name"]
    }
    assert {each["parameter"]: each["key"] for each in authentication["spec"]["secretTargetRef"]} == {
        "username": "username",
        "password": "password",
        "ca": "ca.crt",
    }
    own = rendered("split", {"autoscaling.keda.authenticationRef": "mine"})
    assert "TriggerAuthentication" not in kinds(own)
    assert only(own, "ScaledObject")["spec"]["triggers"][0]["authenticationRef"] == {"name": "mine"}


def test_the_other_scaler_follows_the_cpu() -> None:
    """The HorizontalPodAutoscaler is of the collectors, and slow to take one away."""
    manifests = rendered("split-hpa")
    scaler = only(manifests, "HorizontalPodAutoscaler")["spec"]
    assert scaler["scaleTargetRef"]["name"] == only(manifests, "StatefulSet")["metadata"]["name"]
    assert scaler["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 600
    assert "ScaledObject" not in kinds(manifests)


def test_the_package_holds_real_files(tmp_path: Path) -> None:
    """`helm package` follows the links, so that a chart from a registry has rules and dashboards."""
    done = helm("package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("*.tgz")
    shutil.unpack_archive(package, tmp_path / "unpacked", filter="data")
    files = tmp_path / "unpacked/sentinel/files"
    assert (files / "alerts.yaml").read_text() == LINKS["files/alerts.yaml"].read_text()
    shipped = {file.name for file in (files / "dashboards").glob("*.json")}
    assert shipped == {file.name for file in LINKS["files/dashboards"].glob("*.json")}
    assert not any(file.is_symlink() for file in files.rglob("*"))
    assert not (tmp_path / "unpacked/sentinel/ci").exists()
