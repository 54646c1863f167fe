"""Renders what the daemon says about itself: few series, made anew at each scrape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.events.batch import Reason
from sentinel.exposition import declarations as d
from sentinel.exposition.announcements.announcer import DROPPED, KNOWN, WRITTEN
from sentinel.exposition.grafana.errors import Reason as Unwritten
from sentinel.exposition.metric import Metric
from sentinel.exposition.refusals import REFUSED_FOR
from sentinel.exposition.rendering import Format, header, histogram, sample, summary
from sentinel.exposition.statistics import (
    DaemonStatistics,
    IntakeStatistics,
    LedgerStatistics,
    ModelKey,
    PublishingStatistics,
)
from sentinel.ingest.http_log import SYNC_EDGES_SECONDS
from sentinel.pipeline.backfills import KIND as BACKFILL
from sentinel.pipeline.follower import RESULTS
from sentinel.pipeline.tally import (
    ACCEPTED,
    CORRECTED,
    DEAD_LETTER,
    DUPLICATE,
    EMPTY,
    JOINED,
    LATE,
    ORPHANED,
    STALE,
)
from sentinel.summaries.kinds.delays import DELAY_EDGES_SECONDS

# A counter that is there from the start shows its first increase.
_RESULTS = {
    "prediction": (ACCEPTED, DEAD_LETTER),
    "outcome": (JOINED, CORRECTED, DUPLICATE, LATE, ORPHANED, STALE, DEAD_LETTER),
    BACKFILL: (JOINED, DUPLICATE, EMPTY, ORPHANED, STALE, DEAD_LETTER),
}
_NO_EVENTS: dict[tuple[object, ...], int] = {
    (kind, result): 0 for kind, results in _RESULTS.items() for result in results
}
_NO_ANNOTATIONS: dict[tuple[object, ...], int] = {(result,): 0 for result in ("written", "refused", "dropped")}
_NO_FAILURES: dict[tuple[object, ...], int] = {(str(reason),): 0 for reason in Unwritten}
_NO_ANNOUNCEMENTS: dict[tuple[object, ...], int] = dict.fromkeys([(WRITTEN,), (KNOWN,), (DROPPED,)], 0)
_NO_REFUSALS: dict[tuple[object, ...], int] = {(reason,): 0 for reason in REFUSED_FOR}
_NO_RECORDS: dict[tuple[object, ...], int] = {(result,): 0 for result in RESULTS}
_NO_REBUILDS: dict[tuple[object, ...], int] = {("complete",): 0, ("short",): 0}
_NO_DEAD_LETTERS: dict[tuple[object, ...], int] = {(str(reason),): 0 for reason in Reason}


def render_daemon(
    statistics: DaemonStatistics, series: Mapping[Metric, Mapping[tuple[str, ...], float]], form: Format
) -> str:
    """Everything but the reports.

    Parameters
    ----------
    statistics : DaemonStatistics
    series : mapping of Metric to (label values -> value)
        What the collector knows about itself.
    form : 'text' or 'openmetrics'
        Without the end mark of OpenMetrics.
    """
    families = dict(_families(statistics))
    families |= {metric: "".join(sample(metric, *item) for item in rows.items()) for metric, rows in series.items()}
    absent = _absent(statistics)
    shown = (metric for metric in d.DAEMON_METRICS if metric not in absent and families.get(metric))
    return "".join(header(metric, form) + families[metric] for metric in shown)


_OF_COLLECTORS = frozenset(
    {
        d.EVENTS,
        d.DEAD_LETTERS,
        d.JOIN_PENDING,
        d.HALVES_WAITING,
        d.CONSUMER_LAG,
        d.MESSAGES_MISSED,
        d.CATCH_UP,
        d.PARTITIONS_ASSIGNED,
        d.STORE_ROWS,
        d.STORE_BYTES,
        d.CHECKPOINT_LAST_SUCCESS,
        d.CHECKPOINT_FAILURES,
        d.LEDGER_LAST_SUCCESS,
        d.LEDGER_FAILURES,
        d.PARTITIONS_FENCED,
        d.PARTITIONS_REBUILDING,
        d.REBUILDS,
        d.DEAD_LETTERS_STORED,
        d.POSTS,
        d.POSTED_EVENTS,
        d.EVENT_LOG_BYTES,
        d.EVENT_LOG_LIMIT,
        d.EVENT_LOG_FAILURES,
        d.EVENT_LOG_WRITES,
    }
)
_OF_JUDGES = frozenset(
    {
        d.LEDGER_LAG,
        d.LEDGER_PARTITIONS,
        d.LEDGER_RECORDS,
        d.WATERMARK,
        d.BASELINE_CREATED,
        d.BASELINE_VALIDATION_END,
        d.BASELINE_MAX_AGE,
        d.OUTCOME_COVERAGE,
        d.OUTCOME_DELAY,
        d.EVALUATION_DURATION,
        d.EVALUATION_FAILURES,
        d.ANNOTATIONS,
        d.ANNOTATION_FAILURES,
        d.ANNOUNCEMENTS,
        d.ANNOUNCEMENT_FAILURES,
        d.SERIES,
        d.SERIES_LIMIT,
        d.SERIES_DROPPED,
    }
)


def _absent(s: DaemonStatistics) -> frozenset[Metric]:
    """What this process has not: absent rather than zero, so that sums and absences over all processes hold."""
    of_others = frozenset[Metric]()
    if not s.collects:
        of_others |= _OF_COLLECTORS
    if not s.judges:
        of_others |= _OF_JUDGES
    return of_others


def _families(s: DaemonStatistics) -> Iterator[tuple[Metric, str]]:
    yield d.BUILD_INFO, sample(d.BUILD_INFO, (s.build, s.python), 1)
    counts: dict[Metric, Mapping[tuple[object, ...], int]] = {
        d.EVENTS: {**_NO_EVENTS, **{(*key,): n for key, n in s.events.items()}},
        d.DEAD_LETTERS: {**_NO_DEAD_LETTERS, **{(str(reason),): n for reason, n in s.dead_letters.items()}},
        d.DEAD_LETTERS_STORED: {(*key,): n for key, n in s.dead_letters_stored.items()},
        d.JOIN_PENDING: {(partition,): n for partition, n in s.join_pending.items()},
        d.HALVES_WAITING: {(partition,): n for partition, n in s.halves_waiting.items()},
        d.CONSUMER_LAG: {(*key,): n for key, n in s.lag.items()},
        d.MESSAGES_MISSED: {(topic,): n for topic, n in s.missed.items()},
        d.ANNOTATIONS: {**_NO_ANNOTATIONS, **{(result,): n for result, n in s.annotations.items()}},
        d.ANNOTATION_FAILURES: {**_NO_FAILURES, **{(str(reason),): n for reason, n in s.annotation_failures.items()}},
        d.ANNOUNCEMENTS: {**_NO_ANNOUNCEMENTS, **{(result,): n for result, n in s.announcements.items()}},
        d.ANNOUNCEMENT_FAILURES: {(): s.announcement_failures},
        d.REQUESTS_REFUSED: {**_NO_REFUSALS, **{(reason,): n for reason, n in s.refused.items()}},
        d.LOG_EVENTS: {(*key,): n for key, n in s.log_events.items()},
        **_ledger(s.ledger),
        **_publishing(s.publishing),
        **_intake(s.intake),
    }
    for metric, rows in counts.items():
        yield metric, "".join(sample(metric, [str(part) for part in key], n) for key, n in sorted(rows.items()))
    for metric, value in _scalars(s):
        yield metric, sample(metric, (), value)
    for metric, instant_us in _instants(s):
        if instant_us is not None:
            yield metric, sample(metric, (), instant_us / MICROSECONDS_PER_SECOND)
    yield from _per_model(s)
    if s.intake is not None:
        yield d.EVENT_LOG_WRITES, histogram(d.EVENT_LOG_WRITES, (), SYNC_EDGES_SECONDS, s.intake.syncs)
    yield d.EVALUATION_DURATION, summary(d.EVALUATION_DURATION, (), s.evaluations, s.evaluation_seconds)


def _ledger(ledger: LedgerStatistics | None) -> dict[Metric, Mapping[tuple[object, ...], int]]:
    if ledger is None:
        return {}
    return {
        d.LEDGER_LAG: {(partition,): n for partition, n in ledger.lag.items()},
        d.LEDGER_PARTITIONS: {(): ledger.n_partitions},
        d.LEDGER_RECORDS: {**_NO_RECORDS, **{(result,): n for result, n in ledger.records.items()}},
    }


def _publishing(publishing: PublishingStatistics | None) -> dict[Metric, Mapping[tuple[object, ...], int]]:
    if publishing is None:
        return {}
    return {
        d.LEDGER_FAILURES: {(): publishing.failures},
        d.PARTITIONS_FENCED: {(): publishing.fenced},
        d.PARTITIONS_REBUILDING: {(): publishing.rebuilding},
        d.REBUILDS: {**_NO_REBUILDS, **{(result,): n for result, n in publishing.rebuilds.items()}},
    }


def _intake(intake: IntakeStatistics | None) -> dict[Metric, Mapping[tuple[object, ...], int]]:
    if intake is None:
        return {}
    events = {"accepted": intake.accepted, "rejected": intake.rejected, "damaged": intake.damaged}
    return {
        d.POSTS: {(result,): n for result, n in intake.requests.items()},
        d.POSTED_EVENTS: {(result,): n for result, n in events.items()},
        d.EVENT_LOG_BYTES: {(): intake.log_bytes},
        d.EVENT_LOG_LIMIT: {(): intake.log_max_bytes},
        d.EVENT_LOG_FAILURES: {(): intake.write_failures},
    }


def _scalars(s: DaemonStatistics) -> Iterator[tuple[Metric, float]]:
    yield d.READY, int(s.ready)
    if s.catch_up_seconds is not None:
        yield d.CATCH_UP, s.catch_up_seconds
    yield d.PARTITIONS_ASSIGNED, s.partitions_assigned
    yield d.STORE_ROWS, s.store_rows
    yield d.STORE_BYTES, s.store_bytes
    yield d.CHECKPOINT_FAILURES, s.checkpoint_failures
    yield d.EVALUATION_FAILURES, s.evaluation_failures
    yield d.RELOAD_SUCCESSFUL, int(s.reload_ok)


def _instants(s: DaemonStatistics) -> Iterator[tuple[Metric, int | None]]:
    yield d.LOOP_LAST_TURN, s.loop_turned_us
    yield d.CHECKPOINT_LAST_SUCCESS, s.checkpoint_success_us
    yield d.LEDGER_LAST_SUCCESS, None if s.publishing is None else s.publishing.success_us
    yield d.RELOAD_SUCCESS_TIME, s.reload_success_us


def _per_model(s: DaemonStatistics) -> Iterator[tuple[Metric, str]]:
    instants = {key: us / MICROSECONDS_PER_SECOND for key, us in s.watermarks_us.items()}
    yield d.WATERMARK, "".join(sample(d.WATERMARK, *item) for item in instants.items())
    yield from _baselines(s)
    shares = {key: share for key, share in s.coverage.items() if share is not None}
    yield d.OUTCOME_COVERAGE, "".join(sample(d.OUTCOME_COVERAGE, *item) for item in shares.items())
    delays = (histogram(d.OUTCOME_DELAY, key, DELAY_EDGES_SECONDS, bins.tolist()) for key, bins in s.delays.items())
    yield d.OUTCOME_DELAY, "".join(delays)


def _baselines(s: DaemonStatistics) -> Iterator[tuple[Metric, str]]:
    created: dict[ModelKey, float] = {}
    validation_end: dict[ModelKey, float] = {}
    max_age: dict[ModelKey, float] = {}
    for key, times in s.baselines.items():
        created[key] = times.created_us / MICROSECONDS_PER_SECOND
        max_age[key] = times.max_age_seconds
        if times.validation_end_us is not None:
            validation_end[key] = times.validation_end_us / MICROSECONDS_PER_SECOND
    for metric, rows in (
        (d.BASELINE_CREATED, created),
        (d.BASELINE_VALIDATION_END, validation_end),
        (d.BASELINE_MAX_AGE, max_age),
    ):
        yield metric, "".join(sample(metric, *item) for item in rows.items())
