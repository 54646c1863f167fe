"""What the daemon says about itself at each scrape, as one frozen value that knows nothing of Prometheus."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sentinel import __version__

ModelKey = tuple[str, str]
"""Model and version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineTimes:
    """How recent the baseline of one model version is.

    Attributes
    ----------
    created_us : int, microseconds since the epoch
        When it was built or promoted.
    validation_end_us : int or None, microseconds since the epoch
        The last prediction among its rows, in event time.
    max_age_seconds : float, > 0
        How far live predictions may run ahead of those rows.
    """

    created_us: int
    validation_end_us: int | None
    max_age_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStatistics:
    """What is followed of the summaries topic.

    Attributes
    ----------
    lag : mapping of partition of that topic to int, messages
    n_partitions : int
        Input partitions that it tells of.
    records : mapping of result to int
        What became of its records.
    """

    lag: Mapping[int, int]
    n_partitions: int
    records: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishingStatistics:
    """How a collector gets on with publishing its counts, and with taking partitions over.

    Attributes
    ----------
    success_us : int or None, microseconds since the epoch
        When the ledger last held every checkpoint; None before the first time.
    failures, fenced : int
    rebuilding : int
        Partitions that are being rebuilt now.
    rebuilds : mapping of result to int
    """

    success_us: int | None
    failures: int
    fenced: int
    rebuilding: int
    rebuilds: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeStatistics:
    """What became of the events that were posted over HTTP.

    Attributes
    ----------
    requests : mapping of result to int
    accepted, rejected : int
        Events that were logged, and lines that were refused.
    log_bytes, log_max_bytes : int
        What the events that are not counted yet take on disk, and may take.
    write_failures : int
        Attempts to make events durable that failed.
    damaged : int
        Accepted events that could not be read again.
    syncs : tuple of int
        Writes by the time that they took, in the bins of ``sentinel.ingest.http_log.SYNC_EDGES_SECONDS``.
    """

    requests: Mapping[str, int]
    accepted: int
    rejected: int
    log_bytes: int
    log_max_bytes: int
    write_failures: int
    damaged: int
    syncs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeStatistics:
    """What one scrape shows of the reports.

    Attributes
    ----------
    n_series : int
        Time series that the reports take.
    max_series : int
        That they may take.
    dropped : mapping of reason to int
        Time series left out of all snapshots so far.
    seconds : float
        What the scrape has taken until now.
    """

    n_series: int
    max_series: int
    dropped: Mapping[str, int]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStatistics:
    """Counters since the start and states now. The defaults are those of a daemon that has just come up.

    Attributes
    ----------
    collects, judges : bool
        What the process does. What belongs to the other half is not exposed, so that sums over processes hold.
    events : mapping of (kind, result) to int
        Events that this process read and made durable; everything read is in one of them.
    dead_letters : mapping of reason to int
        Those of them that were refused.
    dead_letters_stored : mapping of (place, result) to int
    join_pending : mapping of partition to int, rows
    halves_waiting : mapping of partition to int, messages
        Requests without their response, and the other way round.
    lag : mapping of (topic, partition) to int, messages
    missed : mapping of topic to int, messages
        Deleted before they were read.
    catch_up_seconds : float or None
        Until the lag is gone; None where it is not known, or does not shrink.
    partitions_assigned : int
    ledger : LedgerStatistics or None
        None where no ledger is followed.
    publishing : PublishingStatistics or None
        None where no counts are published.
    intake : IntakeStatistics or None
        None where no events are taken in over HTTP.
    watermarks_us : mapping of (model, version) to int, microseconds since the epoch
    baselines : mapping of (model, version) to BaselineTimes
    coverage : mapping of (model, version) to float in 0..1, or None where nothing has matured
        Of the newest reports.
    delays : mapping of (model, version) to int64 array, shape (n_bins,)
        Outcomes in the bins of ``sentinel.summaries.kinds.delays``, summed over outcomes.
    store_rows, store_bytes : int
    checkpoint_success_us, loop_turned_us, reload_success_us : int or None, microseconds since the epoch
        None before the first.
    checkpoint_failures, evaluation_failures : int
    evaluation_seconds : float, evaluations : int
        Their total time and number.
    reload_ok : bool
    log_events : mapping of (level, event) to int
    annotations, annotation_failures : mapping of result, or of reason, to int
        What became of the changes of verdict that were to be marked in Grafana, and of the attempts.
    announcements : mapping of result to int
        What became of the changes that were to be written to the verdicts topic.
    announcement_failures : int
        Attempts to write there that failed.
    refused : mapping of reason to int
        Requests and connections that the HTTP server refused.
    scrape : ScrapeStatistics or None
        Of the scrape that shows all this; None until the collector adds it.
    ready, alive : bool
        What the probes answer; the reasons say why not, in words for an operator.
    build, python : str
    """

    collects: bool = True
    judges: bool = True
    events: Mapping[tuple[str, str], int] = field(default_factory=dict)
    dead_letters: Mapping[str, int] = field(default_factory=dict)
    dead_letters_stored: Mapping[tuple[str, str], int] = field(default_factory=dict)
    join_pending: Mapping[int, int] = field(default_factory=dict)
    halves_waiting: Mapping[int, int] = field(default_factory=dict)
    lag: Mapping[tuple[str, int], int] = field(default_factory=dict)
    missed: Mapping[str, int] = field(default_factory=dict)
    catch_up_seconds: float | None = None
    partitions_assigned: int = 0
    ledger: LedgerStatistics | None = None
    publishing: PublishingStatistics | None = None
    intake: IntakeStatistics | None = None
    watermarks_us: Mapping[ModelKey, int] = field(default_factory=dict)
    baselines: Mapping[ModelKey, BaselineTimes] = field(default_factory=dict)
    coverage: Mapping[ModelKey, float | None] = field(default_factory=dict)
    delays: Mapping[ModelKey, npt.NDArray[np.int64]] = field(default_factory=dict)
    store_rows: int = 0
    store_bytes: int = 0
    checkpoint_success_us: int | None = None
    checkpoint_failures: int = 0
    loop_turned_us: int | None = None
    evaluation_seconds: float = 0.0
    evaluations: int = 0
    evaluation_failures: int = 0
    reload_ok: bool = True
    reload_success_us: int | None = None
    log_events: Mapping[tuple[str, str], int] = field(default_factory=dict)
    annotations: Mapping[str, int] = field(default_factory=dict)
    annotation_failures: Mapping[str, int] = field(default_factory=dict)
    announcements: Mapping[str, int] = field(default_factory=dict)
    announcement_failures: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    scrape: ScrapeStatistics | None = None
    ready: bool = True
    reasons: tuple[str, ...] = ()
    alive: bool = True
    alive_reason: str = ""
    build: str = __version__
    python: str = field(default_factory=platform.python_version)
