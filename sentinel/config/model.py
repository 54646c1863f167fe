"""What sentinel is told about one model."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sentinel.config.alerts import Alerts
from sentinel.config.audit import Audit
from sentinel.config.columns import NO_CONTROL, Columns, Task, check_name
from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError
from sentinel.config.fields import Text, bounded, parsed, path_to
from sentinel.config.section import Section
from sentinel.config.slices import BuiltInSlices, Slice, check_slices


class Feature(Section, frozen=True, kw_only=True):
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


class Outcome(Section, frozen=True, kw_only=True):
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


class Panes(Section, frozen=True, kw_only=True):
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


class Model(Section, frozen=True, kw_only=True):
    """One version of one model."""

    name: Annotated[
        str,
        Meta(description="The name that events carry in 'model'.", min_length=1, max_length=128, **NO_CONTROL),
    ]
    version: Annotated[
        str,
        Meta(
            description="The version that events carry in 'version': text, so quote a number.",
            min_length=1,
            max_length=128,
            examples=["7", "2026-11-20"],
            **NO_CONTROL,
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
        check_slices(self.slices)
        _check_features(self.features, self.columns.roles(self.task))

    @property
    def key(self) -> str:
        """How people name it: ``churn/7``."""
        return f"{self.name}/{self.version}"


def _check_features(features: dict[str, Feature], roles: dict[str, str]) -> None:
    parts = {column: part for part, column in roles.items()}
    for name in features:
        check_name(name, "a feature", ("features", name))
        if name in parts:
            message = f"{name!r} is the column of {parts[name]}, not a feature"
            raise ConfigError(message, keys=("features", name))
