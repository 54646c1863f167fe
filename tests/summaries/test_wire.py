"""The wire format: what is cut, altered, foreign or lying is refused with one error and little memory."""

from __future__ import annotations

import hashlib
import struct
import tracemalloc
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sentinel.errors import CorruptArtifactError
from sentinel.summaries import wire

ARRAYS: dict[str, npt.NDArray[Any]] = {
    "counts": np.arange(6).reshape(2, 3),
    "flags": np.array([1, 0], np.uint8),
    "empty": np.zeros((0, 4)),
}
DATA = wire.pack("summary", {"layout": "abc"}, ARRAYS)


def forged(header: object, body: bytes, *, header_length: int | None = None, version: int = 1) -> bytes:
    """Bytes with a right checksum and a content of one's own."""
    encoded = header if isinstance(header, bytes) else msgspec.msgpack.encode(header)
    length = len(encoded) if header_length is None else header_length
    content = struct.pack("<4sHI", b"SNTL", version, length) + encoded + body
    return content + hashlib.sha256(content).digest()


def header_of(dtype: str = "<i8", shape: Any = (2,), **changes: Any) -> dict[str, Any]:
    """A header of one array."""
    return {"kind": "summary", "meta": {}, "arrays": [{"name": "a", "dtype": dtype, "shape": shape}], **changes}


BODY = zstandard.ZstdCompressor().compress(bytes(16))


@given(
    st.dictionaries(
        st.text(max_size=6),
        hnp.arrays(st.sampled_from(["<i8", "<u8", "<f8", "|u1", "<u4", "<i4", "<u2"]), hnp.array_shapes(min_side=0)),
        max_size=4,
    )
)
def test_arrays_round_trip(arrays: Mapping[str, Any]) -> None:
    """Names, dtypes, shapes and every bit come back, and the arrays can be written."""
    meta, found = wire.unpack("baseline", wire.pack("baseline", {"n": 1, "names": ["é"]}, arrays))
    assert meta == {"n": 1, "names": ["é"]}
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()
        assert found[name].flags.writeable


def test_arrays_share_no_memory() -> None:
    """Writing one array that was read changes no other."""
    _, found = wire.unpack("summary", DATA)
    found["counts"][:] = -1
    assert found["flags"].tolist() == [1, 0]


def test_equal_content_has_equal_bytes() -> None:
    """The order in which arrays are named does not change the bytes, nor does their memory order."""
    turned = {name: np.asfortranarray(ARRAYS[name]) for name in reversed(ARRAYS)}
    assert wire.pack("summary", {"layout": "abc"}, turned) == DATA


def test_bytes_cut_anywhere_are_refused() -> None:
    """A file of any shorter length is corrupt, the empty one included; so is one with bytes behind it."""
    for length in range(len(DATA)):
        with pytest.raises(CorruptArtifactError):
            wire.unpack("summary", DATA[:length])
    with pytest.raises(CorruptArtifactError):
        wire.unpack("summary", DATA + b"\0")


def test_any_altered_byte_is_refused() -> None:
    """Flipping one bit or all bits of any byte is found."""
    for at in range(len(DATA)):
        for mask in (0x01, 0x80, 0xFF):
            altered = bytearray(DATA)
            altered[at] ^= mask
            with pytest.raises(CorruptArtifactError):
                wire.unpack("summary", bytes(altered))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "these 0 bytes are no sentinel summary"),
        (b"\x80\x04" * 50, "of another program"),
        (forged(header_of(), BODY, version=2), "format version 2; this sentinel reads 1"),
        (wire.pack("baseline", {}, {}), "this is a sentinel baseline, not a summary"),
        (forged(header_of(dtype="|O"), BODY), "unknown dtype '|O'"),
        (forged(header_of(dtype="<M8[us]"), BODY), "unknown dtype"),
        (forged(header_of(dtype="no such"), BODY), "unknown dtype"),
        (forged(header_of(shape=(-2,)), BODY), r"impossible shape \(-2,\)"),
        (forged(header_of(shape=(-1,)), BODY), "impossible shape"),
        (forged(header_of(shape=(-1, -2)), BODY), "impossible shape"),
        (forged(header_of(shape=(1,) * 65), BODY), "impossible shape"),
        (forged(header_of(shape=("2",)), BODY), "cannot be read"),
        (forged(header_of(shape=(3,)), BODY), "arrays need 24 bytes, which its body does not hold"),
        (forged(header_of(shape=(1,)), BODY), "arrays need 8 bytes, which its body does not hold"),
        (forged(header_of(shape=(2**40, 2**40)), BODY), "does not hold"),
        (forged(header_of(), b""), "does not hold"),
        (forged(header_of(), b"not zstd"), "cannot be read"),
        (forged(header_of(), BODY[:-3]), "does not hold"),
        (forged(header_of(), BODY, header_length=0), "cannot be read"),
        (forged(header_of(), BODY, header_length=5), "cannot be read"),
        (forged(header_of(), BODY, header_length=2**32 - 1), "cannot be read"),
        (forged(b"\xa2\xff\xfe", BODY), "cannot be read"),
        (forged({"kind": "summary"}, BODY), "cannot be read"),
        (forged(b"\x91" * 100_000 + b"\x90", BODY), "cannot be read"),
        (forged([], BODY), "cannot be read"),
    ],
)
def test_a_lie_under_a_right_checksum_is_refused(data: bytes, message: str) -> None:
    """A checksum proves no honesty: every field that could mislead is checked."""
    with pytest.raises(CorruptArtifactError, match=message):
        wire.unpack("summary", data)


@pytest.mark.parametrize("honest_frame", [True, False])
def test_huge_claims_allocate_nothing(honest_frame: bool) -> None:
    """A header, or a compressed frame, that claims terabytes costs no more memory than what it really holds."""
    size = 2**40
    # A frame header with an 8-byte content size (RFC 8878, 3.1.1.1) that claims a tebibyte, then one empty last block.
    lying = struct.pack("<IBQ", 0xFD2FB528, 0b1110_0000, size) + b"\x01\x00\x00"
    data = forged(header_of(shape=(size // 8,)), BODY if honest_frame else lying)
    tracemalloc.start()
    try:
        with pytest.raises(CorruptArtifactError):
            wire.unpack("summary", data)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


def test_a_body_that_inflates_beyond_its_header_is_stopped() -> None:
    """Decompression ends soon after the bytes that the header names: a bomb of zeros does not unfold."""
    bomb = zstandard.ZstdCompressor().compress(bytes(256 << 20))
    data = forged(header_of(), bomb)
    tracemalloc.start()
    try:
        with pytest.raises(CorruptArtifactError, match="does not hold"):
            wire.unpack("summary", data)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=200), st.binary(max_size=50), st.integers(0, 2**32 - 1))
def test_any_content_under_a_right_checksum_reads_or_is_refused(header: bytes, body: bytes, length: int) -> None:
    """No bytes raise anything but CorruptArtifactError."""
    for header_length in (None, length):
        with pytest.raises(CorruptArtifactError):
            wire.unpack("summary", forged(header, body, header_length=header_length))


@pytest.mark.parametrize("dtype", ["O", "U4", "M8[us]", "c16", ">i8"])
def test_what_the_format_does_not_hold_is_not_written(dtype: str) -> None:
    """Objects, texts, dates, complex and big-endian arrays fail when they are packed, not when they are read."""
    with pytest.raises(TypeError, match="which the format does not hold"):
        wire.pack("summary", {}, {"a": np.zeros(2, dtype)})
