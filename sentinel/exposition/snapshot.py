"""Turns reports into time series, once per evaluation, within a budget: headlines first, then slices worst first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sentinel.diagnosis.report import Cause, Report
from sentinel.evaluation.findings import Drift, FeatureFinding, Finding, Value
from sentinel.exposition import declarations as d
from sentinel.exposition.declarations import Metric
from sentinel.exposition.rendering import Format, header, labels_text, number

DROP_REASONS = ("model_budget", "feature_budget", "slice_budget", "duplicate")
MAX_CULPRITS = 10  # a verdict that suspects more than ten names none
HEADLINE_SLICE = "all"
GAP_PARTS = ("slice_mix", "score_mix", "outcome", "label_selection")
SCORE = "@score"  # in the place of a feature's name

Sample = tuple[Metric, tuple[str, ...], float | None]
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

    def render(self, form: Format) -> bytes:
        """The families as text, without the end mark of OpenMetrics."""
        text = "".join(header(metric, form) + lines for metric, lines in self.families)
        return text.encode("utf-8", "replace")


class PrefixCache:
    """What stands before the number of a sample, escaped once. What one snapshot does not use, the next forgets."""

    def __init__(self) -> None:
        self._now: dict[tuple[str, tuple[str, ...]], str] = {}
        self._before: dict[tuple[str, tuple[str, ...]], str] = {}

    def turn(self) -> None:
        """Start a snapshot."""
        self._before, self._now = self._now, {}

    def prefix(self, name: str, labels: tuple[str, ...], values: tuple[str, ...]) -> str | None:
        """Name, labels and a space; None if this snapshot has had them already."""
        key = (name, values)
        if key in self._now:
            return None
        text = self._before.get(key)
        if text is None:
            text = f"{name}{labels_text(labels, values)} "
        self._now[key] = text
        return text

    def __len__(self) -> int:
        return len(self._now)


@dataclass(slots=True)
class _Slice:
    """All findings of one slice: shown together or not at all, since half of them would mislead."""

    report: Report
    name: str
    findings: list[tuple[Finding, Numbers]] = field(default_factory=list)
    n_series: int = 2  # the counts of outcomes behind both sides
    log_evidence: float = -float("inf")
    """The strongest evidence of a gap, of whichever metric."""

    def add(self, finding: Finding) -> None:
        """Add the finding of one more metric."""
        numbers = _numbers(finding)
        self.findings.append((finding, numbers))
        self.n_series += len(numbers) - numbers.count(None)
        if finding.log_evidence is not None and finding.log_evidence > self.log_evidence:
            self.log_evidence = finding.log_evidence


def build_snapshot(reports: Sequence[Report], max_series: int, cache: PrefixCache) -> Snapshot:
    """Render reports.

    A value that is not there (not enough data) has no sample; a cause that is not likely has one of 0.

    Parameters
    ----------
    reports : sequence of Report
        At most one per model version.
    max_series : int, >= 0
        What is cut is counted. Verdicts and headlines come first; half of the rest goes to the features that lost most,
        half to the slices with the most evidence of a gap, and what one half does not need to the other.
    cache : PrefixCache
        Kept from one snapshot to the next.
    """
    cache.turn()
    page = _Page(cache)
    for report in reports:
        page.add("model_budget", _model_samples(report), max_series)
        page.add("model_budget", _evidence_samples(report), max_series)
    slices = [each for report in reports for each in _slices(report)]
    for each in slices:
        if each.name == HEADLINE_SLICE:
            page.add_slice("model_budget", each, max_series)
    others = sorted(
        (each for each in slices if each.name != HEADLINE_SLICE),
        key=lambda each: (-each.log_evidence, each.report.model, each.report.version, each.name),
    )
    left = max_series - page.n_series
    feature_limit = page.n_series + max(left // 2, left - sum(each.n_series for each in others))
    for report, feature in _ranked_features(reports):
        page.add("feature_budget", _feature_samples(report, feature), feature_limit)
    for each in others:
        page.add_slice("slice_budget", each, max_series)
    return page.close()


class _Page:
    """Lines by family while a snapshot is built."""

    def __init__(self, cache: PrefixCache) -> None:
        self._cache = cache
        self._lines: dict[Metric, list[str]] = {metric: [] for metric in d.REPORT_METRICS}
        self._columns = [(self._lines[metric], metric.name) for metric in d.FINDING_METRICS]
        self.n_series = 0
        self.dropped = dict.fromkeys(DROP_REASONS, 0)

    def add(self, reason: str, samples: Iterable[Sample], limit: int) -> None:
        """Add samples one by one while there is room."""
        for metric, values, value in samples:
            if value is None or value != value:
                continue
            if self.n_series >= limit:
                self.dropped[reason] += 1
                continue
            prefix = self._cache.prefix(metric.name, metric.labels, values)
            if prefix is None:
                self.dropped["duplicate"] += 1
                continue
            self._lines[metric].append(prefix + number(value))
            self.n_series += 1

    def add_slice(self, reason: str, each: _Slice, limit: int) -> None:
        """Add a slice if there is room for all of it."""
        if self.n_series + each.n_series > limit:
            self.dropped[reason] += each.n_series
            return
        self.add(reason, _outcome_samples(each), limit)
        for finding, numbers in each.findings:
            key = (each.report.model, each.report.version, finding.metric, finding.slice)
            labels = self._cache.prefix("", d.FINDING, key)
            if labels is None:
                self.dropped["duplicate"] += len(numbers) - numbers.count(None)
            else:
                self._add_finding(labels, numbers)

    def _add_finding(self, labels: str, numbers: Numbers) -> None:
        # The bulk of a snapshot: one line per column, without a call where the number is finite.
        for (lines, name), value in zip(self._columns, numbers, strict=True):
            if value is not None:
                lines.append(f"{name}{labels}{value!s}" if value - value == 0.0 else f"{name}{labels}{number(value)}")
                self.n_series += 1

    def close(self) -> Snapshot:
        """The snapshot."""
        filled = tuple((metric, "\n".join(lines) + "\n") for metric, lines in self._lines.items() if lines)
        return Snapshot(filled, self.n_series, self.dropped)


def _slices(report: Report) -> list[_Slice]:
    found: dict[str, _Slice] = {}
    for finding in report.findings:
        each = found.get(finding.slice)
        if each is None:
            each = found[finding.slice] = _Slice(report, finding.slice)
        each.add(finding)
    return list(found.values())


def _numbers(finding: Finding) -> Numbers:
    """The values in the order of ``FINDING_METRICS``; NaN is as absent as None."""
    offline, online, expected = finding.offline, finding.online, finding.expected
    numbers: Numbers = (
        *(offline.value, offline.lower, offline.upper),
        *(online.value, online.lower, online.upper),
        *((None, None, None) if expected is None else (expected.value, expected.lower, expected.upper)),
        *(finding.gap, finding.lower, finding.upper),
        *(finding.log_evidence, finding.minimum_detectable_gap),
    )
    return tuple(None if value != value else value for value in numbers)


def _outcome_samples(each: _Slice) -> Iterator[Sample]:
    key = (each.report.model, each.report.version, each.name)
    yield d.OUTCOMES_BEHIND, (*key, "offline"), max(finding.offline.n for finding, _ in each.findings)
    yield d.OUTCOMES_BEHIND, (*key, "online"), max(finding.online.n for finding, _ in each.findings)


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
    heaviest = sorted(verdict.culprits, key=lambda culprit: -culprit.weight)[:MAX_CULPRITS]
    for culprit in heaviest:
        yield d.CULPRIT, (*key, culprit.kind, culprit.name), culprit.weight


def _evidence_samples(report: Report) -> Iterator[Sample]:
    """What bears on the cause, over all traffic."""
    key = (report.model, report.version)
    for finding in report.findings:
        if finding.slice == HEADLINE_SLICE:
            for part in GAP_PARTS:
                yield d.GAP_PART, (*key, finding.metric, part), getattr(finding.parts, part)
    if report.change is not None:
        for onset in ("none", "launch", "later"):
            yield d.ONSET_PROBABILITY, (*key, onset), getattr(report.change, onset)
    for repair in report.counterfactuals:
        yield d.EXPLAINED, (*key, repair.name), repair.explained
    for overlap in report.overlaps:
        yield d.OVERLAP, (*key, overlap.of, "offline"), overlap.offline_ratio
        yield d.OVERLAP, (*key, overlap.of, "online"), overlap.online_ratio
    if report.score_drift is not None:
        yield from _drift_samples((*key, SCORE), report.score_drift)


def _drift_samples(key: tuple[str, str, str], drift: Drift) -> Iterator[Sample]:
    yield d.DRIFT_STATISTIC, (*key, "stability_index"), drift.excess_psi
    for statistic in ("jensen_shannon", "wasserstein", "kolmogorov_smirnov", "log_evidence"):
        yield d.DRIFT_STATISTIC, (*key, statistic), getattr(drift, statistic)


def _ranked_features(reports: Sequence[Report]) -> list[tuple[Report, FeatureFinding]]:
    pairs = [(report, feature) for report in reports for feature in report.features]
    return sorted(pairs, key=lambda pair: -float("inf") if pair[1].collapse is None else pair[1].collapse, reverse=True)


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
    if feature.drift is not None:
        yield from _drift_samples(key, feature.drift)
