"""Canonical events to decode, the schemas that they follow, and how two decodings are compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from sentinel.events import Column, DeadLetter, EventSchema, Limits
from sentinel.events.codecs.decoded import Decoded
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.messages import Messages, Role

RECEIVED_US = 1_795_694_400_000_000
"""2026-11-26T12:00:00Z: when the broker got each message."""
PREDICTED_AT = "2026-11-26T11:59:30.250Z"
PREDICTED_US = RECEIVED_US - 29_750_000
OUTCOME_AT = "2026-11-26T11:59:59Z"

CHURN = EventSchema(
    "churn",
    "7",
    (
        Column("tenure", "numeric"),
        Column("plan", "categorical", ("basic", "pro", "3", "true")),
        Column("age", "numeric"),
        Column("region", "categorical", ("EU", "US")),
    ),
)
CHURN_8 = EventSchema("churn", "8", CHURN.columns[:2])
FRAUD = EventSchema("fraud", "1", (Column("amount", "numeric"),))


def prediction(**changes: Any) -> dict[str, Any]:
    """A valid prediction of ``CHURN``; a change to None leaves the field out."""
    event = {
        "kind": "prediction",
        "model": "churn",
        "version": "7",
        "prediction_id": "p-1",
        "predicted_at": PREDICTED_AT,
        "score": 0.25,
        "features": {"tenure": 41, "plan": "pro", "age": 30.5},
        "group": "user-9",
        "slices": {"region": "EU"},
        **changes,
    }
    return {name: value for name, value in event.items() if value is not None}


def outcome(**changes: Any) -> dict[str, Any]:
    """A valid outcome; a change to None leaves the field out."""
    event = {
        "kind": "outcome",
        "model": "churn",
        "prediction_id": "p-1",
        "outcome": 1,
        "outcome_at": OUTCOME_AT,
        "final": True,
        **changes,
    }
    return {name: value for name, value in event.items() if value is not None}


def encoded(event: object) -> bytes:
    """The event as a producer writes it."""
    return json.dumps(event).encode()


def messages(payloads: Sequence[bytes | None], role: Role = "prediction") -> Messages:
    """Messages from offset 100 on, all received at one moment."""
    n = len(payloads)
    return Messages("events", 3, role, range(100, 100 + n), payloads, [RECEIVED_US] * n)


def decode(
    *payloads: bytes | None,
    role: Role = "prediction",
    schemas: Sequence[EventSchema] = (CHURN,),
    limits: Limits | None = None,
) -> Decoded:
    """Decode payloads of one topic."""
    return JsonCodec(schemas, limits).decode(messages(payloads, role))


def only_dead_letter(decoded: Decoded) -> DeadLetter:
    """The one dead letter of a decoding that gave nothing else."""
    assert (decoded.predictions, decoded.outcomes, sum(map(len, decoded.backfills))) == ([], [], 0)
    [letter] = decoded.dead_letters
    return letter


def n_accounted(decoded: Decoded) -> int:
    """Messages that a decoding accounts for, one way or another."""
    n_rows = sum(map(len, decoded.predictions)) + sum(map(len, decoded.outcomes))
    return n_rows + len(decoded.dead_letters) + sum(map(len, decoded.backfills))


def by_offset(decoded: Decoded) -> dict[int, tuple[Any, ...]]:
    """What each message became, by its offset: all columns of its row, or why it was refused."""
    found: dict[int, tuple[Any, ...]] = {}
    for batch in decoded.predictions:
        n_numeric = len(batch.schema.numeric)
        invalid = np.zeros((n_numeric, len(batch)), np.bool_) if batch.invalid is None else batch.invalid
        assert batch.numeric.shape == (n_numeric, len(batch))
        assert batch.categorical.shape == (len(batch.schema.categorical), len(batch))
        for row, offset in enumerate(batch.origin.offsets.tolist()):
            assert offset not in found
            found[offset] = (
                "prediction",
                batch.schema.model,
                batch.schema.version,
                int(batch.keys[row]),
                int(batch.predicted_at[row]),
                float(batch.scores[row]),
                int(batch.groups[row]),
                [repr(value) for value in batch.numeric[:, row].tolist()],  # NaN equals itself as text
                invalid[:, row].tolist(),
                batch.categorical[:, row].tolist(),
                None if batch.origin.payloads is None else batch.origin.payloads[row],
            )
    for outcomes in decoded.outcomes:
        for row, offset in enumerate(outcomes.origin.offsets.tolist()):
            assert offset not in found
            at, value = int(outcomes.outcome_at[row]), float(outcomes.outcomes[row])
            found[offset] = ("outcome", outcomes.model, int(outcomes.keys[row]), at, value)
    for letter in decoded.dead_letters:
        assert letter.offset not in found
        found[letter.offset] = ("dead", letter.reason, letter.detail, letter.head)
    return found
