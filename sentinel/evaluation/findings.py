"""What an evaluation found, as frozen values: estimates on both sides, the gap between them, the features behind it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Unit = Literal["score", "nats", "ratio"]


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate with its interval and the events behind it, or the reason why there is none."""

    value: Annotated[float | None, Meta(description="the estimate; null when there is not enough data")]
    lower: Annotated[float | None, Meta(description="lower bound of the 95 % interval")]
    upper: Annotated[float | None, Meta(description="upper bound of the 95 % interval")]
    n: Annotated[int, Meta(description="predictions with a known outcome behind the estimate", ge=0)]
    reason: Annotated[
        str | None, Meta(description="why there is no estimate: what is short, and how much it takes")
    ] = None


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a gap each step explains; null where it was not computed."""

    slice_mix: Annotated[float | None, Meta(description="another mix of slices")] = None
    score_mix: Annotated[float | None, Meta(description="other scores within slices")] = None
    outcome: Annotated[float | None, Meta(description="other outcomes at the same scores")] = None
    label_selection: Annotated[float | None, Meta(description="outcomes known more often at some scores")] = None
    intervals: Annotated[
        dict[str, tuple[float, float]], Meta(description="part -> its 95 % interval, where it was computed")
    ] = {}
    slicing: Annotated[str | None, Meta(description="slice column whose mix slice_mix is of")] = None
    reason: Annotated[str | None, Meta(description="why the gap was not attributed")] = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One metric in one slice, held against its own offline estimate."""

    metric: Annotated[str, Meta(description="auc, log_loss, normalized_entropy, brier, accuracy, ...")]
    slice: Annotated[str, Meta(description="all, or column=value")]
    offline: Value
    online: Value
    expected: Annotated[Value | None, Meta(description="the metric before outcomes arrive, trusting the scores")] = None
    gap: Annotated[float | None, Meta(description="offline minus online, signed so that above 0 means live is worse")]
    lower: Annotated[float | None, Meta(description="lower bound of the gap, valid at every look (95 %)")]
    upper: Annotated[float | None, Meta(description="upper bound of the gap, valid at every look (95 %)")]
    log_evidence: Annotated[
        float | None,
        Meta(description="log Bayes factor that the gap exceeds the tolerance, both sides' error counted"),
    ]
    minimum_detectable_gap: Annotated[
        float | None, Meta(description="the smallest gap that this offline estimate could ever prove")
    ] = None
    alarm: Annotated[bool, Meta(description="the evidence has passed its threshold (for slices: after e-BH)")] = False
    parts: Parts = Parts()
    discovered: Annotated[bool, Meta(description="a weak slice that was found, not configured")] = False


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """How far what is served has moved from what offline evaluation saw: one feature, or the score."""

    excess_psi: Annotated[float | None, Meta(description="population stability index less its null mean, nats")]
    jensen_shannon: Annotated[float | None, Meta(description="Jensen-Shannon distance, 0 to 1 (base 2)")]
    wasserstein: Annotated[
        float | None, Meta(description="Wasserstein-1 distance in offline interquartile ranges; numeric values only")
    ]
    kolmogorov_smirnov: Annotated[float | None, Meta(description="largest distance of the two binned CDFs")]
    p_value: Annotated[float | None, Meta(description="chi-square test of equal shares")]
    log_evidence: Annotated[float | None, Meta(description="log e-value of a change, valid at every look")]
    alarm: Annotated[bool, Meta(description="large enough to matter, and found by e-BH over all features")] = False


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of panes in which a feature was served otherwise than offline."""

    kind: Annotated[
        Literal["missing", "invalid", "unseen", "out_of_range", "constant"],
        Meta(description="no value; not of its type; unknown categories; numbers beyond the offline range; one value"),
    ]
    ratio: Annotated[float, Meta(description="share of predictions in that stretch that were served so", ge=0, le=1)]
    offline_ratio: Annotated[float, Meta(description="the same share offline", ge=0, le=1)]
    n: Annotated[int, Meta(description="predictions in that stretch", ge=0)]
    since: Annotated[str, Meta(description="start of its first pane, RFC 3339")]
    until: Annotated[str | None, Meta(description="end of its last pane; null while it lasts")]
    from_launch: Annotated[bool, Meta(description="it has been there since the first prediction")]
    value: Annotated[str | None, Meta(description="of a constant: the value, in words")] = None
    traffic_ratio: Annotated[
        float, Meta(description="share of all predictions that lie in that stretch", ge=0, le=1)
    ] = 0.0
    steady: Annotated[
        bool, Meta(description="it came at once and stayed; false: it comes and goes, as seasons and weather do")
    ] = True


class Ages(msgspec.Struct, frozen=True, kw_only=True):
    """When the served values were written, against the moment of prediction."""

    n: Annotated[int, Meta(description="predictions that carried a time for this feature", ge=0)]
    offline_n: Annotated[int, Meta(description="the same in the offline rows", ge=0)]
    after_prediction_ratio: Annotated[float, Meta(description="share written after the prediction, live")]
    offline_after_prediction_ratio: Annotated[float, Meta(description="share written after the prediction, offline")]
    median_seconds: Annotated[float | None, Meta(description="median age live; null without times")]
    offline_median_seconds: Annotated[float | None, Meta(description="median age offline; null without times")]
    too_old_ratio: Annotated[float | None, Meta(description="share older than max_age; null where none is declared")]
    unreadable_ratio: Annotated[float, Meta(description="share of live times that could not be read", ge=0, le=1)] = 0.0


class Backfill(msgspec.Struct, frozen=True, kw_only=True):
    """Values recomputed afterwards for the moment of prediction, against those that were served."""

    n: Annotated[int, Meta(description="predictions with a recomputed value", ge=0)]
    mismatch_ratio: Annotated[float, Meta(description="share whose recomputed value falls into another bin")]
    n_with_outcome: Annotated[int, Meta(description="of them, those whose outcome is known", ge=0)]
    outcome_log_odds: Annotated[
        float | None, Meta(description="log odds ratio of mismatch and outcome; far from 0: the recomputed value knows")
    ]
    p_value: Annotated[float | None, Meta(description="of a mismatch that does not depend on the outcome")]
    served_auc: Annotated[
        float | None, Meta(description="of whether the served value is high, in the direction of the recomputed one")
    ] = None
    recomputed_auc: Annotated[float | None, Meta(description="of whether the recomputed value is high")] = None
    gain: Annotated[float | None, Meta(description="recomputed less served AUC; a leak has it, and skew too")] = None
    gain_z: Annotated[float | None, Meta(description="the same in standard errors")] = None
    gain_p: Annotated[float | None, Meta(description="of no gain and no loss")] = None
    growth_p: Annotated[
        float | None,
        Meta(description="of what was added after serving that knows nothing of the outcome; small: a leak, not skew"),
    ] = None


class FeatureFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One feature: what it knew of the outcome offline and online, and whether what is served has changed."""

    name: Annotated[str, Meta(description="of the feature")]
    kind: Annotated[Literal["numeric", "categorical"], Meta(description="how its values are binned")]
    offline_auc: Value
    online_auc: Value
    collapse: Annotated[float | None, Meta(description="loss of association in standard errors; above 0: lost online")]
    offline_missing_ratio: Annotated[float, Meta(description="share of missing values offline")]
    online_missing_ratio: Annotated[float, Meta(description="share of missing values live")]
    offline_top_share: Annotated[float, Meta(description="share of the commonest bin offline")]
    online_top_share: Annotated[float, Meta(description="share of the commonest bin online; near 1: a constant")]
    online_top_bin: Annotated[str, Meta(description="that bin, in words")]
    online_unseen_ratio: Annotated[float, Meta(description="share of categories never seen, or values out of range")]
    drift: Drift | None = None
    faults: tuple[Fault, ...] = ()
    ages: Ages | None = None
    backfill: Backfill | None = None
    available: Annotated[
        str | None, Meta(description="when its value exists, as declared: at_prediction, after_prediction, ...")
    ] = None
    outside_range_ratio: Annotated[
        float | None, Meta(description="share of live values outside the declared range; null where none is declared")
    ] = None
    offline_outside_range_ratio: Annotated[
        float | None, Meta(description="the same offline; null where none is declared, or no number was there")
    ] = None

    @property
    def excess_psi(self) -> float | None:
        """How far its values have moved, in stability index beyond chance; None where too few were served."""
        return None if self.drift is None else self.drift.excess_psi


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Slope and intercept of the outcome's log-odds on the score's log-odds."""

    slope: Value
    intercept: Value


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """How often the outcome came at scores of one span."""

    score: Annotated[float, Meta(description="mean score, 0 to 1")]
    rate: Annotated[float, Meta(description="share of positive outcomes", ge=0, le=1)]
    lower: Annotated[float, Meta(description="lower bound of its 95 % interval")]
    upper: Annotated[float, Meta(description="upper bound of its 95 % interval")]
    n: Annotated[int, Meta(description="outcomes", ge=0)]


class ReliabilityBin(msgspec.Struct, frozen=True, kw_only=True):
    """One span of scores, on both sides; null where too few outcomes are known."""

    offline: Rate | None
    online: Rate | None


class Delays(msgspec.Struct, frozen=True, kw_only=True):
    """How long outcomes take, as shares of doubling spans of time."""

    edges_seconds: Annotated[tuple[float, ...], Meta(description="bounds of the spans; the outer ones are open")]
    offline: Annotated[tuple[float, ...] | None, Meta(description="shares offline; null without times of outcomes")]
    online: Annotated[tuple[float, ...], Meta(description="shares live")]
    n: Annotated[int, Meta(description="live outcomes", ge=0)]


class LaunchWindow(msgspec.Struct, frozen=True, kw_only=True):
    """The first outcomes after launch: a leak's gap is there from the start, a drift's is not."""

    complete: Annotated[bool, Meta(description="enough outcomes of both classes have arrived to judge the launch")]
    n_outcomes: Annotated[int, Meta(description="outcomes in the window")]
    through: Annotated[str | None, Meta(description="end of the last pane inside the window, RFC 3339")]
    gap: Annotated[float | None, Meta(description="of the headline metric in the window; above 0: live is worse")]
    log_evidence: Annotated[float | None, Meta(description="log Bayes factor of that gap")]
    alarm: Annotated[bool, Meta(description="that evidence has passed warn_alpha")]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Whether performance changed after launch, and when."""

    none: Annotated[float, Meta(description="probability that no gap is there", ge=0, le=1)]
    launch: Annotated[float, Meta(description="probability of a gap from the first prediction on", ge=0, le=1)]
    later: Annotated[float, Meta(description="probability of a gap that began after launch", ge=0, le=1)]
    onset: Annotated[str | None, Meta(description="likeliest start of a later gap, RFC 3339")] = None
    onset_lower: Annotated[str | None, Meta(description="95 % of the onset's probability lies after this")] = None
    onset_upper: Annotated[str | None, Meta(description="and before this")] = None
    drop: Annotated[float | None, Meta(description="headline metric before the onset less that after")] = None
    log_evidence: Annotated[float | None, Meta(description="log e-value of a change after launch, any split")] = None
    alarm: Annotated[bool, Meta(description="that evidence has passed alpha")] = False
    loss_log_evidence: Annotated[
        float | None, Meta(description="log of the betting e-Shiryaev-Roberts statistic on the loss, per pane")
    ] = None
    loss_alarm: Annotated[bool, Meta(description="it has passed the run length that was asked for")] = False
    corroborated_at: Annotated[
        str | None, Meta(description="last pane at which ADWIN saw the loss or a feature's mean change, RFC 3339")
    ] = None
    anomalous: Annotated[
        tuple[str, ...], Meta(description="latest panes whose statistics are unlike all before, RFC 3339 starts")
    ] = ()


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """Two nested recalibration tests: what kind of shift the counts show."""

    kind: Annotated[
        Literal["same", "covariate", "label", "concept", "unknown"],
        Meta(description="what moved, judged by the tests below"),
    ]
    p_level: Annotated[float | None, Meta(description="other outcomes at equal scores, by one constant (1 df)")] = None
    p_slope: Annotated[float | None, Meta(description="scores that mean something else (1 df)")] = None
    p_scores: Annotated[float | None, Meta(description="other scores, by up to 32 pooled bins")] = None
    p_scores_by_outcome: Annotated[float | None, Meta(description="other scores given the outcome")] = None
    level: Annotated[float | None, Meta(description="size of the first, log-odds")] = None
    slope: Annotated[float | None, Meta(description="size of the second, log-odds per log-odds of score")] = None
    base_rate: Annotated[
        Value | None,
        Meta(description="live base rate by scores alone, if nothing else moved; null where they contradict that"),
    ] = None


