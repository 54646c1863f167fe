"""The alert rules: one source, readable by Prometheus, each with a runbook, a case that fires and one that does not."""

from __future__ import annotations

import ast
import inspect
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from sentinel import cli
from sentinel.diagnosis import conditions
from sentinel.exposition import alert_reference, reference
from sentinel.exposition.alerts import ALERTS, GROUPS
from sentinel.exposition.dashboards import BOARDS
from sentinel.exposition.declarations import METRICS
from sentinel.exposition.model_alerts import DECIDED
from sentinel.exposition.records import RECORDS
from sentinel.exposition.rules import RuleOptions, expression, rule_annotations, runbook_url, to_yaml
from tests.exposition.exposed import scraped
from tests.exposition.reports import full_report
from tests.support.prometheus import check_with

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/alerts.yaml"
CASES = sorted((ROOT / "deploy/prometheus/tests").glob("*.yaml"))
RUNBOOKS = ROOT / "docs/runbooks"
NAMES = [rule.name for rule in ALERTS]
TARGET_LABELS = {"job", "namespace"}  # of the scrape, not of the metric
CONTRACT = """
SentinelLeakageSuspected SentinelOfflineOnlineGap SentinelSliceGap SentinelPerformanceChanged SentinelTrainServeSkew
SentinelFutureFeature SentinelDrift SentinelDataQuality SentinelOutcomesMissing SentinelInsufficientEvidence
SentinelDown SentinelStalled SentinelConsumerLag SentinelDeadLetters SentinelCheckpointFailing
SentinelConfigReloadFailed SentinelBaselineStale SentinelSeriesDropped SentinelSourceFailing SentinelEventsMissed
SentinelIntakeFailing SentinelLedgerFailing SentinelOutputFailing
"""


def test_the_contract_is_kept() -> None:
    """Every promised alert is there, and none twice: receivers and silences match on the names."""
    assert sorted(set(CONTRACT.split()) - set(NAMES)) == []
    assert len(NAMES) == len(set(NAMES))


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
    read = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    recorded = [(rule["record"], rule["expr"]) for group in groups for rule in group["rules"] if "record" in rule]
    assert recorded == [(rule.name, expression(rule, options)) for rule in RECORDS]
    for rule, found in zip(ALERTS, read, strict=True):
        assert found["alert"] == rule.name
        assert found["expr"] == expression(rule, options)
        assert found["annotations"] == rule_annotations(rule, options)
        assert found.get("for", "") == rule.hold_for
        assert found.get("keep_firing_for", "") == rule.keep_firing_for
        assert found.get("labels", {}).get("severity") == rule.severity
        assert "<selector>" not in found["expr"]
        assert found["annotations"]["runbook_url"] == f"https://r.example/{rule.name}.md"


def test_the_address_of_a_runbook_may_be_a_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    """A folder has the file's name added; an address with {alert} in it is taken as it is."""
    assert runbook_url("https://r", NAMES[0]) == f"https://r/{NAMES[0]}.md"
    assert cli.main(["rules", "--runbooks", "https://wiki/{alert}?page=1"]) == 0
    rules = [rule for group in yaml.safe_load(capsys.readouterr().out)["groups"] for rule in group["rules"]]
    links = [rule["annotations"]["runbook_url"] for rule in rules if "alert" in rule]
    assert links == [f"https://wiki/{name}?page=1" for name in NAMES]


def test_a_link_sets_variables_that_the_dashboard_has() -> None:
    """Each variable of a link is one of its dashboard's, so that the dashboard opens on what the alert is about."""
    boards = {board.uid: {variable.name for variable in board.variables} for board in BOARDS}
    for rule in ALERTS:
        link = rule_annotations(rule, RuleOptions())["dashboard_url"]
        asked = set(re.findall(r"[?&]var-(\w+)=", link))
        assert asked <= boards[rule.dashboard]
        assert ({"model", "version"} <= asked) == (rule.dashboard != "sentinel-daemon")
    assert "slice" in boards["sentinel-slices"]


def test_recording_rules_keep_the_convention() -> None:
    """`level:metric:operations` with a declared metric, a sentence of help, and no label of a replica left."""
    declared = {metric.name.removesuffix("_total") for metric in METRICS} | {"sentinel_baseline_age_seconds"}
    for rule in RECORDS:
        level, metric, operations = rule.name.split(":")
        assert metric in declared
        assert level == "job" or level.startswith(("job_", "model_version"))
        assert operations
        assert rule.help.endswith(".")
        for kept in re.findall(r"without \(([^)]*)\)", rule.expr):
            assert kept.startswith(("instance, pod", "topic, partition", "metric, slice, cause"))
    assert len({rule.name for rule in RECORDS}) == len(RECORDS)


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
    asked = set(re.findall(r"(?<!:)\bsentinel_[a-z_]+", text))
    assert asked
    assert asked <= names
    declared = {metric.name: set(metric.labels) for metric in METRICS}
    for name, matchers in re.findall(r"\b(sentinel_[a-z_]+)\{([^}]*)\}", text):
        family = name if name in declared else re.sub("_(sum|count|bucket)$", "", name)
        assert set(re.findall(r"(\w+)=", matchers)) - TARGET_LABELS <= declared[family]


