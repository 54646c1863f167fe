"""A baseline in words and tables, for people and for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from sentinel.audit.files.candidates import candidates_of
from sentinel.baseline.artifact import Baseline, BaselineMeta, OfflineEstimate
from sentinel.baseline.checks import feature_aucs
from sentinel.baseline.evidence import AuditEvidence
from sentinel.baseline.gap_scale import detectable_gap
from sentinel.config.alerts import Alerts
from sentinel.config.durations import Duration
from sentinel.config.times import rfc3339
from sentinel.stats.estimate import Estimate
from sentinel.summaries.layout import BIN_MISSING
from sentinel.summaries.metrics import METRICS

_MAX_ROWS = 40


def as_builtins(baseline: Baseline, alerts: Alerts) -> dict[str, Any]:
    """Everything but the counts, as plain values; the smallest gaps are those that a test by ``alerts`` can prove."""
    meta = msgspec.to_builtins(baseline.meta)
    for row, estimate in zip(meta["estimates"], baseline.meta.estimates, strict=True):
        row["minimum_detectable_gap"] = _smallest_gap(estimate, alerts)
    features = [
        {"name": name, "kind": kind, "auc": auc, "missing_ratio": missing}
        for name, kind, auc, missing in _features(baseline)
    ]
    return {
        "digest": baseline.digest,
        **meta,
        "features": features,
        "slices": [{"name": spec.name, "values": list(spec.values)} for spec in baseline.layout.slices],
        "layout": baseline.layout.describe(),
    }


def summary_lines(baseline: Baseline, alerts: Alerts) -> Iterator[str]:
    """The headline estimates and the checks."""
    yield from _table(("metric", "value", "95 % interval", "smallest gap", "outcomes"), _headline(baseline, alerts))
    yield (
        f"(smallest gap: that could ever be proven, with alerts of alpha {alerts.alpha:g}, tau {alerts.tau:g}, "
        f"tolerance {alerts.tolerance:g})"
    )
    yield ""
    yield from _checks(baseline)
    if baseline.meta.audit is not None:
        yield ""
        yield from _audit(baseline.meta.audit)


def lines(baseline: Baseline, alerts: Alerts) -> Iterator[str]:
    """The whole baseline, readable."""
    meta = baseline.meta
    yield f"baseline    {meta.model} {meta.version} ({meta.task}), {baseline.digest[:12]}"
    yield f"built       {meta.created_at} by {meta.generated_by}"
    yield from _origin(meta)
    awaited = Duration(meta.horizon_seconds).rounded()
    yield f"outcomes    {baseline.summary.n_outcomes:,}; {_delay(baseline)}; awaited {awaited}"
    yield ""
    yield from summary_lines(baseline, alerts)
    slices = [e for e in meta.estimates if e.metric == "auc" and e.slice != "all"]
    if slices:
        yield ""
        header = ("slice (worst AUC first)", "AUC", "95 % interval", "smallest gap", "outcomes")
        yield from _cut(_table(header, _slices(slices, alerts)))
    yield ""
    rows = [
        (name, kind, "-" if auc is None else f"{auc:.3f}", f"{missing:.1%}")
        for name, kind, auc, missing in _features(baseline)
    ]
    yield from _cut(_table(("feature (strongest first)", "kind", "AUC alone", "missing"), rows))
    for name, why in meta.ignored.items():
        yield f"not watched: {name} ({why})"


def _origin(meta: BaselineMeta) -> Iterator[str]:
    """Which rows these are: offline ones and how they were parted, or the live traffic that someone accepted."""
    rows = f"{meta.n_rows:,} rows{_period(meta.validation_start, meta.validation_end)}"
    promoted = meta.provenance
    if promoted is not None:
        span = f"{rfc3339(promoted.since_us, to_second=True)} to {rfc3339(promoted.until_us, to_second=True)}"
        yield f"live        {rows}"
        yield f"promoted    from the panes of {span} ({promoted.n_panes}), counted under {promoted.parent[:12]}"
        yield f"note        {promoted.note}"
        return
    yield f"validation  {rows}"
    known = meta.n_train_rows is not None
    yield f"training    {f'{meta.n_train_rows:,}{_period(meta.train_start, meta.train_end)}' if known else 'not given'}"
    yield f"split       {_split(meta.manifest)}"


def _smallest_gap(estimate: OfflineEstimate, alerts: Alerts) -> float | None:
    if estimate.value is None or estimate.variance is None:
        return None
    return detectable_gap(METRICS[estimate.metric], estimate.value, estimate.variance, alerts)


def _features(baseline: Baseline) -> list[tuple[str, str, float | None, float]]:
    """Name, kind, univariate AUC and share of missing values, strongest first."""
    offsets, counts = baseline.layout.feature_offsets, baseline.summary["features"]
    aucs = feature_aucs(baseline.summary)
    n = max(baseline.summary.n_predictions, 1)
    rows = []
    for j, feature in enumerate(baseline.layout.features):
        measured = aucs[feature.name]
        auc = measured.value if isinstance(measured, Estimate) else None
        rows.append((feature.name, str(feature.kind), auc, int(counts[offsets[j] + BIN_MISSING]) / n))
    return sorted(rows, key=lambda row: (-(row[2] or 0.0), row[0]))


def _headline(baseline: Baseline, alerts: Alerts) -> list[tuple[str, ...]]:
    return [_estimate_row(e.metric, e, alerts) for e in baseline.meta.estimates if e.slice == "all"]


def _slices(estimates: Sequence[OfflineEstimate], alerts: Alerts) -> list[tuple[str, ...]]:
    ordered = sorted(estimates, key=lambda e: (e.value is None, e.value or 0.0, e.slice))
    return [_estimate_row(e.slice, e, alerts) for e in ordered]


def _estimate_row(name: str, estimate: OfflineEstimate, alerts: Alerts) -> tuple[str, ...]:
    if estimate.value is None or estimate.lower is None or estimate.upper is None:
        return (name, "-", estimate.reason or "", "", f"{estimate.n:,}")
    gap = _smallest_gap(estimate, alerts)
    interval = f"{estimate.lower:.4f} to {estimate.upper:.4f}"
    return (name, f"{estimate.value:.4f}", interval, "" if gap is None else f"{gap:.4f}", f"{estimate.n:,}")


def _checks(baseline: Baseline) -> Iterator[str]:
    if not baseline.meta.checks:
        yield "checks: nothing found"
    for found in baseline.meta.checks:
        yield f"{found.severity:<8}  {found.name}: {found.detail}"


def _audit(audit: AuditEvidence) -> Iterator[str]:
    """What the offline audit said of the files: findings in full, the rest by name (--format json has all)."""
    if audit.failed is not None:
        yield f"audit       failed: {audit.failed}; these files were not audited"
        return
    n_found = len(audit.findings)
    named = f"{n_found} finding{'' if n_found == 1 else 's'}" if n_found else "nothing found"
    yield f"audit       {named}; {len(audit.clear)} checks clear, {len(audit.not_checked)} not made"
    for found in audit.findings:
        worth = "" if found.inflation is None else f" ({found.metric} {found.inflation:+.4f} offline)"
        yield f"{found.severity:<8}  {found.check}: {found.title}{worth}"
    if audit.not_checked:
        names = ", ".join(one.check for one in audit.not_checked)
        yield f"not made    {names} (`sentinel audit` says what each needs)"


def _period(start: str | None, end: str | None) -> str:
    return "" if start is None or end is None else f", predicted {start[:19]}Z to {end[:19]}Z"


def _split(manifest: dict[str, Any]) -> str:
    split = manifest.get("split")
    protocol = split.get("protocol") if isinstance(split, dict) else None
    stated = f"by {protocol}" if protocol else "not stated (give --manifest)"
    candidates = candidates_of(manifest)
    return stated if candidates is None else f"{stated}; {candidates.n} candidate model(s) compared on these rows"


def _delay(baseline: Baseline) -> str:
    delays = baseline.meta.outcome_delay_seconds
    if delays is None:
        return "delay unknown"
    half, most = (Duration(delays[name]).rounded() for name in ("p50", "max"))
    return f"half known after {half}, all after {most}"


def _cut(rows: Iterator[str]) -> Iterator[str]:
    kept = list(rows)
    yield from kept[: _MAX_ROWS + 1]
    if len(kept) > _MAX_ROWS + 1:
        yield f"... and {len(kept) - _MAX_ROWS - 1} more (--format json has all)"


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, *rows):
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