class Counterfactual(msgspec.Struct, frozen=True, kw_only=True):
    """The offline estimate with one repairable leak taken out, and how much of the gap that explains."""

    name: Annotated[str, Meta(description="duplicates, groups, time_overlap, selection, or feature:NAME")]
    cause: Annotated[str, Meta(description="the cause that it repairs")]
    corrected: Value
    log_evidence: Annotated[float | None, Meta(description="log likelihood ratio, corrected over stated estimate")]
    explained: Annotated[float | None, Meta(description="share of the gap that the repair explains")]
    lower: Annotated[float | None, Meta(description="lower bound of that share (95 %)")]
    upper: Annotated[float | None, Meta(description="upper bound of that share (95 %)")]
    remainder: Annotated[float | None, Meta(description="what is left of the gap, in standard errors")]


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """Rows, or entities, that the training data hold too."""

    of: Annotated[Literal["rows", "entities"], Meta(description="what is looked for in the training data")]
    offline_ratio: Annotated[float | None, Meta(description="share of validation rows; null where unknown")]
    online_ratio: Annotated[float | None, Meta(description="share of live predictions; null where unknown")]
    seen: Annotated[Value, Meta(description="live AUC of what training has seen")]
    unseen: Annotated[Value, Meta(description="live AUC of the rest")]
    contrast: Annotated[float | None, Meta(description="seen less unseen, in standard errors")]


