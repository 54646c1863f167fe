"""What a scrape costs: rendering reports into series against one gauge child of the client library for each.

Run with `python -m benchmarks.scrape [--series 100000] [--rounds 5] [--seconds 10] [--quick] [--no-prometheus]`.

The first table is CPU of one thread, the best round: a new report, in which all that is live has moved, and the same
report again. The second is of a stream that is counted at full speed while a real Prometheus scrapes the same process
every second, each time a new report (in the daemon an evaluation comes every 15 s): CPU of a scrape with HTTP and
gzip, and what it does to the stream.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from benchmarks._scraped_stream import measure
from sentinel.clock import SystemClock
from sentinel.diagnosis.report import BaselineReference, Cause, Report, Verdict
from sentinel.evaluation.findings import Finding, LaunchWindow, Value
from sentinel.exposition.collector import Collector
from sentinel.exposition.labels import FINDING
from sentinel.exposition.selection import Budget
from sentinel.exposition.snapshot import build_snapshot
from sentinel.exposition.snapshot_memory import SnapshotMemory
from sentinel.exposition.statistics import DaemonStatistics
from tests.support.prometheus import missing_binaries

SERIES_PER_SLICE = 11 + 2
"""What a finding without an expected value takes, and the two counts of its slice."""
BUDGET = Budget(1_000_000, 1_000_000)
QUICK_ROUNDS, QUICK_CHILDREN = 3, 10_000


def report_of(n_series: int, shift: float = 0.0) -> Report:
    """A report whose slices take about so many series; whatever is live in it depends on the shift."""
    n_slices = max(1, n_series // SERIES_PER_SLICE)
    findings = tuple(_finding(f"region={n:06d}", 0.7 + (n % 997) / 9_970, shift) for n in range(n_slices))
    return Report(
        model="churn",
        version="7",
        through=None,
        generated_by="benchmark",
        baseline=BaselineReference(digest="", created_at="", n_rows=0, split_protocol=None),
        counts={},
        verdict=Verdict(cause=Cause.NONE, family="none", confidence=0.5, probabilities={Cause.NONE: 1.0}),
        findings=findings,
        launch=LaunchWindow(complete=False, n_outcomes=0, through=None, gap=None, log_evidence=None, alarm=False),
    )


def _finding(slice_name: str, auc: float, shift: float) -> Finding:
    offline = Value(value=auc, lower=auc - 0.0123, upper=auc + 0.0123, n=2_000)
    live = auc - 0.0456 - shift
    online = Value(value=live, lower=live - 0.0333, upper=live + 0.0222, n=round(1_000 * (1 + shift)))
    return Finding(
        metric="auc",
        slice=slice_name,
        offline=offline,
        online=online,
        gap=auc - live,
        lower=auc / 70 + shift,
        upper=auc / 7 + shift,
        log_evidence=auc * 3 + shift,
        minimum_detectable_gap=0.03,
    )


def cpu_seconds(work: Callable[[], object], rounds: int) -> float:
    """The least CPU time of this thread over some rounds: the rest is other people's noise."""
    best = float("inf")
    for _ in range(rounds):
        before = time.thread_time()
        work()
        best = min(best, time.thread_time() - before)
    return best


def children(n_series: int) -> CollectorRegistry:
    """A registry with one gauge child per series, as many as a report's and with the same labels."""
    registry = CollectorRegistry()
    gauges = [
        Gauge(f"sentinel_benchmark_{n}", "As many as a finding has.", FINDING, registry=registry) for n in range(13)
    ]
    for n in range(n_series):
        gauge = gauges[n % len(gauges)]
        gauge.labels("churn", "7", "auc", f"region={n // len(gauges):06d}").set(0.7 + (n % 997) / 9_970)
    return registry


