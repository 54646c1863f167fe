"""The alert rules: one source, readable by Prometheus, each with a runbook, a case that fires and one that does not."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from sentinel import cli
from sentinel.exposition.alerts import ALERTS, GROUPS
from sentinel.exposition.declarations import METRICS
from sentinel.exposition.reference import reference
from sentinel.exposition.rules import RuleOptions, expression, rule_annotations, to_yaml
from tests.exposition.exposed import scraped
from tests.exposition.reports import full_report
from tests.support.prometheus import check_with

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/alerts.yaml"
CASES = sorted((ROOT / "deploy/prometheus/tests").glob("*.yaml"))
ALERTMANAGER = ROOT / "deploy/alertmanager/alertmanager.yml"
RUNBOOKS = ROOT / "docs/runbooks"
NAMES = [rule.name for rule in ALERTS]
DEFAULT = RuleOptions()


def test_the_checked_in_rules_are_those_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    """`sentinel rules > deploy/prometheus/alerts.yaml` was run after the last change."""
    assert cli.main(["rules", "--check", str(RULES)]) == 0
    assert cli.main(["rules"]) == 0
    assert capsys.readouterr().out == RULES.read_text()


def test_a_drifted_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1 and one line, for a changed file and for one that is not there."""
    changed = tmp_path / "alerts.yaml"
    changed.write_text(RULES.read_text() + "\n")
    assert cli.main(["rules", "--check", str(changed)]) == 1
    fault = f"sentinel: {changed} differs from the rules of this version; write it with `sentinel rules`\n"
    assert capsys.readouterr() == ("", fault)
    assert cli.main(["rules", "--check", str(tmp_path / "none.yaml")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_the_yaml_says_what_the_data_says() -> None:
    """Another YAML library reads back every expression and every text, folded lines included."""
    options = RuleOptions(selector='job=~"a|b",env="x"', runbooks="https://r.example", dashboards="https://d.example")
    groups = yaml.safe_load(to_yaml(GROUPS, options))["groups"]
    assert [group["name"] for group in groups] == [group.name for group in GROUPS]
    read = [rule for group in groups for rule in group["rules"]]
    for rule, found in zip(ALERTS, read, strict=True):
        assert found["alert"] == rule.name
        assert found["expr"] == expression(rule, options)
        assert found["annotations"] == rule_annotations(rule, options)
        assert found.get("for", "") == rule.hold_for
        assert found.get("labels", {}).get("severity") == rule.severity
        assert "<selector>" not in found["expr"]
        assert found["annotations"]["runbook_url"] == f"https://r.example/{rule.name}.md"


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_every_alert_says_what_it_must(rule: Any) -> None:
    """A static sentence as summary, a description with a fact from the labels and another explanation."""
    assert re.fullmatch(r"Sentinel[A-Za-z]+", rule.name)
    assert "{{" not in rule.summary
    assert rule.summary[0].isupper()
    assert rule.summary.endswith(".")
    assert "$labels." in rule.description
    assert re.search(r"\b(could|may)\b", rule.description)
    assert "<selector>" in rule.expr


def test_every_metric_in_the_rules_exists() -> None:
    """What expressions and descriptions ask for is in a rendered scrape with the labels that they match on."""
    names = {name for name, _ in scraped([full_report()])}
    text = RULES.read_text()
    asked = set(re.findall(r"\bsentinel_[a-z_]+", text))
    assert asked
    assert asked <= names
    declared = {metric.name: set(metric.labels) for metric in METRICS}
    for name, matchers in re.findall(r"\b(sentinel_[a-z_]+)\{([^}]*)\}", text):
        assert set(re.findall(r"(\w+)=", matchers)) - {"job"} <= declared[name]


def test_every_alert_that_the_daemon_decides_reads_its_own_series() -> None:
    """The name in the expression is the alert's own: a copy that was not adapted would fire for another."""
    for rule in GROUPS[0].rules:
        assert f'alert="{rule.name}"' in rule.expr


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    """Per alert, promtool's files expect it somewhere and expect its absence elsewhere."""
    found: dict[str, set[bool]] = defaultdict(set)
    for file in CASES:
        for case in yaml.safe_load(file.read_text())["tests"]:
            for expected in case["alert_rule_test"]:
                found[expected["alertname"]].add(bool(expected["exp_alerts"]))
    assert dict(found) == {name: {True, False} for name in NAMES}


@pytest.mark.servers
def test_promtool_accepts_the_rules(prometheus_programs: None) -> None:
    """Syntax, templates and lint: nothing to complain about."""
    assert f"SUCCESS: {len(ALERTS)} rules found" in check_with(
        "promtool", "check", "rules", "--lint=all", "--lint-fatal", str(RULES)
    )


@pytest.mark.servers
@pytest.mark.parametrize("file", CASES, ids=[file.stem for file in CASES])
def test_promtool_runs_the_cases(prometheus_programs: None, file: Path) -> None:
    """Every alert fires, with its exact words, and stays quiet as the cases say."""
    assert "SUCCESS" in check_with("promtool", "test", "rules", str(file))


@pytest.mark.servers
def test_amtool_accepts_the_example(prometheus_programs: None) -> None:
    """The example is valid, and sends each severity where it says."""
    check_with("amtool", "check-config", str(ALERTMANAGER))
    for severity, receiver in (("critical", "page"), ("warning", "ticket"), ("info", "ignore")):
        labels = ("alertname=SentinelSliceGap", f"severity={severity}", "model=churn")
        flags = (f"--config.file={ALERTMANAGER}", f"--verify.receivers={receiver}")
        check_with("amtool", "config", "routes", "test", *flags, *labels)


def test_data_faults_inhibit_warnings_of_leakage() -> None:
    """The example silences what broken input may explain, for one model version, and never what is critical."""
    rules = yaml.safe_load(ALERTMANAGER.read_text())["inhibit_rules"]
    (rule,) = [rule for rule in rules if rule["source_matchers"] == ['alertname="SentinelDataQuality"']]
    assert "SentinelLeakageSuspected" in rule["target_matchers"][0]
    assert 'severity!="critical"' in rule["target_matchers"]
    assert {"model", "version", "namespace"} <= set(rule["equal"])
    named = set(re.findall(r"Sentinel[A-Za-z]+", ALERTMANAGER.read_text()))
    assert named <= set(NAMES)


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    """The link in a notification at three in the morning leads somewhere."""
    assert sorted(file.stem for file in RUNBOOKS.glob("Sentinel*.md")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_has_its_four_sections_and_asks_for_what_exists(name: str) -> None:
    """Meaning, impact, diagnosis, mitigation in this order; metrics, commands and paths in it are real."""
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
    declared = {metric.name for metric in METRICS}
    assert {name.removesuffix("_bucket") for name in re.findall(r"\bsentinel_[a-z_]+", text)} <= declared
    commands = {"run", "replay", "baseline", "explain", "check-config", "schema", "rules", "version", "demo"}
    assert set(re.findall(r"^sentinel ([a-z-]+)", text, re.MULTILINE)) <= commands
    assert set(re.findall(r"\bSentinel[A-Z][A-Za-z]+", text)) <= set(NAMES)


def test_the_reference_is_current() -> None:
    """`python -m sentinel.exposition.reference > docs/reference/metrics.md` was run after the last change."""
    page = (ROOT / "docs/reference/metrics.md").read_text()
    assert page == reference()
    for metric in METRICS:
        assert f"| `{metric.name}` |" in page
