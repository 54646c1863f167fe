"""The process itself: whether it is alive, keeps up, and loses nothing."""

from __future__ import annotations

from typing import Final

from sentinel.exposition import alert_pieces as limits
from sentinel.exposition.boards import common as c
from sentinel.exposition.boards.passage import PASSAGE
from sentinel.exposition.panels import Board, Marks, Panel, Query, Variable

_LAG = f"sum by (topic) (max by (topic, partition) (sentinel_consumer_lag_messages{{{c.TARGETS}}}))"
_EVENTS_PER_SECOND = f"sum(rate(sentinel_events_total{{{c.TARGETS}}}{c.RATE}))"


def _age(name: str) -> Query:
    return Query(f"time() - max by (instance) ({name}{{{c.TARGETS}}})", "{{instance}}")


_PANELS: Final = (
    Panel(
        title="Ready",
        description="Whether baselines are loaded and partitions are assigned, or all counts read.",
        type="stat",
        queries=(Query(f"min by (instance) (sentinel_ready{{{c.TARGETS}}})", "{{instance}}"),),
        unit="none",
        steps=c.at_least(1),
        names=((0, "not ready"), (1, "ready")),
        width=5,
        height=5,
    ),
    Panel(
        title="Configuration",
        description="Whether the last load succeeded. If not, the one from before is in force.",
        type="stat",
        queries=(Query(f"min by (instance) (sentinel_config_last_reload_successful{{{c.TARGETS}}})", "{{instance}}"),),
        unit="none",
        steps=c.at_least(1),
        names=((0, "last reload failed"), (1, "as written")),
        width=5,
        height=5,
    ),
    Panel(
        title="Since the loop came round",
        description="It should every second or so. Beyond two minutes the process is stuck.",
        type="stat",
        queries=(_age("sentinel_loop_last_turn_timestamp_seconds"),),
        unit="s",
        steps=c.limit(limits.MAX_STILL_SECONDS),
        width=5,
        height=5,
    ),
    Panel(
        title="Since the last checkpoint",
        description="How much a restart would read again. It stands still when there is nothing to write.",
        type="stat",
        queries=(_age("sentinel_checkpoint_last_success_timestamp_seconds"),),
        unit="s",
        steps=c.limit(limits.MAX_CHECKPOINT_AGE_SECONDS),
        width=5,
        height=5,
    ),
    Panel(
        title="Caught up in",
        description="Until what waits has been read, at the rates of the last two minutes. Nothing where the lag does "
        "not shrink.",
        type="stat",
        queries=(Query(f"max(sentinel_catch_up_seconds{{{c.TARGETS}}})", "to the end of the topics"),),
        unit="s",
        steps=c.limit(limits.MAX_CATCH_UP_SECONDS, "orange"),
        no_value="not shrinking",
        width=4,
        height=5,
    ),
    Panel(
        title="Events read",
        description="By kind and what became of them.",
        type="timeseries",
        queries=(
            Query(
                f"sum by (kind, result) (rate(sentinel_events_total{{{c.TARGETS}}}{c.RATE}))",
                "{{kind}}, {{result}}",
            ),
        ),
        unit="eps",
        minimum=0,
    ),
    Panel(
        title="Events refused",
        description="Share of the events that became dead letters, by what was wrong with them. Dashed: where the "
        "alert fires.",
        type="timeseries",
        queries=(
            Query(
                f"sum by (reason) (rate(sentinel_dead_letters_total{{{c.TARGETS}}}{c.RATE}))\n"
                f"/ ignoring (reason) group_left () {_EVENTS_PER_SECOND}",
                "{{reason}}",
            ),
        ),
        unit="percentunit",
        steps=c.limit(limits.MAX_DEAD_LETTER_RATIO, "orange"),
        minimum=0,
    ),
    Panel(
        title="Messages that wait",
        description="Between what was read and the end of each topic. Below the dashed line the alert stays silent.",
        type="timeseries",
        queries=(Query(_LAG, "{{topic}}"),),
        unit="short",
        steps=c.limit(limits.MIN_LAG_MESSAGES, "orange"),
        minimum=0,
    ),
    Panel(
        title="Time to catch up",
        description="What waits, at the rate at which events are read now. Dashed: where the alert fires.",
        type="timeseries",
        queries=(Query(f"sum({_LAG})\n/ {_EVENTS_PER_SECOND}", "to the end of the topics"),),
        unit="s",
        steps=c.limit(limits.MAX_CATCH_UP_SECONDS, "orange"),
        minimum=0,
    ),
    Panel(
        title="Counts on their way",
        description="Records of the summaries topic that evaluators have not followed yet. Empty without that topic.",
        type="timeseries",
        queries=(Query(f"sum by (instance) (sentinel_ledger_lag_messages{{{c.TARGETS}}})", "{{instance}}"),),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="Records of counts",
        description="Records of the summaries topic a second, by what evaluators made of them. Foreign ones are of a "
        "baseline that the evaluator does not have: reload it. There should be no corrupt ones.",
        type="timeseries",
        queries=(Query(f"sum by (result) (rate(sentinel_ledger_records_total{{{c.TARGETS}}}{c.RATE}))", "{{result}}"),),
        unit="eps",
        minimum=0,
    ),
    Panel(
        title="Waiting for their other half",
        description="Predictions without an outcome and outcomes without a prediction. It levels off after the horizon "
        "of the slowest model.",
        type="timeseries",
        queries=(Query(f"sum by (instance) (sentinel_join_pending{{{c.TARGETS}}})", "{{instance}}"),),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="Join stores on disk",
        description="Bytes that the stores take; they grow with the predictions that wait.",
        type="timeseries",
        queries=(Query(f"sum by (instance) (sentinel_store_bytes{{{c.TARGETS}}})", "{{instance}}"),),
        unit="bytes",
        minimum=0,
    ),
    Panel(
        title="Duration of an evaluation",
        description="Mean time that judging all models takes.",
        type="timeseries",
        queries=(
            Query(
                f"sum by (instance) (rate(sentinel_evaluation_duration_seconds_sum{{{c.TARGETS}}}{c.RATE}))\n"
                f"/ sum by (instance) (rate(sentinel_evaluation_duration_seconds_count{{{c.TARGETS}}}{c.RATE}))",
                "{{instance}}",
            ),
        ),
        unit="s",
        minimum=0,
    ),
    Panel(
        title="Time series exposed",
        description="Against `limits.max_series`; what is beyond it is left out, the least suspicious first.",
        type="timeseries",
        queries=(
            Query(f"max by (instance) (sentinel_series{{{c.TARGETS}}})", "exposed, {{instance}}"),
            Query(f"max by (instance) (sentinel_series_limit{{{c.TARGETS}}})", "limit, {{instance}}"),
        ),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="Time series left out",
        description="At the evaluations of the latest interval, by reason. The reports over HTTP have them all.",
        type="timeseries",
        queries=(
            Query(
                f"sum by (reason) (increase(sentinel_series_dropped_total{{{c.TARGETS}}}{c.RATE}))",
                "{{reason}}",
            ),
        ),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="Failures",
        description="Evaluations that failed and left the last report standing, and checkpoints and posted events that "
        "could not be written, in the latest interval. All should stay at 0.",
        type="timeseries",
        queries=(
            Query(
                f"sum by (instance) (increase(sentinel_evaluation_failures_total{{{c.TARGETS}}}{c.RATE}))",
                "evaluations, {{instance}}",
            ),
            Query(
                f"sum by (instance) (increase(sentinel_checkpoint_failures_total{{{c.TARGETS}}}{c.RATE}))",
                "checkpoints, {{instance}}",
            ),
            Query(
                f"sum by (instance) (increase(sentinel_http_event_log_failures_total{{{c.TARGETS}}}{c.RATE}))",
                "posted events, {{instance}}",
            ),
        ),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="Log events",
        description="Warnings and errors a second, by name, those included that the limiter held back.",
        type="timeseries",
        queries=(
            Query(
                "topk(10, sum by (level, event) (\n"
                f'  rate(sentinel_log_events_total{{{c.TARGETS},level=~"warning|error"}}{c.RATE})\n'
                "))",
                "{{level}} {{event}}",
            ),
        ),
        unit="eps",
        no_value="none",
        minimum=0,
    ),
    Panel(
        title="Requests refused",
        description="HTTP requests and connections refused in the latest interval, by reason. Logins that fail and "
        "guesses come from somebody with a wrong password, or who has none.",
        type="timeseries",
        queries=(
            Query(
                f"sum by (reason) (increase(sentinel_http_requests_refused_total{{{c.TARGETS}}}{c.RATE}))",
                "{{reason}}",
            ),
        ),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="Marks in Grafana",
        description="Changes of verdict that were written as annotations, refused or dropped, and failed attempts. "
        "All 0 where the configuration names no Grafana.",
        type="timeseries",
        queries=(
            Query(
                f"sum by (result) (increase(sentinel_grafana_annotations_total{{{c.TARGETS}}}{c.RATE}))",
                "{{result}}",
            ),
            Query(
                f"sum by (reason) (increase(sentinel_grafana_failures_total{{{c.TARGETS}}}{c.RATE}))",
                "failed: {{reason}}",
            ),
        ),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="Duration of a scrape",
        description="Time that collecting and rendering the latest scrape took. Prometheus gives up after its "
        "time-out, ten seconds by default.",
        type="timeseries",
        queries=(Query(f"max by (instance) (sentinel_collector_duration_seconds{{{c.TARGETS}}})", "{{instance}}"),),
        unit="s",
        minimum=0,
    ),
    Panel(
        title="CPU",
        description="Processors in use. One that stays full is the limit of a process: add replicas.",
        type="timeseries",
        queries=(Query(f"sum by (instance) (rate(process_cpu_seconds_total{{{c.TARGETS}}}{c.RATE}))", "{{instance}}"),),
        unit="none",
        minimum=0,
    ),
    Panel(
        title="Memory",
        description="Resident memory, the pages of the join stores that are mapped included: those the system takes "
        "back when it needs them.",
        type="timeseries",
        queries=(Query(f"max by (instance) (process_resident_memory_bytes{{{c.TARGETS}}})", "{{instance}}"),),
        unit="bytes",
        minimum=0,
    ),
    Panel(
        title="Partitions",
        description="Input partitions that each process reads. They should add up to the partitions of the topics.",
        type="timeseries",
        queries=(Query(f"max by (instance) (sentinel_partitions_assigned{{{c.TARGETS}}})", "{{instance}}"),),
        unit="short",
        minimum=0,
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
    panels=(*_PANELS, *PASSAGE),
)
