"""The example of Alertmanager: who is told what, and which alert makes which other silent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sentinel.exposition.alerts import ALERTS
from sentinel.exposition.metrics.models.verdict import ALERT_ACTIVE
from sentinel.exposition.model_alerts import DECIDED
from tests.support.prometheus import check_with

FILE = Path(__file__).parents[2] / "deploy/alertmanager/alertmanager.yml"
INHIBITIONS: list[dict[str, Any]] = yaml.safe_load(FILE.read_text())["inhibit_rules"]
NAMES = [rule.name for rule in ALERTS]
Labels = dict[str, str]


def silenced(source: Labels, target: Labels) -> bool:
    """Whether a firing source makes the target silent: Alertmanager's own rule, missing labels being empty."""

    def matched(matchers: list[str], labels: Labels) -> bool:
        return all(_holds(matcher, labels) for matcher in matchers)

    return any(
        matched(rule["source_matchers"], source)
        and matched(rule["target_matchers"], target)
        and all(source.get(label, "") == target.get(label, "") for label in rule["equal"])
        for rule in INHIBITIONS
    )


def _holds(matcher: str, labels: Labels) -> bool:
    parts = re.fullmatch(r'(\w+)(=~|!=|=)"([^"]*)"', matcher)
    assert parts is not None
    name, operator, value = parts.groups()
    found = labels.get(name, "")
    return bool(re.fullmatch(value, found)) if operator == "=~" else (found == value) == (operator == "=")


def model_alert(name: str, severity: str, **labels: str) -> Labels:
    """The labels of an alert about a model, as the rules leave them."""
    own = {"model": "churn", "version": "7", "metric": "auc", "slice": "all"}
    return {"alertname": name, "severity": severity, "job": "sentinel", **own, **labels}


def daemon_alert(name: str, component: str = "collector") -> Labels:
    """The labels of a warning about the processes of a component."""
    return {"alertname": name, "severity": "warning", "job": "sentinel", "component": component}


LEAK, GAP, SLICE, QUALITY, DRIFT = (
    "SentinelLeakageSuspected",
    "SentinelOfflineOnlineGap",
    "SentinelSliceGap",
    "SentinelDataQuality",
    "SentinelDrift",
)
SOURCE = {"alertname": "SentinelSourceFailing", "severity": "critical", "job": "sentinel", "component": "collector"}
DOWN = {"alertname": "SentinelDown", "severity": "critical", "job": "sentinel"}


@pytest.mark.servers
def test_amtool_accepts_the_example(prometheus_programs: None) -> None:
    """The example is valid."""
    assert "SUCCESS" in check_with("amtool", "check-config", str(FILE))


@pytest.mark.servers
@pytest.mark.parametrize(
    ("receiver", "labels"),
    [
        ("models-page", ["alertname=SentinelLeakageSuspected", "severity=critical", "model=churn"]),
        ("models-tickets", ["alertname=SentinelSliceGap", "severity=warning", "model=churn"]),
        ("ignore", ["alertname=SentinelSliceGap", "severity=info", "model=churn"]),
        ("risk-page", ["alertname=SentinelLeakageSuspected", "severity=critical", "model=fraud-cards"]),
        ("risk-tickets", ["alertname=SentinelBaselineStale", "severity=warning", "model=fraud-cards"]),
        ("platform-page", ["alertname=SentinelDown", "severity=critical", "job=sentinel"]),
        ("platform-tickets", ["alertname=SentinelDown", "severity=warning", "job=sentinel", "instance=a:1"]),
        ("ignore", ["alertname=SomebodyElses", "severity=critical"]),
    ],
)
def test_an_alert_goes_to_its_owner(prometheus_programs: None, receiver: str, labels: list[str]) -> None:
    """By team and severity: `amtool config routes test` names the one receiver."""
    flags = (f"--config.file={FILE}", f"--verify.receivers={receiver}")
    assert check_with("amtool", "config", "routes", "test", *flags, *labels).splitlines()[0] == receiver


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (model_alert(LEAK, "critical"), model_alert(GAP, "critical")),
        (model_alert(LEAK, "critical"), model_alert(SLICE, "warning", slice="region=EU")),
        (model_alert(LEAK, "warning"), model_alert(GAP, "warning")),
        (model_alert(GAP, "warning"), model_alert(SLICE, "warning", slice="region=EU")),
        (model_alert(QUALITY, "warning", metric=""), model_alert(LEAK, "warning")),
        (model_alert(QUALITY, "warning", metric=""), model_alert(DRIFT, "info", metric="")),
        (model_alert(SLICE, "warning"), model_alert(SLICE, "info")),
        (DOWN, model_alert(LEAK, "critical")),
        (DOWN, {"alertname": "SentinelStalled", "severity": "critical", "job": "sentinel", "instance": "a:1"}),
        (SOURCE, daemon_alert("SentinelConsumerLag")),
        (SOURCE, daemon_alert("SentinelLedgerFailing")),
        (SOURCE, daemon_alert("SentinelOutputFailing")),
    ],
)
def test_a_cause_silences_its_symptom(source: Labels, target: Labels) -> None:
    """And never the other way round, so that one of the two is always told."""
    assert silenced(source, target)
    assert not silenced(target, source)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (model_alert(LEAK, "warning"), model_alert(GAP, "critical")),
        (model_alert(QUALITY, "warning", metric=""), model_alert(LEAK, "critical")),
        (model_alert(LEAK, "critical"), model_alert(GAP, "critical", version="8")),
        (model_alert(LEAK, "critical", namespace="staging"), model_alert(GAP, "critical", namespace="production")),
        ({**DOWN, "severity": "warning", "instance": "a:1"}, model_alert(LEAK, "critical")),
        (DOWN, {**DOWN, "job": "other"}),
        (model_alert(GAP, "critical"), model_alert(LEAK, "critical")),
        (SOURCE, daemon_alert("SentinelConsumerLag", component="evaluator")),
        (SOURCE, daemon_alert("SentinelEventsMissed")),
    ],
)
def test_what_must_be_told_is_told(source: Labels, target: Labels) -> None:
    """A page behind a warning, another version or installation, and the rest when one replica of several is down."""
    assert not silenced(source, target)


def test_equal_labels_are_there_on_both_sides() -> None:
    """What an inhibition compares is a label of both alerts, or of their scrape; else it would compare nothing."""
    of_models = {*ALERT_ACTIVE.labels, "alertname", "job", "namespace", "component"} - {"alert", "cause"}
    of_daemon = {"severity", "alertname", "job", "namespace", "component"}
    decided = {rule.name for rule in DECIDED}
    for rule in INHIBITIONS:
        for side in ("source_matchers", "target_matchers"):
            pattern = next(m for m in rule[side] if m.startswith("alertname")).partition('"')[2].rstrip('"')
            named = {name for name in NAMES if re.fullmatch(pattern, name)}
            assert named
            if "alertname" in rule["equal"]:
                continue  # one alert with itself: its labels are those of both sides
            for name in named:
                assert set(rule["equal"]) <= (of_models if name in decided else of_daemon | {"model", "version"}), name
    written = re.findall(r"\bSentinel[A-Za-z]+", FILE.read_text())
    assert set(written) - {"Sentinel"} <= set(NAMES)
