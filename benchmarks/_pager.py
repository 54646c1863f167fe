"""Who is told of a model's alerts: the daemon's own book of them, and what the example of Alertmanager sends on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from sentinel.config.times import rfc3339
from sentinel.diagnosis.alerts import QUIET, AlertBook
from sentinel.diagnosis.conditions import PATIENCE
from sentinel.diagnosis.report import Alert, Verdict
from sentinel.evaluation.findings import Evaluation

EXAMPLE: Final = Path(__file__).parents[1] / "deploy/alertmanager/alertmanager.yml"
LOOKS: Final = max(PATIENCE, QUIET)
"""Of the daemon, which looks whenever outcomes have come, between two of ours: enough to fire and to resolve."""
PAGE, TICKET = "critical", "warning"

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; a label that is not there is empty."""

    label: str
    operator: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Matcher:
        """Read ``label="value"`` and its likes.

        Examples
        --------
        >>> Matcher.parse('severity!="critical"').matches({"severity": "warning"})
        True
        """
        found = re.fullmatch(r'(\w+)(=~|!~|!=|=)"?(.*?)"?', text)
        if found is None:
            raise ValueError(f"no matcher: {text!r}")
        return cls(*found.groups())

    def matches(self, labels: Labels) -> bool:
        """Whether an alert with these labels is meant."""
        value = labels.get(self.label, "")
        agrees = value == self.value if self.operator in ("=", "!=") else re.fullmatch(self.value, value) is not None
        return agrees != self.operator.startswith("!")


@dataclass(frozen=True, slots=True)
class Inhibition:
    """What a source silences among alerts that share some labels with it."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]

    def silences(self, target: Labels, others: Sequence[Labels]) -> bool:
        """Whether one of the others silences the target."""
        if not all(matcher.matches(target) for matcher in self.target):
            return False
        is_source_too = all(matcher.matches(target) for matcher in self.source)
        return any(
            all(matcher.matches(source) for matcher in self.source)
            and all(source.get(name, "") == target.get(name, "") for name in self.equal)
            # What matches both sides of a rule is not silenced by what does too.
            and not (is_source_too and all(matcher.matches(source) for matcher in self.target))
            for source in others
        )


def inhibitions(file: Path = EXAMPLE) -> tuple[Inhibition, ...]:
    """The inhibitions of a configuration of Alertmanager."""
    read: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return tuple(
        Inhibition(_matchers(rule["source_matchers"]), _matchers(rule["target_matchers"]), tuple(rule["equal"]))
        for rule in read["inhibit_rules"]
    )


def _matchers(texts: Sequence[str]) -> tuple[Matcher, ...]:
    return tuple(Matcher.parse(text) for text in texts)


@dataclass(frozen=True, slots=True)
class Notice:
    """One page or one ticket."""

    name: str
    severity: str
    at_us: int
    n_outcomes: int
    summary: str


class Pager:
    """Follows one model version's alerts and notes every notification.

    A group of Alertmanager is an alert's name at a severity: further slices of it join the notification that stands,
    and a group that has ended and comes back is a new one.

    Parameters
    ----------
    rules : sequence of Inhibition
    """

    def __init__(self, rules: Sequence[Inhibition]) -> None:
        self.notices: list[Notice] = []
        self._rules = rules
        self._book = AlertBook()
        self._firing: set[tuple[str, str]] = set()

    @property
    def pages(self) -> frozenset[str]:
        """Names of the pages that stand."""
        return frozenset(name for name, severity in self._firing if severity == PAGE)

    def look(self, evaluation: Evaluation, verdict: Verdict, counts: Mapping[str, int], at_us: int) -> None:
        """One look, which stands for as many of the daemon as an alert needs to fire or to resolve."""
        for _ in range(LOOKS):
            # The daemon's looks saw new outcomes each; with nothing seen yet every look is news.
            self._book = replace(self._book, _seen={}).advance(evaluation, verdict, counts, rfc3339(at_us))
        told = {(alert.name, alert.severity): alert for alert in self._told()}
        for (name, severity), alert in told.items():
            if (name, severity) not in self._firing:
                self.notices.append(Notice(name, severity, at_us, counts.get("joined", 0), alert.summary))
        self._firing = set(told)

    def _told(self) -> Iterator[Alert]:
        active = [alert for alert in self._book.active if alert.severity in (PAGE, TICKET)]
        everything = [_labels(alert) for alert in self._book.active]
        for alert in active:
            mine = _labels(alert)
            if not any(rule.silences(mine, everything) for rule in self._rules):
                yield alert


def _labels(alert: Alert) -> Labels:
    """Those of the shipped rules, of one model version."""
    return {
        "alertname": alert.name,
        "severity": alert.severity,
        "model": "watched",
        "version": "1",
        "metric": alert.metric or "",
        "slice": alert.slice,
    }
