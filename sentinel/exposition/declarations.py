"""Every metric about the daemon, declared once, and the whole table: renderer, documents and rules read it."""

from __future__ import annotations

from sentinel.exposition.metric import Metric
from sentinel.exposition.model_declarations import MODEL, REPORT_METRICS

BUILD_INFO = Metric("sentinel_build_info", "info", "Always 1; the labels say what is running.", ("version", "python"))
READY = Metric(
    "sentinel_ready",
    "gauge",
    "1 when baselines are loaded and partitions are assigned, or, in an evaluator, when all counts have been read; "
    "else 0.",
)
LOOP_LAST_TURN = Metric(
    "sentinel_loop_last_turn_timestamp_seconds",
    "gauge",
    "When the event loop, or the reading of an evaluator, last came round, with something to do or without. If it "
    "stands still, the process is stuck.",
)
EVENTS = Metric(
    "sentinel_events_total",
    "counter",
    "Events that this process read since it started and made durable, by kind and what became of them; refused ones "
    "are result dead_letter.",
    ("kind", "result"),
)
DEAD_LETTERS = Metric(
    "sentinel_dead_letters_total",
    "counter",
    "Events that this process refused since it started, by what was wrong with them.",
    ("reason",),
)
DEAD_LETTERS_STORED = Metric(
    "sentinel_dead_letters_stored_total",
    "counter",
    "Refused events by the place that they are set aside in (file, topic) and whether they were written or dropped.",
    ("place", "result"),
)
JOIN_PENDING = Metric(
    "sentinel_join_pending", "gauge", "Predictions and outcomes that wait for their other half.", ("partition",)
)
HALVES_WAITING = Metric(
    "sentinel_halves_waiting",
    "gauge",
    "Requests and responses, logged as messages of their own, that wait for each other.",
    ("partition",),
)
CONSUMER_LAG = Metric(
    "sentinel_consumer_lag_messages",
    "gauge",
    "Messages between what was read and the last known end of the partition.",
    ("topic", "partition"),
)
MESSAGES_MISSED = Metric(
    "sentinel_messages_missed_total",
    "counter",
    "Messages that were deleted from the topic, by retention or by hand, before this process read them.",
    ("topic",),
)
CATCH_UP = Metric(
    "sentinel_catch_up_seconds",
    "gauge",
    "Time until what waits in the input has been read, at the rates of the last two minutes. Absent while they are not "
    "known, and where the lag does not shrink.",
)
LEDGER_LAG = Metric(
    "sentinel_ledger_lag_messages",
    "gauge",
    "Records of the summaries topic that are written and not yet followed.",
    ("partition",),
)
LEDGER_PARTITIONS = Metric(
    "sentinel_ledger_partitions", "gauge", "Input partitions whose counts the summaries topic holds."
)
LEDGER_LAST_SUCCESS = Metric(
    "sentinel_ledger_last_success_timestamp_seconds",
    "gauge",
    "When the summaries topic last held every checkpoint of this collector; absent where none is configured.",
)
LEDGER_FAILURES = Metric(
    "sentinel_ledger_failures_total",
    "counter",
    "Attempts to claim, read or write counts in the summaries topic that failed. Counting goes on; they are repeated.",
)
PARTITIONS_FENCED = Metric(
    "sentinel_partitions_fenced_total",
    "counter",
    "Times that this collector lost a partition because another one had claimed its counts.",
)
PARTITIONS_REBUILDING = Metric(
    "sentinel_partitions_rebuilding",
    "gauge",
    "Input partitions that were taken over without their state, while the log is read again.",
)
REBUILDS = Metric(
    "sentinel_rebuilds_total",
    "counter",
    "Partitions rebuilt from the log, by result: complete, or short where retention had removed what it needed.",
    ("result",),
)
LEDGER_RECORDS = Metric(
    "sentinel_ledger_records_total",
    "counter",
    "Records of the summaries topic, by what became of them: followed, forgotten (removed by their writer), foreign "
    "(of another baseline or kind, left alone), corrupt (unreadable, taken as not there).",
    ("result",),
)
PARTITIONS_ASSIGNED = Metric("sentinel_partitions_assigned", "gauge", "Input partitions that this process reads.")
WATERMARK = Metric(
    "sentinel_watermark_timestamp_seconds", "gauge", "Event time up to which predictions have been read.", MODEL
)
BASELINE_CREATED = Metric(
    "sentinel_baseline_created_timestamp_seconds", "gauge", "When the baseline in use was built or promoted.", MODEL
)
BASELINE_VALIDATION_END = Metric(
    "sentinel_baseline_validation_end_timestamp_seconds",
    "gauge",
    "Event time of the last validation row behind the baseline in use: how recent the offline estimate is.",
    MODEL,
)
BASELINE_MAX_AGE = Metric(
    "sentinel_baseline_max_age_seconds",
    "gauge",
    "How far the watermark may run ahead of the baseline's validation rows: alerts.baseline_max_age of the model.",
    MODEL,
)
OUTCOME_COVERAGE = Metric(
    "sentinel_outcome_coverage_ratio",
    "gauge",
    "Share of predictions older than the outcome maturity that have an outcome, as in the report; where the baseline "
    "knows no delays, of those past the outcome horizon.",
    MODEL,
)
OUTCOME_DELAY = Metric(
    "sentinel_outcome_delay_seconds",
    "histogram",
    "Time from a prediction to its outcome. Counts without a sum; a corrected outcome moves between buckets.",
    MODEL,
)
STORE_ROWS = Metric("sentinel_store_rows", "gauge", "Rows in the join stores of this process.")
STORE_BYTES = Metric("sentinel_store_bytes", "gauge", "Bytes that the join stores of this process take on disk.")
CHECKPOINT_LAST_SUCCESS = Metric(
    "sentinel_checkpoint_last_success_timestamp_seconds", "gauge", "When counts and offsets were last made durable."
)
CHECKPOINT_FAILURES = Metric(
    "sentinel_checkpoint_failures_total", "counter", "Attempts to make counts and offsets durable that failed."
)
EVALUATION_DURATION = Metric(
    "sentinel_evaluation_duration_seconds", "summary", "Time that evaluations took: their sum and their number."
)
EVALUATION_FAILURES = Metric(
    "sentinel_evaluation_failures_total", "counter", "Evaluations that failed and left the last report standing."
)
RELOAD_SUCCESSFUL = Metric(
    "sentinel_config_last_reload_successful", "gauge", "1 when the last load of the configuration succeeded, else 0."
)
RELOAD_SUCCESS_TIME = Metric(
    "sentinel_config_last_reload_success_timestamp_seconds",
    "gauge",
    "When the configuration was last loaded with success.",
)
LOG_EVENTS = Metric(
    "sentinel_log_events_total", "counter", "Log events, those held back by the limiter included.", ("level", "event")
)
ANNOTATIONS = Metric(
    "sentinel_grafana_annotations_total",
    "counter",
    "Changes of verdict for Grafana, by what became of them: written, refused by it, or dropped from a full queue.",
    ("result",),
)
ANNOTATION_FAILURES = Metric(
    "sentinel_grafana_failures_total", "counter", "Failed attempts to write to Grafana, by reason.", ("reason",)
)
ANNOUNCEMENTS = Metric(
    "sentinel_announcements_total",
    "counter",
    "Changes of verdicts and alerts for the verdicts topic, by what became of them: written, known (the topic says so "
    "already), or dropped while it could not be written for long.",
    ("result",),
)
ANNOUNCEMENT_FAILURES = Metric(
    "sentinel_announcement_failures_total", "counter", "Attempts to write to the verdicts topic that failed."
)
REQUESTS_REFUSED = Metric(
    "sentinel_http_requests_refused_total",
    "counter",
    "HTTP requests and connections refused, by reason: login (no credentials or wrong ones), guessing (too many failed "
    "logins), rate, size, host (a name that is not served), form (not well-formed or compressed), tls (no handshake), "
    "connections (closed for newer ones).",
    ("reason",),
)
POSTS = Metric(
    "sentinel_http_event_requests_total",
    "counter",
    "Requests to post events, by result: accepted, partial (some lines refused), rejected (all lines refused), "
    "unreadable (a body or type that cannot be taken apart), forbidden, slow (the body took too long), too_large, busy "
    "(too much on its way to the disk), full (the log or the disk), failed (not durable, or not taken now), gone (the "
    "client left).",
    ("result",),
)
POSTED_EVENTS = Metric(
    "sentinel_http_events_total",
    "counter",
    "Events that were posted, by result: accepted (durable, and acknowledged), rejected (told to the sender and not "
    "kept), damaged (accepted, and altered by the disk before they were counted).",
    ("result",),
)
EVENT_LOG_BYTES = Metric(
    "sentinel_http_event_log_bytes",
    "gauge",
    "What accepted events take on disk until a checkpoint covers them.",
)
EVENT_LOG_LIMIT = Metric(
    "sentinel_http_event_log_limit_bytes",
    "gauge",
    "What they may take: source.http.max_log_bytes. At this limit requests are refused.",
)
EVENT_LOG_FAILURES = Metric(
    "sentinel_http_event_log_failures_total", "counter", "Attempts to make posted events durable that failed."
)
EVENT_LOG_WRITES = Metric(
    "sentinel_http_event_log_write_seconds",
    "histogram",
    "Time to write posted events and have them on disk; the requests that wait together share one write. Counts "
    "without a sum.",
)
SERIES = Metric("sentinel_series", "gauge", "Time series that the reports take in this scrape.")
SERIES_LIMIT = Metric("sentinel_series_limit", "gauge", "Time series that the reports may take: limits.max_series.")
SERIES_DROPPED = Metric(
    "sentinel_series_dropped_total",
    "counter",
    "Time series left out of an evaluation's snapshot, by reason; the full table is in the report over HTTP.",
    ("reason",),
)
COLLECTOR_DURATION = Metric(
    "sentinel_collector_duration_seconds", "gauge", "Time that this scrape took to collect and render."
)

