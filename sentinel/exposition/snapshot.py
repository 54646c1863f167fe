"""Turns reports into time series, once per evaluation, within a budget: verdicts always, then the worst first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from sentinel.diagnosis.report import Report
from sentinel.evaluation.findings import FeatureFinding, Finding
from sentinel.exposition.labels import HEADLINE_SLICE
from sentinel.exposition.metric import Metric
from sentinel.exposition.metrics.models import OF_FEATURE, OF_REPORT, REPORT_METRICS
from sentinel.exposition.metrics.models.findings import FINDING_METRICS, OUTCOMES_BEHIND
from sentinel.exposition.rendering import Format, header
from sentinel.exposition.samples import KnownSample, known
from sentinel.exposition.selection import (
    COLLAPSE_MARGIN,
    EVIDENCE_MARGIN,
    Budget,
    Key,
    ModelKey,
    Room,
    choose,
)
from sentinel.exposition.snapshot_memory import OUTCOME_SIDES, Numbers, SnapshotMemory

DROP_REASONS = ("feature_budget", "slice_budget", "duplicate")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rendered series of one evaluation.

    Attributes
    ----------
    families : tuple of (Metric, str)
        The sample lines of each family that has any, in declared order. They read the same in both formats.
    n_series : int
    dropped : mapping of str to int
        Reason to series left out; every reason is there.
    """

    families: tuple[tuple[Metric, str], ...] = ()
    n_series: int = 0
    dropped: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(DROP_REASONS, 0))

    @property
    def n_dropped(self) -> int:
        """Series left out for whatever reason."""
        return sum(self.dropped.values())

    def render(self, form: Format) -> bytes:
        """The families as text, without the end mark of OpenMetrics."""
        parts = ((header(metric, form) + lines).encode() for metric, lines in self.families)
        return b"".join(parts)


class _Slice:
    """All findings of one slice: shown together or not at all, since half of them would mislead."""

    __slots__ = ("badness", "findings", "key", "n_offline", "n_online", "n_series", "name")

    def __init__(self, report: Report, name: str) -> None:
        self.key: Key = (report.model, report.version, name)
        self.name = name
        self.findings: list[tuple[str, Numbers]] = []
        self.n_offline = self.n_online = 0
        self.n_series = len(OUTCOME_SIDES)
        self.badness = -math.inf
        """The strongest evidence of a gap, of whichever metric; infinite while there is an alert of the slice."""

    def add(self, finding: Finding) -> None:
        """Add the finding of one more metric."""
        numbers = _numbers(finding)
        self.findings.append((finding.metric, numbers))
        self.n_series += len(numbers) - numbers.count(None)
        self.n_offline = max(self.n_offline, finding.offline.n)
        self.n_online = max(self.n_online, finding.online.n)
        if finding.log_evidence is not None and finding.log_evidence > self.badness:
            self.badness = finding.log_evidence


class _Feature:
    """All of one feature, shown together or not at all."""

    __slots__ = ("badness", "key", "n_series", "samples")

    def __init__(self, report: Report, feature: FeatureFinding) -> None:
        self.key: Key = (report.model, report.version, feature.name)
        self.samples = known(chain.from_iterable(read(report, feature) for read in OF_FEATURE))
        self.n_series = len(self.samples)
        collapse = feature.collapse
        self.badness = -math.inf if collapse is None or collapse != collapse else collapse


