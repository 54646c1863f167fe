"""The canonical JSON events, decoded message by message straight into columns.

Well-formed messages take the fast path: one msgspec decode into Structs generated from the schema, then columns in
C-speed loops. Whatever the fast path refuses is read once more, slowly and leniently, by
:mod:`sentinel.events.codecs.repair`, which either makes a valid event of it or says what is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Literal, TypeVar

import msgspec
import numpy as np

from sentinel.events import keys as event_keys
from sentinel.events.batch import (
    F64,
    I32,
    I64,
    Bool,
    DeadLetter,
    EventBatch,
    Origin,
    Outcomes,
    Predictions,
    Reason,
    join_predictions,
)
from sentinel.events.codecs.repair import PlainEvent, RejectedEventError, repair
from sentinel.events.schema import INVALID, MISSING, UNSEEN, Column, EventSchema, Limits, category
from sentinel.events.times import BAD_TIME, parse_times

T = TypeVar("T")
Role = Literal["prediction", "outcome"]
SUB_BATCH = 500
"""Messages decoded before their columns are built: more no longer fit the cache and cost twice as much."""
_UNFIT = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for bytes that do not fit its Struct; the last for nesting some thousand levels deep."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Raw messages of one topic partition, in offset order.

    ``received_at`` is the broker's or producer's timestamp in microseconds: being part of the log, it makes a
    re-read refuse exactly the events that the first read refused.
    """

    topic: str
    partition: int
    role: Role
    offsets: Sequence[int]
    payloads: Sequence[bytes | None]
    received_at: Sequence[int]


@dataclass(slots=True)
class Decoded:
    """What one run of messages decoded to."""

    predictions: list[Predictions]
    outcomes: list[Outcomes]
    dead_letters: list[DeadLetter]
    n_backfills: int = 0


class _Outcome(msgspec.Struct, gc=False):
    model: str
    prediction_id: str
    outcome: float
    outcome_at: str | float
    kind: Literal["outcome"] = "outcome"
    final: bool | None = None


class _Head(msgspec.Struct, gc=False):
    """What routes a prediction: read first, alone, where several versions share a topic."""

    model: str
    version: str = ""


