"""What a look at the offline data alone already says against the estimate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sentinel.baseline.arrival import LONGEST_HORIZON_SECONDS, SECONDS_PER_DAY
from sentinel.baseline.artifact import Check, Severity
from sentinel.baseline.evidence import BY_PERIOD, StaticEvidence
from sentinel.config.model import Feature
from sentinel.events.batch import I64
from sentinel.stats.association import cross_fitted_auc
from sentinel.stats.auc import auc_values
from sentinel.stats.estimate import Estimate, Measured
from sentinel.summaries.algebra import Summary
from sentinel.summaries.copied_outcomes import are_outcomes
from sentinel.summaries.kinds.ranges import outside_range_ratios

MINIMUM_OUTCOMES = 200
"""Below, the variance of the estimate is itself not to be trusted."""
TELLTALE_AUC = 0.95
"""A single feature that ranks outcomes this well is rarely honest."""
REPEATED_RATIO = 0.01
OVERLAP_RATIO = 0.01
EXPLOITABLE_AUC = 0.6
"""Mean training outcomes of entities that rank validation rows this well: a model can live on knowing the entity."""
OVERSAMPLED_RATIO = 0.2
"""Twins of one class in excess of the other's that chance and coarse inputs do not bring about."""
WORTHWHILE_OPTIMISM = 0.005
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
    repeated_inputs_ratio: float
    longest_delay_seconds: float
    static: StaticEvidence
    train_lacks: tuple[str, ...]
    declared: Mapping[str, Feature] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()
    """Every column of the validation rows."""


def check(facts: Facts) -> tuple[Check, ...]:
    """Run every check; the worst come first."""
    static = facts.static
    found = [*_outcomes(facts), *_features(facts), *_times(facts), *_delays(facts), *_rows(facts), *_overlaps(facts)]
    found += [*_periods(static), *_entities(static), *_fits(static), *_encoded(static), *_choices(facts)]
    found += [*_declared(facts), *_ranges(facts.summary)]
    return worst_first(found)


def worst_first(checks: Iterable[Check]) -> tuple[Check, ...]:
    """In the order that they are shown in."""
    return tuple(sorted(checks, key=lambda item: (_ORDER[item.severity], item.name, item.detail)))


def feature_aucs(summary: Summary) -> dict[str, Measured]:
    """Cross-fitted univariate AUC of every feature, missing and unusual values as bins of their own."""
    offsets = summary.layout.feature_offsets
    counts = summary["feature_outcomes"]
    result = {}
    for j, feature in enumerate(summary.layout.features):
        cells: I64 = counts[:, offsets[j] : offsets[j + 1]]
        result[feature.name] = _association(cells)
    return result


def _association(cells: I64) -> Measured:
    """Of a yes against a no; with several classes, of the one that the feature knows best."""
    if cells.shape[-1] == 2:
        return cross_fitted_auc(cells[..., 1], cells[..., 0], n_folds=len(cells))
    n, total = cells.shape[-1] - 1, cells.sum(axis=-1)
    each = [cross_fitted_auc(cells[..., c], total - cells[..., c], n_folds=len(cells)) for c in range(n)]
    return max(each, key=lambda one: one.value if isinstance(one, Estimate) else -1.0)


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
    elif are_outcomes(facts.summary):
        detail = f"the scores of all {n} rows are their outcomes, or a copy under other numbers: is the right column "
        yield Check(name="scores_are_outcomes", severity="critical", detail=f"{detail}named as the score?")
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


def _declared(facts: Facts) -> Iterator[Check]:
    """What owners say of their features, against the columns that there are."""
    for name, feature in facts.declared.items():
        if name not in facts.columns:
            detail = f"features names {name}, which is no column of the validation rows: what it declares is not used"
            yield Check(name="unknown_feature", severity="warning", detail=detail)
        elif feature.kind != "ignore" and feature.available in ("after_prediction", "after_outcome"):
            when = feature.available.replace("_", " the ")
            detail = f"{name} is declared to exist only {when}, yet it is a column of the validation rows: if the model"
            yield Check(name="declared_too_late", severity="warning", detail=f"{detail} reads it, it leaks")


def _ranges(summary: Summary) -> Iterator[Check]:
    ratios = outside_range_ratios(summary.layout, summary)
    for feature, share, n in zip(summary.layout.features, ratios, summary["outside_range"].tolist(), strict=True):
        if share:
            detail = f"{n} offline values of {feature.name} ({share:.1%}) lie outside its declared range: are range "
            yield Check(name="range_broken_offline", severity="warning", detail=f"{detail}and unit right?")


def _delays(facts: Facts) -> Iterator[Check]:
    if facts.longest_delay_seconds > LONGEST_HORIZON_SECONDS:
        days, most = (seconds / SECONDS_PER_DAY for seconds in (facts.longest_delay_seconds, LONGEST_HORIZON_SECONDS))
        detail = (
            f"an outcome took {days:.0f} days: if that stands for a time that is not known, leave the time out; "
            f"a prediction waits {most:.0f} days at most"
        )
        yield Check(name="endless_delay", severity="warning", detail=detail)


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
    if facts.repeated_different_ratio > REPEATED_RATIO:
        detail = f"{facts.repeated_different_ratio:.1%} of the prediction ids come again with other content"
        yield Check(
            name="repeated_ids", severity="critical", detail=f"{detail}: live outcomes cannot be joined by them"
        )
    elif facts.repeated_ratio > REPEATED_RATIO:
        detail = f"{facts.repeated_ratio:.1%} of the prediction ids come more than once: these rows count twice"
        yield Check(name="repeated_rows", severity="warning", detail=detail)
    n_rejected = sum(facts.n_rejected.values())
    if n_rejected:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(facts.n_rejected.items()))
        yield Check(name="rejected_rows", severity="warning", detail=f"{n_rejected} rows could not be used: {reasons}")