def build_snapshot(reports: Sequence[Report], budget: Budget, memory: SnapshotMemory) -> Snapshot:
    """Render reports.

    A value that is not there (not enough data, no finite number) has no sample; a cause that is not likely has one
    of 0.

    Parameters
    ----------
    reports : sequence of Report
        At most one per model version.
    budget : Budget
        Verdicts, alerts and what is known of all traffic are shown even beyond it. Half of the rest goes to the
        features that lost most, half to the slices with an alert and those with the most evidence of a gap, and what
        one half does not need to the other. What is cut is counted.
    memory : SnapshotMemory
        Kept from one snapshot to the next. Who was shown stays until another is clearly worse, so that evidence that
        trembles does not make series come and go.
    """
    memory.turn()
    page = _Page(memory)
    rooms: dict[ModelKey, int] = {}
    slices: list[_Slice] = []
    for report in reports:
        before = page.n_series
        for read in OF_REPORT:
            page.add(known(read(report)))
        for each in _slices(report):
            if each.name == HEADLINE_SLICE:
                page.add_slice(each)
            else:
                slices.append(each)
        rooms[report.model, report.version] = budget.per_model - (page.n_series - before)
    room = Room(budget.in_all - page.n_series, rooms)
    features = [_Feature(report, feature) for report in reports for feature in report.features]
    beside = room.beside(slices)
    chosen_features, n_left_out = choose(features, memory.shown_features, COLLAPSE_MARGIN, beside)
    page.dropped["feature_budget"] = n_left_out
    for feature in chosen_features:
        room.take(feature.key[:2], feature.n_series)
        page.add(feature.samples)
    chosen_slices, n_left_out = choose(slices, memory.shown_slices, EVIDENCE_MARGIN, room)
    page.dropped["slice_budget"] = n_left_out
    for each in chosen_slices:
        page.add_slice(each)
    memory.shown_features = frozenset(feature.key for feature in chosen_features)
    memory.shown_slices = frozenset(each.key for each in chosen_slices)
    return page.close()


class _Page:
    """Lines by family while a snapshot is built."""

    def __init__(self, memory: SnapshotMemory) -> None:
        self._memory = memory
        self._lines: dict[Metric, list[str]] = {metric: [] for metric in REPORT_METRICS}
        self._findings: list[list[str | None]] = []
        self._outcomes: list[list[str | None]] = []
        self.n_series = 0
        self.dropped = dict.fromkeys(DROP_REASONS, 0)

    def add(self, samples: Iterable[KnownSample]) -> None:
        """Add samples one by one."""
        for metric, values, value in samples:
            prefix = self._memory.prefix(metric.name, metric.labels, values)
            if prefix is None:
                self.dropped["duplicate"] += 1
                continue
            self._lines[metric].append(f"{prefix}{value}")
            self.n_series += 1

    def add_slice(self, each: _Slice) -> None:
        """Add all of a slice: slices are the bulk of a snapshot."""
        model, version, name = each.key
        n_outcomes = (each.n_offline, each.n_online)
        self._add_lines(self._outcomes, self._memory.outcomes.lines(each.key, n_outcomes), n_outcomes)
        for metric, numbers in each.findings:
            lines = self._memory.findings.lines((model, version, metric, name), numbers)
            self._add_lines(self._findings, lines, numbers)

    def _add_lines(self, rows: list[list[str | None]], lines: list[str | None] | None, numbers: Numbers) -> None:
        n_series = len(numbers) - numbers.count(None)
        if lines is None:
            self.dropped["duplicate"] += n_series
            return
        rows.append(lines)
        self.n_series += n_series

    def close(self) -> Snapshot:
        """The snapshot."""
        # Turned by the interpreter's own loops: these are nearly all lines.
        for metric, column in zip(FINDING_METRICS, zip(*self._findings, strict=True), strict=False):
            self._lines[metric].extend(filter(None, column))
        self._lines[OUTCOMES_BEHIND].extend(filter(None, chain.from_iterable(self._outcomes)))
        filled = tuple((metric, "\n".join(lines) + "\n") for metric, lines in self._lines.items() if lines)
        return Snapshot(filled, self.n_series, self.dropped)


def _slices(report: Report) -> list[_Slice]:
    found: dict[str, _Slice] = {}
    for finding in report.findings:
        each = found.get(finding.slice)
        if each is None:
            each = found[finding.slice] = _Slice(report, finding.slice)
        each.add(finding)
    for alert in report.alerts:
        if alert.resolved_at is None and alert.slice in found:
            found[alert.slice].badness = math.inf
    return list(found.values())


def _numbers(finding: Finding) -> Numbers:
    """The values in the order of ``FINDING_METRICS``; what is not finite is as absent as None."""
    offline, online, expected = finding.offline, finding.online, finding.expected
    numbers: Numbers = (
        *(offline.value, offline.lower, offline.upper),
        *(online.value, online.lower, online.upper),
        *((None, None, None) if expected is None else (expected.value, expected.lower, expected.upper)),
        *(finding.gap, finding.lower, finding.upper),
        *(finding.log_evidence, finding.minimum_detectable_gap),
    )
    return tuple([None if value is None or value - value != 0.0 else value for value in numbers])
