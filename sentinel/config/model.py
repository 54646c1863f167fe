"""What sentinel is told about one model."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sentinel.config.audit import Audit
from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError, Keys
from sentinel.config.fields import PATTERN_MEANING, Text, bounded, parsed, path_to

CAUSES = (
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
Task = Literal["binary", "multiclass", "regression", "ranking"]

_NO_CONTROL = {
    "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
    "extra": {PATTERN_MEANING: "must not contain control characters"},
}
_ColumnName = Annotated[str, Meta(min_length=1, max_length=256, **_NO_CONTROL)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules shared by every section: frozen, named, nothing unknown."""


class SliceBins(_Section, frozen=True):
    """One column to slice by, with the way its values are grouped."""

    column: Annotated[str, Meta(description="The column whose values make the slices.", min_length=1, max_length=256)]
    bins: Annotated[
        Annotated[list[float], Meta(min_length=1, max_length=100)] | None,
        Meta(
            description="Inner edges for a numeric column, ascending: n edges make n + 1 slices. Unset: "
            "each value is a slice of its own.",
            examples=[[25, 40, 60]],
        ),
    ] = None
    max_values: Annotated[
        int,
        Meta(
            description="Values kept apart, the most frequent of the baseline first; the rest share the "
            "slice 'other'. 50 keeps the number of time series of one column readable and bounded.",
            ge=1,
            le=10_000,
        ),
    ] = 50

    def __post_init__(self) -> None:
        edges = self.bins or []
        if not all(math.isfinite(edge) for edge in edges):
            raise ConfigError("every edge must be finite", keys=("bins",))
        if any(low >= high for low, high in itertools.pairwise(edges)):
            raise ConfigError("edges must ascend, each one once", keys=("bins",))


Slice = str | SliceBins | list[str]


class BuiltInSlices(_Section, frozen=True):
    """Slices that no one has to cut. Those of a column are cut at its offline quartiles."""

    predicted_class: Annotated[
        bool,
        Meta(description="Predictions at or above the threshold, and those below. For binary tasks; on by default."),
    ] = True
    score_band: Annotated[
        bool,
        Meta(
            description="Fifths of the offline score: where the model is sure (the ends) and where it is not. For "
            "binary tasks; on by default."
        ),
    ] = True
    entity_age: Annotated[
        _ColumnName | None,
        Meta(
            description="A number that says how long the entity has been known. Unset: none.",
            examples=["tenure_days"],
        ),
    ] = None
    recency: Annotated[
        _ColumnName | None,
        Meta(
            description="A number that says how old the news of the entity is. Unset: none.",
            examples=["days_since_last_visit"],
        ),
    ] = None
    input_length: Annotated[
        _ColumnName | None,
        Meta(description="A number that says how long the input is. Unset: none.", examples=["n_tokens"]),
    ] = None


class Columns(_Section, frozen=True):
    """Which column of a file, or field of an event, plays which part. Defaults: the canonical event names."""

    prediction_id: Annotated[_ColumnName, Meta(description="Joins a prediction with its outcome.")] = "prediction_id"
    predicted_at: Annotated[_ColumnName, Meta(description="When the prediction was made.")] = "predicted_at"
    score: Annotated[_ColumnName, Meta(description="What the model said: P(positive), or a number.")] = "score"
    scores: Annotated[
        _ColumnName,
        Meta(
            description="Of a multiclass task: the probability of each class. In files a struct column of this name, "
            "or a column scores.CLASS for each class."
        ),
    ] = "scores"
    items: Annotated[
        _ColumnName,
        Meta(description="Of a ranking: the ranked items. In files lists of structs (id, score)."),
    ] = "items"
    relevance: Annotated[
        _ColumnName,
        Meta(
            description="Of a ranking: the grades that items earned. In files lists of structs (id, grade), a map, or "
            "a struct with a field for each item."
        ),
    ] = "relevance"
    outcome: Annotated[_ColumnName, Meta(description="What turned out to be true: 0 or 1, a number, or a class.")] = (
        "outcome"
    )
    outcome_at: Annotated[_ColumnName, Meta(description="When the outcome became known.")] = "outcome_at"
    group: Annotated[
        _ColumnName,
        Meta(description="The entity a row is about (user, machine); rows of one entity are not independent."),
    ] = "group"
    feature_times: Annotated[
        _ColumnName,
        Meta(description="When each feature's value came to be known: a struct or a map of times by feature."),
    ] = "feature_times"

    def __post_init__(self) -> None:
        if self.score == self.outcome:
            raise ConfigError(f"score and outcome are both read from {self.score!r}", keys=("outcome",))
        if self.prediction_id in (self.score, self.outcome):
            message = f"prediction_id is read from {self.prediction_id!r}, which is the score or the outcome"
            raise ConfigError(message, keys=("prediction_id",))

    def roles(self, task: Task) -> dict[str, str]:
        """Column by part, for the parts that a task has: a column of any other part's name is a feature."""
        own = {
            "binary": ("score", "outcome"),
            "regression": ("score", "outcome"),
            "multiclass": ("scores", "outcome"),
            "ranking": ("items", "relevance"),
        }
        others = {part for parts in own.values() for part in parts} - set(own[task])
        return {part: getattr(self, part) for part in self.__struct_fields__ if part not in others}


