"""What the daemon says of itself, gathered for one scrape from values that other threads replace but never change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from sentinel.app.models import Key
from sentinel.clock import MICROSECONDS_PER_SECOND, Clock
from sentinel.exposition.statistics import DaemonStatistics
from sentinel.pipeline import tally as results
from sentinel.pipeline.loop import PartitionView
from sentinel.pipeline.tally import Tally, add_up, of_model

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
    graph: Graph, reload: ReloadOutcome, clock: Clock, log_events: Mapping[tuple[str, str], int]
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
        coverage={key: _coverage(tally, key) for key in graph.models},
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
        ready=not reasons,
        reasons=reasons,
        alive=graph.alive,
        alive_reason="" if graph.alive else f"the loop last turned {loop_age_us / 1e6:.0f} s ago",
    )


def _watermarks(models: Iterable[Key], views: Iterable[PartitionView]) -> dict[Key, int]:
    newest = max((view.watermark for view in views if view.watermark is not None), default=None)
    return {} if newest is None else dict.fromkeys(models, newest)


def _coverage(tally: Tally, key: Sequence[str]) -> float | None:
    named = of_model(tally.models, (key[0], key[1]))
    matured = named.get(results.MATURED, 0)
    return None if matured == 0 else 1.0 - named.get(results.UNLABELLED, 0) / matured
