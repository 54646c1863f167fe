"""JSON of any structure goes in and out without losing what JSON does not know."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.events import Reason
from sentinel.events.codecs.plain import JsonDeserializer, decode_json, encode_json
from sentinel.events.codecs.repair import RejectedEventError

ODD = {"nan": math.nan, "null": None, "list": [math.inf, -math.inf], "big": 2**70, "half": "\ud800"}


def test_odd_values_survive() -> None:
    """NaN, infinities, numbers over 64 bits and half surrogates come back as they went in, and null stays null."""
    back = decode_json(encode_json(ODD))
    assert math.isnan(back.pop("nan"))
    assert back == {name: value for name, value in ODD.items() if name != "nan"}


@pytest.mark.parametrize("odd", [0.5, math.nan], ids=["fast", "lenient"])
def test_values_of_other_encodings_become_text(odd: float) -> None:
    """Bytes, times, decimals and UUIDs are written the same whether or not the event holds an odd number."""
    event = {
        "odd": odd,
        "bytes": b"x",
        "time": datetime(2026, 11, 26, 12, tzinfo=UTC),
        "decimal": Decimal("1.50"),
        "uuid": UUID(int=3),
    }
    back = decode_json(encode_json(event))
    del back["odd"]
    assert back == {
        "bytes": "eA==",
        "time": "2026-11-26T12:00:00Z",
        "decimal": "1.50",
        "uuid": "00000000-0000-0000-0000-000000000003",
    }


def test_what_has_no_json_is_refused() -> None:
    """An object of another kind refuses the event, and is not named by its value."""
    with pytest.raises(RejectedEventError) as caught:
        encode_json({"x": object()})
    assert (caught.value.reason, caught.value.detail) == (Reason.WRONG_TYPE, "the event has no JSON: TypeError")


def test_what_is_no_json_is_refused_without_its_text() -> None:
    """The place of the fault is told, the message is not."""
    with pytest.raises(RejectedEventError) as caught:
        JsonDeserializer().deserialize(b'{"name": "Ann Lee"', {})
    assert caught.value.detail == "not JSON: JSONDecodeError at character 19"


@given(st.binary(max_size=40))
def test_any_bytes_are_json_or_refused(payload: bytes) -> None:
    """No bytes raise anything else."""
    with suppress(RejectedEventError):
        decode_json(payload)