def test_every_alert_that_the_daemon_decides_reads_its_own_series() -> None:
    """The name in the expression is the alert's own: a copy that was not adapted would fire for another."""
    for rule in DECIDED:
        assert f'alert="{rule.name}"' in rule.expr


def test_severities_are_those_that_the_code_gives() -> None:
    """Of an alert of the daemon, what the conditions may choose; of the others, their own label."""
    given: dict[str, set[str]] = defaultdict(set)
    module = ast.parse(inspect.getsource(conditions))
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    for call in ast.walk(module):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Condition":
            values = {word.arg: word.value for word in call.keywords}
            name = values["name"]
            assert isinstance(name, ast.Constant)
            given[str(name.value)] |= _choices(values["severity"], functions)
    assert {rule.name: set(rule.severities) for rule in DECIDED} == dict(given)
    for rule in ALERTS:
        assert (rule.severity is None) == (rule in DECIDED)
        if rule.severity is not None:
            assert set(re.findall(r"critical|warning|info", rule.severity)) == set(rule.severities)


def _choices(severity: ast.expr, functions: dict[str, ast.FunctionDef]) -> set[str]:
    """The constants that an expression may give: of a choice both sides, of a function what it returns."""
    if isinstance(severity, ast.IfExp):
        return _choices(severity.body, functions) | _choices(severity.orelse, functions)
    if isinstance(severity, ast.Call):
        function = functions[getattr(severity.func, "id", "")]
        returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]
        return set().union(*(_choices(value, functions) for value in returned))
    assert isinstance(severity, ast.Constant)
    return {str(severity.value)}


def test_every_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    """Per alert, promtool's files expect it somewhere and expect its absence elsewhere."""
    found: dict[str, set[bool]] = defaultdict(set)
    for file in CASES:
        for case in yaml.safe_load(file.read_text())["tests"]:
            for expected in case.get("alert_rule_test", []):
                found[expected["alertname"]].add(bool(expected["exp_alerts"]))
    lacking = {name for name in NAMES if found[name] != {True, False}}
    assert sorted(lacking) == [], "deploy/prometheus/tests: no case in which it fires, or none in which it stays quiet"
    assert sorted(set(found) - set(NAMES)) == [], "deploy/prometheus/tests: cases of alerts that are not there"


def test_every_recording_rule_has_a_case() -> None:
    """Per recording rule, promtool's files expect a value of it."""
    tests = [case for file in CASES for case in yaml.safe_load(file.read_text())["tests"]]
    asked = {each["expr"].partition("{")[0] for case in tests for each in case.get("promql_expr_test", [])}
    assert asked == {rule.name for rule in RECORDS}


@pytest.mark.servers
def test_promtool_accepts_the_rules(prometheus_programs: None) -> None:
    """Syntax, templates and lint: nothing to complain about."""
    assert f"SUCCESS: {len(ALERTS) + len(RECORDS)} rules found" in check_with(
        "promtool", "check", "rules", "--lint=all", "--lint-fatal", str(RULES)
    )


@pytest.mark.servers
@pytest.mark.parametrize("file", CASES, ids=[file.stem for file in CASES])
def test_promtool_runs_the_cases(prometheus_programs: None, file: Path) -> None:
    """Every alert fires, with its exact words, and stays quiet as the cases say."""
    assert "SUCCESS" in check_with("promtool", "test", "rules", str(file))


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    """The link in a notification at three in the morning leads somewhere."""
    there = {file.stem for file in RUNBOOKS.glob("Sentinel*.md")}
    assert sorted(set(NAMES) - there) == [], "no page of that name in docs/runbooks"
    assert sorted(there - set(NAMES)) == [], "a page in docs/runbooks, but no alert"


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_has_its_four_sections_and_asks_for_what_exists(name: str) -> None:
    """Meaning, impact, diagnosis, mitigation in this order; metrics, commands and paths in it are real."""
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
    declared = {metric.name for metric in METRICS}
    asked = set(re.findall(r"\bsentinel_[a-z_]+", text))
    assert {name if name in declared else re.sub("_(sum|count|bucket)$", "", name) for name in asked} <= declared
    commands = {"run", "replay", "baseline", "explain", "check-config", "schema", "rules", "version", "demo"}
    commands.add("dead-letters")
    assert set(re.findall(r"^sentinel ([a-z-]+)", text, re.MULTILINE)) <= commands
    assert set(re.findall(r"\bSentinel[A-Z][A-Za-z]+", text)) <= set(NAMES)


def test_the_reference_is_current() -> None:
    """`make docs` was run after the last change: both pages are what their modules print."""
    page = (ROOT / "docs/reference/metrics.md").read_text()
    assert page == reference.reference()
    for metric in METRICS:
        assert f"| `{metric.name}` |" in page
    page = (ROOT / "docs/reference/alerts.md").read_text()
    assert page == alert_reference.reference()
    for name in (*NAMES, *(rule.name for rule in RECORDS)):
        assert f"### {name}\n\n```promql\n" in page
