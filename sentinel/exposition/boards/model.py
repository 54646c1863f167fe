"""One model version: the verdict, the gap between validation and live, its parts, and who is suspected."""

from __future__ import annotations

from typing import Final

from sentinel.diagnosis.conditions import WARN_PROBABILITY
from sentinel.diagnosis.evidence import COLLAPSE_SCORE
from sentinel.exposition.boards import common as c
from sentinel.exposition.panels import Board, Panel, Query

_VERDICT: Final = (
    Panel(
        title="Verdict",
        description="The cause that explains best what is seen. `none` is a healthy model; `insufficient_evidence` is "
        "no verdict yet.",
        type="stat",
        queries=(Query(f"max by (cause) (sentinel_verdict{{{c.MODEL}}}) == 1", "{{cause}}"),),
        unit="none",
        legend_only=True,
        width=8,
        height=5,
    ),
    Panel(
        title="Confidence",
        description="How sure the verdict is. Below a half, read what evidence is missing in the report.",
        type="stat",
        queries=(c.of_model("sentinel_verdict_confidence_ratio", "confidence"),),
        unit="percentunit",
        steps=c.at_least(WARN_PROBABILITY, "blue"),
        minimum=0,
        maximum=1,
        width=4,
        height=5,
    ),
    Panel(
        title="Acknowledged",
        description="Whether somebody has looked at this verdict and said so. Another verdict asks again.",
        type="stat",
        queries=(c.of_model("sentinel_verdict_acknowledged", "acknowledged"),),
        unit="none",
        names=((0, "no"), (1, "yes")),
        width=4,
        height=5,
    ),
    Panel(
        title="Alerts held now",
        description="What the daemon would have somebody look at: the number of slices by alert and severity. Each has "
        "a runbook.",
        type="stat",
        queries=(
            Query(
                f"count by (alert, severity) (max without (instance, pod) (sentinel_alert_active{{{c.MODEL}}}) > 0)",
                "{{alert}} ({{severity}})",
            ),
        ),
        unit="none",
        steps=c.limit(1, "orange"),
        no_value="none",
        width=8,
        height=5,
    ),
    Panel(
        title="Verdict over time",
        description="Which cause was named when. One that comes and goes is less than one that stays.",
        type="state-timeline",
        queries=(Query(f"max by (cause) (sentinel_verdict{{{c.MODEL}}}) == 1", "{{cause}}"),),
        unit="none",
        width=24,
        height=6,
    ),
)
_GAP: Final = (
    Panel(
        title="Gap with its bounds",
        description="Offline estimate against live over all traffic; above 0 live is worse. The bounds hold however "
        "often one looks: a gap is proved once the lower one is above 0.",
        type="timeseries",
        queries=(
            c.all_traffic("sentinel_gap_upper", "upper bound"),
            c.all_traffic("sentinel_gap", "gap"),
            c.all_traffic("sentinel_gap_lower", "lower bound"),
        ),
        unit="none",
        steps=c.limit(0),
    ),
    Panel(
        title="Evidence for a gap",
        description="Natural log of the odds that outcomes give to a gap beyond the tolerance. Dashed: a hundred to "
        "one, where an alert fires unless the model's `alerts` say otherwise.",
        type="timeseries",
        queries=(c.all_traffic("sentinel_gap_log_evidence", "log evidence"),),
        unit="none",
        steps=c.limit(c.ALARM_LOG_EVIDENCE),
    ),
    Panel(
        title="Offline, expected and live",
        description="What validation promised, what the scores alone make one expect, and what outcomes say. Live "
        "below offline with expected in between is a change of the mix; expected as promised and live below is not.",
        type="timeseries",
        queries=(
            c.all_traffic("sentinel_offline_estimate", "offline"),
            c.all_traffic("sentinel_expected_estimate", "expected"),
            c.all_traffic("sentinel_online_estimate", "live"),
            c.all_traffic("sentinel_online_estimate_lower", "live, lower bound"),
            c.all_traffic("sentinel_online_estimate_upper", "live, upper bound"),
        ),
        unit="none",
    ),
    Panel(
        title="The smallest gap that could be proved",
        description="However many outcomes arrive: the offline estimate itself is that uncertain. Where this is above "
        "what matters, only a larger validation set helps.",
        type="timeseries",
        queries=(
            c.all_traffic("sentinel_minimum_detectable_gap", "smallest gap"),
            c.all_traffic("sentinel_gap", "gap"),
        ),
        unit="none",
    ),
)
_CAUSES: Final = (
    Panel(
        title="Causes by probability",
        description="How much of the verdict's belief each cause has; they add up to 1. A change of the leading cause "
        "is worth more than its height.",
        type="timeseries",
        queries=(Query(f"max by (cause) (sentinel_cause_probability_ratio{{{c.MODEL}}})", "{{cause}}"),),
        unit="percentunit",
        minimum=0,
        maximum=1,
        stacked=True,
    ),
    Panel(
        title="When the gap began",
        description="No gap, one from launch on, or one that began later. A leak is there from the first day; drift is "
        "not.",
        type="timeseries",
        queries=(Query(f"max by (onset) (sentinel_onset_probability_ratio{{{c.MODEL}}})", "{{onset}}"),),
        unit="percentunit",
        minimum=0,
        maximum=1,
        stacked=True,
    ),
    Panel(
        title="Parts of the gap",
        description="What each step from offline to live adds; the parts add up to the gap. Another mix of slices or "
        "of scores is the world's doing; what is left to the outcomes is not.",
        type="timeseries",
        queries=(Query(f"max by (part) (sentinel_gap_part{{{c.METRIC}}})", "{{part}}"),),
        unit="none",
        stacked=True,
    ),
    Panel(
        title="Parts of the gap, with their bounds",
        description="The same now. A part whose bounds lie on both sides of 0 may be chance.",
        type="table",
        queries=(
            Query(f"max by (part) (sentinel_gap_part{{{c.METRIC}}})", "Adds"),
            Query(f"max by (part) (sentinel_gap_part_lower{{{c.METRIC}}})", "Lower bound"),
            Query(f"max by (part) (sentinel_gap_part_upper{{{c.METRIC}}})", "Upper bound"),
        ),
        unit="none",
    ),
    Panel(
        title="What a repair explains",
        description="The share of the gap that goes away when one known leak is taken out of the offline estimate.",
        type="bargauge",
        queries=(Query(f"max by (repair) (sentinel_explained_ratio{{{c.MODEL}}})", "without {{repair}}"),),
        unit="percentunit",
        no_value="nothing to repair is known",
        minimum=0,
        maximum=1,
    ),
    Panel(
        title="The AUC after a repair",
        description="The offline AUC with one known leak taken out, beside what was promised and what is live. The "
        "repair that meets the live line names the leak.",
        type="timeseries",
        queries=(
            Query(f"max by (repair) (sentinel_corrected_estimate{{{c.MODEL}}})", "without {{repair}}"),
            Query(f'max(sentinel_offline_estimate{{{c.MODEL},metric="auc",slice="all"}})', "offline"),
            Query(f'max(sentinel_online_estimate{{{c.MODEL},metric="auc",slice="all"}})', "live"),
        ),
        unit="none",
    ),
    Panel(
        title="Recalibration that live scores need",
        description="A constant to add (level), and by how much the slope of the outcome's log-odds on the score's "
        "differs from offline. Near 0 both: the scores still mean what they did.",
        type="timeseries",
        queries=(Query(f"max by (part) (sentinel_recalibration_log_odds{{{c.MODEL}}})", "{{part}}"),),
        unit="none",
    ),
    Panel(
        title="Rows that training has seen",
        description="Share of rows, or of rows about entities, that the training data hold too. More offline than live "
        "flatters the offline estimate.",
        type="bargauge",
        queries=(Query(f"max by (of, side) (sentinel_overlap_ratio{{{c.MODEL}}})", "{{of}}, {{side}}"),),
        unit="percentunit",
        no_value="the baseline keeps no fingerprints",
        minimum=0,
        maximum=1,
    ),
)
_SUSPECTS: Final = (
    Panel(
        title="Suspects",
        description="Share of the suspicion that a feature, slice or group carries, for the ten heaviest.",
        type="bargauge",
        queries=(
            Query(f"topk(10, max by (kind, name) (sentinel_culprit_weight_ratio{{{c.MODEL}}}))", "{{kind}} {{name}}"),
        ),
        unit="percentunit",
        no_value="nobody is named",
        minimum=0,
        maximum=1,
    ),
    Panel(
        title="Features that lost their association",
        description="What a feature lost of its association with the outcome since validation, in standard errors; red "
        "from where the diagnosis takes note. A leak knew the outcome offline and does not live.",
        type="bargauge",
        queries=(Query(f"topk(10, max by (feature) (sentinel_feature_collapse{{{c.MODEL}}}))", "{{feature}}"),),
        unit="none",
        steps=c.limit(COLLAPSE_SCORE),
        opens=c.TO_FEATURE,
    ),
    Panel(
        title="Slices that fall furthest",
        description="The ten slices with the strongest evidence of a gap in the chosen metric.",
        type="bargauge",
        queries=(
            Query(
                f'topk(10, max by (slice) (sentinel_gap_log_evidence{{{c.METRIC},slice!="all"}}))',
                "{{slice}}",
            ),
        ),
        unit="none",
        no_value="no slice has enough outcomes",
        opens=c.TO_SLICE,
    ),
)

MODEL: Final = Board(
    uid=c.MODEL_UID,
    title="Sentinel / Model",
    description="One model version: the verdict, the gap between validation and live, what it is made of, and who is "
    "suspected.",
    variables=(*c.MODEL_VARIABLES, c.METRIC_VARIABLE),
    marks=c.MODEL_MARKS,
    panels=(*_VERDICT, *_GAP, *_CAUSES, *_SUSPECTS),
)
