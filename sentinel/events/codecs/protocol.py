"""What a reader of messages promises to a source, and what a reader of payloads promises to the shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sentinel.events.codecs.decoded import Decoded
from sentinel.events.codecs.messages import Messages


class Codec(Protocol):
    """Turns the messages of one topic partition into columns. One thread, the loop, calls it."""

    @property
    def reads_headers(self) -> bool:
        """Whether :attr:`Messages.keys` and :attr:`Messages.headers` are needed; empty ones save the source work."""
        ...

    def decode(self, messages: Messages) -> Decoded:
        """Decode one poll's messages.

        Every message ends as rows, as a half that waits for its other half, as a dead letter, or is counted as passed
        over by the configured filter; none raises. Rows of one message have its offset.

        Raises
        ------
        SourceError
            If something that reading needs does not answer, a schema registry: nothing is known of these messages yet,
            and they are to be decoded again later.
        """
        ...


class Deserializer(Protocol):
    """First stage of a format: the bytes of a message as plain Python values. Called by one thread.

    What comes out is what JSON would have given: dict with str keys, list, str, int, float, bool and None; bytes,
    datetime, Decimal and UUID are taken too and written as JSON texts (bytes as base64) where they reach an event.
    """

    def deserialize(self, payload: bytes, headers: Mapping[str, bytes]) -> object:
        """Read one payload, which is never empty and never over ``limits.max_event_bytes``.

        Parameters
        ----------
        payload : bytes
        headers : mapping of lower-case name to value
            Of names that stand more than once the last one; null values are left out.

        Raises
        ------
        RejectedEventError
            (`sentinel.events.codecs.repair`) with the reason and one sentence for the producer's owner, without any
            value of the message. The message becomes a dead letter.
        """
        ...