class Feature(_Section, frozen=True):
    """What is known of one feature. Features that are not listed are watched with these defaults."""

    kind: Annotated[
        Literal["auto", "numeric", "categorical", "ignore"],
        Meta(description="How its values are binned; 'auto' decides on the baseline, 'ignore' leaves it out."),
    ] = "auto"
    available: Annotated[
        Literal["at_prediction", "after_prediction", "after_outcome"] | None,
        Meta(
            description="When its value exists. 'after_outcome' in a trained model is a leak by definition. "
            "Unset: not known, so it is judged by what it does."
        ),
    ] = None
    max_age: Annotated[
        Duration | None,
        bounded(
            "The oldest value that may be served, by the feature times of the events. Counted from the next baseline "
            "build on. Unset: not checked, since only its owner knows.",
            Duration.parse("1s"),
            Duration.parse("3650d"),
            examples=["1h"],
        ),
    ] = None
    range: Annotated[
        Annotated[list[float | None], Meta(min_length=2, max_length=2)] | None,
        Meta(
            description="The lowest and the highest number that its owner expects, null for no bound. Every value is "
            "held against it. Counted from the next baseline build on. Unset: not checked.",
            examples=[[0, 120], [0, None]],
        ),
    ] = None
    serving_default: Annotated[
        float | str | None,
        Meta(
            description="What serving fills in while the value is not known. With it, and with the model as a "
            "callable, a baseline build can tell what the model is worth without the feature. serving_defaults of "
            "the manifest, which also takes null, wins over it. Unset: not known.",
            examples=[0, "unknown"],
        ),
    ] = None
    note: Annotated[str, Meta(description="Free text shown beside its findings.", max_length=2_000)] = ""

    def __post_init__(self) -> None:
        if self.range is None:
            return
        low, high = self.range
        if low is not None and high is not None and not low <= high:
            raise ConfigError(f"the lowest number {low:g} lies above the highest {high:g}", keys=("range",))
        if low is None and high is None:
            raise ConfigError("at least one of the two numbers is needed", keys=("range",))
        if self.kind == "categorical":
            raise ConfigError("a range is for numbers, and this feature is categorical", keys=("range",))


class Outcome(_Section, frozen=True):
    """How outcomes arrive."""

    horizon: Annotated[
        Duration | None,
        bounded(
            "How long a prediction waits for its outcome. Unset: measured on the baseline, because a guess "
            "that is too short biases every estimate towards early outcomes.",
            Duration.parse("1s"),
            Duration.parse("730d"),
            examples=["14d"],
        ),
    ] = None
    maturity: Annotated[
        Duration | None,
        bounded(
            "The age from which a prediction's outcome is taken as settled; younger ones wait, because early outcomes "
            "are not like the rest. Unset: measured on the baseline, where 99 % of the outcomes had come.",
            Duration.parse("1s"),
            Duration.parse("730d"),
            examples=["7d"],
        ),
    ] = None
    absence: Annotated[
        Literal["missing", "negative"],
        Meta(
            description="What no outcome within the horizon means. 'missing' by default: counting silence "
            "as a negative is right only where every positive is reported (fraud, clicks)."
        ),
    ] = "missing"


class Panes(_Section, frozen=True):
    """The spans of prediction time that counts are kept in."""

    width: Annotated[
        Duration,
        bounded(
            "The span of one pane, as long as max_panes suffice. An hour shows the time of day.",
            Duration.parse("1s"),
            Duration.parse("31d"),
        ),
    ] = parsed(Duration, "1h")
    max_panes: Annotated[
        int,
        Meta(
            description="Panes kept apart per model and partition; when there would be more, their width doubles. "
            "256 keep a year in panes of two days, and memory bounded: with two slices of five values a pane takes "
            "125 KB at 10 features and 190 KB at 50.",
            ge=2,
            le=100_000,
        ),
    ] = 256


