"""The framing that names a message's schema, in the payload and in a header."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.events.batch import Reason
from sentinel.events.codecs.framing import SCHEMA_HEADER, Framed, json_text, read_framing
from sentinel.events.codecs.repair import RejectedEventError

GUID = UUID("1a2b3c4d-5e6f-7081-8293-a4b5c6d7e801")


def zigzag(*numbers: int) -> bytes:
    """Numbers as Protobuf's zigzag varints, written from its specification: 2n, in groups of seven bits, low first."""
    written = bytearray()
    for number in numbers:
        rest = number * 2 if number >= 0 else -number * 2 - 1
        while rest > 0x7F:
            written.append(rest & 0x7F | 0x80)
            rest >>= 7
        written.append(rest)
    return bytes(written)


def test_both_forms_stand_in_the_payload_or_in_the_header() -> None:
    """An id of four bytes after 0, a GUID of sixteen after 1; in a header they leave the payload bare."""
    by_id, by_guid = b"\x00" + (513).to_bytes(4, "big"), b"\x01" + GUID.bytes
    assert read_framing(by_id + b"body", {}) == Framed(513, b"body")
    assert read_framing(by_guid + b"body", {}) == Framed(GUID, b"body")
    assert read_framing(b"body", {SCHEMA_HEADER: by_id}) == Framed(513, b"body")
    assert read_framing(b"body", {SCHEMA_HEADER: by_guid}) == Framed(GUID, b"body")


def test_a_header_wins_over_the_payload() -> None:
    """A payload that happens to begin like framing is left whole where the header names the schema."""
    payload = b"\x00\x00\x00\x00\x07body"
    assert read_framing(payload, {SCHEMA_HEADER: b"\x01" + GUID.bytes}) == Framed(GUID, payload)


@pytest.mark.parametrize(
    ("indexes", "message"),
    [(b"\x00", (0,)), (zigzag(1, 0), (0,)), (zigzag(1, 3), (3,)), (zigzag(3, 1, 0, 200), (1, 0, 200))],
)
def test_the_message_index_is_read_where_it_is_expected(indexes: bytes, message: tuple[int, ...]) -> None:
    """A single 0 is short for the first message; else the length and then each index, in zigzag."""
    framing = b"\x00\x00\x00\x00\x07" + indexes
    assert read_framing(framing + b"body", {}, with_message=True) == Framed(7, b"body", message)
    assert read_framing(b"body", {SCHEMA_HEADER: framing}, with_message=True) == Framed(7, b"body", message)


@pytest.mark.parametrize(
    ("payload", "headers", "says"),
    [
        (b'{"a": 1}', {}, "begins with 0x7b"),
        (b"\x00\x00\x00", {}, "ends within the schema id"),
        (b"\x01" + GUID.bytes[:-1], {}, "ends within the schema id"),
        (b"\x00\xff\xff\xff\xffbody", {}, "no schema id follows"),  # beyond what a registry counts to
        (b"body", {SCHEMA_HEADER: b""}, "is empty"),
        (b"body", {SCHEMA_HEADER: b"\x00\x00\x00\x00\x07\x00"}, "goes on after the schema"),
    ],
)
def test_what_is_no_framing_is_refused_with_what_is_wrong(payload: bytes, headers: dict[str, bytes], says: str) -> None:
    """The owner of the producer reads which part is wrong."""
    with pytest.raises(RejectedEventError) as refused:
        read_framing(payload, headers)
    assert refused.value.reason == Reason.BAD_FRAMING
    assert says in refused.value.detail


@pytest.mark.parametrize(
    "indexes", [b"", b"\x80", zigzag(-1), zigzag(33), zigzag(1, -1), zigzag(1, 10**6), zigzag(2, 0), b"\xff" * 9]
)
def test_an_impossible_message_index_is_refused(indexes: bytes) -> None:
    """Cut short, negative, too deep or too large: no message has it."""
    with pytest.raises(RejectedEventError, match="message index"):
        read_framing(b"\x00\x00\x00\x00\x07" + indexes, {}, with_message=True)


def test_json_is_read_with_and_without_framing() -> None:
    """While producers move to a registry, one topic holds both forms; what is cut short is left for the JSON reader."""
    text = b'{"a": 1}'
    assert json_text(text) == text
    assert json_text(b"\x00\x00\x00\x00\x07" + text) == text
    assert json_text(b"\x01" + GUID.bytes + text) == text
    assert json_text(b"\x00\x00") == b"\x00\x00"


@given(payload=st.binary(max_size=60), header=st.none() | st.binary(max_size=40), with_message=st.booleans())
def test_any_bytes_are_framed_or_refused(payload: bytes, header: bytes | None, with_message: bool) -> None:
    """Nothing that a producer sends raises anything but a refusal."""
    headers = {} if header is None else {SCHEMA_HEADER: header}
    with suppress(RejectedEventError):
        framed = read_framing(payload, headers, with_message=with_message)
        assert payload.endswith(framed.body)
        assert bool(framed.message) == with_message
