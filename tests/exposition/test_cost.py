"""A scrape must not take the processor from the loop that counts."""

from __future__ import annotations

import pytest

from benchmarks._scraped_stream import measure
from benchmarks.scrape import children_seconds, main, report_of, snapshot_seconds

BUDGET_SECONDS = 0.020
MIN_RATIO = 5.0


def test_ten_thousand_series_in_twenty_milliseconds() -> None:
    """A new report of 10,000 series costs under 20 ms of CPU, and a fifth at most of gauge children in the same run."""
    seconds, n_series = snapshot_seconds(10_000, rounds=7)
    assert 9_900 < n_series < 10_200
    library = children_seconds(n_series, rounds=3)
    # A loaded machine slows both: what is over the budget must then be so for the library too.
    assert seconds < max(BUDGET_SECONDS, library / (2 * MIN_RATIO))
    assert library / seconds >= MIN_RATIO


def test_the_benchmark_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """The quick mode prints one row per size."""
    main(["--quick", "--series", "20000", "--rounds", "1", "--no-prometheus"])
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.servers
def test_a_stream_goes_on_while_prometheus_scrapes(prometheus_programs: None) -> None:
    """Of 5,000 series that are new each second every scrape succeeds, and the stream keeps half of its rate."""
    reports = [report_of(5_000, shift) for shift in (0.0, 0.001)]
    # What else runs on the machine slows one of the two sides at random; scraping slows every attempt.
    attempts = (measure(reports, 5_000, seconds=1.0) for _ in range(4))
    scraped = next((one for one in attempts if one.rate_ratio > 0.5), None)
    assert scraped is not None
    assert scraped.n_scrapes >= 1
    assert scraped.n_failed == 0
    assert 0 < scraped.n_gzip_bytes < scraped.n_bytes / 3