DAEMON_METRICS: tuple[Metric, ...] = (
    BUILD_INFO,
    READY,
    LOOP_LAST_TURN,
    EVENTS,
    DEAD_LETTERS,
    DEAD_LETTERS_STORED,
    JOIN_PENDING,
    HALVES_WAITING,
    CONSUMER_LAG,
    MESSAGES_MISSED,
    CATCH_UP,
    PARTITIONS_ASSIGNED,
    LEDGER_LAG,
    LEDGER_PARTITIONS,
    LEDGER_RECORDS,
    LEDGER_LAST_SUCCESS,
    LEDGER_FAILURES,
    PARTITIONS_FENCED,
    PARTITIONS_REBUILDING,
    REBUILDS,
    WATERMARK,
    BASELINE_CREATED,
    BASELINE_VALIDATION_END,
    BASELINE_MAX_AGE,
    OUTCOME_COVERAGE,
    OUTCOME_DELAY,
    STORE_ROWS,
    STORE_BYTES,
    CHECKPOINT_LAST_SUCCESS,
    CHECKPOINT_FAILURES,
    EVALUATION_DURATION,
    EVALUATION_FAILURES,
    RELOAD_SUCCESSFUL,
    RELOAD_SUCCESS_TIME,
    LOG_EVENTS,
    ANNOTATIONS,
    ANNOTATION_FAILURES,
    ANNOUNCEMENTS,
    ANNOUNCEMENT_FAILURES,
    REQUESTS_REFUSED,
    POSTS,
    POSTED_EVENTS,
    EVENT_LOG_BYTES,
    EVENT_LOG_LIMIT,
    EVENT_LOG_FAILURES,
    EVENT_LOG_WRITES,
    SERIES,
    SERIES_LIMIT,
    SERIES_DROPPED,
    COLLECTOR_DURATION,
)
"""What is rendered from the daemon's statistics, at every scrape."""

METRICS: tuple[Metric, ...] = (*REPORT_METRICS, *DAEMON_METRICS)
