"""Real Prometheus, Alertmanager and webhook on a real scrape: what the operator will see."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sentinel.clock import SystemClock
from sentinel.exposition.alerts import GROUPS
from sentinel.exposition.records import RECORDS
from sentinel.exposition.rendering import label_value
from sentinel.exposition.rules import RuleOptions, to_yaml
from sentinel.summaries.kinds.delays import DELAY_EDGES_SECONDS
from tests.conftest import StartPrometheusStack
from tests.exposition.exposed import full_statistics, snapshot
from tests.exposition.reports import LEAKAGE_ALERT, finding, full_report, report
from tests.exposition.served import Served
from tests.exposition.test_scrape import HOSTILE_NAMES
from tests.support.process import PATIENCE_SECONDS, wait_until
from tests.support.prometheus import PrometheusStack, check_with

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[2]
Live = tuple[Served, PrometheusStack]


@pytest.fixture(scope="module")
def live(prometheus_stack: StartPrometheusStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A served application that everything is known of but no alert, scraped and judged every second."""
    rules = tmp_path_factory.mktemp("rules") / "alerts.yaml"
    rules.write_text(to_yaml(GROUPS, RuleOptions()))
    with Served(statistics=full_statistics()) as served:
        yield served, prometheus_stack({"sentinel": [served.address]}, [rules])


def test_prometheus_scrapes_and_answers(live: Live) -> None:
    """The target is up, nothing is lost on the way, and values come back as they were rendered."""
    served, stack = live
    prometheus = stack.prometheus
    served.reports = (full_report(),)

    def scraped() -> bool:  # this report alone: what other tests showed is gone one scrape later
        return {each["metric"]["model"] for each in prometheus.query("sentinel_gap")} == {"churn"}

    wait_until(scraped, PATIENCE_SECONDS, "a scrape with the report")
    assert [each["value"][1] for each in prometheus.query('up{job="sentinel"}')] == ["1"]
    (gap,) = prometheus.query('sentinel_gap{model="churn",version="7",metric="auc",slice="all"}')
    assert gap["value"][1] == "0.125"
    assert [each["value"][1] for each in prometheus.query("sum(sentinel_verdict)")] == ["1"]
    assert [each["value"][1] for each in prometheus.query("sum by (model) (sentinel_cause_probability_ratio)")] == ["1"]
    rendered = snapshot([full_report()]).n_series
    assert [each["value"][1] for each in prometheus.query("sentinel_series")] == [str(rendered)]
    stored = prometheus.query('count({__name__=~"sentinel_.*",model="churn"})')
    n_delays = len(DELAY_EDGES_SECONDS) + 1
    assert int(stored[0]["value"][1]) == rendered + n_delays + 1 + 1 + 3  # watermark, coverage, the baseline's age
    (delay,) = prometheus.query("histogram_quantile(0.9, sentinel_outcome_delay_seconds_bucket)")
    assert float(delay["value"][1]) == 2.0**24  # 100 of 111 lie above the last edge
    targets = prometheus.api("targets")["activeTargets"]
    assert [(target["health"], target["lastError"]) for target in targets] == [("up", "")]


def test_a_live_scrape_passes_the_linter(live: Live, tmp_path: Path) -> None:
    """`promtool check metrics` has nothing to say about what is served over HTTP."""
    served, _ = live
    served.reports = (full_report(),)
    file = tmp_path / "scrape.txt"
    file.write_bytes(served.ask("/metrics").body)
    assert check_with("sh", "-c", f"promtool check metrics < {file}").strip() == ""


def test_hostile_names_are_scraped_as_they_are(live: Live, tmp_path: Path) -> None:
    """Names of slices that look like the format itself neither break a scrape nor change on the way."""
    served, stack = live
    names = [*HOSTILE_NAMES, "nul=\0", "half=\udc80", "x" * 5_000]
    served.reports = (full_report(), report("hostile", findings=[finding(name) for name in names]))
    shown = {label_value(name) for name in names}
    file = tmp_path / "scrape.txt"
    file.write_bytes(served.ask("/metrics").body)
    assert check_with("sh", "-c", f"promtool check metrics < {file}").strip() == ""
    # Prometheus takes a label without a value for one that is not there.
    wait_until(
        lambda: len(stack.prometheus.query('sentinel_gap{model="hostile"}')) == len(names),
        PATIENCE_SECONDS,
        "all slices",
    )
    found = stack.prometheus.query('sentinel_gap{model="hostile"}')
    assert {each["metric"].get("slice", "") for each in found} == shown
    assert {each["value"][1] for each in found} == {"0.125"}


def test_every_query_of_the_runbooks_runs(live: Live) -> None:
    """Prometheus accepts each query that a runbook tells an operator to type."""
    _, stack = live
    queries = []
    for file in sorted((ROOT / "docs/runbooks").glob("*.md")):
        for block in re.findall(r"```promql\n(.*?)```", file.read_text(), re.DOTALL):
            # A query goes on where the next line is indented.
            queries += re.split(r"\n(?! )", block.strip())
    assert len(queries) > 30
    for query in queries:
        stack.prometheus.query(query.replace("MODEL", "churn").replace("VERSION", "7"))


def test_every_rule_is_healthy(live: Live) -> None:
    """A real Prometheus evaluates every rule on a real scrape without an error, and many record a series."""
    served, stack = live
    served.reports = (full_report(),)

    def evaluated() -> bool:
        groups = stack.prometheus.api("rules")["groups"]
        return all(rule["health"] != "unknown" for group in groups for rule in group["rules"])

    wait_until(evaluated, PATIENCE_SECONDS, "an evaluation of every rule")
    found = [rule for group in stack.prometheus.api("rules")["groups"] for rule in group["rules"]]
    assert sorted(rule["name"] for rule in found) == sorted(rule.name for group in GROUPS for rule in group.rules)
    assert [(rule["name"], rule.get("lastError", "")) for rule in found if rule["health"] != "ok"] == []
    # Shares of what was read need something to be read, and nothing is here.
    records = {rule.name for rule in RECORDS if "ratio_rate15m" not in rule.name}
    wait_until(lambda: all(map(stack.prometheus.query, records)), PATIENCE_SECONDS, "a series of each recording rule")


def test_an_alert_of_the_daemon_reaches_the_webhook(
    live: Live, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """From the report that holds the alert to the notification, with its words: a few seconds at intervals of one."""
    served, stack = live
    # A model of its own: the other tests' alert may be on its way.
    served.reports = (full_report(model="fraud"),)
    started = SystemClock().monotonic()

    def leakage(payload: dict[str, object]) -> bool:
        labels = payload["commonLabels"]
        wanted = {"alertname": LEAKAGE_ALERT.name, "model": "fraud"}
        return payload["status"] == "firing" and isinstance(labels, dict) and labels.items() >= wanted.items()

    notification = stack.webhook.wait_for(leakage, PATIENCE_SECONDS)
    seconds = notification.arrived_seconds - started
    record_testsuite_property("seconds_from_report_to_webhook", f"{seconds:.2f}")
    (alert,) = notification.payload["alerts"]
    assert alert["labels"]["severity"] == "critical"
    description = alert["annotations"]["description"]
    assert "in auc over slice all the gap is 0.125 (95 % bounds 0.062 to 0.188" in description
    assert "Likeliest cause: target_leakage (75% sure). Suspects: tenure_days 100%." in description
    assert "target_leakage 75%, concept_drift 25%" in description
    assert json.dumps(description).count("unknown") == 0
