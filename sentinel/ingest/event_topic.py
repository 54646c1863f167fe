"""What a topic of sentinel's own events promises to whoever announces changes on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class TopicEvent(NamedTuple):
    """A record to be written: key, headers and value."""

    key: bytes
    headers: Sequence[tuple[str, bytes]]
    value: bytes


class EventTopic(Protocol):
    """Events by key, with one writer at a time. One thread calls everything; each call blocks for a bounded time.

    All but :meth:`close` may raise :class:`~sentinel.errors.RecoverableError` (try again, beginning with
    :meth:`claim`) or :class:`~sentinel.errors.FatalError` (a person has to act first).
    """

    def claim(self) -> None:
        """Become the only writer; what a former one left unfinished is undone."""
        ...

    def latest(self) -> Mapping[bytes, bytes | None]:
        """The value last written under each key, as of this call; call it after :meth:`claim`."""
        ...

    def write(self, events: Sequence[TopicEvent]) -> None:
        """Write events in one transaction, in order."""
        ...

    def close(self, timeout_seconds: float) -> None:
        """Disconnect; a second call does nothing."""
        ...
