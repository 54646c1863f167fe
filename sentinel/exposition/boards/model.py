"""One model version: the verdict, the gap between validation and live, its parts, and who is suspected."""

from __future__ import annotations

from typing import Final

from sentinel.diagnosis.conditions import WARN_PROBABILITY
from sentinel.diagnosis.evidence import COLLAPSE_SCORE
from sentinel.exposition.boards import common as c
from sentinel.exposition.boards.pictures import bars, lines, number, share_bars, shares, table, timeline
from sentinel.exposition.panels import Board, Query

_NAMED: Final = Query(f"max by (cause) (sentinel_verdict{{{c.MODEL}}}) == 1", "{{cause}}")
_AUC: Final = f'{c.MODEL},metric="auc",slice="all"'


def _part(name: str, legend: str) -> Query:
    return c.of_model_by("part", name, legend, selector=c.METRIC)


_VERDICT: Final = (
    number(
        "Verdict",
        "The cause that explains best what is seen. `none` is a healthy model; `insufficient_evidence` is no verdict "
        "yet.",
        _NAMED,
        legend_only=True,
        width=8,
        height=5,
    ),
    number(
        "Confidence",
        "How sure the verdict is. Below a half, read what evidence is missing in the report.",
        c.of_model("sentinel_verdict_confidence_ratio", "confidence"),
        unit="percentunit",
        steps=c.at_least(WARN_PROBABILITY, "blue"),
        minimum=0,
        maximum=1,
        width=4,
        height=5,
    ),
    number(
        "Acknowledged",
        "Whether somebody has looked at this verdict and said so. Another verdict asks again.",
        c.of_model("sentinel_verdict_acknowledged", "acknowledged"),
        names=((0, "no"), (1, "yes")),
        width=4,
        height=5,
    ),
    number(
        "Alerts held now",
        "What the daemon would have somebody look at: the number of slices by alert and severity. Each has a runbook.",
        Query(
            f"count by (alert, severity) (max without (instance, pod) (sentinel_alert_active{{{c.MODEL}}}) > 0)",
            "{{alert}} ({{severity}})",
        ),
        steps=c.limit(1, "orange"),
        no_value="none",
        width=8,
        height=5,
    ),
    timeline(
        "Verdict over time",
        "Which cause was named when. One that comes and goes is less than one that stays.",
        _NAMED,
        width=24,
        height=6,
    ),
)
_GAP: Final = (
    lines(
        "Gap with its bounds",
        "Offline estimate against live over all traffic; above 0 live is worse. The bounds hold however often one "
        "looks: a gap is proved once the lower one is above 0.",
        c.all_traffic("sentinel_gap_upper", "upper bound"),
        c.all_traffic("sentinel_gap", "gap"),
        c.all_traffic("sentinel_gap_lower", "lower bound"),
        steps=c.limit(0),
    ),
    lines(
        "Evidence for a gap",
        "Natural log of the odds that outcomes give to a gap beyond the tolerance. Dashed: a hundred to one, where an "
        "alert fires unless the model's `alerts` say otherwise.",
        c.all_traffic("sentinel_gap_log_evidence", "log evidence"),
        steps=c.limit(c.ALARM_LOG_EVIDENCE),
    ),
    lines(
        "Offline, expected and live",
        "What validation promised, what the scores alone make one expect, and what outcomes say. Live below offline "
        "with expected in between is a change of the mix; expected as promised and live below is not.",
        c.all_traffic("sentinel_offline_estimate", "offline"),
        c.all_traffic("sentinel_expected_estimate", "expected"),
        c.all_traffic("sentinel_online_estimate", "live"),
        c.all_traffic("sentinel_online_estimate_lower", "live, lower bound"),
        c.all_traffic("sentinel_online_estimate_upper", "live, upper bound"),
    ),
    lines(
        "The smallest gap that could be proved",
        "However many outcomes arrive: the offline estimate itself is that uncertain. Where this is above what "
        "matters, only a larger validation set helps.",
        c.all_traffic("sentinel_minimum_detectable_gap", "smallest gap"),
        c.all_traffic("sentinel_gap", "gap"),
    ),
)
_CAUSES: Final = (
    shares(
        "Causes by probability",
        "How much of the verdict's belief each cause has; they add up to 1. A change of the leading cause is worth "
        "more than its height.",
        c.of_model_by("cause", "sentinel_cause_probability_ratio"),
        stacked=True,
    ),
    shares(
        "When the gap began",
        "No gap, one from launch on, or one that began later. A leak is there from the first day; drift is not.",
        c.of_model_by("onset", "sentinel_onset_probability_ratio"),
        stacked=True,
    ),
    lines(
        "Parts of the gap",
        "What each step from offline to live adds; the parts add up to the gap. Another mix of slices or of scores is "
        "the world's doing; what is left to the outcomes is not.",
        _part("sentinel_gap_part", "{{part}}"),
        stacked=True,
    ),
    table(
        "Parts of the gap, with their bounds",
        "The same now. A part whose bounds lie on both sides of 0 may be chance.",
        _part("sentinel_gap_part", "Adds"),
        _part("sentinel_gap_part_lower", "Lower bound"),
        _part("sentinel_gap_part_upper", "Upper bound"),
    ),
    share_bars(
        "What a repair explains",
        "The share of the gap that goes away when one known leak is taken out of the offline estimate.",
        c.of_model_by("repair", "sentinel_explained_ratio", "without {{repair}}"),
        no_value="nothing to repair is known",
    ),
    lines(
        "The AUC after a repair",
        "The offline AUC with one known leak taken out, beside what was promised and what is live. The repair that "
        "meets the live line names the leak.",
        c.of_model_by("repair", "sentinel_corrected_estimate", "without {{repair}}"),
        Query(f"max(sentinel_offline_estimate{{{_AUC}}})", "offline"),
        Query(f"max(sentinel_online_estimate{{{_AUC}}})", "live"),
    ),
    lines(
        "Recalibration that live scores need",
        "A constant to add (level), and by how much the slope of the outcome's log-odds on the score's differs from "
        "offline. Near 0 both: the scores still mean what they did.",
        c.of_model_by("part", "sentinel_recalibration_log_odds"),
    ),
    share_bars(
        "Rows that training has seen",
        "Share of rows, or of rows about entities, that the training data hold too. More offline than live flatters "
        "the offline estimate.",
        c.of_model_by("of, side", "sentinel_overlap_ratio"),
        no_value="the baseline keeps no fingerprints",
    ),
)
_SUSPECTS: Final = (
    share_bars(
        "Suspects",
        "Share of the suspicion that a feature, slice or group carries, for the ten heaviest.",
        Query(f"topk(10, max by (kind, name) (sentinel_culprit_weight_ratio{{{c.MODEL}}}))", "{{kind}} {{name}}"),
        no_value="nobody is named",
    ),
    bars(
        "Features that lost their association",
        "What a feature lost of its association with the outcome since validation, in standard errors; red from where "
        "the diagnosis takes note. A leak knew the outcome offline and does not live.",
        Query(f"topk(10, max by (feature) (sentinel_feature_collapse{{{c.MODEL}}}))", "{{feature}}"),
        steps=c.limit(COLLAPSE_SCORE),
        opens=c.TO_FEATURE,
    ),
    bars(
        "Slices that fall furthest",
        "The ten slices with the strongest evidence of a gap in the chosen metric.",
        Query(f'topk(10, max by (slice) (sentinel_gap_log_evidence{{{c.METRIC},slice!="all"}}))', "{{slice}}"),
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
