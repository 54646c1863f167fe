"""What an evaluation shows that bears on the cause, read once and named."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sentinel.baseline.evidence import AuditEvidence, StaticEvidence
from sentinel.config.alerts import Alerts
from sentinel.evaluation.faults import became_constant, share_rose
from sentinel.evaluation.findings import Evaluation, Fault, FeatureFinding, Finding, LaunchWindow, Value
from sentinel.evaluation.performance import standard_error
from sentinel.stats.bayes import minimum_detectable_gap

COLLAPSE_SCORE: Final = 6.0
"""Standard errors of a collapse that deserves a name. Alone it proves nothing: drifts and harmless streams show it."""
COLLAPSE_SIZE: Final = 0.03
"""AUC that a feature must have lost: with many events any change passes the standard errors."""
RANKED_SCORE: Final = 3.0
"""Standard errors from which a loss of that size is ranked as a suspicion, though it gets no name."""
SINCE_LAUNCH_SHARE: Final = 0.95
"""What this share of all traffic carries has been there since launch; less, if the first panes show it too."""
BROAD_DRIFT: Final = 0.1
"""Excess PSI from which a feature counts as drifted."""
OUT_OF_RANGE_SHARE: Final = 0.2
"""Share of values never seen offline that speaks of another unit or another source."""
REVERSIBLE_AUC: Final = 0.6
"""A feature from here on offline is reversed live"""
REVERSED_SHARE: Final = 0.5
"""if it is as good the other way round as this share of what it was: weak features turn around by themselves."""
FAULT_TRAFFIC: Final = 0.1
"""Share of all traffic that a fault must have lasted for: one that has just begun explains nothing yet."""
USELESS_AUC: Final = 0.53
"""A feature up to this knows nothing of the outcome."""
STRONG_FEATURE_AUC: Final = 0.9
"""One feature this good: 16 of 32 real leaks had it, 1 of 23 others."""
LEAK_LIKE_AUC: Final = 0.78
"""Offline AUC from which a collapse with a launch gap may be called a leak rather than a suspicion."""
HINT: Final = 1.0
"""Log evidence of a gap from which nobody says that there is none."""
SMALLEST_GAP: Final = 0.01
"""AUC; shares of a smaller gap are noise."""
MIX_SHARE: Final = 0.6
"""Share of the gap that other scores explain, from which a launch gap may be a covariate shift,"""
MIX_SLOPE_RATIO: Final = 0.7
"""if the scores have kept their meaning to this degree."""
SMALLEST_SLOPE: Final = 0.25
"""An offline calibration slope below this has no ratio worth reading."""
LEVEL_SHIFT: Final = 0.3
"""Change of outcomes at equal scores, in log-odds, that is worth a word."""
RATE_SHIFT: Final = 0.25
"""Relative change of the base rate that is worth a word."""
SURE: Final = 5.0
"""Standard errors from which such a change is taken as real."""

_STRANGE: Final = ("out_of_range", "unseen")


@dataclass(frozen=True, slots=True)
class Suspect:
    """A feature that is served differently, has lost its association, or both."""

    finding: FeatureFinding
    lost: float
    """Loss of AUC; above 0 means lost online."""
    score: float
    """The same in standard errors."""
    collapsed: bool
    missing_rose: bool
    constant: bool
    out_of_range: bool
    since_launch: bool
    top_offline: bool
    """No other feature knew more offline."""
    fault: Fault | None = None
    """Of a feature that lost some of its association: what it is served as until now, be it only lately."""

    @property
    def served_differently(self) -> bool:
        """Whether what is served has visibly changed."""
        return self.missing_rose or self.constant or self.out_of_range or self.fault is not None

    @property
    def is_gone(self) -> bool:
        """Whether it has been served as next to nothing but missing or one value, be it only lately."""
        return self.fault is not None and self.fault.ratio >= SINCE_LAUNCH_SHARE

    @property
    def struck_later(self) -> bool:
        """Whether it stopped arriving some time after launch."""
        return not self.since_launch and (self.missing_rose or self.fault is not None)

    @property
    def is_suspect(self) -> bool:
        """Whether it is worth a rank."""
        return self.served_differently or (self.score >= RANKED_SCORE and self.lost >= COLLAPSE_SIZE)

    @property
    def reversed(self) -> bool:
        """Whether the feature ranks the other way round live, by far."""
        before, after = self.finding.offline_auc.value, self.finding.online_auc.value
        if not self.collapsed or before is None or after is None or before < REVERSIBLE_AUC:
            return False
        return 0.5 - after >= REVERSED_SHARE * (before - 0.5)

    @property
    def useless_live(self) -> bool:
        """Whether the feature knows nothing of the outcome any more."""
        value = self.finding.online_auc.value
        return value is not None and value <= USELESS_AUC

    @property
    def strong_offline(self) -> bool:
        """Whether the feature alone was as good as a model."""
        value = self.finding.offline_auc.value
        return value is not None and value >= STRONG_FEATURE_AUC


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the signatures weigh.

    Attributes
    ----------
    evaluation : Evaluation
        What all this was read from.
    static : StaticEvidence
        What is known of the offline evaluation besides its counts.
    headline : Finding
        AUC over all traffic.
    judged : bool
        Both sides have enough events for the gap to be judged.
    stands : bool
        The gap has passed the alarm on everything since launch.
    changed : bool
        Performance has passed the alarm on a change after launch.
    at_launch : bool
        It also stands in the launch window, and four windows later if those have come: by the AUC, or by the steadiest
        of the task's own metrics.
    retracted : bool
        It stood in the launch window but not at four of them.
    detectable : float or None, AUC
        The smallest gap that the events of both sides could show now.
    worth_knowing : float, AUC
        The gap that a verdict of ``none`` has to exclude: tolerance plus tau.
    mix_share : float or None
        Share of the gap that other scores explain, those of another mix of slices included.
    slope_ratio : float or None
        Live over offline calibration slope.
    is_mix : bool
        The gap looks like other inputs met by an honest model: see `is_mix`.
    level_shift : float, log-odds
        Change of outcomes at equal scores, 0 unless it is sure.
    rate_shift : float
        Relative change of the base rate, 0 unless it is sure.
    suspects : tuple of Suspect
        Worst first.
    n_predictions : int
    coverage : float
        Share of predictions whose outcome is known.
    promoted : bool
        The reference is live traffic that someone accepted, not an offline evaluation.
    audit : AuditEvidence
        What the offline audit said of the baseline's files; empty where there was none.
    """

    evaluation: Evaluation
    static: StaticEvidence
    headline: Finding
    launch: LaunchWindow
    later_gap: float | None
    judged: bool
    stands: bool
    changed: bool
    at_launch: bool
    retracted: bool
    detectable: float | None
    worth_knowing: float
    mix_share: float | None
    slope_ratio: float | None
    is_mix: bool
    level_shift: float
    rate_shift: float
    suspects: tuple[Suspect, ...]
    n_predictions: int
    coverage: float
    promoted: bool = False
    audit: AuditEvidence = field(default_factory=AuditEvidence)

    @property
    def offline_auc(self) -> float:
        """Offline estimate, one half where there is none."""
        return 0.5 if self.headline.offline.value is None else self.headline.offline.value

    @property
    def inputs_moved(self) -> bool:
        """Whether a feature is distributed otherwise that is served as ever and has kept its meaning."""
        struck = {s.finding.name for s in self.suspects if s.served_differently or s.collapsed}
        features = (one for one in self.evaluation.features if one.name not in struck)
        return any((one.excess_psi or 0.0) >= BROAD_DRIFT for one in features)

    @property
    def gap(self) -> float:
        """Offline minus online AUC, 0 where there is none."""
        return self.headline.gap or 0.0

    @property
    def excludes_gap(self) -> bool:
        """Whether the data are enough to say that there is no gap worth knowing, and do not hint at one."""
        if not self.judged:
            return False
        shown = self.detectable is not None and self.detectable <= self.worth_knowing
        bounded = self.headline.upper is not None and self.headline.upper <= self.worth_knowing
        return bounded or (shown and not self.hints_at_gap)

    @property
    def hints_at_gap(self) -> bool:
        """Whether a gap is likelier than none, though it is far from an alarm."""
        return (self.headline.log_evidence or 0.0) >= HINT


