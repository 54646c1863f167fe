"""The process itself: whether it is alive, keeps up, and loses nothing."""

from __future__ import annotations

from typing import Final

from sentinel.exposition import alert_pieces as limits
from sentinel.exposition.boards import common as c
from sentinel.exposition.boards.passage import PASSAGE
from sentinel.exposition.boards.pictures import amounts, number
from sentinel.exposition.boards.targets import INSTANCE, age_of_each, of_each, per_second, rise
from sentinel.exposition.panels import Board, Marks, Query, Variable

_LAG = f"sum by (topic) (max by (topic, partition) (sentinel_consumer_lag_messages{{{c.TARGETS}}}))"
_EVENTS_PER_SECOND = f"sum(rate(sentinel_events_total{{{c.TARGETS}}}{c.RATE}))"
_TO_THE_END = "to the end of the topics"

_STATE: Final = (
    number(
        "Ready",
        "Whether baselines are loaded and partitions are assigned, or all counts read.",
        of_each("sentinel_ready", pick="min"),
        steps=c.at_least(1),
        names=((0, "not ready"), (1, "ready")),
        width=5,
        height=5,
    ),
    number(
        "Configuration",
        "Whether the last load succeeded. If not, the one from before is in force.",
        of_each("sentinel_config_last_reload_successful", pick="min"),
        steps=c.at_least(1),
        names=((0, "last reload failed"), (1, "as written")),
        width=5,
        height=5,
    ),
    number(
        "Since the loop came round",
        "It should every second or so. Beyond two minutes the process is stuck.",
        age_of_each("sentinel_loop_last_turn_timestamp_seconds"),
        unit="s",
        steps=c.limit(limits.MAX_STILL_SECONDS),
        width=5,
        height=5,
    ),
    number(
        "Since the last checkpoint",
        "How much a restart would read again. It stands still when there is nothing to write.",
        age_of_each("sentinel_checkpoint_last_success_timestamp_seconds"),
        unit="s",
        steps=c.limit(limits.MAX_CHECKPOINT_AGE_SECONDS),
        width=5,
        height=5,
    ),
    number(
        "Caught up in",
        "Until what waits has been read, at the rates of the last two minutes. Nothing where the lag does not shrink.",
        Query(f"max(sentinel_catch_up_seconds{{{c.TARGETS}}})", _TO_THE_END),
        unit="s",
        steps=c.limit(limits.MAX_CATCH_UP_SECONDS, "orange"),
        no_value="not shrinking",
        width=4,
        height=5,
    ),
)
_READING: Final = (
    amounts(
        "Events read",
        "By kind and what became of them.",
        per_second("kind, result", "sentinel_events_total"),
        unit="eps",
    ),
    amounts(
        "Events refused",
        "Share of the events that became dead letters, by what was wrong with them. Dashed: where the alert fires.",
        Query(
            f"sum by (reason) (rate(sentinel_dead_letters_total{{{c.TARGETS}}}{c.RATE}))\n"
            f"/ ignoring (reason) group_left () {_EVENTS_PER_SECOND}",
            "{{reason}}",
        ),
        unit="percentunit",
        steps=c.limit(limits.MAX_DEAD_LETTER_RATIO, "orange"),
    ),
    amounts(
        "Messages that wait",
        "Between what was read and the end of each topic. Below the dashed line the alert stays silent.",
        Query(_LAG, "{{topic}}"),
        steps=c.limit(limits.MIN_LAG_MESSAGES, "orange"),
    ),
    amounts(
        "Time to catch up",
        "What waits, at the rate at which events are read now. Dashed: where the alert fires.",
        Query(f"sum({_LAG})\n/ {_EVENTS_PER_SECOND}", _TO_THE_END),
        unit="s",
        steps=c.limit(limits.MAX_CATCH_UP_SECONDS, "orange"),
    ),
    amounts(
        "Counts on their way",
        "Records of the summaries topic that evaluators have not followed yet. Empty without that topic.",
        of_each("sentinel_ledger_lag_messages"),
    ),
    amounts(
        "Records of counts",
        "Records of the summaries topic a second, by what evaluators made of them. Foreign ones are of a baseline that "
        "the evaluator does not have: reload it. There should be no corrupt ones.",
        per_second("result", "sentinel_ledger_records_total"),
        unit="eps",
    ),
)
_WORK: Final = (
    amounts(
        "Predictions and outcomes that wait",
        "Predictions without an outcome and outcomes without a prediction. It levels off after the horizon of the "
        "slowest model.",
        of_each("sentinel_join_pending"),
    ),
    amounts(
        "Join stores on disk",
        "Bytes that the stores take; they grow with the predictions that wait.",
        of_each("sentinel_store_bytes"),
        unit="bytes",
    ),
    amounts(
        "Duration of an evaluation",
        "Mean time that judging all models takes.",
        Query(
            f"{per_second('instance', 'sentinel_evaluation_duration_seconds_sum').expr}\n"
            f"/ {per_second('instance', 'sentinel_evaluation_duration_seconds_count').expr}",
            INSTANCE,
        ),
        unit="s",
    ),
    amounts(
        "Time series exposed",
        "Against `limits.max_series`; what is beyond it is left out, the least suspicious first.",
        of_each("sentinel_series", "exposed, {{instance}}", pick="max"),
        of_each("sentinel_series_limit", "limit, {{instance}}", pick="max"),
    ),
    amounts(
        "Time series left out",
        "At the evaluations of the latest interval, by reason. The reports over HTTP have them all.",
        rise("reason", "sentinel_series_dropped_total"),
    ),
)
_TROUBLE: Final = (
    amounts(
        "Failures",
        "Evaluations that failed and left the last report standing, and checkpoints and posted events that could not "
        "be written, in the latest interval. All should stay at 0.",
        rise("instance", "sentinel_evaluation_failures_total", "evaluations, {{instance}}"),
        rise("instance", "sentinel_checkpoint_failures_total", "checkpoints, {{instance}}"),
        rise("instance", "sentinel_http_event_log_failures_total", "posted events, {{instance}}"),
    ),
    amounts(
        "Log events",
        "Warnings and errors a second, by name, those included that the limiter held back.",
        Query(
            "topk(10, sum by (level, event) (\n"
            f'  rate(sentinel_log_events_total{{{c.TARGETS},level=~"warning|error"}}{c.RATE})\n'
            "))",
            "{{level}} {{event}}",
        ),
        unit="eps",
        no_value="none",
    ),
    amounts(
        "Requests refused",
        "HTTP requests and connections refused in the latest interval, by reason. Logins that fail and guesses come "
        "from somebody with a wrong password, or who has none.",
        rise("reason", "sentinel_http_requests_refused_total"),
    ),
    amounts(
        "Marks in Grafana",
        "Changes of verdict that were written as annotations, refused or dropped, and failed attempts. All 0 where the "
        "configuration names no Grafana.",
        rise("result", "sentinel_grafana_annotations_total"),
        rise("reason", "sentinel_grafana_failures_total", "failed: {{reason}}"),
    ),
)
_PROCESS: Final = (
    amounts(
        "Duration of a scrape",
        "Time that collecting and rendering the latest scrape took. Prometheus gives up after its time-out, ten "
        "seconds by default.",
        of_each("sentinel_collector_duration_seconds", pick="max"),
        unit="s",
    ),
    amounts(
        "CPU",
        "Processors in use. One that stays full is the limit of a process: add replicas.",
        per_second("instance", "process_cpu_seconds_total"),
        unit="none",
    ),
    amounts(
        "Memory",
        "Resident memory, the pages of the join stores that are mapped included: those the system takes back when it "
        "needs them.",
        of_each("process_resident_memory_bytes", pick="max"),
        unit="bytes",
    ),
    amounts(
        "Partitions",
        "Input partitions that each process reads. They should add up to the partitions of the topics.",
        of_each("sentinel_partitions_assigned", pick="max"),
        stacked=True,
    ),
)

DAEMON: Final = Board(
    uid=c.DAEMON_UID,
    title="Sentinel / Daemon",
    description="The process itself: whether it is alive, keeps up, and loses nothing.",
    variables=(
        c.JOB_VARIABLE,
        Variable("instance", "Instance", f"label_values(sentinel_build_info{{{c.JOB}}}, instance)", several=True),
    ),
    marks=(
        Marks(
            name="Alerts",
            color="red",
            expr='ALERTS{alertname=~"Sentinel.+",alertstate="firing",model=""}',
            title="{{alertname}}",
            text="{{severity}} {{instance}}",
        ),
        Marks(
            name="Restarts",
            color="blue",
            expr=f"max by (instance) (process_start_time_seconds{{{c.TARGETS}}}) * 1000",
            title="{{instance}} started",
            value_is_time=True,
        ),
    ),
    panels=(*_STATE, *_READING, *_WORK, *_TROUBLE, *_PROCESS, *PASSAGE),
)
