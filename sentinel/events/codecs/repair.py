"""The slow path of the JSON codec: read one refused message leniently, or say exactly what is wrong with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.events.batch import Reason
from sentinel.events.classes import SUM_TOLERANCE
from sentinel.events.codecs.shown import beside_unit, form, kind_of, model_name, version_name
from sentinel.events.rankings import LARGEST_GRADE
from sentinel.events.schema import Limits, Task, category
from sentinel.events.times import BAD_TIME, parse_time, year_of

KINDS = ("prediction", "outcome", "backfill")


@dataclass(frozen=True, slots=True)
class PlainEvent:
    """One event as Python values; ``value`` is the score or the outcome, ``at`` its time in microseconds.

    A backfill has no time of its own; ``at`` is when it was received. ``feature_times`` is as the event has it.
    ``listed`` holds the items of a ranking: with their scores in a prediction, with their grades in an outcome.
    """

    kind: str
    model: str
    version: str
    prediction_id: str
    at: int
    value: float
    group: str | None = None
    inputs: Mapping[str, object] = field(default_factory=dict)
    feature_times: object = None
    scores: Mapping[str, float] = field(default_factory=dict)
    listed: Sequence[tuple[str, float]] = ()


class RejectedEventError(ValueError):
    """The event cannot be counted; carries the reason for the dead letter."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def repair(
    payload: bytes,
    role: str,
    versions: Mapping[str, Sequence[str]],
    limits: Limits,
    received_at: int,
    tasks: Mapping[str, Task] | None = None,
    codes: Mapping[str, Mapping[str, float]] | None = None,
) -> PlainEvent:
    """Read one message with every tolerance that loses nothing: numeric ids, NaN features, features of odd types.

    Parameters
    ----------
    payload : bytes
    role : str
        The kind assumed where the event names none, from the topic it came by.
    versions : mapping
        Model name -> its configured versions.
    limits : Limits
    received_at : int, microseconds since the epoch
    tasks : mapping of model name to task, optional
        Binary where it is not named.
    codes : mapping of model name to class codes, optional
        Of a multiclass task: what stands for each class that any version of the model knows.

    Raises
    ------
    RejectedEventError
        With the reason and one sentence for the producer's owner.
    """
    event = _parse(payload)
    kind = event.get("kind", role)
    if kind not in KINDS:
        shown = model_name(kind) if isinstance(kind, str) else form(kind)
        raise RejectedEventError(Reason.UNKNOWN_KIND, f"kind is {shown}; known are {', '.join(KINDS)}")
    model = _model(event, versions)
    task: Task = (tasks or {}).get(model, "binary")
    known = (codes or {}).get(model, {})
    prediction_id = _identity(event, limits)
    if kind == "backfill":
        values = _mapping(event, "features", required=True)
        return PlainEvent(kind, model, "", prediction_id, received_at, 0.0, inputs=values)
    if kind == "outcome":
        at = _time(event, "outcome_at", limits, received_at)
        if task == "ranking":
            return PlainEvent(kind, model, "", prediction_id, at, 0.0, listed=_relevance(event))
        return PlainEvent(kind, model, "", prediction_id, at, _outcome(event, task, known))
    version = _version(event, model, versions[model])
    at = _time(event, "predicted_at", limits, received_at)
    inputs = dict(_mapping(event, "features"))
    inputs.update({k: v for k, v in _mapping(event, "slices").items() if v is not None})
    times = event.get("feature_times")
    scores = _scores(event, known) if task == "multiclass" else {}
    listed = _items(event) if task == "ranking" else ()
    of_parts = [*scores.values(), *(score for _, score in listed)]
    score = max(of_parts) if of_parts else _score(event, task)
    return PlainEvent(kind, model, version, prediction_id, at, score, _group(event), inputs, times, scores, listed)


def _parse(payload: bytes) -> dict[str, Any]:
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise RejectedEventError(Reason.NOT_JSON, f"not JSON: {_json_fault(error)}") from None
    if not isinstance(event, dict):
        raise RejectedEventError(Reason.NOT_AN_OBJECT, f"an event is an object, not {kind_of(event)}")
    return event


def _model(event: Mapping[str, Any], versions: Mapping[str, Sequence[str]]) -> str:
    model = event.get("model")
    if model is None:
        raise RejectedEventError(Reason.MISSING_FIELD, "model is missing")
    if not isinstance(model, str):
        raise RejectedEventError(Reason.WRONG_TYPE, f"model is {kind_of(model)}, not a string")
    if model not in versions:
        raise RejectedEventError(Reason.UNKNOWN_MODEL, f"model {model_name(model)} is not in the configuration")
    return model


