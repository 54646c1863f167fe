"""Times: one column at a time gives what one time at a time gives, for every form and every calendar fault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.config.times import parse_time_us
from sentinel.events.times import BAD_TIME, parse_time, parse_times, write_times

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_US = 86_400_000_000

FIRST, LAST = (datetime.fromisoformat(day) for day in ("0001-01-03", "9999-12-29"))
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(FIRST, LAST)


@given(moments, zones)
def test_a_time_is_its_microseconds_since_the_epoch(moment: datetime, zone: timezone) -> None:
    """Any date and offset gives the exact integer that datetime arithmetic gives."""
    aware = moment.replace(tzinfo=zone)
    assert parse_time(aware.isoformat()) == (aware - EPOCH) // timedelta(microseconds=1)


@given(moments, st.text("0123456789", max_size=9))
def test_a_fraction_has_any_number_of_digits_up_to_nine(moment: datetime, digits: str) -> None:
    """Zero to nine digits of a second are read, what is below a microsecond is cut, alone and as a column."""
    text = moment.replace(microsecond=0).isoformat() + (f".{digits}" if digits else "") + "Z"
    seconds = (moment.replace(microsecond=0, tzinfo=UTC) - EPOCH) // timedelta(seconds=1)
    expected = seconds * 1_000_000 + int(f"{digits:0<6}"[:6])
    assert parse_time(text) == expected
    assert parse_times([text, text]).tolist() == [expected, expected]


fields = st.tuples(
    st.integers(0, 9999),
    st.integers(0, 14),
    st.integers(0, 32),
    st.integers(0, 25),
    st.integers(0, 61),
    st.integers(0, 61),
    st.sampled_from(["Z", ".5Z", ".123Z", ".123456Z", ".123456789Z"]),
)
calendar_texts = fields.map(lambda f: "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}{}".format(*f))
near_misses = st.builds(
    lambda text, at, mark: text[: at % len(text)] + mark + text[at % len(text) + 1 :],
    calendar_texts,
    st.integers(0, 40),
    st.sampled_from(list("0:/-TtZz. +\x00\u0661")),
)
any_time = st.one_of(
    calendar_texts, near_misses, st.floats(), st.integers(), st.text(max_size=25), st.none(), st.booleans(), st.just([])
)


@given(st.one_of(st.lists(calendar_texts), st.lists(near_misses, max_size=3), st.lists(any_time)))
def test_a_column_is_read_as_its_elements_are(values: list[object]) -> None:
    """Valid or not, of one length or mixed, a column gives what its elements give one by one."""
    column = parse_times(values)
    assert column.dtype == np.int64
    assert column.tolist() == [parse_time(value) for value in values]


numbers = st.integers(-(10**12), 10**12) | st.floats() | st.floats(-1e11, 1e11) | st.sampled_from([10**400, -0.0])


@given(st.lists(numbers, min_size=1, max_size=20))
def test_a_column_of_seconds_is_read_as_its_elements_are(values: list[float]) -> None:
    """Numbers read at once round, and are refused, as each alone: halves, infinities, what no float holds."""
    assert parse_times(values).tolist() == [parse_time(value) for value in values]


@given(st.tuples(st.integers(1, 9999), st.integers(1, 12)), st.sampled_from([28, 29, 30, 31]))
def test_the_calendar_is_right_at_month_ends(month: tuple[int, int], day: int) -> None:
    """The last days of every month, leap years included, exist exactly where the calendar has them."""
    text = f"{month[0]:04d}-{month[1]:02d}-{day:02d}T00:00:00Z"
    try:
        expected = (datetime(*month, day, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
    except ValueError:
        expected = BAD_TIME
    assert parse_times([text]).tolist() == [expected]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2000-02-29T00:00:00Z", 11_016 * DAY_US),
        ("1900-02-29T00:00:00Z", BAD_TIME),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1970-01-01T00:00:60Z", BAD_TIME),
        ("1970-01-01", 0),
        ("1970-01-01T01:00:00", 3_600_000_000),
        (1.5, 1_500_000),
        (-1, -1_000_000),
        (99_999_999_999, 99_999_999_999_000_000),
        (100_000_000_000, BAD_TIME),
        (10**400, BAD_TIME),
        (-(10**400), BAD_TIME),
        (float("nan"), BAD_TIME),
        (float("inf"), BAD_TIME),
        (True, BAD_TIME),
        (None, BAD_TIME),
        ("", BAD_TIME),
        ({}, BAD_TIME),
    ],
)
def test_single_times(value: object, expected: int) -> None:
    """Seconds and texts mean what they say; what is no time is BAD_TIME and never an error."""
    assert parse_time(value) == expected
    assert parse_times([value]).tolist() == [expected]


@given(st.lists(st.integers(min_value=0, max_value=4_102_444_800_000_000), min_size=1))
def test_a_column_reads_what_it_writes(times_us: list[int]) -> None:
    """All texts are of one length, and read back as the same microseconds, by the column or one at a time."""
    texts = write_times(np.array(times_us, np.int64))
    assert len({len(text) for text in texts}) == 1
    assert parse_times(texts).tolist() == times_us == [parse_time_us(text) for text in texts]
