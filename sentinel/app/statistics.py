"""What the daemon says of itself, gathered for one scrape from values that other threads replace but never change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from sentinel.app.models import Key, WatchedModel
from sentinel.clock import MICROSECONDS_PER_SECOND, Clock
from sentinel.config.times import parse_time_us
from sentinel.evaluation.maturity import coverage_of
from sentinel.exposition.statistics import BaselineTimes, DaemonStatistics
from sentinel.pipeline.loop import PartitionView
from sentinel.pipeline.tally import add_up

if TYPE_CHECKING:
    from sentinel.app.graph import Graph


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
    status = graph.loop.status
    views = dict(status.views)
    tally = add_up(view.tally for view in views.values())
    loop_age_us = round(graph.loop.loop_age_seconds() * MICROSECONDS_PER_SECOND)
    reasons = graph.unready_reasons()
    return DaemonStatistics(
        events=dict(tally.events),
        dead_letters=dict(tally.dead_letters),
        join_pending={number: view.pending for number, view in views.items()},
        lag=graph.source.lag(),
        partitions_assigned=len(graph.source.assigned()),
        watermarks_us=_watermarks(graph.models, views.values()),
        baselines={key: _baseline_times(watched) for key, watched in graph.models.items()},
        coverage={(one.model, one.version): coverage_of(one.maturity, one.counts) for one in graph.reports},
        delays=dict(graph.delays.items()),
        store_rows=sum(view.store.rows for view in views.values()),
        store_bytes=sum(view.store.disk_bytes for view in views.values()),
        checkpoint_success_us=status.checkpoint_success_us,
        checkpoint_failures=status.checkpoint_failures,
        loop_turned_us=clock.now_us() - loop_age_us,
        evaluation_seconds=graph.evaluator.seconds,
        evaluations=graph.evaluator.evaluations,
        evaluation_failures=graph.evaluator.failures,
        reload_ok=reload.succeeded,
        reload_success_us=reload.at_us,
        log_events=dict(log_events),
        refused=refused,
        annotations={} if graph.annotator is None else graph.annotator.results,
        annotation_failures={} if graph.annotator is None else graph.annotator.failures,
        ready=not reasons,
        reasons=reasons,
        alive=graph.alive,
        alive_reason="" if graph.alive else f"the loop last turned {loop_age_us / 1e6:.0f} s ago",
    )


def _baseline_times(watched: WatchedModel) -> BaselineTimes:
    meta = watched.baseline.meta
    return BaselineTimes(
        created_us=parse_time_us(meta.created_at),
        validation_end_us=None if meta.validation_end is None else parse_time_us(meta.validation_end),
        max_age_seconds=float(watched.settings.alerts.baseline_max_age),
    )


def _watermarks(models: Iterable[Key], views: Iterable[PartitionView]) -> dict[Key, int]:
    newest = max((view.watermark for view in views if view.watermark is not None), default=None)
    return {} if newest is None else dict.fromkeys(models, newest)
