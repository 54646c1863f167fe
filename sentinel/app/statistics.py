"""What the daemon says of itself, gathered for one scrape from values that other threads replace but never change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, TypedDict

from sentinel.app.models import Key, WatchedModel
from sentinel.clock import MICROSECONDS_PER_SECOND, Clock
from sentinel.config.times import parse_time_us
from sentinel.evaluation.maturity import coverage_of
from sentinel.events.batch import I64
from sentinel.exposition.statistics import BaselineTimes, DaemonStatistics, LedgerStatistics, PublishingStatistics
from sentinel.pipeline.loop_status import LoopStatus

if TYPE_CHECKING:
    from sentinel.app.collecting import Collecting
    from sentinel.app.feeds import LedgerFeed
    from sentinel.app.graph import Graph
    from sentinel.app.judging import Judging


class ReloadOutcome(Protocol):
    """How the last reload went, and when the last good one was."""

    @property
    def succeeded(self) -> bool:
        """Whether the newest attempt succeeded."""
        ...

    @property
    def at_us(self) -> int:
        """When the configuration in force was loaded, microseconds since the epoch."""
        ...


class LogCounter:
    """Counts log events by level and name: a class of log lines is also a counter."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def __call__(self, level: str, event: str) -> None:
        """Count one event; the hook that ``configure_logging`` takes."""
        self.counts[level, event] += 1


def gather(
    graph: Graph,
    reload: ReloadOutcome,
    clock: Clock,
    log_events: Mapping[tuple[str, str], int],
    refused: Mapping[str, int],
) -> DaemonStatistics:
    """Take one look at everything that the metrics need."""
    still_seconds, reasons, alive = graph.still_seconds(), graph.unready_reasons(), graph.alive
    return DaemonStatistics(
        collects=graph.role.collects,
        judges=graph.role.judges,
        **_counted(graph.collecting),
        **_judged(graph),
        ledger=None if graph.follower is None else _followed(graph.follower),
        loop_turned_us=clock.now_us() - round(still_seconds * MICROSECONDS_PER_SECOND),
        reload_ok=reload.succeeded,
        reload_success_us=reload.at_us,
        log_events=dict(log_events),
        refused=refused,
        ready=not reasons,
        reasons=reasons,
        alive=alive,
        alive_reason="" if alive else f"the loop last turned {still_seconds:.0f} s ago",
    )


class _Counted(TypedDict, total=False):
    """Of the counting half."""

    events: Mapping[tuple[str, str], int]
    dead_letters: Mapping[str, int]
    dead_letters_stored: Mapping[tuple[str, str], int]
    join_pending: Mapping[int, int]
    halves_waiting: Mapping[int, int]
    lag: Mapping[tuple[str, int], int]
    missed: Mapping[str, int]
    catch_up_seconds: float | None
    partitions_assigned: int
    store_rows: int
    store_bytes: int
    checkpoint_success_us: int | None
    checkpoint_failures: int
    publishing: PublishingStatistics | None


class _Judged(TypedDict, total=False):
    """Of the judging half."""

    watermarks_us: Mapping[Key, int]
    baselines: Mapping[Key, BaselineTimes]
    coverage: Mapping[Key, float | None]
    delays: Mapping[Key, I64]
    evaluation_seconds: float
    evaluations: int
    evaluation_failures: int
    annotations: Mapping[str, int]
    annotation_failures: Mapping[str, int]
    announcements: Mapping[str, int]
    announcement_failures: int


def _counted(collecting: Collecting | None) -> _Counted:
    if collecting is None:
        return {}
    status = collecting.loop.status
    views = dict(status.views)
    return {
        "events": dict(status.counted.events),
        "dead_letters": dict(status.counted.dead_letters),
        "dead_letters_stored": collecting.refusals.statistics(),
        "join_pending": {number: view.pending for number, view in views.items()},
        "halves_waiting": {number: view.tally.n_halves_waiting for number, view in views.items()},
        "lag": collecting.source.lag(),
        "missed": _missed(collecting),
        "catch_up_seconds": collecting.catch_up.seconds,
        "partitions_assigned": len(collecting.source.assigned()),
        "store_rows": sum(view.store.rows for view in views.values()),
        "store_bytes": sum(view.store.disk_bytes for view in views.values()),
        "checkpoint_success_us": status.checkpoint_success_us,
        "checkpoint_failures": status.checkpoint_failures,
        "publishing": _published(status) if collecting.publishes else None,
    }


def _missed(collecting: Collecting) -> dict[str, int]:
    """By topic; empty for sources that keep what they have until it is read."""
    source, counters = collecting.config.source, collecting.source.statistics()
    if source is None or source.kafka is None or "missed" not in counters:
        return {}
    topics = source.kafka.topics
    return {topics.predictions: counters["missed_predictions"], topics.outcomes: counters["missed_outcomes"]}


def _published(status: LoopStatus) -> PublishingStatistics:
    return PublishingStatistics(
        success_us=status.ledger_success_us,
        failures=status.ledger_failures,
        fenced=status.fenced,
        rebuilding=len(status.rebuilding),
        rebuilds={"complete": status.rebuilds - status.rebuilds_short, "short": status.rebuilds_short},
    )


def _judged(graph: Graph) -> _Judged:
    judging = graph.judging
    if judging is None:
        return {}
    return {
        "watermarks_us": _watermarks(graph, judging),
        "baselines": {key: _baseline_times(watched) for key, watched in graph.models.items()},
        "coverage": {(one.model, one.version): coverage_of(one.maturity, one.counts) for one in judging.reports},
        "delays": dict(judging.delays.items()),
        "evaluation_seconds": judging.status.seconds,
        "evaluations": judging.status.evaluations,
        "evaluation_failures": judging.status.failures,
        "annotations": {} if judging.annotator is None else judging.annotator.results,
        "annotation_failures": {} if judging.annotator is None else judging.annotator.failures,
        "announcements": {} if judging.announcer is None else judging.announcer.results,
        "announcement_failures": 0 if judging.announcer is None else judging.announcer.failures,
    }


def _followed(feed: LedgerFeed) -> LedgerStatistics:
    follower = feed.follower
    return LedgerStatistics(lag=feed.lag, n_partitions=len(follower.partitions), records=dict(follower.records))


def _baseline_times(watched: WatchedModel) -> BaselineTimes:
    meta = watched.baseline.meta
    return BaselineTimes(
        created_us=parse_time_us(meta.created_at),
        validation_end_us=None if meta.validation_end is None else parse_time_us(meta.validation_end),
        max_age_seconds=float(watched.settings.alerts.baseline_max_age),
    )


def _watermarks(graph: Graph, judging: Judging) -> dict[Key, int]:
    """Of this moment where the counts are of this process, of the last evaluation where they are of all."""
    newest = judging.watermark_us
    if graph.follower is None and graph.collecting is not None:
        views = graph.collecting.loop.status.views.values()
        newest = max((view.watermark for view in views if view.watermark is not None), default=None)
    return {} if newest is None else dict.fromkeys(graph.models, newest)
