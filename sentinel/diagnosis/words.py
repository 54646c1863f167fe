"""A report in words, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from sentinel.diagnosis import particulars
from sentinel.diagnosis.figures import estimate, figure
from sentinel.diagnosis.report import Alert, Report, Verdict, is_acknowledged, likeliest_others
from sentinel.evaluation.findings import FeatureFinding, Finding, Value

WIDTH: Final = 100
"""Columns that no line passes, but for a single word that is longer."""
_MOST_FEATURES: Final = 5
_MOST_SLICES: Final = 10
_MOST_RIVALS: Final = 3

QUESTIONS: Final = {
    "regression": "high outcomes (above the offline median) from low ones",
    "ranking": "whether the item at a rank of the list, drawn for each prediction, proved relevant",
    "multiclass": "whether the likeliest class, or the second likeliest, of a prediction came true",
}
"""What the AUC of a task is about, where it is not about positive outcomes."""

MEANINGS: Final = {
    "target_leakage": "a feature knew the outcome when the model was validated, and does not when it serves",
    "temporal_leakage": "validation used what only the future knew",
    "group_leakage": "the same entities were in training and validation",
    "duplicate_leakage": "the same rows were in training and validation",
    "preprocessing_leakage": "a transformation had seen the validation rows",
    "selection_optimism": "the best of many models was chosen and judged on the same rows",
    "train_serve_skew": "features are served otherwise than they were trained",
    "data_quality_fault": "features arrive damaged",
    "covariate_drift": "other cases arrive; for each kind the model is as good as it was",
    "label_shift": "outcomes became more or less frequent; the ranking is as good as it was",
    "concept_drift": "the same cases now end differently",
    "none": "live is as good as validation promised",
    "insufficient_evidence": "neither a gap nor its absence can be shown yet",
}
"""What each verdict says, after its name."""


def explain(report: Report) -> str:
    """The verdict and its evidence, in plain text.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
        Lines of at most ``WIDTH`` columns, ending in a newline.
    """
    sections = (
        _opening(report),
        _section("Why", report.verdict.reasons),
        _section(
            "Suspects", (f"{c.kind} {c.name!r}: {c.weight:.0%} of the suspicion" for c in report.verdict.culprits)
        ),
        _section("What would settle it", report.verdict.missing_evidence),
        _section("Where the gap comes from", particulars.parts(report.findings)),
        _section("How predictions miss (prediction less outcome)", particulars.residuals(report.residuals)),
        _section("When it began", particulars.onset(report.change)),
        _section("What taking a known leak out explains", particulars.repairs(report.counterfactuals)),
        _section("What training has seen", particulars.overlaps(report.overlaps)),
        _section("How old a prediction must be", particulars.maturity(report.maturity)),
        _section("Metrics, offline and live", map(_finding, (f for f in report.findings if f.slice == "all"))),
        _section("Slices with a gap", _slices(report.findings)),
        _section("Features that changed most", map(_feature, report.features[:_MOST_FEATURES])),
        _section("Alerts", map(_alert, report.alerts)),
    )
    return "\n".join(line for section in sections for line in section) + "\n"


def _opening(report: Report) -> Iterator[str]:
    counts, verdict = report.counts, report.verdict
    through = f", through {report.through}" if report.through else ", before the first event"
    yield from _wrapped(f"{report.model} version {report.version}{through}")
    yield from _wrapped(
        f"{counts.get('predictions', 0)} predictions, {counts.get('joined', 0)} with an outcome; held against baseline "
        f"{report.baseline.digest[:12]} of {report.baseline.n_rows} rows"
    )
    orphaned = counts.get("orphaned_backfills", 0)
    if orphaned:
        met = counts.get("backfills", 0)
        yield from _wrapped(f"{met} backfills met their prediction, {orphaned} found none by their id or came too late")
    if report.task in QUESTIONS:
        yield from _wrapped(f"AUC: how well predictions tell {QUESTIONS[report.task]}")
    yield ""
    yield from _wrapped(f"Verdict: {verdict.cause.value} ({verdict.confidence:.0%}): {MEANINGS[verdict.cause.value]}")
    yield from _rivals(verdict)
    yield from _answered(report)


def _answered(report: Report) -> Iterator[str]:
    latest = report.acknowledgement
    if latest is None:
        return
    told = latest.answer.replace("_", " ") + ("" if latest.true_cause is None else f" ({latest.true_cause.value})")
    to = "" if is_acknowledged(report) else f" to an earlier verdict, {latest.cause.value}"
    yield from _wrapped(f"{latest.who} answered{to} on {latest.at}: {told}. {latest.note}")


def _rivals(verdict: Verdict) -> Iterator[str]:
    named = [f"{cause} {p:.0%}" for cause, p in likeliest_others(verdict, _MOST_RIVALS)]
    if named:
        yield from _wrapped(f"It could also be: {', '.join(named)}")
    second = verdict.second
    if second is not None:
        cause = second.cause.value
        yield from _wrapped(f"Beside it: {cause} ({second.probability:.0%}): {MEANINGS[cause]}")


def _section(title: str, items: Iterable[str]) -> Iterator[str]:
    lines = [line for item in items for line in _wrapped(item, bullet=True)]
    if lines:
        yield from ("", title)
        yield from lines


def _wrapped(text: str, *, bullet: bool = False) -> list[str]:
    first, rest = ("  - ", "    ") if bullet else ("", "  ")
    plain = "".join(char if char.isprintable() else " " for char in text)
    return textwrap.wrap(plain, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def _finding(finding: Finding) -> str:
    metric = finding.metric
    text = f"{metric}: {_value(metric, finding.offline)} offline, {_value(metric, finding.online)} live"
    if finding.gap is not None and finding.lower is not None and finding.upper is not None:
        gap, lower, upper = (figure(metric, x, sign="+") for x in (finding.gap, finding.lower, finding.upper))
        text += f"; gap {gap} ({lower} to {upper})"
    if finding.minimum_detectable_gap is not None:
        text += f"; no gap below {figure(metric, finding.minimum_detectable_gap)} can be proven"
    return text + (" ALARM" if finding.alarm else "")


def _value(metric: str, value: Value) -> str:
    return estimate(metric, value, unknown=f"no estimate ({value.reason})")


def _slices(findings: tuple[Finding, ...]) -> Iterator[str]:
    flagged = [f for f in findings if f.slice != "all" and f.alarm]
    flagged.sort(key=lambda finding: finding.log_evidence or 0.0, reverse=True)
    for finding in flagged[:_MOST_SLICES]:
        where = f"{finding.slice} (found, not configured)" if finding.discovered else finding.slice
        yield f"{where}, {_finding(finding).removesuffix(' ALARM')}"
    if len(flagged) > _MOST_SLICES:
        yield f"and {len(flagged) - _MOST_SLICES} more"


def _feature(feature: FeatureFinding) -> str:
    offline, live = (_value("auc", value) for value in (feature.offline_auc, feature.online_auc))
    collapse = "" if feature.collapse is None else f", collapse of {feature.collapse:.1f} standard errors"
    return (
        f"{feature.name}: AUC alone {offline} offline, {live} live"
        f"{collapse}; missing {feature.offline_missing_ratio:.0%} offline, {feature.online_missing_ratio:.0%} live; "
        f"commonest live {feature.online_top_bin} ({feature.online_top_share:.0%})"
    )


def _alert(alert: Alert) -> str:
    end = f", resolved {alert.resolved_at}" if alert.resolved_at else ""
    where = "" if alert.slice == "all" else f" in {alert.slice}"
    return (
        f"{alert.name} ({alert.severity}){where}, fired {alert.fired_at} on {alert.n_outcomes} outcomes{end}: "
        f"{alert.summary}"
    )
