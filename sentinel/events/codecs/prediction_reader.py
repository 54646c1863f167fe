"""JSON predictions of one model version as columns: the fast path by Structs, and the columns of repaired events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from sentinel.events import keys as event_keys
from sentinel.events.batch import F64, I32, U64, Bool, Predictions, Recomputed
from sentinel.events.classes import normalised, read_probabilities
from sentinel.events.codecs.envelopes import inputs_struct, score_field
from sentinel.events.codecs.feature_times import read_feature_times
from sentinel.events.codecs.messages import Messages, decode_all, origin_of, time_is_right
from sentinel.events.codecs.repair import PlainEvent
from sentinel.events.codecs.rules import right_scores
from sentinel.events.codecs.values import encode, first_present, floats, lenient_float
from sentinel.events.rankings import flatten, largest_values, rank_items
from sentinel.events.schema import MISSING, EventSchema, Limits
from sentinel.events.times import parse_times


class PredictionReader:
    """Decodes predictions of one (model, version) with Structs generated from its schema."""

    def __init__(self, schema: EventSchema, limits: Limits) -> None:
        self.schema = schema
        self._limits = limits
        self._seed = event_keys.model_seed(schema.model)
        self._decode: Callable[[Any], Any] | None = None
        self._lookups = tuple({None: MISSING, **codes} for codes in schema.codes)
        inputs = inputs_struct(schema)
        if inputs is None:
            return
        self._empty = inputs()
        envelope = msgspec.defstruct(
            "Prediction",
            [
                ("model", Literal[schema.model]),
                ("prediction_id", str),
                ("predicted_at", str | float),
                score_field(schema),
                ("version", Literal[schema.version], schema.version),
                ("kind", Literal["prediction"], "prediction"),
                ("features", inputs | None, None),
                ("slices", inputs | None, None),
                ("group", str | None, None),
                ("feature_times", Any, None),
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
        return decode_all(self._decode, payloads, rows, slow)

    def columns(
        self, events: Sequence[Any], members: Sequence[int], messages: Messages
    ) -> tuple[Predictions | None, list[int]]:
        """Turn decoded Structs into columns; returns the rows that break a rule, for the slow path to name it."""
        n = len(events)
        scores, right, probabilities, items = self._scores(events)
        times = parse_times([e.predicted_at for e in events])
        ids = [e.prediction_id for e in events]
        lengths = np.fromiter(map(len, ids), np.int64, n)
        good = right & (lengths > 0) & (lengths <= self._limits.max_id_chars)
        good &= time_is_right(times, members, messages, self._limits)
        refused = [members[int(row)] for row in np.flatnonzero(~good)]
        if refused:
            kept = np.flatnonzero(good)
            if not len(kept):
                return None, refused
            events, members = [events[row] for row in kept.tolist()], [members[row] for row in kept.tolist()]
            ids, scores, times, n = [e.prediction_id for e in events], scores[kept], times[kept], len(kept)
            probabilities = None if probabilities is None else probabilities[kept]
            items = None if items is None else items[kept]
        numeric, categorical = self._inputs(events)
        batch = Predictions(
            schema=self.schema,
            keys=event_keys.prediction_keys(ids, self._seed, n, self._limits.hash_key),
            predicted_at=times,
            scores=scores,
            groups=event_keys.group_keys([e.group for e in events], n, self._limits.hash_key),
            numeric=numeric,
            categorical=categorical,
            origin=origin_of(messages, members),
            feature_times=read_feature_times([e.feature_times for e in events], self.schema, self._limits),
            probabilities=probabilities,
            items=items,
        )
        return batch, refused

    def _scores(self, events: Sequence[Any]) -> tuple[F64, Bool, F64 | None, U64 | None]:
        """Scores, which of them mean something, and the probabilities of classes or the items where there are any."""
        if self.schema.task == "ranking":
            flat = flatten([[(item.id, item.score) for item in e.items] for e in events])
            items, listed = rank_items(flat, len(events), self.schema.n_ranked)
            return largest_values(flat, len(events)), listed, None, items
        if not self.schema.classes:
            scores = np.fromiter([e.score for e in events], np.float64, len(events))
            return scores, right_scores(self.schema.task, scores), None, None
        named, known = read_probabilities([e.scores for e in events], self.schema.classes)
        probabilities, right = normalised(named)
        return probabilities.max(axis=1), right & known, probabilities, None

    def _inputs(self, events: Sequence[Any]) -> tuple[F64, I32]:
        schema, n, empty = self.schema, len(events), self._empty
        astuple = msgspec.structs.astuple
        columns = list(zip(*[astuple(e.features or empty) for e in events], strict=True))
        slices = [e.slices for e in events]
        if slices.count(None) < n:
            named = zip(*[astuple(s or empty) for s in slices], strict=True)
            columns = [first_present(a, b) for a, b in zip(named, columns, strict=True)]
        n_numeric = len(schema.numeric)
        numeric = np.empty((n_numeric, n))
        for j in range(n_numeric):
            numeric[j] = floats(columns[j], n)
        categorical = np.empty((len(schema.categorical), n), np.int32)
        for j, lookup in enumerate(self._lookups):
            categorical[j] = encode(columns[n_numeric + j], lookup, n)
        return numeric, categorical

    def plain_columns(self, events: list[PlainEvent], members: list[int], messages: Messages) -> Predictions:
        """Columns of events that went the slow way: their inputs may be of any type."""
        n, schema = len(events), self.schema
        numeric, invalid, categorical = self._plain_inputs(events)
        probabilities = items = None
        if schema.task == "ranking":
            items, _ = rank_items(flatten([e.listed for e in events]), n, schema.n_ranked)
        if schema.classes:
            probabilities, _ = normalised(read_probabilities([e.scores for e in events], schema.classes)[0])
        return Predictions(
            schema=schema,
            keys=event_keys.prediction_keys([e.prediction_id for e in events], self._seed, n, self._limits.hash_key),
            predicted_at=np.fromiter([e.at for e in events], np.int64, n),
            scores=np.fromiter([e.value for e in events], np.float64, n),
            groups=event_keys.group_keys([e.group for e in events], n, self._limits.hash_key),
            numeric=numeric,
            categorical=categorical,
            origin=origin_of(messages, members),
            invalid=invalid,
            feature_times=read_feature_times([e.feature_times for e in events], schema, self._limits),
            probabilities=probabilities,
            items=items,
        )

    def recomputed(self, events: list[PlainEvent]) -> Recomputed:
        """The inputs of backfills, as this version reads them."""
        numeric, invalid, categorical = self._plain_inputs(events)
        given = np.array([[c.name in e.inputs for e in events] for c in self.schema.columns], np.bool_)
        return Recomputed(self.schema, given.reshape(-1, len(events)), numeric, categorical, invalid)

    def _plain_inputs(self, events: list[PlainEvent]) -> tuple[F64, Bool | None, I32]:
        n, schema = len(events), self.schema
        numeric = np.full((len(schema.numeric), n), np.nan)
        invalid = np.zeros((len(schema.numeric), n), np.bool_)
        for j, column in enumerate(schema.numeric):
            for row, event in enumerate(events):
                numeric[j, row], invalid[j, row] = lenient_float(event.inputs.get(column.name))
        categorical = np.empty((len(schema.categorical), n), np.int32)
        for j, (column, lookup) in enumerate(zip(schema.categorical, self._lookups, strict=True)):
            categorical[j] = encode([e.inputs.get(column.name) for e in events], lookup, n)
        return numeric, invalid if invalid.any() else None, categorical
