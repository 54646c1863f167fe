"""The example of Alertmanager at work: real servers, several alerts that fire, and only their cause is told."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from sentinel.clock import SystemClock
from sentinel.diagnosis.report import Alert, Report
from sentinel.exposition.alerts import GROUPS
from sentinel.exposition.rules import RuleOptions, to_yaml
from tests.conftest import StartPrometheusStack
from tests.exposition.exposed import full_statistics
from tests.exposition.reports import LEAKAGE_ALERT, full_report
from tests.exposition.served import Served
from tests.support.process import PATIENCE_SECONDS, wait_until
from tests.support.prometheus import PrometheusStack

pytestmark = pytest.mark.servers

EXAMPLE = Path(__file__).parents[2] / "deploy/alertmanager/alertmanager.yml"
# A cause and its symptoms arrive within one evaluation; the example waits for 30 s.
GROUP_WAIT = "3s"
Live = tuple[Served, PrometheusStack]


def alert(name: str, severity: str, **changes: Any) -> Alert:
    """An alert of the daemon."""
    return msgspec.structs.replace(LEAKAGE_ALERT, name=name, severity=severity, **changes)


def judged(model: str, *alerts: Alert) -> Report:
    """A report with these alerts."""
    return msgspec.structs.replace(full_report(model=model), alerts=alerts)


def example() -> dict[str, Any]:
    """The example as it is, but quick, and with every receiver at the test's webhook under its own path."""
    config: dict[str, Any] = copy.deepcopy(yaml.safe_load(EXAMPLE.read_text()))
    config["route"] |= {"group_wait": GROUP_WAIT, "group_interval": "1s"}
    for receiver in config["receivers"]:
        for webhook in receiver.get("webhook_configs", []):
            webhook["url"] = f"WEBHOOK_URL{receiver['name']}"
    return config


@pytest.fixture(scope="module")
def live(prometheus_stack: StartPrometheusStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A served application, a Prometheus with the rules, and an Alertmanager as in the example."""
    rules = tmp_path_factory.mktemp("rules") / "alerts.yaml"
    rules.write_text(to_yaml(GROUPS, RuleOptions()))
    with Served(statistics=full_statistics()) as served:
        yield served, prometheus_stack({"sentinel": [served.address]}, [rules], example())


def told(stack: PrometheusStack, model: str) -> set[tuple[str, str]]:
    """Receiver and name of every alert about a model that was sent."""
    return {
        (each.payload["receiver"], one["labels"]["alertname"])
        for each in stack.webhook.notifications
        for one in each.payload["alerts"]
        if one["labels"].get("model") == model and one["status"] == "firing"
    }


def held(stack: PrometheusStack, model: str) -> dict[str, str]:
    """Alertmanager's own word on each alert about a model: active, or suppressed."""
    alerts = stack.alertmanager.alerts()
    return {
        each["labels"]["alertname"]: each["status"]["state"] for each in alerts if each["labels"].get("model") == model
    }


def test_a_cause_is_told_and_its_symptoms_are_not(
    live: Live, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """Of a leak, its gap and the gap of a slice, all firing, one notification goes out; of a gap alone, the gap."""
    served, stack = live
    started = SystemClock().monotonic()
    leak = alert("SentinelLeakageSuspected", "critical")
    gap = alert("SentinelOfflineOnlineGap", "critical")
    part = alert("SentinelSliceGap", "warning", slice="region=EU")
    quality = alert("SentinelDataQuality", "warning", metric=None)
    drift = alert("SentinelDrift", "warning", metric=None)
    suspected = alert("SentinelLeakageSuspected", "warning")
    served.reports = (judged("leaky", leak, gap, part), judged("broken", quality, drift, suspected))
    first = stack.webhook.wait_for(lambda payload: payload["commonLabels"].get("model") == "leaky", PATIENCE_SECONDS)
    record_testsuite_property("seconds_to_webhook_with_group_wait_3s", f"{first.arrived_seconds - started:.2f}")
    silent = {"SentinelOfflineOnlineGap": "suppressed", "SentinelSliceGap": "suppressed"}
    wait_until(
        lambda: held(stack, "leaky") == {"SentinelLeakageSuspected": "active", **silent},
        PATIENCE_SECONDS,
        "the symptoms suppressed",
    )
    # What is raised now is sent last: when it has come, whatever else was to be sent has come too.
    served.reports = (*served.reports, judged("fraud-cards", gap))
    stack.webhook.wait_for(lambda payload: payload["commonLabels"].get("model") == "fraud-cards", PATIENCE_SECONDS)
    assert told(stack, "leaky") == {("models-page", "SentinelLeakageSuspected")}
    assert told(stack, "broken") == {("models-tickets", "SentinelDataQuality")}
    assert told(stack, "fraud-cards") == {("risk-page", "SentinelOfflineOnlineGap")}
    assert held(stack, "broken") == {
        "SentinelDataQuality": "active",
        "SentinelDrift": "suppressed",
        "SentinelLeakageSuspected": "suppressed",
    }
