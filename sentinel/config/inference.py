"""What the rows of requests and responses mean, as inference servers log them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError
from sentinel.config.fields import Text, bounded, parsed
from sentinel.config.section import Section
from sentinel.config.sizes import Bytes


class Inference(Section, frozen=True, kw_only=True):
    """What the rows of requests and responses mean."""

    model: Annotated[
        Text | None,
        Meta(description="The model of every message. Unset: as the message says, by `models`."),
    ] = None
    models: Annotated[
        dict[str, Text],
        Meta(
            description="The names that messages use, and the models that they mean; other names are taken as they "
            "are.",
            examples=[{"churn-prod": "churn"}],
        ),
    ] = msgspec.field(default_factory=dict)
    version: Annotated[
        Text | None,
        Meta(description="The version of every message. Unset: as `version_from` says."),
    ] = None
    version_from: Annotated[
        Literal["body", "endpoint", "annotation"],
        Meta(
            description="Where a message tells its version: body reads model_version of the response, endpoint the "
            "attribute of that name (default or canary with KServe, the predictor with Seldon), annotation one of "
            "KServe's annotations."
        ),
    ] = "body"
    version_annotation: Annotated[
        Text | None, Meta(description="The annotation that holds the version.", examples=["example.org/version"])
    ] = None
    versions: Annotated[
        dict[str, Text],
        Meta(
            description="What messages say, and the versions that it means; other words are taken as they are.",
            examples=[{"default": "7", "canary": "8"}],
        ),
    ] = msgspec.field(default_factory=dict)
    feature_names: Annotated[
        list[Text],
        Meta(
            description="Names of the columns of rows that are plain lists, in order. Unset: the names that the request"
            " gives.",
            examples=[["tenure", "plan", "age"]],
        ),
    ] = msgspec.field(default_factory=list)
    output: Annotated[
        Text | None,
        Meta(
            description="The output, column or key of the response that holds the score. Unset: the only one.",
            examples=["probabilities"],
        ),
    ] = None
    column: Annotated[
        Annotated[int, Meta(ge=0, le=10_000)] | None,
        Meta(
            description="Which number of that output is the score, counted from 0: 1 where it is [P(0), P(1)]. Unset: "
            "the only one.",
        ),
    ] = None
    classes: Annotated[
        list[Text],
        Meta(description="The classes whose probabilities that output lists, in order, where the task is multiclass."),
    ] = msgspec.field(default_factory=list)
    prediction_id: Annotated[
        Text | None,
        Meta(
            description="The input column that holds the prediction id; it is then no feature. Unset: the id of the "
            "request, followed by / and the row, from 0, where it has several rows.",
        ),
    ] = None
    group: Annotated[
        Text | None,
        Meta(description="The input column that holds the entity; it is then no feature. Unset: none."),
    ] = None
    responses_alone: Annotated[
        bool,
        Meta(
            description="Make predictions of responses alone, without features: where requests are not logged, or in "
            "another topic. Requests are passed over. Sentinel then sees scores and outcomes, and no inputs."
        ),
    ] = False
    pair_wait: Annotated[
        Duration,
        bounded(
            "How long, in event time, a request waits for its response or the other way round. 15m: then it becomes a "
            "dead letter, since a response that failed is never logged.",
            Duration.parse("1s"),
            Duration.parse("7d"),
        ),
    ] = parsed(Duration, "15m")
    pairs_waiting: Annotated[
        int,
        Meta(
            description="The most that wait of one partition; above it the oldest become dead letters. 100000 are "
            "minutes of a busy model.",
            ge=1,
            le=10_000_000,
        ),
    ] = 100_000
    pairs_waiting_bytes: Annotated[
        Bytes,
        bounded("The same in memory. 64MiB for each partition.", Bytes.parse("64KiB"), Bytes.parse("4GiB")),
    ] = parsed(Bytes, "64MiB")

    def __post_init__(self) -> None:
        if self.version is not None and self.versions:
            raise ConfigError("versions has no effect beside version", keys=("versions",))
        if self.model is not None and self.models:
            raise ConfigError("models has no effect beside model", keys=("models",))
        if (self.version_annotation is not None) != (self.version_from == "annotation"):
            message = "version_from: annotation and version_annotation need each other"
            raise ConfigError(message, keys=("version_from",))
        if self.column is not None and self.classes:
            raise ConfigError("column has no effect beside classes", keys=("column",))
        for key in ("feature_names", "classes"):
            names = getattr(self, key)
            twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
            if twice is not None:
                raise ConfigError(f"{twice!r} stands twice", keys=(key, len(names) - 1 - names[::-1].index(twice)))
        for key in ("prediction_id", "group"):
            if self.responses_alone and getattr(self, key) is not None:
                raise ConfigError(f"{key} names an input, and responses_alone has none", keys=(key,))
            if self.feature_names and getattr(self, key) not in (None, *self.feature_names):
                hint = "name the column in its place among the features; it is not counted as one"
                raise ConfigError(f"{getattr(self, key)!r} is not in feature_names", keys=(key,), hint=hint)
