"""What a shape is given, what it gives back, and what it promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.formats import Format
from sentinel.events.codecs.messages import Role
from sentinel.events.halves import Side

Event = dict[str, Any]
"""One event of the public contract (docs/reference/events.md) as a plain dict; None stands for a field left out."""
MAX_ROWS = 10_000
"""Events that one message may give: a message within ``limits.max_event_bytes`` could name a million empty rows."""


@dataclass(frozen=True, slots=True)
class HalfEvent:
    """A request without its response, or the other way round.

    Parameters
    ----------
    pair : str
        What both halves are known by.
    side : {"request", "response"}
    body : dict
        What `sentinel.events.codecs.shapes.inference.join` needs of it; plain JSON values.
    at : int, microseconds since the epoch, UTC
    """

    pair: str
    side: Side
    body: Event
    at: int


@dataclass(slots=True)
class Incoming:
    """One message as a shape sees it; its body is read when it is asked for.

    ``headers`` have lower-case names, and only those that have a value; ``received_at`` is the message's timestamp in
    microseconds since the epoch.
    """

    payload: bytes
    role: Role
    received_at: int
    deserialize: Callable[[bytes, Mapping[str, bytes]], object]
    headers: Mapping[str, bytes] = field(default_factory=dict)
    key: bytes | None = None
    given: object = None

    def body(self) -> object:
        """What the payload holds.

        Raises
        ------
        RejectedEventError
            If it cannot be read.
        """
        return self.deserialize(self.payload, self.headers) if self.given is None else self.given

    @property
    def received_seconds(self) -> float:
        """The message's timestamp as events write times: seconds since the epoch."""
        return self.received_at / MICROSECONDS_PER_SECOND


class Shape(Protocol):
    """Second stage of a format: from a message to the events that it holds. Pure: the same message gives the same."""

    @property
    def reads_headers(self) -> bool:
        """Whether headers or the key are looked at."""
        ...

    def events(self, message: Incoming) -> list[Event] | HalfEvent:
        """Read one message.

        Returns
        -------
        list of Event
            Empty where a filter passes the message over. All events of one message have one time.
        HalfEvent
            Where the message is half of an event.

        Raises
        ------
        RejectedEventError
            With the reason and one sentence for the producer's owner. Nothing else is ever raised.
        """
        ...


Make = Callable[[Format, Role], Shape]
"""Makes a shape of the settings of one topic, whose section is there where `sentinel.config.shapes` says so."""