class Alerts(_Section, frozen=True):
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
            "and 0 of 23 others.",
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


class Model(_Section, frozen=True):
    """One version of one model."""

    name: Annotated[
        str,
        Meta(description="The name that events carry in 'model'.", min_length=1, max_length=128, **_NO_CONTROL),
    ]
    version: Annotated[
        str,
        Meta(
            description="The version that events carry in 'version': text, so quote a number.",
            min_length=1,
            max_length=128,
            examples=["7", "2026-11-20"],
            **_NO_CONTROL,
        ),
    ]
    task: Annotated[Task, Meta(description="What the model predicts. Binary, the most common, by default.")] = "binary"
    slices: Annotated[
        list[Slice],
        Meta(
            description="Where to look apart: a column, {column: age, bins: [25, 40, 60]}, or a cross "
            "[region, plan]. None by default: which ones matter is domain knowledge.",
            max_length=100,
            examples=[["region", {"column": "age", "bins": [25, 40, 60]}, ["region", "plan"]]],
        ),
    ] = msgspec.field(default_factory=list)
    built_in_slices: Annotated[
        BuiltInSlices,
        Meta(description="Slices beside the configured ones. Counted from the next baseline build on."),
    ] = msgspec.field(default_factory=BuiltInSlices)
    columns: Annotated[Columns, Meta(description="Names of the columns or fields.")] = msgspec.field(
        default_factory=Columns
    )
    baseline: Annotated[
        Text | None,
        path_to("The offline estimate to hold live data against. Unset: only for commands that build one."),
    ] = None
    features: Annotated[
        dict[str, Feature],
        Meta(description="What is known of single features, by name. A feature that is not listed is still watched."),
    ] = msgspec.field(default_factory=dict)
    threshold: Annotated[
        float,
        Meta(
            description="Score from which a prediction counts as positive, for accuracy, precision, recall "
            "and F1. .5 is where a calibrated model is indifferent.",
            gt=0.0,
            lt=1.0,
        ),
    ] = 0.5
    ranks: Annotated[
        int,
        Meta(description="Of a ranking: how many ranks count, the k of NDCG at k. Fixed by the baseline.", ge=2, le=16),
    ] = 10
    outcome: Annotated[Outcome, Meta(description="How outcomes arrive.")] = msgspec.field(default_factory=Outcome)
    panes: Annotated[Panes, Meta(description="Spans of time.")] = msgspec.field(default_factory=Panes)
    alerts: Annotated[Alerts, Meta(description="When to raise a gap.")] = msgspec.field(default_factory=Alerts)
    audit: Annotated[Audit, Meta(description="What the offline audit is told; the daemon does not read it.")] = (
        msgspec.field(default_factory=Audit)
    )

    def __post_init__(self) -> None:
        if self.task != "binary" and self.outcome.absence == "negative":
            message = f"silence cannot mean a negative where the task is {self.task}"
            raise ConfigError(message, keys=("outcome", "absence"))
        _check_slices(self.slices)
        _check_features(self.features, self.columns.roles(self.task))

    @property
    def key(self) -> str:
        """How people name it: ``churn/7``."""
        return f"{self.name}/{self.version}"


def slice_columns(item: Slice) -> tuple[str, ...]:
    """The columns that a slice looks at, in order."""
    if isinstance(item, str):
        return (item,)
    return (item.column,) if isinstance(item, SliceBins) else tuple(item)


def _check_slices(slices: list[Slice]) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for index, item in enumerate(slices):
        columns = slice_columns(item)
        at: Keys = ("slices", index)
        for column in columns:
            _check_name(column, "a slice", at)
        if isinstance(item, list) and (len(item) < 2 or max(Counter(item).values()) > 1):
            raise ConfigError("a cross needs two or more different columns", keys=at)
        first = seen.setdefault(tuple(sorted(columns)), index)
        if first != index:
            raise ConfigError(f"the slice {' x '.join(columns)!r} is already slices[{first}]", keys=at)


def _check_features(features: dict[str, Feature], roles: dict[str, str]) -> None:
    parts = {column: part for part, column in roles.items()}
    for name in features:
        _check_name(name, "a feature", ("features", name))
        if name in parts:
            message = f"{name!r} is the column of {parts[name]}, not a feature"
            raise ConfigError(message, keys=("features", name))


def _check_name(name: str, what: str, keys: Keys) -> None:
    if not name or len(name) > 256 or any(ord(char) < 32 or 127 <= ord(char) < 160 for char in name):
        raise ConfigError(f"the name of {what} has 1 to 256 characters, none of them control characters", keys=keys)
