"""What bad or strange input may cost at most."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError
from sentinel.config.fields import bounded, parsed
from sentinel.config.section import Section
from sentinel.config.sizes import Bytes
from sentinel.config.times import parse_time_us


class Limits(Section, frozen=True, kw_only=True):
    """What bad or strange input may cost at most."""

    max_event_bytes: Annotated[
        Bytes,
        bounded(
            "Larger events become dead letters. 1MiB is the largest message that brokers take by default.",
            Bytes.parse("256B"),
            Bytes.parse("64MiB"),
        ),
    ] = parsed(Bytes, "1MiB")
    max_future_skew: Annotated[
        Duration,
        bounded(
            "Events dated further ahead of the clock become dead letters: one of them would move the "
            "watermark past all others. An hour forgives a wrong time zone switch.",
            Duration.parse("0s"),
            Duration.parse("31d"),
        ),
    ] = parsed(Duration, "1h")
    min_time: Annotated[
        str,
        Meta(
            description="Events dated before become dead letters, as an RFC 3339 time with its zone. 2000 "
            "lies after the zero of every usual epoch, so an unset clock is caught.",
            examples=["2000-01-01T00:00:00Z"],
        ),
    ] = "2000-01-01T00:00:00Z"
    dead_letter_values: Annotated[
        Literal["redacted", "kept"],
        Meta(
            description="Whether what a bad event held is kept. 'redacted', the default, keeps its place, reason, size "
            "and hash, so that nothing of whom it is about is stored; 'kept' adds its first bytes to the file and "
            "writes all of it to the topic."
        ),
    ] = "redacted"
    dead_letter_head_bytes: Annotated[
        Bytes,
        bounded(
            "First bytes of a bad event that the file holds where dead_letter_values are kept. 256 shows what it is "
            "and little of whom it is about.",
            Bytes.parse("0B"),
            Bytes.parse("64KiB"),
        ),
    ] = parsed(Bytes, "256B")
    dead_letter_file_bytes: Annotated[
        Bytes,
        bounded(
            "The dead letter file stops growing here and only counts. 64MiB holds some 100,000 of them.",
            Bytes.parse("0B"),
            Bytes.parse("1TiB"),
        ),
    ] = parsed(Bytes, "64MiB")
    max_series: Annotated[
        int,
        Meta(
            description="Time series exposed at most; what is cut is counted. 20000 keeps a scrape far "
            "below its time-out.",
            ge=100,
            le=1_000_000,
        ),
    ] = 20_000
    max_series_per_model: Annotated[
        int,
        Meta(
            description="The same for one version of a model, so that no model takes it all: 10000 are some 700 slices "
            "by one metric. Verdicts, alerts and what is known of all traffic are never cut.",
            ge=100,
            le=1_000_000,
        ),
    ] = 10_000

    def __post_init__(self) -> None:
        try:
            parse_time_us(self.min_time)
        except ValueError as error:
            raise ConfigError(str(error), keys=("min_time",), hint="for example 2000-01-01T00:00:00Z") from error

    @property
    def min_time_us(self) -> int:
        """``min_time`` in microseconds since the epoch, UTC."""
        return parse_time_us(self.min_time)
