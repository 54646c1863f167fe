"""How the messages of a topic become events: their shape, and what its parts mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, get_args

import msgspec
from msgspec import Meta

from sentinel.config.encodings import Encoding, check_encoding
from sentinel.config.errors import ConfigError, Keys
from sentinel.config.field_paths import Fields
from sentinel.config.fields import Text, path_to
from sentinel.config.inference import Inference
from sentinel.config.section import Section
from sentinel.config.shapes import SHAPES, DataShape, SectionName, Shape, in_words, with_section


class Records(Section, frozen=True, kw_only=True):
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


class Truth(Section, frozen=True, kw_only=True):
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


class Format(Section, frozen=True, kw_only=True):
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
        Meta(description=f"For {in_words('inference')}: what the rows mean."),
    ] = None
    records: Annotated[Records | None, Meta(description=f"For {in_words('records')}: the roles of the columns.")] = None
    truth: Annotated[Truth | None, Meta(description=f"For outcomes of {in_words('truth')}: what the truth means.")] = (
        None
    )

    @property
    def inner_shape(self) -> Shape:
        """The shape of what is left once CloudEvents are taken off."""
        return self.data_shape if self.shape == "cloudevents" else self.shape

    def __post_init__(self) -> None:
        check_encoding(self)
        if self.shape != "cloudevents" and self.data_shape != "canonical":
            raise ConfigError("data_shape has no effect without shape: cloudevents", keys=("data_shape",))
        facts = SHAPES[self.inner_shape]
        for section in get_args(SectionName):
            given = getattr(self, section) is not None
            if given and section not in facts.sections:
                others = ", ".join(with_section(section))
                message = f"{section} has no effect with {self.inner_shape} (it is for {others})"
                raise ConfigError(message, keys=(section,))
            if not given and facts.needs_section and section in facts.sections:
                raise ConfigError(f"{self.inner_shape} needs the section {section}", keys=("shape",))


class Formats(Section, frozen=True, kw_only=True):
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
        if not SHAPES[one.inner_shape].holds_predictions:
            yield ("predictions", "shape"), f"{one.inner_shape} holds outcomes"
        if not SHAPES[other.inner_shape].holds_outcomes:
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
        if SHAPES[other.inner_shape].needs_model and (other.truth is None or other.truth.model is None):
            yield ("outcomes", "shape"), f"{other.inner_shape} needs truth.model: its records name no model"