def gather(evaluation: Evaluation, meta: Any, counts: Mapping[str, int], alerts: Alerts) -> Evidence:
    """Read the evidence out of an evaluation.

    Parameters
    ----------
    evaluation : Evaluation
        With a headline AUC.
    meta : object
        The baseline's; ``manifest`` is read if it has one.
    counts : mapping of str to int
        ``predictions`` and ``joined``.
    alerts : Alerts

    Returns
    -------
    Evidence
    """
    headline = evaluation.headline("auc") or _nothing()
    launch = evaluation.launch
    return Evidence(
        evaluation=evaluation,
        static=getattr(meta, "static", None) or StaticEvidence(),
        headline=headline,
        launch=launch,
        later_gap=evaluation.later_gap,
        judged=headline.log_evidence is not None,
        stands=headline.alarm,
        changed=evaluation.change is not None and evaluation.change.alarm,
        at_launch=headline.alarm and evaluation.since_launch,
        retracted=launch.alarm and not evaluation.confirmed,
        detectable=_detectable(headline, alerts),
        worth_knowing=alerts.tau + alerts.tolerance,
        mix_share=_mix_share(headline),
        slope_ratio=_slope_ratio(evaluation),
        is_mix=is_mix(evaluation),
        level_shift=_change(evaluation.offline_calibration.intercept, evaluation.online_calibration.intercept),
        rate_shift=_rate_shift(evaluation),
        suspects=find_suspects(evaluation.features),
        n_predictions=counts.get("predictions", 0),
        coverage=_coverage(evaluation, counts),
        promoted=getattr(meta, "provenance", None) is not None,
        audit=getattr(meta, "audit", None) or AuditEvidence(),
    )


