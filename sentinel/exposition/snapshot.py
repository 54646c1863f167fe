"""Turns reports into time series, once per evaluation, within a budget: verdicts always, then the worst first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from sentinel.diagnosis.report import Cause, Report, is_acknowledged
from sentinel.evaluation.findings import Drift, FeatureFinding, Finding, Value
from sentinel.exposition import model_declarations as d
from sentinel.exposition.metric import Metric
from sentinel.exposition.rendering import Format, header, labels_text
from sentinel.exposition.selection import (
    COLLAPSE_MARGIN,
    EVIDENCE_MARGIN,
    Budget,
    Key,
    ModelKey,
    Room,
    choose,
)

DROP_REASONS = ("feature_budget", "slice_budget", "duplicate")
MAX_CULPRITS = 10  # a verdict that suspects more than ten names none
HEADLINE_SLICE = "all"
GAP_PARTS = ("slice_mix", "score_mix", "outcome", "label_selection")
OUTCOME_SIDES = ("offline", "online")
SCORE = "@score"  # in the place of a feature's name

Sample = tuple[Metric, tuple[str, ...], float | None]
KnownSample = tuple[Metric, tuple[str, ...], float]
Numbers = tuple[float | None, ...]


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


class SnapshotMemory:
    """What one snapshot leaves to the next: text that need not be made again, and who was shown.

    What a snapshot does not use, the next forgets.
    """

    def __init__(self) -> None:
        self.shown_slices: frozenset[Key] = frozenset()
        self.shown_features: frozenset[Key] = frozenset()
        self._prefixes: dict[tuple[str, tuple[str, ...]], str] = {}
        self._prefixes_before = self._prefixes
        self.findings = _Rows(_finding_lines)
        self.outcomes = _Rows(_outcome_lines)

    def turn(self) -> None:
        """Start a snapshot."""
        self._prefixes_before, self._prefixes = self._prefixes, {}
        self.findings.turn()
        self.outcomes.turn()

    def prefix(self, name: str, labels: tuple[str, ...], values: tuple[str, ...]) -> str | None:
        """Name, labels and a space; None if this snapshot has had them already."""
        key = (name, values)
        if key in self._prefixes:
            return None
        text = self._prefixes_before.get(key)
        if text is None:
            text = f"{name}{labels_text(labels, values)} "
        self._prefixes[key] = text
        return text

    def __len__(self) -> int:
        return len(self._prefixes) + len(self.findings) + len(self.outcomes)


class _Rows:
    """The sample lines that slices have, by their labels."""

    def __init__(self, beginnings: Callable[[Iterable[str]], list[str]]) -> None:
        self._beginnings = beginnings
        self._now: dict[tuple[str, ...], _Row] = {}
        self._before = self._now

    def turn(self) -> None:
        """Start a snapshot."""
        self._before, self._now = self._now, {}

    def lines(self, labels: tuple[str, ...], numbers: Numbers) -> list[str | None] | None:
        """Lines with these numbers, None where there is no number; or None if this snapshot has had these labels."""
        if labels in self._now:
            return None
        row = self._before.get(labels)
        if row is None:
            row = _Row(self._beginnings(labels))
        self._now[labels] = row
        return row.show(numbers)

    def __len__(self) -> int:
        return len(self._now)


class _Row:
    """Lines that stand until their number changes: to write a number down is most of what a snapshot costs."""

    __slots__ = ("_beginnings", "_lines", "_numbers")

    def __init__(self, beginnings: list[str]) -> None:
        self._beginnings = beginnings
        self._numbers: Numbers = (None,) * len(beginnings)
        self._lines: list[str | None] = [None] * len(beginnings)

    def show(self, numbers: Numbers) -> list[str | None]:
        """The lines with these numbers."""
        if numbers != self._numbers:
            for n, (old, new) in enumerate(zip(self._numbers, numbers, strict=True)):
                if new != old:
                    self._lines[n] = None if new is None else f"{self._beginnings[n]}{new!s}"
            self._numbers = numbers
        return self._lines


def _finding_lines(labels: Iterable[str]) -> list[str]:
    text = labels_text(d.FINDING, tuple(labels))
    return [f"{metric.name}{text} " for metric in d.FINDING_METRICS]


def _outcome_lines(labels: Iterable[str]) -> list[str]:
    metric = d.OUTCOMES_BEHIND
    return [f"{metric.name}{labels_text(metric.labels, (*labels, side))} " for side in OUTCOME_SIDES]


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
        self.samples = _known(_feature_samples(report, feature))
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
        for samples in (_model_samples(report), _evidence_samples(report), _count_samples(report)):
            page.add(_known(samples))
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
        self._lines: dict[Metric, list[str]] = {metric: [] for metric in d.REPORT_METRICS}
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
        for metric, column in zip(d.FINDING_METRICS, zip(*self._findings, strict=True), strict=False):
            self._lines[metric].extend(filter(None, column))
        self._lines[d.OUTCOMES_BEHIND].extend(filter(None, chain.from_iterable(self._outcomes)))
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


def _known(samples: Iterable[Sample]) -> list[KnownSample]:
    return [(metric, values, value) for metric, values, value in samples if value is not None and math.isfinite(value)]


def _model_samples(report: Report) -> Iterator[Sample]:
    key, verdict = (report.model, report.version), report.verdict
    for alert in report.alerts:
        if alert.resolved_at is None:
            labels = (alert.name, alert.severity, alert.metric or "", alert.slice, alert.cause or "")
            yield d.ALERT_ACTIVE, (*key, *labels), 1
    for cause in Cause:
        yield d.VERDICT, (*key, cause), int(cause is verdict.cause)
        yield d.CAUSE_PROBABILITY, (*key, cause), verdict.probabilities.get(cause, 0.0)
    yield d.CONFIDENCE, key, verdict.confidence
    yield d.ACKNOWLEDGED, key, int(is_acknowledged(report))
    heaviest = sorted(verdict.culprits, key=lambda culprit: -culprit.weight)[:MAX_CULPRITS]
    for culprit in heaviest:
        yield d.CULPRIT, (*key, culprit.kind, culprit.name), culprit.weight


def _evidence_samples(report: Report) -> Iterator[Sample]:
    """What bears on the cause, over all traffic."""
    key = (report.model, report.version)
    for finding in report.findings:
        if finding.slice == HEADLINE_SLICE:
            for part in GAP_PARTS:
                labels = (*key, finding.metric, part)
                lower, upper = finding.parts.intervals.get(part, (None, None))
                yield d.GAP_PART, labels, getattr(finding.parts, part)
                yield d.GAP_PART_LOWER, labels, lower
                yield d.GAP_PART_UPPER, labels, upper
    if report.change is not None:
        for onset in ("none", "launch", "later"):
            yield d.ONSET_PROBABILITY, (*key, onset), getattr(report.change, onset)
    for repair in report.counterfactuals:
        yield d.EXPLAINED, (*key, repair.name), repair.explained
        yield d.CORRECTED_ESTIMATE, (*key, repair.name), repair.corrected.value
    if report.shift is not None:
        yield d.RECALIBRATION, (*key, "level"), report.shift.level
        yield d.RECALIBRATION, (*key, "slope"), report.shift.slope
    for overlap in report.overlaps:
        yield d.OVERLAP, (*key, overlap.of, "offline"), overlap.offline_ratio
        yield d.OVERLAP, (*key, overlap.of, "online"), overlap.online_ratio
    if report.score_drift is not None:
        yield from _drift_samples((*key, SCORE), report.score_drift)


def _count_samples(report: Report) -> Iterator[Sample]:
    """How many predictions and outcomes there are, and how late the outcomes come."""
    key, maturity = (report.model, report.version), report.maturity
    for result, n_events in report.counts.items():
        yield d.MODEL_EVENTS, (*key, result), n_events
    if maturity is not None:
        yield d.OUTCOME_MATURITY, key, maturity.seconds
        yield d.MATURE_PREDICTIONS, key, maturity.n_mature
        yield d.LOWEST_COVERAGE, key, maturity.lowest_coverage_ratio
        yield d.DELAY_CHANGE, key, maturity.delay_ratio


def _drift_samples(key: tuple[str, str, str], drift: Drift) -> Iterator[Sample]:
    yield d.DRIFT_STATISTIC, (*key, "stability_index"), drift.excess_psi
    for statistic in ("jensen_shannon", "wasserstein", "kolmogorov_smirnov", "log_evidence"):
        yield d.DRIFT_STATISTIC, (*key, statistic), getattr(drift, statistic)


def _feature_samples(report: Report, feature: FeatureFinding) -> Iterator[Sample]:
    key = (report.model, report.version, feature.name)
    sides: tuple[tuple[str, Value, float, float], ...] = (
        ("offline", feature.offline_auc, feature.offline_missing_ratio, feature.offline_top_share),
        ("online", feature.online_auc, feature.online_missing_ratio, feature.online_top_share),
    )
    for side, auc, missing_ratio, top_share in sides:
        yield d.FEATURE_AUC, (*key, side), auc.value
        yield d.FEATURE_MISSING, (*key, side), missing_ratio
        yield d.FEATURE_TOP_SHARE, (*key, side), top_share
    yield d.FEATURE_COLLAPSE, key, feature.collapse
    yield d.FEATURE_UNSEEN, key, feature.online_unseen_ratio
    for fault in feature.faults:
        if fault.until is None:
            yield d.FEATURE_FAULT, (*key, fault.kind), fault.ratio
    if feature.ages is not None:
        offline, online = feature.ages.offline_after_prediction_ratio, feature.ages.after_prediction_ratio
        yield d.FEATURE_TOO_LATE, (*key, "offline"), offline if feature.ages.offline_n else None
        yield d.FEATURE_TOO_LATE, (*key, "online"), online if feature.ages.n else None
    if feature.backfill is not None:
        yield d.FEATURE_BACKFILLED, key, feature.backfill.mismatch_ratio
    if feature.drift is not None:
        yield from _drift_samples(key, feature.drift)