class Maturity(msgspec.Struct, frozen=True, kw_only=True):
    """Which predictions are old enough to be judged."""

    seconds: Annotated[float | None, Meta(description="age at which the outcome is taken as settled; null: unknown")]
    judged_seconds: Annotated[
        float | None,
        Meta(description="age at which both sides are held against each other: a fixed-horizon twin, or maturity"),
    ] = None
    n_mature: Annotated[int, Meta(description="predictions of that age or more", ge=0)] = 0
    n_outcomes: Annotated[int, Meta(description="of them, those whose outcome is known", ge=0)] = 0
    coverage_ratio: Annotated[float | None, Meta(description="known outcomes among mature predictions")] = None
    lowest_coverage_ratio: Annotated[
        float | None, Meta(description="the same in the tenth of scores where it is lowest: selective outcomes")
    ] = None
    delay_p_value: Annotated[float | None, Meta(description="of outcomes that take as long as offline")] = None
    delay_ratio: Annotated[float | None, Meta(description="median delay live over offline")] = None


class Residuals(msgspec.Struct, frozen=True, kw_only=True):
    """Prediction less outcome of a regression, in the unit of the outcome, held against offline."""

    n: Annotated[int, Meta(description="live predictions with a known outcome", ge=0)]
    offline_n: Annotated[int, Meta(description="offline rows with a known outcome", ge=0)]
    quantiles: Annotated[dict[str, float], Meta(description="p05, p25, p50, p75, p95 live, interpolated within bins")]
    offline_quantiles: Annotated[dict[str, float], Meta(description="the same offline")]
    beyond_ratio: Annotated[
        float | None, Meta(description="share of live residuals outside the span of 99.9 % of the offline ones")
    ]
    excess_psi: Annotated[float | None, Meta(description="population stability index less its null mean, nats")]


