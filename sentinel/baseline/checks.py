"""What a look at the offline data alone already says against the estimate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sentinel.baseline.artifact import Check, Severity
from sentinel.events.batch import I64
from sentinel.stats.association import cross_fitted_auc
from sentinel.stats.auc import auc_values
from sentinel.stats.estimate import Estimate, Measured
from sentinel.summaries.algebra import Summary

MINIMUM_OUTCOMES = 200
"""Below, the variance of the estimate is itself not to be trusted."""
TELLTALE_AUC = 0.95
"""A single feature that ranks outcomes this well is rarely honest."""
REPEATED_RATIO = 0.01
OVERLAP_RATIO = 0.01
_ORDER = {"critical": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the two passes learned that the counts do not hold.

    Times are microseconds since the epoch; shares are 0..1.
    """

    summary: Summary
    manifest: Mapping[str, Any]
    identifiers: tuple[str, ...]
    repeated_ratio: float
    repeated_different_ratio: float
    train_first_us: int | None
    train_last_us: int | None
    n_before_train_end: int
    n_rejected: Mapping[str, int]
    n_row_overlap: int | None
    row_overlap_by_chance_ratio: float
    repeated_inputs_ratio: float


def check(facts: Facts) -> tuple[Check, ...]:
    """Run every check; the worst come first."""
    found = [*_outcomes(facts), *_features(facts), *_times(facts), *_rows(facts)]
    return tuple(sorted(found, key=lambda item: (_ORDER[item.severity], item.name, item.detail)))


def feature_aucs(summary: Summary) -> dict[str, Measured]:
    """Cross-fitted univariate AUC of every feature, missing and unusual values as bins of their own."""
    offsets = summary.layout.feature_offsets
    counts = summary["feature_outcomes"]
    result = {}
    for j, feature in enumerate(summary.layout.features):
        cells: I64 = counts[:, offsets[j] : offsets[j + 1]]
        result[feature.name] = cross_fitted_auc(cells[..., 1], cells[..., 0], n_folds=len(counts))
    return result


def _outcomes(facts: Facts) -> Iterator[Check]:
    counts = facts.summary["outcomes"]
    n_negative, n_positive = counts.sum(axis=0).tolist()
    n = n_negative + n_positive
    if n < MINIMUM_OUTCOMES:
        detail = f"{n} validation rows have an outcome; below {MINIMUM_OUTCOMES} no gap can be judged"
        yield Check(name="few_outcomes", severity="warning", detail=detail)
    if n and not (n_negative and n_positive):
        only = "positive" if n_positive else "negative"
        yield Check(name="one_class", severity="critical", detail=f"all {n} outcomes are {only}: nothing to rank")
    if np.count_nonzero(facts.summary["scores"]) == 1:
        detail = "all scores fall into one bin: the model says the same of every row"
        yield Check(name="constant_score", severity="critical", detail=detail)
    elif n_negative and n_positive and float(auc_values(counts[:, 1], counts[:, 0])) == 1.0:
        detail = "the scores separate the outcomes without one error: no honest estimate does that"
        yield Check(name="perfect_auc", severity="critical", detail=detail)


def _features(facts: Facts) -> Iterator[Check]:
    for name in facts.identifiers:
        detail = f"{name} has a value of its own in most rows: it is an identifier, not watched as a feature"
        yield Check(name="identifier_column", severity="info", detail=detail)
    for name, measured in feature_aucs(facts.summary).items():
        if isinstance(measured, Estimate) and measured.value >= TELLTALE_AUC:
            detail = f"{name} alone ranks the outcomes with AUC {measured.value:.3f}: is it known at prediction time?"
            yield Check(name="telltale_feature", severity="critical", detail=detail)


def _times(facts: Facts) -> Iterator[Check]:
    if facts.train_last_us is None or facts.train_first_us is None:
        return
    first = int(facts.summary["first_predicted_at"][0])
    last = int(facts.summary["last_predicted_at"][0])
    n = facts.summary.n_predictions
    split = facts.manifest.get("split")
    is_time_split = isinstance(split, dict) and split.get("protocol") == "time"
    if facts.train_first_us > last:
        detail = "every training row is later than every validation row: the model was judged on its past"
        yield Check(name="train_after_validation", severity="critical", detail=detail)
    elif is_time_split and first <= facts.train_last_us:
        detail = (
            f"the manifest states a split by time, yet {facts.n_before_train_end} of {n} validation rows are not "
            "later than the last training row"
        )
        yield Check(name="time_split_broken", severity="critical", detail=detail)
    elif facts.n_before_train_end:
        detail = f"{facts.n_before_train_end} of {n} validation rows are not later than the last training row"
        yield Check(name="validation_within_train_period", severity="info", detail=detail)


def _rows(facts: Facts) -> Iterator[Check]:
    n = facts.summary.n_predictions
    if facts.repeated_different_ratio > REPEATED_RATIO:
        detail = f"{facts.repeated_different_ratio:.1%} of the prediction ids come again with other content"
        yield Check(
            name="repeated_ids", severity="critical", detail=f"{detail}: live outcomes cannot be joined by them"
        )
    elif facts.repeated_ratio > REPEATED_RATIO:
        detail = f"{facts.repeated_ratio:.1%} of the prediction ids come more than once: these rows count twice"
        yield Check(name="repeated_rows", severity="warning", detail=detail)
    if facts.n_row_overlap is not None and n:
        by_chance = facts.row_overlap_by_chance_ratio
        share = max(facts.n_row_overlap / n - by_chance, 0.0) / max(1.0 - by_chance, 1e-9)
        if share > OVERLAP_RATIO:
            # Coarse inputs repeat by themselves: then they do so within the validation rows, too.
            natural = facts.repeated_inputs_ratio
            detail = f"{share:.1%} of the validation rows have the inputs of a training row"
            detail += f"; among themselves {natural:.1%} of the inputs repeat"
            severity: Severity = "info" if natural > share / 4 else "warning"
            yield Check(name="train_rows_in_validation", severity=severity, detail=detail)
    n_rejected = sum(facts.n_rejected.values())
    if n_rejected:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(facts.n_rejected.items()))
        yield Check(name="rejected_rows", severity="warning", detail=f"{n_rejected} rows could not be used: {reasons}")
