"""Statistics in which every metric has a series, and the strict parsers of another implementation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from sentinel.clock import ManualClock
from sentinel.diagnosis.report import Report
from sentinel.exposition.collector import Collector
from sentinel.exposition.selection import Budget
from sentinel.exposition.snapshot import Snapshot, build_snapshot
from sentinel.exposition.snapshot_memory import SnapshotMemory
from sentinel.exposition.statistics import (
    BaselineTimes,
    DaemonStatistics,
    IntakeStatistics,
    LedgerStatistics,
    PublishingStatistics,
)
from sentinel.ingest.http_log import SYNC_EDGES_SECONDS
from sentinel.summaries.kinds.delays import DELAY_EDGES_SECONDS

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
NOW_US = 1_800_000_000_500_000
KEY = ("churn", "7")

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def full_statistics() -> DaemonStatistics:
    """A daemon of which everything is known."""
    delays = np.zeros(len(DELAY_EDGES_SECONDS) + 1, np.int64)
    delays[[0, 3, -1]] = [1, 10, 100]
    return DaemonStatistics(
        events={("prediction", "accepted"): 5_000, ("outcome", "joined"): 1_000},
        dead_letters={"not_json": 3},
        dead_letters_stored={("file", "written"): 3, ("file", "dropped"): 0, ("topic", "written"): 3},
        join_pending={0: 40, 1: 41},
        halves_waiting={0: 3, 1: 0},
        lag={("predictions", 0): 7},
        missed={"predictions": 6, "outcomes": 0},
        catch_up_seconds=12.5,
        ledger=LedgerStatistics(lag={0: 3}, n_partitions=2, records={"followed": 40, "foreign": 1}),
        partitions_assigned=2,
        watermarks_us={KEY: NOW_US},
        baselines={KEY: BaselineTimes(created_us=NOW_US, validation_end_us=NOW_US, max_age_seconds=86_400.0)},
        coverage={KEY: 0.5, ("young", "1"): None},
        delays={KEY: delays},
        store_rows=81,
        store_bytes=4_096,
        checkpoint_success_us=NOW_US,
        loop_turned_us=NOW_US,
        reload_success_us=NOW_US,
        evaluation_seconds=1.5,
        evaluations=3,
        log_events={("info", "pane_closed"): 2, ("warning", "dead_letter"): 3},
        annotations={"written": 4},
        annotation_failures={"unreachable": 2},
        refused={"login": 6},
        intake=IntakeStatistics(
            requests={"accepted": 30, "full": 2},
            accepted=900,
            rejected=4,
            log_bytes=70_000,
            log_max_bytes=4_000_000,
            write_failures=1,
            damaged=2,
            syncs=tuple(range(len(SYNC_EDGES_SECONDS) + 1)),
        ),
        publishing=PublishingStatistics(
            success_us=NOW_US, failures=2, fenced=1, rebuilding=1, rebuilds={"complete": 3, "short": 1}
        ),
    )


def collector(
    reports: Sequence[Report], statistics: DaemonStatistics | None = None, max_series: int = 1_000
) -> Collector:
    """A collector of things that do not change."""
    own = statistics or full_statistics()
    return Collector(lambda: reports, lambda: own, lambda: Budget(max_series, max_series), ManualClock())


def snapshot(reports: Sequence[Report], max_series: int = 1_000, memory: SnapshotMemory | None = None) -> Snapshot:
    """The first snapshot of these reports, or the one that follows what is remembered."""
    return build_snapshot(reports, Budget(max_series, max_series), SnapshotMemory() if memory is None else memory)


def parsed(body: bytes, content_type: str) -> list[Metric]:
    """The families of a scrape, by the strict parser of its format."""
    if content_type.startswith("application/openmetrics-text"):
        return list(parse_openmetrics(body.decode()))  # type: ignore[no-untyped-call] # not annotated there
    return list(parse_text(body.decode()))


def samples(families: Sequence[Metric]) -> Samples:
    """All samples by name and labels; each one is there once."""
    found: Samples = {}
    for family in families:
        for each in family.samples:
            key = (each.name, frozenset(each.labels.items()))
            assert key not in found, f"twice: {key}"
            found[key] = each.value
    return found


def scraped(reports: Sequence[Report], statistics: DaemonStatistics | None = None, max_series: int = 1_000) -> Samples:
    """What a scrape in the text format says."""
    scrape = collector(reports, statistics, max_series).scrape()
    return samples(parsed(scrape.body, scrape.content_type))


def key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """How :func:`samples` names a series."""
    return name, frozenset(labels.items())