class JsonCodec:
    """Decodes canonical JSON events of the configured model versions.

    Parameters
    ----------
    schemas : sequence of EventSchema
        One for each (model, version). A prediction without a version belongs to the model's only version.
    limits : Limits
    """

    def __init__(self, schemas: Sequence[EventSchema], limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._readers = {(s.model, s.version): _Reader(s, self._limits) for s in schemas}
        versions: dict[str, list[str]] = defaultdict(list)
        for schema in schemas:
            versions[schema.model].append(schema.version)
        self._versions = dict(versions)
        self._seeds = {model: event_keys.model_seed(model) for model in versions}
        self._decode_outcome = msgspec.json.Decoder(_Outcome).decode
        self._decode_head = msgspec.json.Decoder(_Head).decode

    def decode(self, messages: Messages) -> Decoded:
        """Decode one poll's messages of one topic partition.

        Every message ends as a row, as a counted backfill, or as a dead letter: none is dropped, none raises.
        """
        result = Decoded([], [], [])
        for start in range(0, len(messages.payloads), SUB_BATCH):
            self._decode_run(messages, range(start, min(start + SUB_BATCH, len(messages.payloads))), result)
        result.predictions = join_predictions(result.predictions)
        return result

    def _decode_run(self, messages: Messages, rows: range, result: Decoded) -> None:
        sizes_ok = self._right_sized(messages, rows, result)
        read = self._outcomes if messages.role == "outcome" else self._predictions
        slow = read(messages, sizes_ok, result)
        if slow:
            self._repair_all(messages, slow, result)

    def _right_sized(self, messages: Messages, rows: range, result: Decoded) -> Sequence[int]:
        sizes = [len(payload) if payload else 0 for payload in _pick(messages.payloads, rows)]
        if min(sizes) > 0 and max(sizes) <= self._limits.max_event_bytes:
            return rows
        return [i for i in rows if self._size_is_right(messages, i, result)]

    def _size_is_right(self, messages: Messages, i: int, result: Decoded) -> bool:
        payload = messages.payloads[i]
        if not payload:
            detail = "the message has no value (a tombstone)" if payload is None else "the message is empty"
            result.dead_letters.append(_dead(messages, i, Reason.EMPTY, detail, self._limits))
            return False
        if len(payload) > self._limits.max_event_bytes:
            detail = f"{len(payload)} bytes exceed limits.max_event_bytes {self._limits.max_event_bytes}"
            result.dead_letters.append(_dead(messages, i, Reason.OVERSIZED, detail, self._limits))
            return False
        return True

    def _predictions(self, messages: Messages, rows: Sequence[int], result: Decoded) -> list[int]:
        slow: list[int] = []
        for (model, version), members in self._route(messages, rows, slow).items():
            reader = self._readers[model, version]
            events, good = reader.decode_all(messages.payloads, members, slow)
            if events:
                batch, refused = reader.columns(events, good, messages)
                slow.extend(refused)
                if batch is not None:
                    result.predictions.append(batch)
        return slow

    def _route(
        self, messages: Messages, rows: Sequence[int], slow: list[int]
    ) -> Mapping[tuple[str, str], Sequence[int]]:
        if len(self._readers) == 1:
            return {next(iter(self._readers)): rows}
        routes: dict[tuple[str, str], list[int]] = defaultdict(list)
        for i in rows:
            try:
                head = self._decode_head(messages.payloads[i])  # type: ignore[arg-type]
            except _UNFIT:
                slow.append(i)
                continue
            version = head.version or self._only_version(head.model)
            (routes[head.model, version] if (head.model, version) in self._readers else slow).append(i)
        return routes

    def _only_version(self, model: str) -> str:
        versions = self._versions.get(model, [])
        return versions[0] if len(versions) == 1 else ""

    def _outcomes(self, messages: Messages, rows: Sequence[int], result: Decoded) -> list[int]:
        slow: list[int] = []
        decoded, good = _decode_all(self._decode_outcome, messages.payloads, rows, slow)
        for model, (events, members) in _by_model(decoded, good).items():
            if model in self._seeds:
                self._outcome_columns(messages, model, events, members, slow, result)
            else:
                slow.extend(members)
        return slow

    def _outcome_columns(
        self,
        messages: Messages,
        model: str,
        events: Sequence[_Outcome],
        members: Sequence[int],
        slow: list[int],
        result: Decoded,
    ) -> None:
        n = len(events)
        outcomes = np.fromiter([e.outcome for e in events], np.float64, n)
        times = parse_times([e.outcome_at for e in events])
        ids = [e.prediction_id for e in events]
        good = ((outcomes == 0.0) | (outcomes == 1.0)) & _time_is_right(times, members, messages, self._limits)
        lengths = np.fromiter(map(len, ids), np.int64, n)
        good &= (lengths > 0) & (lengths <= self._limits.max_id_chars)
        keys = event_keys.prediction_keys(ids, self._seeds[model], n)
        if not good.all():
            slow.extend(members[row] for row in np.flatnonzero(~good).tolist())
            kept = np.flatnonzero(good)
            members = [members[row] for row in kept.tolist()]
            keys, times, outcomes = keys[kept], times[kept], outcomes[kept]
        if members:
            result.outcomes.append(Outcomes(model, keys, times, outcomes, _origin(messages, members)))

    def _repair_all(self, messages: Messages, rows: list[int], result: Decoded) -> None:
        plain: dict[tuple[str, str, str], tuple[list[PlainEvent], list[int]]] = {}
        for i in sorted(rows):
            payload = messages.payloads[i]
            try:
                event = repair(payload or b"", messages.role, self._versions, self._limits, messages.received_at[i])
            except RejectedEventError as error:
                result.dead_letters.append(_dead(messages, i, error.reason, error.detail, self._limits))
                continue
            if event.kind == "backfill":
                result.n_backfills += 1
                continue
            events, members = plain.setdefault((event.kind, event.model, event.version), ([], []))
            events.append(event)
            members.append(i)
        for (kind, model, version), (events, members) in plain.items():
            if kind == "outcome":
                result.outcomes.append(self._plain_outcomes(messages, model, events, members))
            else:
                reader = self._readers[model, version]
                result.predictions.append(reader.plain_columns(events, members, messages))

    def _plain_outcomes(self, messages: Messages, model: str, events: list[PlainEvent], members: list[int]) -> Outcomes:
        n = len(events)
        keys = event_keys.prediction_keys([e.prediction_id for e in events], self._seeds[model], n)
        times = np.fromiter([e.at for e in events], np.int64, n)
        values = np.fromiter([e.value for e in events], np.float64, n)
        return Outcomes(model, keys, times, values, _origin(messages, members))


class _Reader:
    """Decodes predictions of one (model, version) with Structs generated from its schema."""

    def __init__(self, schema: EventSchema, limits: Limits) -> None:
        self.schema = schema
        self._limits = limits
        self._seed = event_keys.model_seed(schema.model)
        self._decode: Callable[[Any], Any] | None = None
        self._lookups = tuple({None: MISSING, **codes} for codes in schema.codes)
        inputs = _inputs_struct(schema)
        if inputs is None:
            return
        self._empty = inputs()
        envelope = msgspec.defstruct(
            "Prediction",
            [
                ("model", Literal[schema.model]),
                ("prediction_id", str),
                ("predicted_at", str | float),
                ("score", float),
                ("version", Literal[schema.version], schema.version),
                ("kind", Literal["prediction"], "prediction"),
                ("features", inputs | None, None),
                ("slices", inputs | None, None),
                ("group", str | None, None),
            ],
            gc=False,
        )
        self._decode = msgspec.json.Decoder(envelope).decode

    def decode_all(
        self, payloads: Sequence[bytes | None], rows: Sequence[int], slow: list[int]
    ) -> tuple[Sequence[Any], Sequence[int]]:
        """Decode rows; those that do not fit the Struct are appended to ``slow``."""
        if self._decode is None:
            slow.extend(rows)
            return [], []
        return _decode_all(self._decode, payloads, rows, slow)

    def columns(
        self, events: Sequence[Any], members: Sequence[int], messages: Messages
    ) -> tuple[Predictions | None, list[int]]:
        """Turn decoded Structs into columns; returns the rows that break a rule, for the slow path to name it."""
        n = len(events)
        scores = np.fromiter([e.score for e in events], np.float64, n)
        times = parse_times([e.predicted_at for e in events])
        ids = [e.prediction_id for e in events]
        lengths = np.fromiter(map(len, ids), np.int64, n)
        good = (scores >= 0.0) & (scores <= 1.0) & (lengths > 0) & (lengths <= self._limits.max_id_chars)
        good &= _time_is_right(times, members, messages, self._limits)
        refused = [members[int(row)] for row in np.flatnonzero(~good)]
        if refused:
            kept = np.flatnonzero(good)
            if not len(kept):
                return None, refused
            events, members = [events[row] for row in kept.tolist()], [members[row] for row in kept.tolist()]
            ids, scores, times, n = [e.prediction_id for e in events], scores[kept], times[kept], len(kept)
        numeric, categorical = self._inputs(events)
        batch = Predictions(
            schema=self.schema,
            keys=event_keys.prediction_keys(ids, self._seed, n),
            predicted_at=times,
            scores=scores,
            groups=event_keys.group_keys([e.group for e in events], n),
            numeric=numeric,
            categorical=categorical,
            origin=_origin(messages, members),
        )
        return batch, refused

    def _inputs(self, events: Sequence[Any]) -> tuple[F64, I32]:
        schema, n, empty = self.schema, len(events), self._empty
        astuple = msgspec.structs.astuple
        columns = list(zip(*[astuple(e.features or empty) for e in events], strict=True))
        slices = [e.slices for e in events]
        if slices.count(None) < n:
            named = zip(*[astuple(s or empty) for s in slices], strict=True)
            columns = [_first_present(a, b) for a, b in zip(named, columns, strict=True)]
        n_numeric = len(schema.numeric)
        numeric = np.empty((n_numeric, n))
        for j in range(n_numeric):
            numeric[j] = _floats(columns[j], n)
        categorical = np.empty((len(schema.categorical), n), np.int32)
        for j, lookup in enumerate(self._lookups):
            categorical[j] = encode(columns[n_numeric + j], lookup, n)
        return numeric, categorical

    def plain_columns(self, events: list[PlainEvent], members: list[int], messages: Messages) -> Predictions:
        """Columns of events that went the slow way: their inputs may be of any type."""
        n, schema = len(events), self.schema
        numeric = np.full((len(schema.numeric), n), np.nan)
        invalid = np.zeros((len(schema.numeric), n), np.bool_)
        for j, column in enumerate(schema.numeric):
            for row, event in enumerate(events):
                numeric[j, row], invalid[j, row] = _lenient_float(event.inputs.get(column.name))
        categorical = np.empty((len(schema.categorical), n), np.int32)
        for j, (column, lookup) in enumerate(zip(schema.categorical, self._lookups, strict=True)):
            categorical[j] = encode([e.inputs.get(column.name) for e in events], lookup, n)
        return Predictions(
            schema=schema,
            keys=event_keys.prediction_keys([e.prediction_id for e in events], self._seed, n),
            predicted_at=np.fromiter([e.at for e in events], np.int64, n),
            scores=np.fromiter([e.value for e in events], np.float64, n),
            groups=event_keys.group_keys([e.group for e in events], n),
            numeric=numeric,
            categorical=categorical,
            origin=_origin(messages, members),
            invalid=invalid if invalid.any() else None,
        )


def _decode_all(
    decode: Callable[[Any], Any], payloads: Sequence[bytes | None], rows: Sequence[int], slow: list[int]
) -> tuple[Sequence[Any], Sequence[int]]:
    """Decode rows, and tell which are decoded; those that do not fit the Struct are appended to ``slow``."""
    with suppress(*_UNFIT):  # else one at least does not fit: which, is found one by one
        return list(map(decode, _pick(payloads, rows))), rows
    events, good = [], []
    for i in rows:
        try:
            events.append(decode(payloads[i]))
            good.append(i)
        except _UNFIT:
            slow.append(i)
    return events, good


def _by_model(
    events: Sequence[_Outcome], rows: Sequence[int]
) -> Mapping[str, tuple[Sequence[_Outcome], Sequence[int]]]:
    models = [event.model for event in events]
    if len(set(models)) == 1:
        return {models[0]: (events, rows)}
    groups: dict[str, tuple[list[_Outcome], list[int]]] = defaultdict(lambda: ([], []))
    for model, event, i in zip(models, events, rows, strict=True):
        groups[model][0].append(event)
        groups[model][1].append(i)
    return groups


def _inputs_struct(schema: EventSchema) -> Any:
    """The Struct of the columns, numeric ones first; None where a name cannot be a Struct's (then all go slowly)."""
    ordered = (*schema.numeric, *schema.categorical)
    if any('"' in c.name or "\\" in c.name or min(c.name, default=" ") < " " for c in ordered):
        return None
    return msgspec.defstruct(
        "Inputs",
        [(f"f{i}", _field_type(column), None) for i, column in enumerate(ordered)],
        rename={f"f{i}": column.name for i, column in enumerate(ordered)},
        gc=False,
    )


def _field_type(column: Column) -> Any:
    return float | None if column.kind == "numeric" else str | int | float | bool | None


def _first_present(named: tuple[Any, ...], plain: tuple[Any, ...]) -> tuple[Any, ...]:
    """A value under ``slices`` wins over the feature of the same name.

    Most columns come by one of the two alone: only those that mix them cost a loop.
    """
    n_absent = named.count(None)
    if n_absent == len(named):
        return plain
    if n_absent == 0:
        return named
    return tuple(b if a is None else a for a, b in zip(named, plain, strict=True))


def _floats(values: Sequence[Any], n: int) -> F64:
    try:
        return np.fromiter(values, np.float64, n)
    except TypeError:  # a null: numpy reads None as NaN, but only when told the whole column at once
        return np.array(values, dtype=np.float64)


def _lenient_float(value: object) -> tuple[float, bool]:
    """A number, or NaN and whether something else stood in its place."""
    if value is None:
        return np.nan, False
    if isinstance(value, int | float):  # bool counts as 0 and 1
        try:
            return float(value), False
        except OverflowError:
            return np.inf if value > 0 else -np.inf, False
    return np.nan, True


def encode(values: Sequence[Any], lookup: Mapping[Any, int], n: int) -> I32:
    """Write categories as their codes.

    Parameters
    ----------
    values : sequence, length n
    lookup : mapping
        Category -> code, and None -> MISSING.

    Returns
    -------
    int32 array, shape (n,)
        Codes, or MISSING, UNSEEN, INVALID.
    """
    try:
        encoded = np.fromiter(map(lookup.get, values, repeat(UNSEEN)), np.int32, n)
    except TypeError:  # unhashable: an array or object stands where a scalar belongs
        encoded = np.full(n, UNSEEN, np.int32)
    for row in np.flatnonzero(encoded == UNSEEN).tolist():
        encoded[row] = _encode_one(values[row], lookup)
    return encoded


def _encode_one(value: object, lookup: Mapping[Any, int]) -> int:
    if value is None or (isinstance(value, float) and value != value):
        return MISSING
    name = category(value)
    return INVALID if name is None else lookup.get(name, UNSEEN)


def _time_is_right(times: I64, members: Sequence[int], messages: Messages, limits: Limits) -> Bool:
    received = np.array(_pick(messages.received_at, members), np.int64)
    known = times != BAD_TIME
    good: Bool = known & (times >= limits.earliest_us) & (times - np.where(known, received, 0) <= limits.max_future_us)
    return good


def _origin(messages: Messages, members: Sequence[int]) -> Origin:
    offsets = np.array(_pick(messages.offsets, members), np.int64)
    payloads = [payload or b"" for payload in _pick(messages.payloads, members)]
    return Origin(messages.topic, messages.partition, offsets, payloads)


def _pick(column: Sequence[T], rows: Sequence[int]) -> Sequence[T]:
    """Take ascending rows: a slice where none is left out between them, as a rule."""
    if not rows:
        return []
    if len(rows) == rows[-1] - rows[0] + 1:
        return column[rows[0] : rows[-1] + 1]
    return [column[i] for i in rows]


def _dead(messages: Messages, i: int, reason: Reason, detail: str, limits: Limits) -> DeadLetter:
    head = (messages.payloads[i] or b"")[: limits.head_bytes]
    return DeadLetter(reason, detail, messages.topic, messages.partition, messages.offsets[i], head, messages.role)


def assemble(
    partition: int, positions: Mapping[str, int], runs: Sequence[Decoded], *, outcomes_behind: bool
) -> EventBatch:
    """Join the decoded topics of one partition into the batch that the pipeline takes."""
    return EventBatch(
        partition=partition,
        positions=positions,
        predictions=tuple(p for run in runs for p in run.predictions),
        outcomes=tuple(o for run in runs for o in run.outcomes),
        dead_letters=tuple(d for run in runs for d in run.dead_letters),
        n_backfills=sum(run.n_backfills for run in runs),
        outcomes_behind=outcomes_behind,
    )