class StuckScore(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of panes in which one span of scores held far more predictions than offline."""

    lower: Annotated[float | None, Meta(description="start of the span; null: from the lowest score on")]
    upper: Annotated[float | None, Meta(description="its end; null: to the highest score")]
    ratio: Annotated[float, Meta(description="share of predictions in that stretch with such a score", ge=0, le=1)]
    offline_ratio: Annotated[float, Meta(description="the same share offline", ge=0, le=1)]
    offline_top_ratio: Annotated[float, Meta(description="largest share of any such span offline", ge=0, le=1)]
    n: Annotated[int, Meta(description="predictions in that stretch", ge=0)]
    since: Annotated[str, Meta(description="start of its first pane, RFC 3339")]
    until: Annotated[str | None, Meta(description="end of its last pane; null while it lasts")]
    from_launch: Annotated[bool, Meta(description="it has been there since the first prediction")]
    whole: Annotated[bool, Meta(description="nearly all predictions have that score, not a part of them")]
    contradicted: Annotated[bool, Meta(description="their outcomes are surely not those of such a score offline")]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the comparison of one baseline with one live Summary says, before anyone names a cause."""

    findings: tuple[Finding, ...]
    features: tuple[FeatureFinding, ...]
    launch: LaunchWindow
    offline_calibration: Calibration
    online_calibration: Calibration
    later_gap: Annotated[float | None, Meta(description="gap of the headline metric after the launch window")] = None
    confirmed: Annotated[
        bool, Meta(description="the gap still stands at four times the launch window, or too few outcomes came since")
    ] = False
    change: Change | None = None
    shift: Shift | None = None
    score_drift: Drift | None = None
    counterfactuals: tuple[Counterfactual, ...] = ()
    overlaps: tuple[Overlap, ...] = ()
    maturity: Maturity | None = None
    residuals: Residuals | None = None
    own_launch: Annotated[
        LaunchWindow | None, Meta(description="the same window by the task's own metric, where that has an alarm")
    ] = None
    stuck_score: StuckScore | None = None
    offline_scores_are_outcomes: bool = False
    covered_seconds: Annotated[
        float, Meta(description="prediction time from the first pane to the last one whose outcomes are compared", ge=0)
    ] = 0.0
    reliability: Annotated[tuple[ReliabilityBin, ...], Meta(description="outcome rate by score on both sides")] = ()
    delays: Delays | None = None

    @property
    def since_launch(self) -> bool:
        """Whether a gap was there from launch on and lasted: by the AUC, or by the task's own metric."""
        return (self.launch.alarm and self.confirmed) or (self.own_launch is not None and self.own_launch.alarm)

    def headline(self, metric: str) -> Finding | None:
        """The finding of one metric over all traffic, or None where the task has no such metric."""
        return next((f for f in self.findings if f.metric == metric and f.slice == "all"), None)
