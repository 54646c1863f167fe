"""Messages of other formats: read from dumps in the form of ``kcat -J``, and adapted as a configuration says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sentinel.config.formats import Format
from sentinel.events import EventSchema, Limits
from sentinel.events.codecs.adapting import AdaptingCodec, Stages
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.messages import Messages, Role
from sentinel.events.codecs.plain import JsonDeserializer, decode_json, encode_json
from sentinel.events.codecs.shapes.inference import join
from sentinel.events.codecs.shapes.protocol import Event, HalfEvent
from sentinel.events.codecs.shapes.registry import make_shape, wait_limits
from sentinel.events.halves import Half, Pair
from tests.events.canonical import CHURN, RECEIVED_US

FORMATS = Path(__file__).parent / "formats"


def dumped(name: str, role: Role = "prediction") -> Messages:
    """The messages of a file."""
    lines = (FORMATS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return Messages(
        topic=records[0]["topic"],
        partition=0,
        role=role,
        offsets=[record["offset"] for record in records],
        payloads=[record["payload"].encode() for record in records],
        received_at=[record["ts"] * 1_000 for record in records],
        keys=[None if record["key"] is None else record["key"].encode() for record in records],
        headers=[
            [(name, value.encode()) for name, value in zip(h[::2], h[1::2], strict=True)]
            for h in (record["headers"] for record in records)
        ],
    )


def message(
    payload: object,
    headers: Mapping[str, str | bytes] | None = None,
    key: bytes | None = None,
    role: Role = "prediction",
) -> Messages:
    """One message; a payload that is not bytes is written as JSON."""
    value = payload if isinstance(payload, bytes) or payload is None else json.dumps(payload).encode()
    named = [(name, v.encode() if isinstance(v, str) else v) for name, v in (headers or {}).items()]
    return Messages("events", 3, role, [100], [value], [RECEIVED_US], [key], [named])


def adapting(
    settings: Mapping[str, Any],
    role: Role = "prediction",
    schemas: Sequence[EventSchema] = (CHURN,),
    limits: Limits | None = None,
) -> AdaptingCodec:
    """The codec of one role's format, in the words of the configuration."""
    chosen = msgspec.convert(dict(settings), Format)
    limits = limits or Limits()
    stages = Stages(JsonDeserializer(), make_shape(chosen, role), wait_limits(chosen))
    return AdaptingCodec(JsonCodec(schemas, limits), {role: stages}, limits)


def events_of(codec: AdaptingCodec, messages: Messages) -> list[Event]:
    """The canonical events of messages whose halves all find each other; fields without a value are left out."""
    events: list[Event] = []
    waiting: dict[str, HalfEvent] = {}
    for i in range(len(messages.payloads)):
        shaped = codec.events(messages, i)
        if isinstance(shaped, list):
            events.extend(shaped)
        elif shaped.pair not in waiting:
            waiting[shaped.pair] = shaped
        else:
            halves = {half.side: decode_json(encode_json(half.body)) for half in (waiting.pop(shaped.pair), shaped)}
            events.extend(join(halves["request"], halves["response"]))
    assert not waiting
    return [{name: value for name, value in event.items() if value is not None} for event in events]


def pairs_of(halves: Sequence[Half]) -> list[Pair]:
    """The pairs among some halves."""
    by_side = {(half.pair, half.side): half for half in halves}
    names = dict.fromkeys(half.pair for half in halves)
    return [Pair(by_side[name, "request"], by_side[name, "response"]) for name in names]
