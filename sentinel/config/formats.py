"""How the messages of a topic become events: their shape, and what its parts mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sentinel.config.durations import Duration
from sentinel.config.encodings import Encoding, check_encoding
from sentinel.config.errors import ConfigError, Keys
from sentinel.config.fields import Text, bounded, parsed, path_to
from sentinel.config.paths import parse_path
from sentinel.config.sizes import Bytes

Shape = Literal[
    "canonical",
    "fields",
    "cloudevents",
    "kserve",
    "seldon-v1",
    "seldon-v2",
    "open-inference",
    "bentoml",
    "sagemaker-capture",
    "sagemaker-ground-truth",
]
DataShape = Literal["canonical", "fields", "open-inference", "bentoml", "sagemaker-capture", "sagemaker-ground-truth"]
TimeUnit = Literal["rfc3339", "s", "ms", "us", "ns"]

INFERENCE_SHAPES = ("kserve", "seldon-v1", "seldon-v2", "open-inference", "sagemaker-capture")
"""Those whose messages hold requests and responses."""
_SECTIONS = {
    "fields": ("fields",),
    "inference": INFERENCE_SHAPES,
    "records": ("bentoml",),
    "truth": ("seldon-v1", "sagemaker-ground-truth"),
}


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules shared by every section: frozen, named, nothing unknown."""


class FromPath(_Section, frozen=True):
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


class FeatureSet(_Section, frozen=True):
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


class Fields(_Section, frozen=True):
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


class Inference(_Section, frozen=True):
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


class Records(_Section, frozen=True):
    """The roles of the columns of BentoML's monitoring records."""

    model: Annotated[Text, Meta(description="The model; records do not name it.")]
    version: Annotated[Text | None, Meta(description="Its version. Unset: the only one that is configured.")] = None
    score: Annotated[
        Text | None, Meta(description="The column of role prediction that holds the score.", examples=["probability"])
    ] = None
    classes: Annotated[
        dict[str, Text],
        Meta(description="Class to the column of its probability, where the task is multiclass."),
    ] = msgspec.field(default_factory=dict)
    outcome: Annotated[
        Text | None, Meta(description="In outcomes: the column of role target that holds the outcome.")
    ] = None
    features: Annotated[
        list[Text],
        Meta(description="The columns of role feature. Empty: all that are nothing else."),
    ] = msgspec.field(default_factory=list)
    prediction_id: Annotated[
        Text,
        Meta(
            description="The column that holds the prediction id. request_id is the same for all rows of one request: "
            "name another column where a request has several rows."
        ),
    ] = "request_id"
    timestamp: Annotated[
        Text,
        Meta(description="The column that holds the time; one without a zone is read as UTC."),
    ] = "timestamp"
    group: Annotated[Text | None, Meta(description="The column that holds the entity. Unset: none.")] = None


class Truth(_Section, frozen=True):
    """What feedback and ground truth mean."""

    model: Annotated[
        Text | None,
        Meta(description="The model. Unset: as the message says; SageMaker's ground truth names none."),
    ] = None
    models: Annotated[
        dict[str, Text],
        Meta(description="The names that messages use, and the models that they mean."),
    ] = msgspec.field(default_factory=dict)
    values: Annotated[
        dict[str, float],
        Meta(
            description="What the truth's words mean, for tasks whose outcome is a number. A word that is not listed is"
            " refused. Unset: the truth is as it is written.",
            examples=[{"yes": 1, "no": 0}],
        ),
    ] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.model is not None and self.models:
            raise ConfigError("models has no effect beside model", keys=("models",))


