"""Where each part of an event stands, in messages of any structure."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sentinel.config.errors import ConfigError, Keys
from sentinel.config.fields import Text
from sentinel.config.paths import parse_path
from sentinel.config.section import Section

TimeUnit = Literal["rfc3339", "s", "ms", "us", "ns"]


class FromPath(Section, frozen=True, kw_only=True):
    """A field that every event has alike, or that is read with more care than a path alone says."""

    constant: Annotated[Text | None, Meta(description="The value, the same in every event.")] = None
    path: Annotated[Text | None, Meta(description="Where the value stands.", examples=["meta.time"])] = None
    unit: Annotated[
        TimeUnit | None,
        Meta(
            description="How a time is written. Unset: text as RFC 3339, a number as seconds since the epoch.",
        ),
    ] = None

    def __post_init__(self) -> None:
        if (self.constant is None) == (self.path is None):
            raise ConfigError("one of constant and path is needed")
        if self.constant is not None and self.unit is not None:
            raise ConfigError("a constant has no unit", keys=("unit",))
        if self.path is not None:
            _check_path(self.path, ("path",))


class FeatureSet(Section, frozen=True, kw_only=True):
    """Where the features stand: an object of them, single ones by name, or both."""

    of: Annotated[
        Text | None,
        Meta(
            description="An object whose members are features; $ is the message itself.",
            examples=["payload.features", "$"],
        ),
    ] = None
    without: Annotated[
        list[Text],
        Meta(description="Members of that object that are no features.", examples=[["id", "score", "sent_at"]]),
    ] = msgspec.field(default_factory=list)
    named: Annotated[
        dict[str, Text],
        Meta(description="Features by name, each from its path.", examples=[{"tenure": "customer.tenure_days"}]),
    ] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.of is None and not self.named:
            raise ConfigError("one of `of` and `named` is needed")
        if self.of is None and self.without:
            raise ConfigError("without leaves members of `of` out, which is not given", keys=("without",))
        if self.of is not None:
            _check_path(self.of, ("of",))
        for name, path in self.named.items():
            _check_path(path, ("named", name))


Field = Text | FromPath


class Fields(Section, frozen=True, kw_only=True):
    """Where each part of an event stands in messages of any structure. A path, or {constant: value}."""

    model: Annotated[Field, Meta(description="The model.", examples=[{"constant": "churn"}])]
    prediction_id: Annotated[
        Field,
        Meta(description="The id that prediction and outcome share.", examples=["request.id", "$key"]),
    ]
    version: Annotated[
        Field | None, Meta(description="The model's version. Unset: the only one that is configured.")
    ] = None
    predicted_at: Annotated[
        Field | None,
        Meta(
            description="When it was predicted. Unset: the message's timestamp.",
            examples=["meta.time", {"path": "ts", "unit": "ms"}],
        ),
    ] = None
    score: Annotated[Field | None, Meta(description="The score of a prediction.", examples=["result.probability"])] = (
        None
    )
    scores: Annotated[
        Field | None, Meta(description="An object of class to probability, where the task is multiclass.")
    ] = None
    items: Annotated[Field | None, Meta(description="The list of items, where the task is ranking.")] = None
    features: Annotated[
        Text | FeatureSet | None,
        Meta(
            description="The object that holds the features, or where to find them one by one.",
            examples=["payload.features", {"of": "$", "without": ["id", "score"]}],
        ),
    ] = None
    slices: Annotated[Text | FeatureSet | None, Meta(description="The same for columns that are only sliced by.")] = (
        None
    )
    feature_times: Annotated[Text | None, Meta(description="An object of feature to the time of its value.")] = None
    group: Annotated[Field | None, Meta(description="The entity that the prediction is about.")] = None
    outcome: Annotated[Field | None, Meta(description="The outcome.", examples=["event.churned"])] = None
    outcome_values: Annotated[
        dict[str, float],
        Meta(
            description="What the outcome's words mean, for tasks whose outcome is a number. A word that is not "
            "listed is refused. Unset: the outcome is as it is written.",
            examples=[{"cancelled": 1, "renewed": 0}],
        ),
    ] = msgspec.field(default_factory=dict)
    outcome_at: Annotated[
        Field | None, Meta(description="When the outcome was known. Unset: the message's timestamp.")
    ] = None
    relevance: Annotated[Field | None, Meta(description="An object of item to grade, where the task is ranking.")] = (
        None
    )
    where: Annotated[
        dict[str, Text],
        Meta(
            description="Only messages that hold these values at these paths are events; the others are passed over "
            "and counted. Numbers and true/false are compared as they are written in JSON.",
            examples=[{"type": "scored"}],
        ),
    ] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, str):
                _check_path(value, (name,))
        for path in self.where:
            _check_path(path, ("where", path))


def _check_path(path: str, keys: Keys) -> None:
    try:
        parse_path(path)
    except ValueError as error:
        raise ConfigError(
            str(error), keys=keys, hint='for example payload.user["full name"], rows[0].id, $key'
        ) from error
