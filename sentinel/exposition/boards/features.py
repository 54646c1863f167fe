"""The features of one model version: what they knew of the outcome offline and know live, drift, nulls, faults."""

from __future__ import annotations

from typing import Final

from sentinel.diagnosis.evidence import COLLAPSE_SCORE
from sentinel.evaluation.drift import LARGE, WORTH_A_WORD
from sentinel.evaluation.faults import CONSTANT
from sentinel.exposition.boards import common as c
from sentinel.exposition.panels import Board, Panel, Query, Step, Variable

_CHOSEN: Final = f'{c.MODEL},feature=~"$feature"'
_MOST_LINES: Final = 12
_DRIFT_STEPS: Final = (Step(None, "green"), Step(WORTH_A_WORD, "orange"), Step(LARGE, "red"))
_SCORE: Final = "@score"


def _by_feature(name: str, more: str = "") -> str:
    return f"max by (feature) ({name}{{{_CHOSEN}{more}}})"


def _side(name: str, side: str) -> str:
    return _by_feature(name, f',side="{side}"')


def _top(expr: str, legend: str = "{{feature}}") -> Query:
    return Query(f"topk({_MOST_LINES}, {expr})", legend)


def _statistic(name: str) -> str:
    return _by_feature("sentinel_drift_statistic", f',statistic="{name}"')


