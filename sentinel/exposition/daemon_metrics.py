"""Renders what the daemon says about itself: few series, made anew at each scrape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.events.batch import Reason
from sentinel.exposition import declarations as d
from sentinel.exposition.declarations import Metric
from sentinel.exposition.rendering import Format, header, histogram, sample, summary
from sentinel.exposition.statistics import DaemonStatistics
from sentinel.pipeline.tally import ACCEPTED, DEAD_LETTER, JOINED
from sentinel.summaries.kinds.delays import DELAY_EDGES_SECONDS

# A counter that is there from the start shows its first increase.
_EVENT_KINDS = (("prediction", ACCEPTED), ("outcome", JOINED))
_NO_EVENTS: dict[tuple[object, ...], int] = {
    (kind, result): 0 for kind, good in _EVENT_KINDS for result in (good, DEAD_LETTER)
}
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
    return "".join(header(metric, form) + families[metric] for metric in d.DAEMON_METRICS if families.get(metric))


def _families(s: DaemonStatistics) -> Iterator[tuple[Metric, str]]:
    yield d.BUILD_INFO, sample(d.BUILD_INFO, (s.build, s.python), 1)
    counts: dict[Metric, Mapping[tuple[object, ...], int]] = {
        d.EVENTS: {**_NO_EVENTS, **{(*key,): n for key, n in s.events.items()}},
        d.DEAD_LETTERS: {**_NO_DEAD_LETTERS, **{(str(reason),): n for reason, n in s.dead_letters.items()}},
        d.JOIN_PENDING: {(partition,): n for partition, n in s.join_pending.items()},
        d.CONSUMER_LAG: {(*key,): n for key, n in s.lag.items()},
        d.LOG_EVENTS: {(*key,): n for key, n in s.log_events.items()},
    }
    for metric, rows in counts.items():
        yield metric, "".join(sample(metric, [str(part) for part in key], n) for key, n in sorted(rows.items()))
    for metric, value in _scalars(s):
        yield metric, sample(metric, (), value)
    for metric, instant_us in _instants(s):
        if instant_us is not None:
            yield metric, sample(metric, (), instant_us / MICROSECONDS_PER_SECOND)
    yield from _per_model(s)
    yield d.EVALUATION_DURATION, summary(d.EVALUATION_DURATION, (), s.evaluations, s.evaluation_seconds)


def _scalars(s: DaemonStatistics) -> Iterator[tuple[Metric, float]]:
    yield d.READY, int(s.ready)
    yield d.PARTITIONS_ASSIGNED, s.partitions_assigned
    yield d.STORE_ROWS, s.store_rows
    yield d.STORE_BYTES, s.store_bytes
    yield d.CHECKPOINT_FAILURES, s.checkpoint_failures
    yield d.EVALUATION_FAILURES, s.evaluation_failures
    yield d.RELOAD_SUCCESSFUL, int(s.reload_ok)


def _instants(s: DaemonStatistics) -> Iterator[tuple[Metric, int | None]]:
    yield d.LOOP_LAST_TURN, s.loop_turned_us
    yield d.CHECKPOINT_LAST_SUCCESS, s.checkpoint_success_us
    yield d.RELOAD_SUCCESS_TIME, s.reload_success_us


def _per_model(s: DaemonStatistics) -> Iterator[tuple[Metric, str]]:
    instants = {key: us / MICROSECONDS_PER_SECOND for key, us in s.watermarks_us.items()}
    yield d.WATERMARK, "".join(sample(d.WATERMARK, *item) for item in instants.items())
    shares = {key: share for key, share in s.coverage.items() if share is not None}
    yield d.OUTCOME_COVERAGE, "".join(sample(d.OUTCOME_COVERAGE, *item) for item in shares.items())
    delays = (histogram(d.OUTCOME_DELAY, key, DELAY_EDGES_SECONDS, bins.tolist()) for key, bins in s.delays.items())
    yield d.OUTCOME_DELAY, "".join(delays)
