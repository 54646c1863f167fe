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

    slice_mix: float | None = None
    score_mix: float | None = None
    outcome: float | None = None
    label_selection: float | None = None


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


class FeatureFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One feature: what it knew of the outcome offline and online, and whether what is served has changed."""

    name: str
    kind: Literal["numeric", "categorical"]
    offline_auc: Value
    online_auc: Value
    collapse: Annotated[float | None, Meta(description="loss of association in standard errors; above 0: lost online")]
    offline_missing_ratio: float
    online_missing_ratio: float
    offline_top_share: Annotated[float, Meta(description="share of the commonest bin offline")]
    online_top_share: Annotated[float, Meta(description="share of the commonest bin online; near 1: a constant")]
    online_top_bin: Annotated[str, Meta(description="that bin, in words")]
    online_unseen_ratio: Annotated[float, Meta(description="share of categories never seen, or values out of range")]
    stability_index: Annotated[float | None, Meta(description="PSI in excess of its null mean")]


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """Slope and intercept of the outcome's log-odds on the score's log-odds."""

    slope: Value
    intercept: Value


class LaunchWindow(msgspec.Struct, frozen=True, kw_only=True):
    """The first outcomes after launch: a leak's gap is there from the start, a drift's is not."""

    complete: Annotated[bool, Meta(description="enough outcomes of both classes have arrived to judge the launch")]
    n_outcomes: int
    through: Annotated[str | None, Meta(description="end of the last pane inside the window, RFC 3339")]
    gap: float | None
    log_evidence: float | None
    alarm: bool


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

    def headline(self, metric: str) -> Finding | None:
        """The finding of one metric over all traffic, or None where the task has no such metric."""
        return next((f for f in self.findings if f.metric == metric and f.slice == "all"), None)