_ASSOCIATION: Final = (
    Panel(
        title="Features, the greatest loss of association first",
        description="AUC of each feature alone against the outcome, offline and live, and the difference in standard "
        "errors; then how it arrives. A leak knew the outcome offline and does not live. A click shows it over time.",
        type="table",
        queries=(
            Query(_by_feature("sentinel_feature_collapse"), "Lost, in standard errors"),
            Query(_side("sentinel_feature_auc", "offline"), "AUC offline"),
            Query(_side("sentinel_feature_auc", "online"), "AUC live"),
            Query(_statistic("stability_index"), "Stability index"),
            Query(_side("sentinel_feature_missing_ratio", "offline"), "Missing offline", "percentunit"),
            Query(_side("sentinel_feature_missing_ratio", "online"), "Missing live", "percentunit"),
            Query(_by_feature("sentinel_feature_unseen_ratio"), "Never seen", "percentunit"),
            Query(_side("sentinel_feature_top_share_ratio", "online"), "Commonest value", "percentunit"),
        ),
        unit="none",
        width=24,
        height=12,
        opens=c.TO_FEATURE,
    ),
    Panel(
        title="Loss of association",
        description="In standard errors; above the dashed line the diagnosis takes note. A leak's loss is there from "
        "launch on.",
        type="timeseries",
        queries=(_top(_by_feature("sentinel_feature_collapse")),),
        unit="none",
        steps=c.limit(COLLAPSE_SCORE),
    ),
    Panel(
        title="Association with the outcome, offline less live",
        description="AUC of the feature alone, offline less live: what the loss amounts to. Features that never knew "
        "anything stay near 0.",
        type="timeseries",
        queries=(_top(f"{_side('sentinel_feature_auc', 'offline')}\n  - {_side('sentinel_feature_auc', 'online')}"),),
        unit="none",
    ),
    Panel(
        title="Association offline",
        description="AUC of the feature alone on the validation rows. One feature that knows nearly everything is a "
        "suspect before launch.",
        type="bargauge",
        queries=(_top(_side("sentinel_feature_auc", "offline")),),
        unit="none",
        minimum=0.5,
        maximum=1,
        opens=c.TO_FEATURE,
    ),
    Panel(
        title="Association live",
        description="The same on live outcomes.",
        type="bargauge",
        queries=(_top(_side("sentinel_feature_auc", "online")),),
        unit="none",
        minimum=0.5,
        maximum=1,
        opens=c.TO_FEATURE,
    ),
)
_DRIFT: Final = (
    Panel(
        title="Drift of features",
        description="Population stability index beyond what chance gives. Dashed: worth a word, and large. Drift alone "
        "costs nothing.",
        type="timeseries",
        queries=(_top(_statistic("stability_index")),),
        unit="none",
        steps=_DRIFT_STEPS,
    ),
    Panel(
        title="Drift of the score",
        description="How far live scores have moved from those of validation, by four statistics. Dashed: where the "
        "stability index is worth a word, and large.",
        type="timeseries",
        queries=(
            Query(
                "max by (statistic) (sentinel_drift_statistic"
                f'{{{c.MODEL},feature="{_SCORE}",statistic!="log_evidence"}})',
                "{{statistic}}",
            ),
        ),
        unit="none",
        steps=_DRIFT_STEPS,
        minimum=0,
    ),
    Panel(
        title="Distance in interquartile ranges",
        description="Wasserstein distance of the live values from those of validation, for numbers: how far the mass "
        "moved, not only that it did.",
        type="timeseries",
        queries=(_top(_statistic("wasserstein")),),
        unit="none",
        minimum=0,
    ),
    Panel(
        title="Evidence of a change",
        description="Natural log of the evidence that a feature's values changed, valid at every look. With much "
        "traffic every change is sure; the size is to the left.",
        type="timeseries",
        queries=(_top(_statistic("log_evidence")),),
        unit="none",
    ),
)
_ARRIVAL: Final = (
    Panel(
        title="Missing, moved since validation",
        description="Share of rows without a value, live less offline. Above 0 more is missing; a leak is often "
        "missing until its outcome is known.",
        type="timeseries",
        queries=(
            _top(
                f"{_side('sentinel_feature_missing_ratio', 'online')}\n"
                f"  - {_side('sentinel_feature_missing_ratio', 'offline')}"
            ),
        ),
        unit="percentunit",
    ),
    Panel(
        title="Values that the baseline never saw",
        description="Unknown categories and numbers out of range, as a share of the live rows.",
        type="timeseries",
        queries=(_top(_by_feature("sentinel_feature_unseen_ratio")),),
        unit="percentunit",
        minimum=0,
    ),
    Panel(
        title="Share of the commonest value",
        description="Above the dashed line a feature is a constant, whatever it was offline.",
        type="timeseries",
        queries=(_top(_side("sentinel_feature_top_share_ratio", "online")),),
        unit="percentunit",
        steps=c.limit(CONSTANT),
        minimum=0,
        maximum=1,
    ),
    Panel(
        title="Faults that last",
        description="Share of the predictions to which a feature was served otherwise than offline, by kind of fault, "
        "while it lasts.",
        type="timeseries",
        queries=(
            Query(
                f"topk({_MOST_LINES}, max by (feature, kind) (sentinel_feature_fault_ratio{{{_CHOSEN}}}))",
                "{{feature}}, {{kind}}",
            ),
        ),
        unit="percentunit",
        no_value="no fault lasts",
        minimum=0,
        maximum=1,
    ),
    Panel(
        title="Values written after the prediction",
        description="Share of the values with a time that were written after the prediction that they served. Offline "
        "above live is a look into the future.",
        type="timeseries",
        queries=(
            Query(
                f"topk({_MOST_LINES}, max by (feature, side) (\n"
                f"  sentinel_feature_after_prediction_ratio{{{_CHOSEN}}}\n"
                "))",
                "{{feature}}, {{side}}",
            ),
        ),
        unit="percentunit",
        no_value="no event brings feature times",
        minimum=0,
        maximum=1,
    ),
    Panel(
        title="Values that were served otherwise",
        description="Share of the values that, recomputed afterwards for the moment of prediction, fall elsewhere.",
        type="timeseries",
        queries=(_top(_by_feature("sentinel_feature_backfill_mismatch_ratio")),),
        unit="percentunit",
        no_value="no value was recomputed",
        minimum=0,
        maximum=1,
    ),
)

FEATURES: Final = Board(
    uid=c.FEATURES_UID,
    title="Sentinel / Features",
    description="The features of one model version: what each knew of the outcome offline and knows live, and whether "
    "it is served as it was.",
    variables=(
        *c.MODEL_VARIABLES,
        Variable("feature", "Feature", f"label_values(sentinel_feature_missing_ratio{{{c.MODEL}}}, feature)",
                 several=True),
    ),
    marks=c.MODEL_MARKS,
    panels=(*_ASSOCIATION, *_DRIFT, *_ARRIVAL),
)  # fmt: skip
