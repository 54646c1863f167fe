"""What an alert rule and a recording rule are, and how a file of them is written: the form that Prometheus reads."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

SELECTOR = "<selector>"
"""Stands in an expression for the matchers that pick out sentinel's targets."""
ALERT = "{alert}"
"""Stands in the address of the runbooks for the name of the alert."""
_WIDTH = 110

Severity = Literal["critical", "warning", "info"]
Dashboard = Literal["sentinel-model", "sentinel-slices", "sentinel-features", "sentinel-data", "sentinel-daemon"]


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
    keep_firing_for : str
        A Prometheus duration for which the alert goes on after its expression has ended; empty for not at all.
    severities : tuple of Severity
        Those that it can have, the worst first.
    severity : str or None
        The label of that name, which may be a template. None where the series brings it.
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
    keep_firing_for: str = ""
    severities: tuple[Severity, ...]
    severity: str | None = None
    summary: str
    description: str
    dashboard: Dashboard


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRule:
    """One recording rule.

    Attributes
    ----------
    name : str
        ``level:metric:operations``: the labels that are left, the metric without ``sentinel`` cut off, what was done.
    expr : str
        PromQL with ``<selector>`` in every selector.
    help : str
        What the result says, in a sentence.
    """

    name: str
    expr: str
    help: str


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are evaluated together."""

    name: str
    rules: tuple[AlertRule | RecordRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions:
    """What differs from one installation to the next.

    Attributes
    ----------
    selector : str
        Matchers of sentinel's targets; the labels of a scrape are the operator's.
    runbooks : str
        Address of the folder ``docs/runbooks``, without a slash at the end; or the whole address of a runbook with
        ``{alert}`` where the alert's name belongs.
    dashboards : str
        Address under which Grafana shows a dashboard by its uid, without a slash at the end.
    """

    selector: str = 'job="sentinel"'
    runbooks: str = "https://sentinel.example.com/runbooks"
    dashboards: str = "https://grafana.example.com/d"


_HEADER = """\
# Alert and recording rules of sentinel, printed by `sentinel rules`; do not edit.
# Other targets, runbooks or dashboards: `sentinel rules --selector ... --runbooks ... --dashboards ...`.
---
groups:
"""
_VARIABLES: dict[Dashboard, tuple[str, ...]] = {
    "sentinel-model": ("model", "version", "metric"),
    "sentinel-slices": ("model", "version", "metric", "slice"),
    "sentinel-features": ("model", "version"),
    "sentinel-data": ("model", "version"),
    "sentinel-daemon": (),
}
"""What a link sets of each dashboard's variables. The first two are labels of every alert that links there."""


def rule_annotations(rule: AlertRule, options: RuleOptions) -> dict[str, str]:
    """What a notification carries besides its labels."""
    return {
        "summary": rule.summary,
        "description": rule.description,
        "runbook_url": runbook_url(options.runbooks, rule.name),
        "dashboard_url": f"{options.dashboards}/{rule.dashboard}{_query(rule.dashboard)}",
    }


def _query(dashboard: Dashboard) -> str:
    """Sets the variables from the labels; one that the alert lacks stays as the dashboard has it."""
    names = _VARIABLES[dashboard]
    always = "&".join(f"var-{name}={{{{ $labels.{name} | urlquery }}}}" for name in names[:2])
    sometimes = (f"{{{{ with $labels.{name} }}}}&var-{name}={{{{ . | urlquery }}}}{{{{ end }}}}" for name in names[2:])
    return f"?{always}{''.join(sometimes)}" if names else ""


def runbook_url(runbooks: str, alert: str) -> str:
    """Where the runbook of an alert is.

    Parameters
    ----------
    runbooks : str
        Address of the folder that holds them, or of one with ``{alert}`` in place of its name.
    alert : str

    Examples
    --------
    >>> runbook_url("https://wiki.example.org/?page={alert}", "SentinelDown")
    'https://wiki.example.org/?page=SentinelDown'
    >>> runbook_url("https://runbooks.example.org/", "SentinelDown")
    'https://runbooks.example.org/SentinelDown.md'
    """
    pattern = runbooks if ALERT in runbooks else f"{runbooks.rstrip('/')}/{ALERT}.md"
    return pattern.replace(ALERT, alert)


def expression(rule: AlertRule | RecordRule, options: RuleOptions) -> str:
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
            lines += _record_lines(rule, options) if isinstance(rule, RecordRule) else _alert_lines(rule, options)
    return _HEADER + "\n".join(lines) + "\n"


def _record_lines(rule: RecordRule, options: RuleOptions) -> Iterator[str]:
    yield from (f"      # {line}" for line in textwrap.wrap(rule.help, _WIDTH - 8))
    yield f"      - record: {rule.name}"
    yield from _expr_lines(rule, options)


def _alert_lines(rule: AlertRule, options: RuleOptions) -> Iterator[str]:
    yield f"      - alert: {rule.name}"
    yield from _expr_lines(rule, options)
    if rule.hold_for:
        yield f"        for: {rule.hold_for}"
    if rule.keep_firing_for:
        yield f"        keep_firing_for: {rule.keep_firing_for}"
    if rule.severity:
        yield "        labels:"
        yield f"          severity: {rule.severity if rule.severity.isalpha() else json.dumps(rule.severity)}"
    yield "        annotations:"
    for key, text in rule_annotations(rule, options).items():
        if len(text) + len(key) + 14 <= _WIDTH:
            yield f"          {key}: {json.dumps(text)}"
        else:
            yield f"          {key}: >-"
            # Folding turns each line end back into the one space that stood there.
            wrapped = textwrap.wrap(text, _WIDTH - 12, break_long_words=False, break_on_hyphens=False)
            yield from (" " * 12 + line for line in wrapped)


def _expr_lines(rule: AlertRule | RecordRule, options: RuleOptions) -> Iterator[str]:
    yield "        expr: |-"
    yield from textwrap.indent(expression(rule, options), " " * 10).splitlines()