def _version(event: Mapping[str, Any], model: str, known: Sequence[str]) -> str:
    version = event.get("version")
    if isinstance(version, bool) or not isinstance(version, str | int | None):
        raise RejectedEventError(Reason.WRONG_TYPE, f"version is {kind_of(version)}, not a string")
    if version is None and len(known) == 1:
        return known[0]
    if str(version) in known and version is not None:
        return str(version)
    named = "no version" if version is None else f"version {version_name(str(version))}"
    raise RejectedEventError(
        Reason.UNKNOWN_VERSION, f"{named} of model {model!r:.80}; known are {', '.join(known):.80}"
    )


def _identity(event: Mapping[str, Any], limits: Limits) -> str:
    value = event.get("prediction_id")
    if value is None or value == "":
        raise RejectedEventError(Reason.MISSING_ID, "prediction_id is missing")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RejectedEventError(Reason.WRONG_TYPE, f"prediction_id is {kind_of(value)}, not a string")
    text = _encodable("prediction_id", str(value))
    if len(text) > limits.max_id_chars:
        raise RejectedEventError(
            Reason.OVERSIZED, f"prediction_id has {len(text)} characters, over {limits.max_id_chars}"
        )
    return text


def _time(event: Mapping[str, Any], name: str, limits: Limits, received_at: int) -> int:
    value = event.get(name)
    if value is None:
        raise RejectedEventError(Reason.MISSING_FIELD, f"{name} is missing")
    at = parse_time(value)
    if at == BAD_TIME:
        raise RejectedEventError(
            Reason.BAD_TIME, f"{name} is {form(value)}: no RFC 3339 time and no seconds since the epoch"
        )
    if at < limits.earliest_us:
        raise RejectedEventError(
            Reason.TIME_TOO_EARLY, f"{name} lies in the year {year_of(at)}, before limits.min_time"
        )
    if at - received_at > limits.max_future_us:
        ahead = (at - received_at) / MICROSECONDS_PER_SECOND
        raise RejectedEventError(Reason.TIME_IN_FUTURE, f"{name} lies {ahead:.0f} s ahead of the message's timestamp")
    return at


def _number(event: Mapping[str, Any], name: str, shown: str = "") -> float:
    """A number; ``shown`` stands for a name that the producer chose, which no detail may repeat."""
    value, shown = event.get(name), shown or name
    if value is None:
        raise RejectedEventError(Reason.MISSING_FIELD, f"{shown} is missing")
    if not isinstance(value, int | float) or (isinstance(value, bool) and name == "score"):
        raise RejectedEventError(Reason.WRONG_TYPE, f"{shown} is {kind_of(value)}, not a number")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _score(event: Mapping[str, Any], task: Task) -> float:
    score = _number(event, "score")
    if not math.isfinite(score):
        raise RejectedEventError(Reason.SCORE_NOT_FINITE, f"score is {score}")
    if task == "binary" and not 0.0 <= score <= 1.0:
        raise RejectedEventError(Reason.SCORE_OUT_OF_RANGE, f"score is {beside_unit(score)}: no probability")
    return score


def _scores(event: Mapping[str, Any], known: Mapping[str, float]) -> Mapping[str, float]:
    """Probabilities of classes that the baseline knows, summing to 1."""
    scores = _mapping(event, "scores", required=True)
    found = {}
    for name in scores:
        value = _number(scores, name, _class_of(name, known))
        if isinstance(scores[name], bool):
            raise RejectedEventError(Reason.WRONG_TYPE, f"{_class_of(name, known)} is a boolean, not a number")
        if not math.isfinite(value):
            raise RejectedEventError(Reason.SCORE_NOT_FINITE, f"{_class_of(name, known)} is {value}")
        if name not in known:
            raise RejectedEventError(
                Reason.SCORE_OUT_OF_RANGE, f"scores names a class that is unknown offline, {form(name)}"
            )
        found[name] = value
    total = sum(found.values())
    if min(found.values(), default=-1.0) < 0.0 or abs(total - 1.0) > SUM_TOLERANCE:
        fault = "one is below 0" if min(found.values(), default=0.0) < 0.0 else f"they sum to {_beside_one(total)}"
        raise RejectedEventError(Reason.SCORE_OUT_OF_RANGE, f"scores are no probabilities: {fault}")
    return found