def find_suspects(features: tuple[FeatureFinding, ...]) -> tuple[Suspect, ...]:
    """Features that are served differently or have lost their association, most standard errors first."""
    offline = [f.offline_auc.value for f in features if f.offline_auc.value is not None]
    top = max(offline, default=1.0)
    suspects = (_suspect(feature, top) for feature in features)
    found = [suspect for suspect in suspects if suspect.is_suspect]
    return tuple(sorted(found, key=lambda suspect: suspect.score, reverse=True))


def is_mix(evaluation: Evaluation) -> bool:
    """Whether the gap looks like other inputs met by an honest model.

    Other scores explain most of it, and the scores have kept their meaning. Not where a feature has been replaced by
    something useless: a model that is fed a constant also gives other scores.
    """
    headline = evaluation.headline("auc")
    share, ratio = None if headline is None else _mix_share(headline), _slope_ratio(evaluation)
    if share is None or ratio is None or share < MIX_SHARE or ratio < MIX_SLOPE_RATIO:
        return False
    suspects = find_suspects(evaluation.features)
    return not any(s.is_gone or (s.collapsed and s.served_differently and s.useless_live) for s in suspects)


def _mix_share(headline: Finding) -> float | None:
    mix, gap = headline.parts.score_mix, headline.gap
    if mix is None or gap is None or gap <= SMALLEST_GAP:
        return None
    return (mix + (headline.parts.slice_mix or 0.0)) / gap