def snapshot_seconds(n_series: int, rounds: int) -> tuple[float, int]:
    """CPU to turn a new report into both cached labels and text, and the series that this made."""
    memory = SnapshotMemory()
    reports = [report_of(n_series, shift) for shift in (0.0, 0.001)]
    build_snapshot(reports[:1], BUDGET, memory)
    turn = iter(range(rounds + 1))

    def evaluate_then_scrape() -> None:
        build_snapshot([reports[next(turn) % 2]], BUDGET, memory).render("text")

    seconds = cpu_seconds(evaluate_then_scrape, rounds)
    return seconds, build_snapshot(reports[:1], BUDGET, memory).n_series


def children_seconds(n_series: int, rounds: int) -> float:
    """CPU to render the client library's children, their update not counted."""
    registry = children(n_series)
    return cpu_seconds(lambda: generate_latest(registry), rounds)


def _standing(n_series: int, rounds: int, encoding: str) -> tuple[float, int]:
    reports, statistics = (report_of(n_series),), DaemonStatistics()
    collector = Collector(lambda: reports, lambda: statistics, lambda: BUDGET, SystemClock())
    n_bytes = len(collector.scrape("", encoding).body)
    return cpu_seconds(lambda: collector.scrape("", encoding), rounds), n_bytes


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of the stream alone; scraped for twice as long")
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds, 2 seconds, the library and Prometheus at 10,000 series only"
    )
    parser.add_argument(
        "--prometheus", action=argparse.BooleanOptionalAction, default=True, help="whether to let one scrape a stream"
    )
    args = parser.parse_args(argv)
    costs(args)
    if not args.prometheus:
        return
    missing = missing_binaries()
    if missing:
        print(f"no stream is scraped: {', '.join(missing)} not on the path")
        return
    streams((10_000,) if args.quick else (10_000, args.series), 2.0 if args.quick else args.seconds)


def costs(args: argparse.Namespace) -> None:
    """Print what rendering costs, beside the library."""
    rounds = min(args.rounds, QUICK_ROUNDS) if args.quick else args.rounds
    columns = (
        ("series", 8),
        ("new report", 11),
        ("same again", 11),
        ("gzip again", 11),
        ("children", 10),
        ("ratio", 6),
    )
    print(" ".join(f"{name:>{width}}" for name, width in (*columns, ("MB", 6), ("gzip", 6))))
    for wanted in sorted({10_000, args.series}):
        fresh, n_series = snapshot_seconds(wanted, rounds)
        same, n_bytes = _standing(wanted, rounds, "")
        packed, n_packed = _standing(wanted, rounds, "gzip")
        row = f"{n_series:>8} {fresh * 1e3:>8.1f} ms {same * 1e3:>8.1f} ms {packed * 1e3:>8.1f} ms"
        sizes = f"{n_bytes / 1e6:>6.2f} {n_packed / 1e6:>6.2f}"
        if args.quick and wanted > QUICK_CHILDREN:
            print(f"{row} {'-':>10} {'-':>6} {sizes}")
            continue
        library = children_seconds(n_series, rounds)
        print(f"{row} {library * 1e3:>7.1f} ms {library / fresh:>6.1f} {sizes}")


def streams(sizes: Sequence[int], seconds: float) -> None:
    """Print what scrapes do to a stream, one line per size."""
    print(f"\nscraped every second; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print("  series scrapes failed      CPU  longest     MB   gzip   stall  without  rate, with over without")
    for size in sizes:
        reports = [report_of(size, shift) for shift in (0.0, 0.001)]
        n_series = build_snapshot(reports[:1], BUDGET, SnapshotMemory()).n_series
        got = measure(reports, n_series, seconds)
        print(
            f"{got.n_series:>8} {got.n_scrapes:>7} {got.n_failed:>6} {got.cpu_seconds * 1e3:>5.0f} ms"
            f" {got.wall_seconds * 1e3:>5.0f} ms {got.n_bytes / 1e6:>6.2f} {got.n_gzip_bytes / 1e6:>6.2f}"
            f" {got.stall_seconds * 1e3:>4.0f} ms {got.idle_stall_seconds * 1e3:>5.0f} ms {got.rate_ratio:>6.2f}"
        )


if __name__ == "__main__":
    main()
