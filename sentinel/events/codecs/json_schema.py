"""JSON messages that name a JSON Schema.

The schema itself is not asked for and nothing is validated against it: its producer did that, and an event is checked
here for what it must hold to be counted, which no JSON Schema of a producer knows. So no registry is needed, and none
that is away holds anything up.
"""

from __future__ import annotations

from collections.abc import Mapping

from sentinel.events.codecs.framing import json_text
from sentinel.events.codecs.plain import decode_json


class JsonSchemaReader:
    """Implements `sentinel.events.codecs.protocol.Deserializer` for JSON with or without Confluent's framing."""

    def deserialize(self, payload: bytes, headers: Mapping[str, bytes]) -> object:
        """Read the JSON text after the framing, if there is any; the headers say nothing that is needed.

        Raises
        ------
        RejectedEventError
            If it is no JSON.
        """
        del headers
        return decode_json(json_text(payload))
