"""Ties a format together: bytes to objects, objects to canonical events, and those through the codec that judges them.

So every rule about events (reasons of dead letters, limits, tasks, versions) is in one place, the codec of canonical
JSON, whatever producers write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.formats import Format, Formats
from sentinel.events.batch import I64, DeadLetter, Origin, Predictions, Reason, join_predictions
from sentinel.events.codecs.decoded import Decoded
from sentinel.events.codecs.framing import json_text
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.messages import Messages, Role, dead_letter, size_fault
from sentinel.events.codecs.plain import JsonDeserializer, decode_json, encode_json
from sentinel.events.codecs.protocol import Deserializer
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.shapes.inference import join
from sentinel.events.codecs.shapes.protocol import Event, HalfEvent, Incoming, Shape
from sentinel.events.codecs.shapes.registry import make_shape, wait_limits
from sentinel.events.halves import Completed, Half, Halves, Pair, WaitLimits
from sentinel.events.schema import Limits

RUN = 2_000
"""Canonical events decoded at once: messages of many rows are not all held as text together."""
_NO_HEADERS: Mapping[str, bytes] = {}


@dataclass(frozen=True, slots=True)
class Stages:
    """How the messages of one role are read.

    Parameters
    ----------
    deserializer : Deserializer
    shape : Shape
    wait : WaitLimits
        For shapes whose messages are halves.
    text : callable or None
        Where a payload holds an event as canonical JSON, what takes that out of it: then nothing else is needed.
    """

    deserializer: Deserializer
    shape: Shape
    wait: WaitLimits = field(default_factory=WaitLimits)
    text: Callable[[bytes], bytes] | None = None


class AdaptingCodec:
    """Decodes messages of any configured format; implements `sentinel.events.codecs.protocol.Codec`.

    Parameters
    ----------
    codec : JsonCodec
        Of canonical events.
    stages : mapping of role to Stages
        A role that is not named holds canonical JSON.
    limits : Limits
    reads_headers : bool
        Whether a deserialiser needs headers; the shapes say for themselves.
    """

    def __init__(
        self, codec: JsonCodec, stages: Mapping[Role, Stages], limits: Limits, *, reads_headers: bool = False
    ) -> None:
        self._codec = codec
        self._stages = dict(stages)
        self._limits = limits
        self.reads_headers = reads_headers or any(each.shape.reads_headers for each in stages.values())

    def decode(self, messages: Messages) -> Decoded:
        """Decode one poll's messages of one topic partition; a message may give several rows, or half of some."""
        stages = self._stages.get(messages.role)
        if stages is None:
            return self._codec.decode(messages)
        if stages.text is not None:
            payloads = [payload and stages.text(payload) for payload in messages.payloads]
            return self._codec.decode(replace(messages, payloads=payloads))
        run = _Run(self._codec, messages, self._limits)
        halves: list[Half] = []
        for i in range(len(messages.payloads)):
            try:
                shaped = self._shaped(messages, i, stages)
                if isinstance(shaped, HalfEvent):
                    halves.append(self._half(messages, i, shaped))
                elif shaped:
                    run.add(i, shaped)
                else:
                    run.result.passed_over[messages.role] += 1
            except RejectedEventError as error:
                run.refuse(i, error)
        result = run.finished()
        if halves:
            result.halves = Halves(halves, self.complete, stages.wait)
        return result

    def events(self, messages: Messages, i: int = 0) -> list[Event] | HalfEvent:
        """The canonical events of one message, before they are judged: for people who set a format up.

        Raises
        ------
        RejectedEventError
            If it has none.
        """
        stages = self._stages.get(messages.role)
        if stages is None:
            return [decode_json(messages.payloads[i] or b"")]
        return self._shaped(messages, i, stages)

    def complete(self, partition: int, pairs: Sequence[Pair]) -> Completed:
        """Make predictions of complete pairs, each at the place of its later half."""
        laters = [pair.later for pair in pairs]
        by_topic: dict[str, list[int]] = {}
        for i, later in enumerate(laters):
            by_topic.setdefault(later.topic, []).append(i)
        predictions: list[Predictions] = []
        letters: list[DeadLetter] = []
        for topic, members in by_topic.items():
            messages = Messages(
                topic=topic,
                partition=partition,
                role="prediction",
                offsets=[laters[i].offset for i in members],
                payloads=[laters[i].body for i in members],
                received_at=[laters[i].received_at for i in members],
            )
            run = _Run(self._codec, messages, self._limits)
            for row, i in enumerate(members):
                try:
                    run.add(row, join(decode_json(pairs[i].request.body), decode_json(pairs[i].response.body)))
                except RejectedEventError as error:
                    run.refuse(row, error)
            decoded = run.finished()
            predictions.extend(decoded.predictions)
            letters.extend(decoded.dead_letters)
        # What a half kept is not the message: whoever refuses the pair later has no payload to show.
        joined = [replace(some, origin=replace(some.origin, payloads=None)) for some in join_predictions(predictions)]
        return Completed(joined, [replace(letter, payload=None) for letter in letters])

    def _shaped(self, messages: Messages, i: int, stages: Stages) -> list[Event] | HalfEvent:
        payload = messages.payloads[i]
        if not payload or len(payload) > self._limits.max_event_bytes:
            raise RejectedEventError(*size_fault(payload, self._limits))
        headers = _by_name(messages.headers[i]) if messages.headers else _NO_HEADERS
        key = messages.keys[i] if messages.keys else None
        deserialize = stages.deserializer.deserialize
        received_at = messages.received_at[i]
        return stages.shape.events(Incoming(payload, messages.role, received_at, deserialize, headers, key))

    def _half(self, messages: Messages, i: int, shaped: HalfEvent) -> Half:
        received_at = messages.received_at[i]
        if shaped.at < self._limits.earliest_us:
            raise RejectedEventError(Reason.TIME_TOO_EARLY, "its time lies before limits.min_time")
        if shaped.at - received_at > self._limits.max_future_us:
            ahead = (shaped.at - received_at) / MICROSECONDS_PER_SECOND
            detail = f"its time lies {ahead:.0f} s ahead of the message's timestamp"
            raise RejectedEventError(Reason.TIME_IN_FUTURE, detail)
        body = encode_json(shaped.body)
        return Half(shaped.pair, shaped.side, body, messages.topic, messages.offsets[i], received_at, shaped.at)