class Format(_Section, frozen=True):
    """How the messages of one topic become events."""

    encoding: Annotated[
        Encoding,
        Meta(
            description="How the bytes are written. json-schema is JSON with Confluent's framing before it; avro and "
            "protobuf need `pip install 'sentinel-leakage[avro]'` and `[protobuf]`."
        ),
    ] = "json"
    schema_file: Annotated[
        Text | None,
        path_to(
            "For avro and protobuf, where no registry is asked: an Avro schema as JSON, or a descriptor set as "
            "`protoc --include_imports --descriptor_set_out` writes it.",
            examples=["schemas/prediction.avsc", "schemas/prediction.binpb"],
        ),
    ] = None
    message: Annotated[
        Text | None,
        Meta(
            description="For protobuf: the full name of the message. Unset: as each message's framing says. "
            "inference.ModelInferRequest and inference.ModelInferResponse need no schema.",
            examples=["example.v1.Prediction"],
        ),
    ] = None
    framed: Annotated[
        bool | None,
        Meta(
            description="For avro and protobuf: whether the schema's id stands before each message, or in its header "
            "__value_schema_id. Unset: yes where a registry is asked, no with a schema_file."
        ),
    ] = None
    shape: Annotated[
        Shape,
        Meta(description="What the messages look like. canonical is sentinel's own events, as JSON."),
    ] = "canonical"
    data_shape: Annotated[
        DataShape,
        Meta(description="What the data of CloudEvents look like."),
    ] = "canonical"
    fields: Annotated[Fields | None, Meta(description="For shape fields: where each part of an event stands.")] = None
    inference: Annotated[
        Inference | None,
        Meta(description="For kserve, seldon-v1, seldon-v2, open-inference and sagemaker-capture: what the rows mean."),
    ] = None
    records: Annotated[Records | None, Meta(description="For bentoml: the roles of the columns.")] = None
    truth: Annotated[
        Truth | None, Meta(description="For outcomes of seldon-v1 and sagemaker-ground-truth: what the truth means.")
    ] = None

    @property
    def inner_shape(self) -> Shape:
        """The shape of what is left once CloudEvents are taken off."""
        return self.data_shape if self.shape == "cloudevents" else self.shape

    def __post_init__(self) -> None:
        check_encoding(self)
        if self.shape != "cloudevents" and self.data_shape != "canonical":
            raise ConfigError("data_shape has no effect without shape: cloudevents", keys=("data_shape",))
        for section, shapes in _SECTIONS.items():
            if getattr(self, section) is not None and self.inner_shape not in shapes:
                message = f"{section} has no effect with {self.inner_shape} (it is for {', '.join(shapes)})"
                raise ConfigError(message, keys=(section,))
        for section in ("fields", "records"):
            if getattr(self, section) is None and self.inner_shape in _SECTIONS[section]:
                raise ConfigError(f"{self.inner_shape} needs the section {section}", keys=("shape",))


class Formats(_Section, frozen=True):
    """The formats of the two input topics."""

    predictions: Annotated[Format, Meta(description="Of the topic of predictions.")] = msgspec.field(
        default_factory=Format
    )
    outcomes: Annotated[Format, Meta(description="Of the topic of outcomes.")] = msgspec.field(default_factory=Format)

    def __post_init__(self) -> None:
        for keys, message in self._faults():
            raise ConfigError(message, keys=keys)

    def _faults(self) -> Iterator[tuple[Keys, str]]:
        one, other = self.predictions, self.outcomes
        if one.inner_shape == "sagemaker-ground-truth":
            yield ("predictions", "shape"), "sagemaker-ground-truth holds outcomes"
        if other.inner_shape in INFERENCE_SHAPES and other.inner_shape != "seldon-v1":
            yield ("outcomes", "shape"), f"{other.inner_shape} holds predictions"
        if other.inference is not None:
            yield ("outcomes", "inference"), "inference is for predictions; outcomes have the section truth"
        if one.truth is not None:
            yield ("predictions", "truth"), "truth is for outcomes; predictions have the section inference"
        if one.fields is not None and not (one.fields.score or one.fields.scores or one.fields.items):
            yield ("predictions", "fields"), "a prediction needs score, scores or items"
        if other.fields is not None and not (other.fields.outcome or other.fields.relevance):
            yield ("outcomes", "fields"), "an outcome needs outcome or relevance"
        if one.records is not None and not (one.records.score or one.records.classes):
            yield ("predictions", "records"), "a prediction needs score or classes"
        if other.records is not None and other.records.outcome is None:
            yield ("outcomes", "records"), "an outcome needs outcome"
        if other.inner_shape == "sagemaker-ground-truth" and (other.truth is None or other.truth.model is None):
            yield ("outcomes", "shape"), "sagemaker-ground-truth needs truth.model: its records name no model"


def _check_path(path: str, keys: Keys) -> None:
    try:
        parse_path(path)
    except ValueError as error:
        raise ConfigError(
            str(error), keys=keys, hint='for example payload.user["full name"], rows[0].id, $key'
        ) from error
