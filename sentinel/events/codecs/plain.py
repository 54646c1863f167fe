"""JSON of any structure, in and out: fast where it is plain, lenient where a producer writes NaN or the like."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import msgspec

from sentinel.events.batch import Reason
from sentinel.events.codecs.repair import RejectedEventError

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def decode_json(payload: bytes) -> Any:
    """Read JSON, also with NaN and Infinity in it.

    Raises
    ------
    RejectedEventError
        If it is none.
    """
    try:
        return _decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        # Not chained, and without the error's own text: both may quote the message.
        where = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        raise RejectedEventError(Reason.NOT_JSON, f"not JSON: {type(error).__name__}{where}") from None


def encode_json(value: object) -> bytes:
    """Write JSON that the codec of canonical events reads to the same values, NaN and Infinity included.

    Raises
    ------
    RejectedEventError
        If something in it has no JSON.
    """
    try:
        text = _encode(value)
        if b"null" not in text:  # how msgspec writes NaN, which is not the same as a missing value
            return text
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
        pass
    else:
        if not _has_odd_number(value):
            return text
    try:
        return json.dumps(value, default=msgspec.to_builtins, ensure_ascii=True).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RejectedEventError(Reason.WRONG_TYPE, f"the event has no JSON: {type(error).__name__}") from None


class JsonDeserializer:
    """The default: messages are JSON."""

    def deserialize(self, payload: bytes, headers: Mapping[str, bytes]) -> object:
        """Read one payload; the headers say nothing here."""
        del headers
        return decode_json(payload)


def _has_odd_number(value: object) -> bool:
    """Whether NaN or an infinity is in it. What got here was encoded, so it nests to no great depth."""
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(_has_odd_number, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_odd_number, value))
