"""Sentinel's own events, where they need another stage before: in CloudEvents, or as Avro and Protobuf."""

from __future__ import annotations

from collections.abc import Mapping

from sentinel.events.codecs.shapes.parts import an_object
from sentinel.events.codecs.shapes.protocol import Event, Incoming, Make


class CanonicalShape:
    """Takes an event as it is."""

    reads_headers = False

    def events(self, message: Incoming) -> list[Event]:
        """The one event of the message."""
        return [an_object(message.body(), "the message")]


MAKERS: Mapping[str, Make] = {"canonical": lambda *_: CanonicalShape()}
