"""``sentinel decode``: what messages of a topic become, before any daemon reads them."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sentinel.config.settings import Config
    from sentinel.events.codecs.adapting import AdaptingCodec
    from sentinel.events.codecs.messages import Messages, Role
    from sentinel.events.codecs.shapes.protocol import Event, HalfEvent

HELP = "Show the events that messages of the configured format become: exit status 1 when one is refused."
_JUDGED_TASKS = {"binary", "regression"}
"""Tasks whose events are judged without a baseline, which alone knows classes."""
_ROLES: dict[str, Role] = {"predictions": "prediction", "outcomes": "outcome"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The messages, the configuration, and what a file alone cannot say."""
    parser.add_argument(
        "file", metavar="FILE", help="one message as it is, or many as `kcat -J` prints them; - is standard input"
    )
    parser.add_argument("--config", required=True, metavar="FILE", help="the configuration, which needs no baselines")
    parser.add_argument("--topic", choices=tuple(_ROLES), default="predictions", help="whose format to use")
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a header of the one message; may be given more than once",
    )
    parser.add_argument("--key", metavar="TEXT", help="the key of the one message")


def run(args: argparse.Namespace) -> int:
    """Print an event a line; what is refused, waits or is passed over goes to standard error."""
    from sentinel.config import load_config
    from sentinel.errors import FatalError

    config = load_config(args.config)
    if config.source is None:
        raise FatalError("source is missing: the configuration does not say what messages look like")
    content = sys.stdin.buffer.read() if args.file == "-" else _content(args.file)
    messages = _messages(content, _ROLES[args.topic], args.header, args.key)
    codec = _codec(config)
    refused = _show(codec, messages)
    if {model.task for model in config.models} <= _JUDGED_TASKS:
        refused |= _judge(codec, messages, refused)
    return 1 if refused else 0


def _content(path: str) -> bytes:
    from pathlib import Path

    from sentinel.errors import FatalError

    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise FatalError(f"cannot read {path!r}: {error.strerror}") from error


def _codec(config: Config) -> AdaptingCodec:
    """The codec of the configuration's formats; of the models it knows names and tasks, without their baselines."""
    from sentinel.app.models import event_limits
    from sentinel.app.sources import read_by
    from sentinel.events.codecs.adapting import AdaptingCodec
    from sentinel.events.codecs.json import JsonCodec
    from sentinel.events.schema import EventSchema

    limits = event_limits(config)
    schemas = [EventSchema(model.name, model.version, (), model.task) for model in config.models]
    stages, reads_headers = read_by(config)
    return AdaptingCodec(JsonCodec(schemas, limits), stages, limits, reads_headers=reads_headers)


def _messages(content: bytes, role: Role, headers: Sequence[str], key: str | None) -> Messages:
    from sentinel.clock import SystemClock
    from sentinel.events.codecs.messages import Messages

    dumped = _dumped(content)
    now_us = SystemClock().now_us()
    if dumped is None:
        named = [header.partition("=")[::2] for header in headers]
        given = [(name, value.encode()) for name, value in named]
        return Messages("file", 0, role, [0], [content], [now_us], [None if key is None else key.encode()], [given])
    return Messages(
        topic="file",
        partition=0,
        role=role,
        offsets=[int(one.get("offset", i)) for i, one in enumerate(dumped)],
        payloads=[_text(one["payload"]) for one in dumped],
        received_at=[int(one["ts"]) * 1_000 if one.get("ts", -1) >= 0 else now_us for one in dumped],
        keys=[_text(one.get("key")) for one in dumped],
        headers=[_headers(one.get("headers") or []) for one in dumped],
    )


def _dumped(content: bytes) -> list[dict[str, Any]] | None:
    """The lines of ``kcat -J``; None where the content is something else."""
    try:
        found = [json.loads(line) for line in content.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return None
    is_dump = bool(found) and all(isinstance(one, dict) and {"payload", "topic"} <= one.keys() for one in found)
    return found if is_dump else None


def _headers(flat: list[str | None]) -> list[tuple[str, bytes | None]]:
    return [(str(name), _text(value)) for name, value in zip(flat[::2], flat[1::2], strict=False)]


def _text(value: str | None) -> bytes | None:
    return None if value is None else str(value).encode("utf-8", "replace")


def _show(codec: AdaptingCodec, messages: Messages) -> set[int]:
    """Print the events, and return the offsets of messages that have none."""
    from sentinel.events.codecs.plain import encode_json
    from sentinel.events.codecs.repair import RejectedEventError

    waiting: dict[str, tuple[int, HalfEvent]] = {}
    refused: set[int] = set()
    for i, offset in enumerate(messages.offsets):
        try:
            events = _events(codec, messages, i, waiting)
        except RejectedEventError as error:
            refused.add(offset)
            print(f"offset {offset}: refused, {error.reason}: {error.detail}", file=sys.stderr)
            continue
        if events == []:
            print(f"offset {offset}: passed over by the filter", file=sys.stderr)
        for event in events or ():
            given = {name: value for name, value in event.items() if value is not None}
            print(encode_json(given).decode())
    for offset, half in waiting.values():
        print(f"offset {offset}: a {half.side} that waits for its other half", file=sys.stderr)
    return refused


def _events(
    codec: AdaptingCodec, messages: Messages, i: int, waiting: dict[str, tuple[int, HalfEvent]]
) -> list[Event] | None:
    """What a message becomes, with the half that waited for it if there was one; None of a half that has to wait."""
    from sentinel.events.codecs.plain import decode_json, encode_json
    from sentinel.events.codecs.shapes.inference import join
    from sentinel.events.codecs.shapes.protocol import HalfEvent

    found = codec.events(messages, i)
    if not isinstance(found, HalfEvent):
        return found
    other = waiting.pop(found.pair, None)
    if other is None or other[1].side == found.side:
        waiting[found.pair] = messages.offsets[i], found
        return None
    halves = {half.side: decode_json(encode_json(half.body)) for half in (other[1], found)}
    return join(halves["request"], halves["response"])


def _judge(codec: AdaptingCodec, messages: Messages, known: set[int]) -> set[int]:
    """Print why events are refused that have the right form, and return the offsets of their messages."""
    letters = [letter for letter in codec.decode(messages).dead_letters if letter.offset not in known]
    for letter in letters:
        print(f"offset {letter.offset}: refused, {letter.reason}: {letter.detail}", file=sys.stderr)
    return {letter.offset for letter in letters}
