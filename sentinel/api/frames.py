"""Findings as DataFrames: one row each, numbers as floats, NaN where there is not enough data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from sentinel.audit import findings as audited
from sentinel.baseline.artifact import Check, OfflineEstimate
from sentinel.diagnosis.report import Alert, TimelinePoint
from sentinel.evaluation.findings import FeatureFinding, Finding, Value
from sentinel.events.batch import DeadLetter

_TIMES: Final = ("at", "fired_at", "resolved_at")


def findings(found: Iterable[Finding]) -> pd.DataFrame:
    """Each metric of each slice: both sides, the gap with its bounds, the evidence."""
    return _frame([_finding(one) for one in found])


def features(found: Iterable[FeatureFinding]) -> pd.DataFrame:
    """Each feature: what it told of the outcome on both sides, how it is served, how far it moved."""
    return _frame([_feature(one) for one in found])


def timeline(points: Iterable[TimelinePoint]) -> pd.DataFrame:
    """The headline metric at each evaluation."""
    return _frame([{**_fields(point), "cause": point.cause.value} for point in points])


def alerts(raised: Iterable[Alert]) -> pd.DataFrame:
    """Each alert over its life."""
    rows = [{**_fields(one), "cause": None if one.cause is None else one.cause.value} for one in raised]
    return _frame(rows, Alert.__struct_fields__)


def estimates(offline: Iterable[OfflineEstimate]) -> pd.DataFrame:
    """Each offline estimate."""
    return _frame([_fields(one) for one in offline], OfflineEstimate.__struct_fields__)


def checks(found: Iterable[Check]) -> pd.DataFrame:
    """Each check of the offline rows."""
    return _frame([_fields(one) for one in found], Check.__struct_fields__)


def audit_findings(found: Iterable[audited.Finding]) -> pd.DataFrame:
    """Each finding of an audit."""
    return _frame([_audited(one) for one in found], ("check", "cause", "severity", "title"))


def audit_checks(made: Iterable[audited.CheckResult]) -> pd.DataFrame:
    """Each check of an audit."""
    names = ("name", "state", "detail", "needs", "seconds")
    rows = [{**{name: getattr(one, name) for name in names}, "n_findings": len(one.findings)} for one in made]
    return _frame(rows)


def audit_rows(found: Iterable[audited.Finding]) -> pd.DataFrame:
    """The rows to look at of each finding; whole numbers, missing where a finding is about one file alone."""
    names = ("finding", "check", "train", "validation", "similarity", "note")
    rows = [
        {"finding": at, "check": one.check, **{name: getattr(pair, name) for name in names[2:]}}
        for at, one in enumerate(found)
        for pair in one.rows
    ]
    frame = pd.DataFrame(rows, columns=list(names))
    return frame.astype({"finding": "int64", "train": "Int64", "validation": "Int64", "similarity": "float64"})


def dead_letters(refused: Iterable[DeadLetter]) -> pd.DataFrame:
    """Each refused row: of which frame, the number of the row, and the rule that it breaks."""
    rows = [{"rows": one.topic, "row": one.offset, "reason": one.reason.value, "detail": one.detail} for one in refused]
    return _frame(rows, ("rows", "row", "reason", "detail"))


def _audited(one: audited.Finding) -> dict[str, Any]:
    worth = one.inflation
    return {
        "check": one.check,
        "cause": one.cause,
        "severity": one.severity,
        "title": one.title,
        "columns": ", ".join(one.columns),
        "n_rows": one.n_rows,
        "share": None if one.share is None else one.share.value,
        "chance": one.chance,
        "metric": None if worth is None else worth.metric,
        "stated": None if worth is None else worth.stated,
        "repaired": None if worth is None else worth.repaired,
        "gain": None if worth is None else worth.gain.value,
        "gain_lower": None if worth is None else worth.gain.lower,
        "gain_upper": None if worth is None else worth.gain.upper,
        "no_inflation": one.no_inflation,
        "detail": one.detail,
        "mend": one.mend,
    }


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "metric": one.metric,
        "slice": one.slice,
        "gap": one.gap,
        "lower": one.lower,
        "upper": one.upper,
        "alarm": one.alarm,
        **_value("offline", one.offline),
        **_value("online", one.online),
        "expected": None if one.expected is None else one.expected.value,
        "log_evidence": one.log_evidence,
        "minimum_detectable_gap": one.minimum_detectable_gap,
        "discovered": one.discovered,
        "reason": None if one.gap is not None else one.online.reason or one.offline.reason,
    }


def _feature(one: FeatureFinding) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.kind,
        "offline_auc": one.offline_auc.value,
        "online_auc": one.online_auc.value,
        "collapse": one.collapse,
        "excess_psi": one.excess_psi,
        "drift_alarm": one.drift is not None and one.drift.alarm,
        "offline_missing_ratio": one.offline_missing_ratio,
        "online_missing_ratio": one.online_missing_ratio,
        "online_unseen_ratio": one.online_unseen_ratio,
        "offline_top_share": one.offline_top_share,
        "online_top_share": one.online_top_share,
        "online_top_bin": one.online_top_bin,
        "faults": ", ".join(dict.fromkeys(fault.kind for fault in one.faults)),
        "available": one.available,
    }


def _value(side: str, value: Value) -> dict[str, Any]:
    return {side: value.value, f"{side}_lower": value.lower, f"{side}_upper": value.upper, f"{side}_n": value.n}


def _fields(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _frame(rows: Sequence[Mapping[str, Any]], names: Sequence[str] = ()) -> pd.DataFrame:
    columns = list(rows[0]) if rows else list(names)
    frame = pd.DataFrame({name: _column([row[name] for row in rows]) for name in columns})
    for name in _TIMES:
        if name in columns:
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
    return frame


def _column(values: Sequence[Any]) -> pd.Series:
    """Numbers with gaps are floats; a column of gaps alone is one of numbers."""
    known = [value for value in values if value is not None]
    if len(known) < len(values) and all(isinstance(value, float) for value in known):
        return pd.Series([np.nan if value is None else value for value in values], dtype=np.float64)
    return pd.Series(list(values), dtype=None if values else object)