def _items(event: Mapping[str, Any]) -> Sequence[tuple[str, float]]:
    """Items of a ranked list with finite scores, each named once."""
    listed = event.get("items")
    if listed is None:
        raise RejectedEventError(Reason.MISSING_FIELD, "items is missing")
    if not isinstance(listed, list):
        raise RejectedEventError(Reason.WRONG_TYPE, f"items is {kind_of(listed)}, not a list")
    if not listed:
        raise RejectedEventError(Reason.INVALID_ITEMS, "items is an empty list")
    found: dict[str, float] = {}
    for item in listed:
        if not isinstance(item, dict):
            raise RejectedEventError(Reason.WRONG_TYPE, f"items holds {kind_of(item)}, not an object")
        name = _item_name(item)
        score = _number(item, "score")
        if not math.isfinite(score):
            raise RejectedEventError(Reason.SCORE_NOT_FINITE, f"score of an item is {score}")
        if name in found:
            raise RejectedEventError(Reason.INVALID_ITEMS, "items names an item twice")
        found[name] = score
    return tuple(found.items())


def _item_name(item: Mapping[str, Any]) -> str:
    name = item.get("id")
    if name is None:
        raise RejectedEventError(Reason.INVALID_ITEMS, "items holds an item without an id")
    if isinstance(name, bool) or not isinstance(name, str | int):
        raise RejectedEventError(Reason.WRONG_TYPE, f"id of an item is {kind_of(name)}, not a string")
    return _encodable("id of an item", str(name))


def _relevance(event: Mapping[str, Any]) -> Sequence[tuple[str, float]]:
    """Grades of items."""
    grades = _mapping(event, "relevance", required=True)
    found = []
    for name in grades:
        grade = _number(grades, name, "relevance of an item")
        if isinstance(grades[name], bool):
            raise RejectedEventError(Reason.WRONG_TYPE, "relevance of an item is a boolean, not a number")
        if not 0.0 <= grade <= LARGEST_GRADE:
            detail = f"relevance of an item is no grade in [0, {LARGEST_GRADE:g}]"
            raise RejectedEventError(Reason.INVALID_OUTCOME, detail)
        found.append((_encodable("an item of relevance", name), grade))
    return tuple(found)


def _class(event: Mapping[str, Any], known: Mapping[str, float]) -> float:
    outcome = event.get("outcome")
    if outcome is None:
        raise RejectedEventError(Reason.MISSING_FIELD, "outcome is missing")
    name = category(outcome)
    if name is None:
        raise RejectedEventError(Reason.WRONG_TYPE, f"outcome is {kind_of(outcome)}, not a class")
    if name not in known:
        raise RejectedEventError(Reason.INVALID_OUTCOME, f"outcome is {form(outcome)}: no class that was there offline")
    return known[name]


def _outcome(event: Mapping[str, Any], task: Task, known: Mapping[str, float]) -> float:
    if task == "multiclass":
        return _class(event, known)
    outcome = _number(event, "outcome")
    if task == "regression":
        if not math.isfinite(outcome):
            raise RejectedEventError(Reason.INVALID_OUTCOME, f"outcome is {outcome}")
        return outcome
    if outcome not in (0.0, 1.0):
        raise RejectedEventError(Reason.INVALID_OUTCOME, f"outcome is {form(outcome)}, neither 0 nor 1")
    return outcome


def _group(event: Mapping[str, Any]) -> str | None:
    group = event.get("group")
    if isinstance(group, bool) or not isinstance(group, str | int | None):
        raise RejectedEventError(Reason.WRONG_TYPE, f"group is {kind_of(group)}, not a string")
    return None if group is None else _encodable("group", str(group))


def _encodable(name: str, text: str) -> str:
    if not text.isprintable() and any("\ud800" <= c <= "\udfff" for c in text):
        raise RejectedEventError(Reason.WRONG_TYPE, f"{name} holds half of a surrogate pair")
    return text


def _class_of(name: str, known: Mapping[str, float]) -> str:
    return f"scores.{name:.40}" if name in known else "a class of scores"


def _beside_one(total: float) -> str:
    return "more than 1" if total > 1.0 else "less than 1"


def _json_fault(error: Exception) -> str:
    """What is wrong and where; the parser's own text may quote a byte."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.split(':')[0]} at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return f"no {error.encoding} text from byte {error.start} on"
    return type(error).__name__


def _mapping(event: Mapping[str, Any], name: str, *, required: bool = False) -> Mapping[str, object]:
    value = event.get(name)
    if value is None and not required:
        return {}
    if not isinstance(value, dict):
        found = "missing" if value is None else f"{kind_of(value)}, not an object"
        raise RejectedEventError(Reason.MISSING_FIELD if value is None else Reason.WRONG_TYPE, f"{name} is {found}")
    return value