def make_stages(formats: Formats, deserializers: Mapping[Role, Deserializer] | None = None) -> dict[Role, Stages]:
    """How the topics of these formats are read; a topic of canonical JSON is left out, it needs no stages.

    Parameters
    ----------
    formats : Formats
    deserializers : mapping of role to Deserializer, optional
        JSON where none is given.
    """
    stages: dict[Role, Stages] = {}
    by_role: tuple[tuple[Role, Format], ...] = (("prediction", formats.predictions), ("outcome", formats.outcomes))
    for role, settings in by_role:
        if settings.shape != "canonical" or settings.encoding != "json":
            deserializer = (deserializers or {}).get(role) or JsonDeserializer()
            is_text = settings.shape == "canonical" and settings.encoding == "json-schema"
            text = json_text if is_text else None
            stages[role] = Stages(deserializer, make_shape(settings, role), wait_limits(settings), text)
    return stages


class _Run:
    """Canonical events gathered from messages, decoded many at once, and given their messages' places back."""

    def __init__(self, codec: JsonCodec, messages: Messages, limits: Limits) -> None:
        self.result = Decoded([], [], [])
        self._codec, self._messages, self._limits = codec, messages, limits
        self._payloads: list[bytes] = []
        self._owners: list[int] = []
        self._rows: list[tuple[int, int]] = []

    def add(self, i: int, events: Sequence[Event]) -> None:
        """Take the events of message i; what cannot be written as JSON refuses the whole message."""
        payloads = [encode_json(_given(event)) for event in events]
        n = len(payloads)
        self._payloads.extend(payloads)
        self._owners.extend([i] * n)
        self._rows.extend((row, n) for row in range(n))
        if len(self._payloads) >= RUN:
            self._flush()

    def refuse(self, i: int, error: RejectedEventError) -> None:
        """Make message i a dead letter."""
        self.result.dead_letters.append(dead_letter(self._messages, i, error.reason, error.detail, self._limits))

    def finished(self) -> Decoded:
        """All that was gathered, decoded; dead letters in the order of the log."""
        self._flush()
        self.result.predictions = join_predictions(self.result.predictions)
        self.result.dead_letters.sort(key=lambda letter: letter.offset)
        return self.result

    def _flush(self) -> None:
        if not self._payloads:
            return
        owners, rows = self._owners, self._rows
        received_at = [self._messages.received_at[i] for i in owners]
        messages = self._messages
        gathered = Messages(
            messages.topic, messages.partition, messages.role, range(len(owners)), self._payloads, received_at
        )
        decoded = self._codec.decode(gathered)
        place = partial(self._placed, np.array(owners, np.int64))
        self.result.predictions += [replace(some, origin=place(some.origin)) for some in decoded.predictions]
        self.result.outcomes += [replace(some, origin=place(some.origin)) for some in decoded.outcomes]
        self.result.backfills += [replace(some, origin=place(some.origin)) for some in decoded.backfills]
        for letter in decoded.dead_letters:
            row, n = rows[letter.offset]
            detail = f"{letter.detail} (row {row} of {n}, from 0)" if n > 1 else letter.detail
            i = owners[letter.offset]
            self.result.dead_letters.append(dead_letter(messages, i, letter.reason, detail, self._limits))
        self._payloads, self._owners, self._rows = [], [], []

    def _placed(self, owners: I64, origin: Origin) -> Origin:
        at = owners[origin.offsets]
        messages = self._messages
        offsets = np.array([messages.offsets[i] for i in at.tolist()], np.int64)
        return Origin(messages.topic, messages.partition, offsets, [messages.payloads[i] or b"" for i in at.tolist()])


def _given(event: Event) -> Event:
    return {name: value for name, value in event.items() if value is not None}


def _by_name(headers: Sequence[tuple[str, bytes | None]]) -> Mapping[str, bytes]:
    return {name.lower(): value for name, value in headers if value is not None}