def _suspect(feature: FeatureFinding, top: float) -> Suspect:
    offline, online = feature.offline_auc.value, feature.online_auc.value
    lost = offline - online if offline is not None and online is not None else 0.0
    score = feature.collapse or 0.0
    missing_rose = bool(share_rose(feature.online_missing_ratio, feature.offline_missing_ratio))
    beyond = feature.online_unseen_ratio >= OUT_OF_RANGE_SHARE
    out_of_range = beyond and _has_stayed(feature)
    same = became_constant(feature.online_top_share, feature.offline_top_share)
    constant = bool(same) and not beyond  # values beyond the last bin share a bin, not a value
    fault = _ongoing(feature) if score >= RANKED_SCORE else None
    kinds = {"missing"} if missing_rose else set()
    kinds |= {"constant"} if constant else set()
    kinds |= {"invalid", *_STRANGE} if out_of_range else set()
    kinds |= set() if fault is None else {fault.kind}
    share = (feature.online_missing_ratio if missing_rose else 0.0) + (
        feature.online_unseen_ratio if out_of_range else 0.0
    )
    whole = max(share, feature.online_top_share if constant else 0.0) >= SINCE_LAUNCH_SHARE
    return Suspect(
        finding=feature,
        lost=lost,
        score=score,
        collapsed=score >= COLLAPSE_SCORE and lost >= COLLAPSE_SIZE,
        missing_rose=missing_rose,
        constant=constant,
        out_of_range=out_of_range,
        since_launch=whole or any(one.from_launch and one.kind in kinds for one in feature.faults),
        top_offline=offline is not None and offline >= top,
        fault=fault,
    )


def _has_stayed(feature: FeatureFinding) -> bool:
    """Whether values never seen offline are those of a fault: a season brings some too, and takes them back."""
    found = [fault for fault in feature.faults if fault.kind in _STRANGE]
    return feature.online_unseen_ratio >= SINCE_LAUNCH_SHARE or all(fault.steady for fault in found)


def _ongoing(feature: FeatureFinding) -> Fault | None:
    """The longest fault that lasts, other than values never seen: those are judged by their share of all traffic."""
    found = [
        fault
        for fault in feature.faults
        if fault.kind not in _STRANGE and fault.until is None and fault.steady and fault.traffic_ratio >= FAULT_TRAFFIC
    ]
    return max(found, key=lambda fault: fault.n, default=None)


def _detectable(headline: Finding, alerts: Alerts) -> float | None:
    before, after = standard_error(headline.offline), standard_error(headline.online)
    if before is None or after is None:
        return None
    return float(minimum_detectable_gap(before**2 + after**2, alerts.tau, alerts.alpha, alerts.tolerance))


def _slope_ratio(evaluation: Evaluation) -> float | None:
    before, after = evaluation.offline_calibration.slope.value, evaluation.online_calibration.slope.value
    if before is None or after is None or before < SMALLEST_SLOPE:
        return None
    return after / before


def _change(before: Value, after: Value) -> float:
    """Difference of two values where it is many standard errors, else 0."""
    errors = standard_error(before), standard_error(after)
    if before.value is None or after.value is None or errors[0] is None or errors[1] is None:
        return 0.0
    change = after.value - before.value
    return change if abs(change) >= SURE * math.hypot(errors[0], errors[1]) else 0.0


def _rate_shift(evaluation: Evaluation) -> float:
    rate = evaluation.headline("base_rate")
    if rate is None or not rate.offline.value:
        return 0.0
    return _change(rate.offline, rate.online) / rate.offline.value


def _coverage(evaluation: Evaluation, counts: Mapping[str, int]) -> float:
    """Known outcomes among the predictions that are old enough for one; among all where ages are unknown."""
    maturity = evaluation.maturity
    if maturity is not None and maturity.coverage_ratio is not None:
        return maturity.coverage_ratio
    return counts.get("joined", 0) / max(counts.get("predictions", 0), 1)


def _nothing() -> Finding:
    """Stand in for the headline of a task that has none."""
    empty = Value(value=None, lower=None, upper=None, n=0, reason="no AUC was measured")
    return Finding(metric="auc", slice="all", offline=empty, online=empty, gap=None, lower=None, upper=None,
                   log_evidence=None)  # fmt: skip
