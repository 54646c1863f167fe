"""The features of one model version: what they knew of the outcome offline and know live, drift, nulls, faults."""

from __future__ import annotations

from typing import Final

from sentinel.diagnosis.evidence import COLLAPSE_SCORE
from sentinel.evaluation.drift import LARGE, WORTH_A_WORD
from sentinel.evaluation.faults import CONSTANT
from sentinel.exposition.boards import common as c
from sentinel.exposition.boards.pictures import amounts, bars, lines, shares, table
from sentinel.exposition.panels import Board, Query, Step, Variable

_CHOSEN: Final = f'{c.MODEL},feature=~"$feature"'
_MOST_LINES: Final = 12
_DRIFT_STEPS: Final = (Step(None, "green"), Step(WORTH_A_WORD, "orange"), Step(LARGE, "red"))
_SCORE: Final = "@score"


def _by_feature(name: str, more: str = "") -> str:
    return f"max by (feature) ({name}{{{_CHOSEN}{more}}})"


def _side(name: str, side: str) -> str:
    return _by_feature(name, f',side="{side}"')


def _statistic(name: str) -> str:
    return _by_feature("sentinel_drift_statistic", f',statistic="{name}"')


def _top(expr: str, legend: str = "{{feature}}") -> Query:
    return Query(f"topk({_MOST_LINES}, {expr})", legend)


_ASSOCIATION: Final = (
    table(
        "Features, the greatest loss of association first",
        "AUC of each feature alone against the outcome, offline and live, and the difference in standard errors; then "
        "how it arrives. A leak knew the outcome offline and does not live. A click shows it over time.",
        Query(_by_feature("sentinel_feature_collapse"), "Lost, in standard errors"),
        Query(_side("sentinel_feature_auc", "offline"), "AUC offline"),
        Query(_side("sentinel_feature_auc", "online"), "AUC live"),
        Query(_statistic("stability_index"), "Stability index"),
        Query(_side("sentinel_feature_missing_ratio", "offline"), "Missing offline", "percentunit"),
        Query(_side("sentinel_feature_missing_ratio", "online"), "Missing live", "percentunit"),
        Query(_by_feature("sentinel_feature_unseen_ratio"), "Never seen", "percentunit"),
        Query(_side("sentinel_feature_top_share_ratio", "online"), "Commonest value", "percentunit"),
        width=24,
        height=12,
        opens=c.TO_FEATURE,
    ),
    lines(
        "Loss of association",
        "In standard errors; above the dashed line the diagnosis takes note. A leak's loss is there from launch on.",
        _top(_by_feature("sentinel_feature_collapse")),
        steps=c.limit(COLLAPSE_SCORE),
    ),
    lines(
        "Association with the outcome, offline less live",
        "AUC of the feature alone, offline less live: what the loss amounts to. Features that never knew anything stay "
        "near 0.",
        _top(f"{_side('sentinel_feature_auc', 'offline')}\n  - {_side('sentinel_feature_auc', 'online')}"),
    ),
    bars(
        "Association offline",
        "AUC of the feature alone on the validation rows. One feature that knows nearly everything is a suspect before "
        "launch.",
        _top(_side("sentinel_feature_auc", "offline")),
        minimum=0.5,
        maximum=1,
        opens=c.TO_FEATURE,
    ),
    bars(
        "Association live",
        "The same on live outcomes.",
        _top(_side("sentinel_feature_auc", "online")),
        minimum=0.5,
        maximum=1,
        opens=c.TO_FEATURE,
    ),
)
_DRIFT: Final = (
    lines(
        "Drift of features",
        "Population stability index beyond what chance gives. Dashed: worth a word, and large. Drift alone costs "
        "nothing.",
        _top(_statistic("stability_index")),
        steps=_DRIFT_STEPS,
    ),
    lines(
        "Drift of the score",
        "How far live scores have moved from those of validation, by four statistics. Dashed: where the stability "
        "index is worth a word, and large.",
        c.of_model_by(
            "statistic",
            "sentinel_drift_statistic",
            selector=f'{c.MODEL},feature="{_SCORE}",statistic!="log_evidence"',
        ),
        steps=_DRIFT_STEPS,
        minimum=0,
    ),
    lines(
        "Distance in interquartile ranges",
        "Wasserstein distance of the live values from those of validation, for numbers: how far the mass moved, not "
        "only that it did.",
        _top(_statistic("wasserstein")),
        minimum=0,
    ),
    lines(
        "Evidence of a change",
        "Natural log of the evidence that a feature's values changed, valid at every look. With much traffic every "
        "change is sure; the size is to the left.",
        _top(_statistic("log_evidence")),
    ),
)
_ARRIVAL: Final = (
    lines(
        "Missing, moved since validation",
        "Share of rows without a value, live less offline. Above 0 more is missing; a leak is often missing until its "
        "outcome is known.",
        _top(
            f"{_side('sentinel_feature_missing_ratio', 'online')}\n"
            f"  - {_side('sentinel_feature_missing_ratio', 'offline')}"
        ),
        unit="percentunit",
    ),
    amounts(
        "Values that the baseline never saw",
        "Unknown categories and numbers out of range, as a share of the live rows.",
        _top(_by_feature("sentinel_feature_unseen_ratio")),
        unit="percentunit",
    ),
    shares(
        "Share of the commonest value",
        "Above the dashed line a feature is a constant, whatever it was offline.",
        _top(_side("sentinel_feature_top_share_ratio", "online")),
        steps=c.limit(CONSTANT),
    ),
    shares(
        "Faults that last",
        "Share of the predictions to which a feature was served otherwise than offline, by kind of fault, while it "
        "lasts.",
        _top(f"max by (feature, kind) (sentinel_feature_fault_ratio{{{_CHOSEN}}})", "{{feature}}, {{kind}}"),
        no_value="no fault lasts",
    ),
    shares(
        "Values written after the prediction",
        "Share of the values with a time that were written after the prediction that they served. Offline above live "
        "is a look into the future.",
        _top(
            f"max by (feature, side) (\n  sentinel_feature_after_prediction_ratio{{{_CHOSEN}}}\n)",
            "{{feature}}, {{side}}",
        ),
        no_value="no event brings feature times",
    ),
    shares(
        "Values that were served otherwise",
        "Share of the values that, recomputed afterwards for the moment of prediction, fall elsewhere.",
        _top(_by_feature("sentinel_feature_backfill_mismatch_ratio")),
        no_value="no value was recomputed",
    ),
)
_FEATURE: Final = Variable(
    "feature", "Feature", f"label_values(sentinel_feature_missing_ratio{{{c.MODEL}}}, feature)", several=True
)

FEATURES: Final = Board(
    uid=c.FEATURES_UID,
    title="Sentinel / Features",
    description="The features of one model version: what each knew of the outcome offline and knows live, and whether "
    "it is served as it was.",
    variables=(*c.MODEL_VARIABLES, _FEATURE),
    marks=c.MODEL_MARKS,
    panels=(*_ASSOCIATION, *_DRIFT, *_ARRIVAL),
)
