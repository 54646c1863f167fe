"""What an alert rule is, and how a file of them is written: the form that Prometheus reads."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

SELECTOR = "<selector>"
"""Stands in an expression for the matchers that pick out sentinel's targets."""
_WIDTH = 110

Severity = Literal["critical", "warning", "info"]
Dashboard = Literal["sentinel-model", "sentinel-daemon"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One alert.

    Attributes
    ----------
    name : str
        Also the name of its runbook.
    expr : str
        PromQL with ``<selector>`` in every selector.
    hold_for : str
        A Prometheus duration; empty where the daemon has decided already.
    severity : str or None
        None where the series brings it.
    summary : str
        One static sentence, the same for every instance of the alert.
    description : str
        A template: what moved, by how much, against which estimate, where, how sure, what else it could be.
    dashboard : str
        Where to look.
    """

    name: str
    expr: str
    hold_for: str = ""
    severity: Severity | None = None
    summary: str
    description: str
    dashboard: Dashboard


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are evaluated together."""

    name: str
    rules: tuple[AlertRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions:
    """What differs from one installation to the next.

    Attributes
    ----------
    selector : str
        Matchers of sentinel's targets; the labels of a scrape are the operator's.
    runbooks : str
        Address of the folder ``docs/runbooks``, without a slash at the end.
    dashboards : str
        Address under which Grafana shows a dashboard by its uid, without a slash at the end.
    """

    selector: str = 'job="sentinel"'
    runbooks: str = "https://sentinel.example.com/runbooks"
    dashboards: str = "https://grafana.example.com/d"


_HEADER = """\
# Alert rules of sentinel, printed by `sentinel rules`; do not edit.
# Other targets, runbooks or dashboards: `sentinel rules --selector ... --runbooks ... --dashboards ...`.
---
groups:
"""
_QUERY_MODEL = "?var-model={{ $labels.model | urlquery }}&var-version={{ $labels.version | urlquery }}"


def rule_annotations(rule: AlertRule, options: RuleOptions) -> dict[str, str]:
    """What a notification carries besides its labels."""
    query = _QUERY_MODEL if rule.dashboard == "sentinel-model" else ""
    return {
        "summary": rule.summary,
        "description": rule.description,
        "runbook_url": f"{options.runbooks}/{rule.name}.md",
        "dashboard_url": f"{options.dashboards}/{rule.dashboard}{query}",
    }


def expression(rule: AlertRule, options: RuleOptions) -> str:
    """The rule's PromQL for these targets."""
    return rule.expr.replace(SELECTOR, options.selector)


def to_yaml(groups: Sequence[RuleGroup], options: RuleOptions) -> str:
    """A rule file.

    Written by hand: it stays readable, and no library of the daemon's depends on it.
    """
    lines: list[str] = []
    for group in groups:
        lines += [f"  - name: {group.name}", "    rules:"]
        for rule in group.rules:
            lines += _rule_lines(rule, options)
    return _HEADER + "\n".join(lines) + "\n"


def _rule_lines(rule: AlertRule, options: RuleOptions) -> Iterator[str]:
    yield f"      - alert: {rule.name}"
    yield "        expr: |-"
    yield from textwrap.indent(expression(rule, options), " " * 10).splitlines()
    if rule.hold_for:
        yield f"        for: {rule.hold_for}"
    if rule.severity:
        yield "        labels:"
        yield f"          severity: {rule.severity}"
    yield "        annotations:"
    for key, text in rule_annotations(rule, options).items():
        if len(text) + len(key) + 14 <= _WIDTH:
            yield f"          {key}: {json.dumps(text)}"
        else:
            yield f"          {key}: >-"
            # Folding turns each line end back into the one space that stood there.
            wrapped = textwrap.wrap(text, _WIDTH - 12, break_long_words=False, break_on_hyphens=False)
            yield from (" " * 12 + line for line in wrapped)
