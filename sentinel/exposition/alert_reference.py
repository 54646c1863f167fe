"""The reference of alerts and recording rules as Markdown: what this module prints is ``docs/reference/alerts.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from sentinel.exposition.alerts import ALERTS
from sentinel.exposition.records import RECORDS
from sentinel.exposition.rules import AlertRule, RecordRule, RuleOptions, expression

_INTRODUCTION = """\
# Alerts

What [deploy/prometheus/alerts.yaml](../../deploy/prometheus/alerts.yaml) holds. This page is generated from the rules
in the code; so are that file and the chart's PrometheusRule. `sentinel rules` prints the rules for other targets
(`--selector`), another place of the runbooks (`--runbooks`), or your Grafana (`--dashboards`).

- The daemon decides the alerts about models, since their thresholds belong to the model (`alerts` in its
  configuration), and exposes them as `sentinel_alert_active`. Where a severity depends on the evidence, the series
  brings it.
- *For* is how long the expression must hold, *keeps* how long the alert goes on after it has ended, which bridges a
  restart. That is `keep_firing_for`, which Prometheus knows from 2.42 on; the chart can leave it out.
- Every alert has `summary`, `description`, `runbook_url` and `dashboard_url`. The description asks Prometheus for the
  gap, its bounds, the verdict and the suspects at the moment it is sent.
- The alerts about models keep `job`, `namespace`, `model`, `version`, `metric`, `slice` and `severity`; the cause is in
  the description, so that an alert whose cause changes stays the same alert.
- [The example of Alertmanager](../../deploy/alertmanager/alertmanager.yml) routes them by owner and severity, and
  silences symptoms where their cause fires.

"""
_RECORDS = """
## Recording rules

One series for each model version or job, whatever the number of replicas: for dashboards and for queries of your own.

| Series | Says |
| --- | --- |
"""


def reference() -> str:
    """The page."""
    rules: tuple[AlertRule | RecordRule, ...] = (*ALERTS, *RECORDS)
    return _INTRODUCTION + "".join(
        [
            "| Alert | Severity | For | Keeps | Says |\n| --- | --- | --- | --- | --- |\n",
            *(_row(rule) for rule in ALERTS),
            _RECORDS,
            *(f"| `{rule.name}` | {rule.help} |\n" for rule in RECORDS),
            "\n## Expressions\n",
            *(line for rule in rules for line in _expression(rule)),
        ]
    )


def _row(rule: AlertRule) -> str:
    link = f"[{rule.name}](../runbooks/{rule.name}.md)"
    severities = " or ".join(rule.severities)
    cells = (link, severities, rule.hold_for or "at once", rule.keep_firing_for or "not", rule.summary)
    return f"| {' | '.join(cells)} |\n"


def _expression(rule: AlertRule | RecordRule) -> Iterator[str]:
    yield f"\n### {rule.name}\n\n```promql\n{expression(rule, RuleOptions())}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
