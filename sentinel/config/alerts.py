"""When a gap is worth waking someone."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError
from sentinel.config.fields import bounded, parsed
from sentinel.config.section import Section

CAUSES: Final = (
    "target_leakage",
    "temporal_leakage",
    "group_leakage",
    "duplicate_leakage",
    "preprocessing_leakage",
    "selection_optimism",
    "train_serve_skew",
    "data_quality_fault",
    "covariate_drift",
    "label_shift",
    "concept_drift",
    "none",
)
"""The causes that may be given a prior."""


class Alerts(Section, frozen=True, kw_only=True):
    """When a gap between offline and online is worth waking someone: learned on 64 streams of known truth."""

    alpha: Annotated[
        float,
        Meta(
            description="Chance of ever paging on a model without a gap. At .01 the gate raised 31 of 32 "
            "real leaks of .05 AUC or more and 1 of 23 others.",
            gt=0.0,
            lt=0.5,
        ),
    ] = 0.01
    warn_alpha: Annotated[
        float,
        Meta(
            description="The same for a warning, and for the launch window, where .05 raised 31 of 32 leaks "
            "and 0 of 23 others. An alert of a gap ends below it, too, so that one fault pages once.",
            gt=0.0,
            lt=0.5,
        ),
    ] = 0.05
    tau: Annotated[
        float,
        Meta(
            description="The gap, in units of the metric, that the test looks for hardest. .05 AUC is the "
            "smallest leak that was counted as one.",
            gt=0.0,
            le=1.0,
        ),
    ] = 0.05
    tolerance: Annotated[
        float,
        Meta(
            description="A gap up to this is no finding. Without it 6 of 23 harmless streams were raised, "
            "with .02 one.",
            ge=0.0,
            lt=1.0,
        ),
    ] = 0.02
    minimum_outcomes: Annotated[
        int,
        Meta(
            description="Outcomes needed before the gap is judged at all: below 200 the variance estimate "
            "itself is not to be trusted.",
            ge=1,
        ),
    ] = 200
    minimum_per_class: Annotated[
        int,
        Meta(
            description="Outcomes of each class needed before the gap is judged: with fewer than 30 the "
            "normal approximation of the AUC fails.",
            ge=1,
        ),
    ] = 30
    launch_outcomes: Annotated[
        int,
        Meta(
            description="Outcomes in the launch window. A leak shows from the first day, drift later: "
            "asking for the gap here too left 3 of 55 drifts raised instead of 27. 500 when volume is low "
            "(28 of 32 leaks).",
            ge=1,
        ),
    ] = 1_000
    launch_per_class: Annotated[
        int,
        Meta(
            description="Outcomes of each class before the launch window closes. 100 when volume is low.",
            ge=1,
        ),
    ] = 200
    slice_fdr: Annotated[
        float,
        Meta(
            description="Share of false slices among those raised, held by e-BH at any moment. At .1, 200 "
            "slices with 10 bad ones gave a measured share of .009 and power .957.",
            gt=0.0,
            lt=0.5,
        ),
    ] = 0.1
    priors: Annotated[
        dict[str, Annotated[float, Meta(gt=0.0, le=1_000.0)]],
        Meta(
            description="How many times as likely as in training of the scorecard a cause is held before any "
            "evidence, by cause. Empty by default: what the simulated worlds gave.",
            examples=[{"group_leakage": 0.2, "concept_drift": 2.0}],
        ),
    ] = msgspec.field(default_factory=dict)
    baseline_max_age: Annotated[
        Duration,
        bounded(
            "How far live predictions may run ahead of the last validation row before the offline estimate counts as "
            "out of date. Half a year by default: then it is of another season.",
            Duration.parse("1d"),
            Duration.parse("3650d"),
            examples=["90d"],
        ),
    ] = parsed(Duration, "180d")

    def __post_init__(self) -> None:
        unknown = next((name for name in self.priors if name not in CAUSES), None)
        if unknown is not None:
            message = f"{unknown!r} is no cause that has a prior"
            raise ConfigError(message, keys=("priors", unknown), hint=f"there are {', '.join(CAUSES)}")
        if self.warn_alpha < self.alpha:
            message = f"a warning must not be rarer than a page: {self.warn_alpha} is below alpha {self.alpha}"
            raise ConfigError(message, keys=("warn_alpha",))
        pairs = (("launch_outcomes", "minimum_outcomes"), ("launch_per_class", "minimum_per_class"))
        for launch, minimum in pairs:
            if getattr(self, launch) < getattr(self, minimum):
                message = f"{getattr(self, launch)} is below {minimum} {getattr(self, minimum)}"
                raise ConfigError(message, keys=(launch,))