def _overlaps(facts: Facts) -> Iterator[Check]:
    static, share = facts.static, facts.static.duplicate_ratio
    if facts.train_lacks:
        names = ", ".join(facts.train_lacks[:3])
        detail = f"the training rows lack {len(facts.train_lacks)} of the columns ({names}): repeated rows go unseen"
        yield Check(name="train_lacks_columns", severity="info", detail=detail)
    if share is not None and share > OVERLAP_RATIO:
        natural, excess, copied = facts.repeated_inputs_ratio, static.duplicate_excess_ratio or 0.0, static.copied_ratio
        detail = f"{share:.1%} of the validation rows have the inputs of a training row"
        detail += f"; among themselves {natural:.1%} of the inputs repeat"
        detail += f"; it is {excess:.1%} more than training rows repeat among themselves"
        detail += "" if copied is None else f"; {copied:.1%} have its time, too"
        # Coarse inputs repeat by themselves: then training rows do so, too, and at other times.
        by_itself = natural > share / 4 if copied is None else max(copied, excess) < share / 4
        severity: Severity = "info" if by_itself else "warning"
        yield Check(name="train_rows_in_validation", severity=severity, detail=detail)
    gap = static.oversampled_ratio
    if gap is not None and gap > OVERSAMPLED_RATIO:
        copied = share is not None and share > OVERLAP_RATIO
        detail = f"training rows of one class have a twin {gap:.0%} more often than those of the other: oversampled"
        detail += ", and validation rows have their inputs: the copies were made before the split" if copied else ""
        yield Check(name="oversampled_training", severity="warning" if copied else "info", detail=detail)
    if facts.manifest.get("oversampling") == "before_split":
        detail = "the manifest states oversampling before the split: copies of training rows are validated on"
        yield Check(name="oversampled_before_split", severity="critical", detail=detail)


def _entities(static: StaticEvidence) -> Iterator[Check]:
    share, signal = static.entity_overlap_ratio, static.entity_signal_auc
    if share is None or share <= OVERLAP_RATIO:
        return
    detail = f"{share:.1%} of the validation rows are about an entity of the training rows"
    if static.split_protocol == "group":
        yield Check(
            name="group_split_broken", severity="critical", detail=f"the manifest states a split by group, yet {detail}"
        )
        return
    known = "; what training knows of them does not rank them"
    if signal is not None:
        known = f"; their mean training outcome alone ranks them with AUC {signal:.3f}"
    detail += f"{known}: harmless if live traffic knows as many"
    exploitable = signal is not None and signal > EXPLOITABLE_AUC
    yield Check(name="train_entities_in_validation", severity="warning" if exploitable else "info", detail=detail)


def _periods(static: StaticEvidence) -> Iterator[Check]:
    if static.after_golive_ratio:
        detail = (
            f"{static.after_golive_ratio:.1%} of the validation rows are dated after go-live: they are no offline rows"
        )
        yield Check(name="rows_after_go_live", severity="critical", detail=detail)
    if static.one_class_share:
        detail = f"{static.one_class_share:.1%} of the outcomes lie in stretches of one class, the longest from "
        detail += f"{static.one_class_since} to {static.one_class_until}: were these rows chosen by their outcome?"
        yield Check(name="one_class_stretch", severity="warning", detail=detail)


def _fits(static: StaticEvidence) -> Iterator[Check]:
    if static.fit_proof:
        names = ", ".join(static.fit_proof[:3])
        detail = f"the stated statistics of {names} are those of training and validation rows together"
        yield Check(name="fitted_on_validation", severity="critical", detail=detail)
    if static.encoder_proof:
        names = ", ".join(static.encoder_proof[:3])
        detail = f"the stated categories of {names} hold some that only validation rows have"
        yield Check(name="encoder_knows_validation", severity="critical", detail=detail)


def _encoded(static: StaticEvidence) -> Iterator[Check]:
    for one in static.encoded or ():
        detail = f"{one.name} was made from the outcomes that the model is judged by: "
        if one.pure_ends:
            detail += "of the rows where it is 0 none is positive, where it is 1 all are, and between it is their mean"
        else:
            detail += f"the outcomes of rows that share a value follow it {1 / max(one.dispersion, 0.001):,.0f} times "
            detail += "closer than chance allows"
        when = ""
        if one.time_spread is not None and one.time_spread <= BY_PERIOD:
            when = "; it was made period by period"
        detail += f" ({one.n_values} values, {one.n} rows){when}; encode each row without its own outcome"
        yield Check(name="encodes_outcome", severity="critical", detail=detail)


def _choices(facts: Facts) -> Iterator[Check]:
    n, optimism = facts.static.candidates, facts.static.expected_optimism
    if n is not None and optimism is not None and optimism > WORTHWHILE_OPTIMISM:
        detail = f"the best of {n} models, chosen on these rows, looks better by {optimism:.3f} AUC by chance alone"
        yield Check(name="selection_optimism", severity="info", detail=detail)
