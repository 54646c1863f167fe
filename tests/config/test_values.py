"""Durations, amounts of bytes, addresses and times: what is read, what is printed, what is refused."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.config import Bytes, Duration
from sentinel.config.addresses import parse_address
from sentinel.config.times import parse_time_us, rfc3339


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0.0),
        ("500ms", 0.5),
        ("15m", 15 * 60.0),
        ("1h30m", 3_600 + 30 * 60.0),
        ("14d", 14 * 86_400.0),
        ("1w2d3h4m5s6ms", 7 * 86_400 + 2 * 86_400 + 3 * 3_600 + 4 * 60 + 5 + 0.006),
    ],
)
def test_duration_is_the_sum_of_its_parts(text: str, seconds: float) -> None:
    """Each number counts in its own unit."""
    assert Duration.parse(text) == pytest.approx(seconds, abs=1e-12)


@pytest.mark.parametrize("text", ["", "s", "15", "15 s", "-1s", "1.5h", "1m1h", "1h1h", "1s\n", "1y", "9" * 10 + "s"])
def test_what_is_no_duration(text: str) -> None:
    """Missing, unknown, repeated or misordered units, signs, fractions and spaces are refused."""
    with pytest.raises(ValueError, match="expected a duration"):
        Duration.parse(text)


@pytest.mark.parametrize("value", [15, 0.5])
def test_a_bare_number_is_no_duration(value: float) -> None:
    """A number does not say its unit."""
    with pytest.raises(ValueError, match="needs a unit"):
        Duration.parse(value)


@given(st.integers(min_value=0, max_value=10**12))
def test_duration_reads_what_it_prints(milliseconds: int) -> None:
    """Printing and reading again gives the same duration, to the millisecond."""
    duration = Duration(milliseconds / 1_000)
    assert Duration.parse(str(duration)) == duration


def test_duration_survives_pickle_with_its_type() -> None:
    """A configuration can be handed to another process."""
    copy = pickle.loads(pickle.dumps(Duration(90.0)))
    assert (copy, str(copy), repr(copy), f"{copy}") == (90.0, "1m30s", "Duration('1m30s')", "1m30s")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0),
        (512, 512),
        ("512", 512),
        ("1B", 1),
        ("64KiB", 64 * 1024),
        ("2 GiB", 2 * 1024**3),
        ("3TiB", 3 * 1024**4),
        ("1kB", 1_000),
        ("7MB", 7_000_000),
    ],
)
def test_bytes_are_read_in_their_unit(value: object, number: int) -> None:
    """KiB counts in 1024, kB in 1000, no unit in ones."""
    assert Bytes.parse(value) == number


@pytest.mark.parametrize("value", ["", "KiB", "-1", "1.5GiB", "64 gigs", "1B\n", -1, 1.5, True, None])
def test_what_is_no_amount_of_bytes(value: object) -> None:
    """Fractions, signs, unknown units and other types are refused."""
    with pytest.raises(ValueError, match="expected an amount of bytes"):
        Bytes.parse(value)


@given(st.integers(min_value=0, max_value=10**15))
def test_bytes_read_what_they_print(number: int) -> None:
    """Printing and reading again gives the same amount."""
    assert Bytes.parse(str(Bytes(number))) == number


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9469", ("127.0.0.1", 9469)),
        ("[::1]:0", ("::1", 0)),
        ("kafka-0.example.org:65535", ("kafka-0.example.org", 65_535)),
    ],
)
def test_address_is_host_and_port(text: str, address: tuple[str, int]) -> None:
    """Names, IPv4 and bracketed IPv6 are told from their port."""
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "9469", ":9469", "host:", "host:port", "::1:9469", "http://host:1", "host:65536"])
def test_what_is_no_address(text: str) -> None:
    """A missing host or port, a scheme, bare IPv6 and impossible ports are refused."""
    with pytest.raises(ValueError, match=r"expected host:port|a port is at most"):
        parse_address(text)


def test_default_port_stands_in() -> None:
    """Kafka's brokers may be named without their port."""
    assert parse_address("broker", default_port=9092) == ("broker", 9092)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01.000002z", 1_000_002),
        ("1970-01-01T02:00:00+02:00", 0),
        ("2000-01-01T00:00:00Z", 946_684_800_000_000),  # 30 years with 7 leap days: (30 * 365 + 7) * 86400 s
        ("1969-12-31T23:59:59Z", -1_000_000),
    ],
)
def test_time_counts_from_the_epoch(text: str, microseconds: int) -> None:
    """Zones are taken into account, and times before 1970 are negative."""
    assert parse_time_us(text) == microseconds


@pytest.mark.parametrize(
    "text", ["", "2000-01-01", "2000-01-01T00:00:00", "2000-13-01T00:00:00Z", "2000-01-01T00:00:00Z\n"]
)
def test_what_is_no_time(text: str) -> None:
    """A time without zone, clock or calendar is refused."""
    with pytest.raises(ValueError, match=r"expected an RFC 3339 time|there is no such time"):
        parse_time_us(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1_440_234.522, "16d16h"), (5_431.0, "1h31m"), (59.4, "59s"), (0.2, "1s"), (0.0, "0s"), (86_400.0, "1d")],
)
def test_a_duration_rounded_reads_at_a_glance(seconds: float, text: str) -> None:
    """Two units at most, the larger first; what is not nothing never reads as nothing."""
    assert str(Duration(seconds).rounded()) == text


@given(st.integers(min_value=0, max_value=4_102_444_800_000_000))
def test_a_time_reads_what_it_prints(at_us: int) -> None:
    """Writing and reading again gives the same microsecond, or the second that it lies in."""
    assert parse_time_us(rfc3339(at_us)) == at_us
    assert parse_time_us(rfc3339(at_us, to_second=True)) == at_us - at_us % 1_000_000
