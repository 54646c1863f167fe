"""Requests and responses that are logged as two messages: each is half of an event, and waits for the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from sentinel.events.batch import DeadLetter, Predictions, Reason

Side = Literal["request", "response"]


@dataclass(frozen=True, slots=True)
class Half:
    """One of the two messages that give the predictions of a request.

    Parameters
    ----------
    pair : str
        What both halves are known by.
    side : {"request", "response"}
    body : bytes
        What this half says, as the shape that read it will need it again. Never logged: it may hold feature values.
    topic : str
    offset : int
    received_at : int, microseconds since the epoch, UTC
        The message's timestamp.
    at : int, microseconds since the epoch, UTC
        Its event time: what its waiting is measured in.
    """

    pair: str
    side: Side
    body: bytes
    topic: str
    offset: int
    received_at: int
    at: int

    def dead_letter(self, partition: int, reason: Reason, detail: str, head_bytes: int = 256) -> DeadLetter:
        """Refuse this half."""
        return DeadLetter(reason, detail, self.topic, partition, self.offset, self.body[:head_bytes])


@dataclass(frozen=True, slots=True)
class Pair:
    """Both halves of a request, and which of them came later: there the predictions count."""

    request: Half
    response: Half

    @property
    def later(self) -> Half:
        """The half that completed the pair, by its place in the log; of two topics the response."""
        if self.request.topic != self.response.topic:
            return self.response
        return max(self.request, self.response, key=lambda half: half.offset)


@dataclass(frozen=True, slots=True)
class Completed:
    """What complete pairs became."""

    predictions: Sequence[Predictions] = ()
    dead_letters: Sequence[DeadLetter] = ()


@dataclass(frozen=True, slots=True)
class WaitLimits:
    """How long, how many and how much may wait of one partition (``wait_us``: microseconds of event time)."""

    wait_us: int = 900_000_000
    most: int = 100_000
    most_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Halves:
    """The halves of one batch, in the order of the log, and what makes predictions of those that found each other.

    Parameters
    ----------
    rows : sequence of Half
    complete : callable
        From pairs to their predictions, each at the offset of its later half. Pure: the same pairs give the same.
    limits : WaitLimits
    """

    rows: Sequence[Half]
    complete: Callable[[int, Sequence[Pair]], Completed]
    limits: WaitLimits = field(default_factory=WaitLimits)

    def __len__(self) -> int:
        return len(self.rows)


def join_halves(parts: Sequence[Halves]) -> Halves | None:
    """Halves of several topics that one codec read, as one; None of none."""
    if not parts:
        return None
    return replace(parts[0], rows=[half for part in parts for half in part.rows])
