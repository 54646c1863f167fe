"""The canonical JSON events, decoded message by message straight into columns.

Well-formed messages take the fast path: one msgspec decode into Structs generated from the schema, then columns in
C-speed loops. Whatever the fast path refuses is read once more, slowly and leniently, by
:mod:`sentinel.events.codecs.repair`, which either makes a valid event of it or says what is wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np

from sentinel.events import keys as event_keys
from sentinel.events.batch import (
    F64,
    Backfills,
    Outcomes,
    join_predictions,
)
from sentinel.events.classes import class_code
from sentinel.events.codecs.decoded import Decoded
from sentinel.events.codecs.envelopes import AnyOutcome, GradedOutcome, Head, PlainOutcome, outcome_struct
from sentinel.events.codecs.messages import (
    UNFIT,
    Messages,
    dead_letter,
    decode_all,
    origin_of,
    pick,
    size_fault,
    time_is_right,
)
from sentinel.events.codecs.prediction_reader import PredictionReader
from sentinel.events.codecs.repair import PlainEvent, RejectedEventError, repair
from sentinel.events.codecs.rules import right_outcomes
from sentinel.events.rankings import read_grades
from sentinel.events.schema import EventSchema, Limits, Task, category
from sentinel.events.times import parse_times

SUB_BATCH = 500
"""Messages decoded before their columns are built: more no longer fit the cache and cost twice as much."""


class JsonCodec:
    """Decodes canonical JSON events of the configured model versions.

    Parameters
    ----------
    schemas : sequence of EventSchema
        One for each (model, version). A prediction without a version belongs to the model's only version. All versions
        of a model have one task: an outcome names none.
    limits : Limits
    """

    reads_headers = False

    def __init__(self, schemas: Sequence[EventSchema], limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._readers = {(s.model, s.version): PredictionReader(s, self._limits) for s in schemas}
        versions: dict[str, list[str]] = defaultdict(list)
        for schema in schemas:
            versions[schema.model].append(schema.version)
        self._versions = dict(versions)
        self._tasks: dict[str, Task] = {schema.model: schema.task for schema in schemas}
        self._seeds = {model: event_keys.model_seed(model) for model in versions}
        self._codes: dict[str, dict[str, float]] = defaultdict(dict)
        for schema in schemas:
            self._codes[schema.model].update({name: class_code(name) for name in schema.classes})
        shape = outcome_struct(set(self._tasks.values()))
        self._decode_outcome: Callable[[Any], Any] = msgspec.json.Decoder(shape).decode
        self._decode_head = msgspec.json.Decoder(Head).decode

    def decode(self, messages: Messages) -> Decoded:
        """Decode one poll's messages of one topic partition.

        Every message ends as a row or as a dead letter: none is dropped, none raises.
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
        with suppress(TypeError):  # a tombstone has no length
            sizes = list(map(len, pick(messages.payloads, rows)))  # type: ignore[arg-type]
            if min(sizes) > 0 and max(sizes) <= self._limits.max_event_bytes:
                return rows
        return [i for i in rows if self._size_is_right(messages, i, result)]

    def _size_is_right(self, messages: Messages, i: int, result: Decoded) -> bool:
        payload = messages.payloads[i]
        if payload and len(payload) <= self._limits.max_event_bytes:
            return True
        result.dead_letters.append(dead_letter(messages, i, *size_fault(payload, self._limits), self._limits))
        return False

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
            except UNFIT:
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
        decoded, good = decode_all(self._decode_outcome, messages.payloads, rows, slow)
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
        events: Sequence[PlainOutcome | AnyOutcome | GradedOutcome],
        members: Sequence[int],
        slow: list[int],
        result: Decoded,
    ) -> None:
        n = len(events)
        relevances = None
        if self._tasks[model] == "ranking":
            outcomes, relevances = read_grades([getattr(e, "relevance", None) for e in events])
        else:
            outcomes = self._outcome_values(model, events)
        times = parse_times([e.outcome_at for e in events])
        ids = [e.prediction_id for e in events]
        good = right_outcomes(self._tasks[model], outcomes) & time_is_right(times, members, messages, self._limits)
        lengths = np.fromiter(map(len, ids), np.int64, n)
        good &= (lengths > 0) & (lengths <= self._limits.max_id_chars)
        keys = event_keys.prediction_keys(ids, self._seeds[model], n, self._limits.hash_key)
        if not good.all():
            slow.extend(members[row] for row in np.flatnonzero(~good).tolist())
            kept = np.flatnonzero(good)
            members = [members[row] for row in kept.tolist()]
            keys, times, outcomes = keys[kept], times[kept], outcomes[kept]
            relevances = None if relevances is None else relevances[kept]
        if members:
            result.outcomes.append(Outcomes(model, keys, times, outcomes, origin_of(messages, members), relevances))

    def _outcome_values(self, model: str, events: Sequence[PlainOutcome | AnyOutcome | GradedOutcome]) -> F64:
        """Numbers as they are, classes as their codes; NaN for what is neither."""
        n, codes = len(events), self._codes[model]
        if codes:
            return np.fromiter([codes.get(category(e.outcome) or "", np.nan) for e in events], np.float64, n)
        try:
            return np.fromiter([e.outcome for e in events], np.float64, n)
        except ValueError:  # a text among the numbers
            return np.fromiter([np.nan if isinstance(e.outcome, str) else e.outcome for e in events], np.float64, n)

    def _repair_all(self, messages: Messages, rows: list[int], result: Decoded) -> None:
        plain: dict[tuple[str, str, str], tuple[list[PlainEvent], list[int]]] = {}
        for i in sorted(rows):
            payload = messages.payloads[i]
            try:
                event = repair(
                    payload or b"",
                    messages.role,
                    self._versions,
                    self._limits,
                    messages.received_at[i],
                    self._tasks,
                    self._codes,
                )
            except RejectedEventError as error:
                result.dead_letters.append(dead_letter(messages, i, error.reason, error.detail, self._limits))
                continue
            events, members = plain.setdefault((event.kind, event.model, event.version), ([], []))
            events.append(event)
            members.append(i)
        for (kind, model, version), (events, members) in plain.items():
            if kind == "outcome":
                result.outcomes.append(self._plain_outcomes(messages, model, events, members))
            elif kind == "backfill":
                result.backfills.append(self._plain_backfills(messages, model, events, members))
            else:
                reader = self._readers[model, version]
                result.predictions.append(reader.plain_columns(events, members, messages))

    def _plain_outcomes(self, messages: Messages, model: str, events: list[PlainEvent], members: list[int]) -> Outcomes:
        n = len(events)
        ids = [e.prediction_id for e in events]
        keys = event_keys.prediction_keys(ids, self._seeds[model], n, self._limits.hash_key)
        times = np.fromiter([e.at for e in events], np.int64, n)
        values = np.fromiter([e.value for e in events], np.float64, n)
        relevances = None
        if self._tasks[model] == "ranking":
            values, relevances = read_grades([dict(e.listed) for e in events])
        return Outcomes(model, keys, times, values, origin_of(messages, members), relevances)

    def _plain_backfills(
        self, messages: Messages, model: str, events: list[PlainEvent], members: list[int]
    ) -> Backfills:
        n = len(events)
        ids = [e.prediction_id for e in events]
        keys = event_keys.prediction_keys(ids, self._seeds[model], n, self._limits.hash_key)
        times = np.fromiter([e.at for e in events], np.int64, n)
        inputs = tuple(self._readers[model, version].recomputed(events) for version in self._versions[model])
        return Backfills(model, keys, times, inputs, origin_of(messages, members))


def _by_model(
    events: Sequence[PlainOutcome], rows: Sequence[int]
) -> Mapping[str, tuple[Sequence[PlainOutcome], Sequence[int]]]:
    models = [event.model for event in events]
    if len(set(models)) == 1:
        return {models[0]: (events, rows)}
    groups: dict[str, tuple[list[PlainOutcome], list[int]]] = defaultdict(lambda: ([], []))
    for model, event, i in zip(models, events, rows, strict=True):
        groups[model][0].append(event)
        groups[model][1].append(i)
    return groups
