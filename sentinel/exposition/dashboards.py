"""The Grafana dashboards as data: what `sentinel dashboards` writes; alerts link to them by their uid."""

from __future__ import annotations

from sentinel.exposition.panels import Board, Panel, Query, Step, Variable, to_json

# The limits of the alert rules, drawn where the operator looks; the tests hold them against the rules.
MAX_STILL_SECONDS = 120
MAX_CHECKPOINT_AGE_SECONDS = 600
MAX_CATCH_UP_SECONDS = 900
MIN_LAG_MESSAGES = 1_000
MAX_DEAD_LETTER_RATIO = 0.01
ALARM_LOG_EVIDENCE = 4.6  # ln 100: the threshold that a model has unless its alerts say otherwise
_LOST_STANDARD_ERRORS = 5.0  # far beyond what chance gives to the worst of some hundred features


def _limit(value: float, color: str = "red") -> tuple[Step, ...]:
    return (Step(None, "green"), Step(value, color))


_MUST_BE_ONE = (Step(None, "red"), Step(1, "green"))

# Model board. Only the labels of the model are chosen: a model version has one series wherever it is judged, and
# adding up over targets bridges the moment in which a pod takes over from another.
_MODEL = 'model="$model",version="$version"'
_ALL = f'{_MODEL},metric="$metric",slice="all"'
_SLICES = f'{_MODEL},metric="$metric"'


def _all(name: str, legend: str) -> Query:
    return Query(f"max({name}{{{_ALL}}})", legend)


def _by_slice(name: str, title: str) -> Query:
    return Query(f"max by (slice) ({name}{{{_SLICES}}})", title)


_MODEL_PANELS = (
    Panel(
        title="Verdict",
        description="The cause that explains best what is seen. `none` is a healthy model; `insufficient_evidence` is "
        "no verdict yet.",
        type="stat",
        queries=(Query(f"max by (cause) (sentinel_verdict{{{_MODEL}}}) == 1", "{{cause}}"),),
        unit="none",
        legend_only=True,
        width=8,
        height=5,
    ),
    Panel(
        title="Confidence",
        description="How sure the verdict is. Below a half, read what evidence is missing in the report.",
        type="stat",
        queries=(Query(f"max(sentinel_verdict_confidence_ratio{{{_MODEL}}})", "confidence"),),
        unit="percentunit",
        minimum=0,
        maximum=1,
        width=4,
        height=5,
    ),
    Panel(
        title="Alerts held now",
        description="What the daemon would have somebody look at: the number of slices by alert and severity. Each has "
        "a runbook.",
        type="stat",
        queries=(
            Query(
                f"count by (alert, severity) (max without (instance, pod) (sentinel_alert_active{{{_MODEL}}}) > 0)",
                "{{alert}} ({{severity}})",
            ),
        ),
        unit="none",
        steps=_limit(1, "orange"),
        no_value="none",
        width=12,
        height=5,
    ),
    Panel(
        title="Gap with its bounds",
        description="Offline estimate against live over all traffic; above 0 live is worse. The bounds hold however "
        "often one looks: a gap is proved once the lower one is above 0.",
        type="timeseries",
        queries=(
            _all("sentinel_gap_upper", "upper bound"),
            _all("sentinel_gap", "gap"),
            _all("sentinel_gap_lower", "lower bound"),
        ),
        unit="none",
        steps=_limit(0),
    ),
    Panel(
        title="Evidence for a gap",
        description="Natural log of the odds that outcomes give to a gap beyond the tolerance. Dashed: 4.6, a hundred "
        "to one, where an alert fires unless the model's `alerts` say otherwise.",
        type="timeseries",
        queries=(_all("sentinel_gap_log_evidence", "log evidence"),),
        unit="none",
        steps=_limit(ALARM_LOG_EVIDENCE),
    ),
    Panel(
        title="Offline, expected and live",
        description="What validation promised, what the scores alone make one expect, and what outcomes say. Live "
        "below offline with expected in between is a change of the mix; expected as promised and live below is not.",
        type="timeseries",
        queries=(
            _all("sentinel_offline_estimate", "offline"),
            _all("sentinel_expected_estimate", "expected"),
            _all("sentinel_online_estimate", "live"),
            _all("sentinel_online_estimate_lower", "live, lower bound"),
            _all("sentinel_online_estimate_upper", "live, upper bound"),
        ),
        unit="none",
    ),
    Panel(
        title="Causes by probability",
        description="How much of the verdict's belief each cause has; they add up to 1. A change of the leading cause "
        "is worth more than its height.",
        type="timeseries",
        queries=(Query(f"max by (cause) (sentinel_cause_probability_ratio{{{_MODEL}}})", "{{cause}}"),),
        unit="percentunit",
        minimum=0,
        maximum=1,
        stacked=True,
    ),
    Panel(
        title="Slices, worst first",
        description="The gap of the chosen metric in each slice with its bounds and evidence. A slice without a gap "
        "has too few outcomes yet.",
        type="table",
        queries=(
            _by_slice("sentinel_gap", "Gap"),
            _by_slice("sentinel_gap_lower", "Lower bound"),
            _by_slice("sentinel_gap_upper", "Upper bound"),
            _by_slice("sentinel_gap_log_evidence", "Log evidence"),
            Query(
                f'max by (slice) (sentinel_estimate_outcomes{{{_MODEL},side="online"}})',
                "Outcomes",
            ),
        ),
        unit="none",
        height=9,
    ),
    Panel(
        title="Suspects",
        description="Share of the suspicion that a feature, slice or group carries, for the ten heaviest.",
        type="bargauge",
        queries=(
            Query(f"topk(10, max by (kind, name) (sentinel_culprit_weight_ratio{{{_MODEL}}}))", "{{kind}} {{name}}"),
        ),
        unit="percentunit",
        no_value="nobody is named",
        minimum=0,
        maximum=1,
        height=9,
    ),
    Panel(
        title="Features that lost their association",
        description="What a feature lost of its association with the outcome since validation, in standard errors. A "
        "leak knew the outcome offline and does not live.",
        type="bargauge",
        queries=(Query(f"topk(10, max by (feature) (sentinel_feature_collapse{{{_MODEL}}}))", "{{feature}}"),),
        unit="none",
        steps=_limit(_LOST_STANDARD_ERRORS),
    ),
    Panel(
        title="Features that arrive differently",
        description="The ten features whose share of missing values moved most since validation, and the ten with the "
        "most values that the baseline never saw.",
        type="timeseries",
        queries=(
            Query(
                "topk(10, abs(\n"
                f'  max by (feature) (sentinel_feature_missing_ratio{{{_MODEL},side="online"}})\n'
                f'  - max by (feature) (sentinel_feature_missing_ratio{{{_MODEL},side="offline"}})\n'
                "))",
                "missing, moved by: {{feature}}",
            ),
            Query(
                f"topk(10, max by (feature) (sentinel_feature_unseen_ratio{{{_MODEL}}}))",
                "never seen: {{feature}}",
            ),
        ),
        unit="percentunit",
        minimum=0,
    ),
    Panel(
        title="Outcomes that arrived",
        description="Share of the predictions old enough to have an outcome that have one. Where it falls, live "
        "estimates rest on those that answer early.",
        type="timeseries",
        queries=(Query(f"max(sentinel_outcome_coverage_ratio{{{_MODEL}}})", "coverage"),),
        unit="percentunit",
        minimum=0,
        maximum=1,
    ),
    Panel(
        title="Delay of outcomes",
        description="Time from a prediction to its outcome, over all that were joined since the counts began: half and "
        "nine tenths took less.",
        type="timeseries",
        queries=tuple(
            Query(
                f"histogram_quantile({share}, max by (le) (sentinel_outcome_delay_seconds_bucket{{{_MODEL}}}))", legend
            )
            for share, legend in ((0.5, "half"), (0.9, "nine tenths"))
        ),
        unit="s",
        minimum=0,
    ),
)

MODEL_BOARD = Board(
    uid="sentinel-model",
    title="Sentinel / Model",
    description="One model version: the verdict, the gap between validation and live, who is suspected, and what the "
    "data are worth.",
    variables=(
        Variable("model", "Model", "label_values(sentinel_verdict, model)"),
        Variable("version", "Version", 'label_values(sentinel_verdict{model="$model"}, version)'),
        Variable("metric", "Metric", f"label_values(sentinel_offline_estimate{{{_MODEL}}}, metric)"),
    ),
    alerts=f'alertname=~"Sentinel.+",alertstate="firing",{_MODEL}',
    panels=_MODEL_PANELS,
)

_TARGETS = 'job=~"$job",instance=~"$instance"'
_RATE = "[$__rate_interval]"
_LAG = f"sum by (topic) (max by (topic, partition) (sentinel_consumer_lag_messages{{{_TARGETS}}}))"
_EVENTS_PER_SECOND = f"sum(rate(sentinel_events_total{{{_TARGETS}}}{_RATE}))"


def _age(name: str) -> Query:
    return Query(f"time() - max by (instance) ({name}{{{_TARGETS}}})", "{{instance}}")


_DAEMON_PANELS = (
    Panel(
        title="Ready",
        description="Whether baselines are loaded and partitions are assigned.",
        type="stat",
        queries=(Query(f"min by (instance) (sentinel_ready{{{_TARGETS}}})", "{{instance}}"),),
        unit="none",
        steps=_MUST_BE_ONE,
        names=((0, "not ready"), (1, "ready")),
        width=6,
        height=5,
    ),
    Panel(
        title="Configuration",
        description="Whether the last load succeeded. If not, the one from before is in force.",
        type="stat",
        queries=(Query(f"min by (instance) (sentinel_config_last_reload_successful{{{_TARGETS}}})", "{{instance}}"),),
        unit="none",
        steps=_MUST_BE_ONE,
        names=((0, "last reload failed"), (1, "as written")),
        width=6,
        height=5,
    ),
    Panel(
        title="Since the loop came round",
        description="It should every second or so. Beyond two minutes the process is stuck.",
        type="stat",
        queries=(_age("sentinel_loop_last_turn_timestamp_seconds"),),
        unit="s",
        steps=_limit(MAX_STILL_SECONDS),
        width=6,
        height=5,
    ),
    Panel(
        title="Since the last checkpoint",
        description="How much a restart would read again. It stands still when there is nothing to write.",
        type="stat",
        queries=(_age("sentinel_checkpoint_last_success_timestamp_seconds"),),
        unit="s",
        steps=_limit(MAX_CHECKPOINT_AGE_SECONDS),
        width=6,
        height=5,
    ),
    Panel(
        title="Events read",
        description="By kind and what became of them.",
        type="timeseries",
        queries=(
            Query(
                f"sum by (kind, result) (rate(sentinel_events_total{{{_TARGETS}}}{_RATE}))",
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
                f"sum by (reason) (rate(sentinel_dead_letters_total{{{_TARGETS}}}{_RATE}))\n"
                f"/ ignoring (reason) group_left () {_EVENTS_PER_SECOND}",
                "{{reason}}",
            ),
        ),
        unit="percentunit",
        steps=_limit(MAX_DEAD_LETTER_RATIO, "orange"),
        minimum=0,
    ),
    Panel(
        title="Messages that wait",
        description="Between what was read and the end of each topic. Below the dashed line the alert stays silent.",
        type="timeseries",
        queries=(Query(_LAG, "{{topic}}"),),
        unit="short",
        steps=_limit(MIN_LAG_MESSAGES, "orange"),
        minimum=0,
    ),
    Panel(
        title="Time to catch up",
        description="What waits, at the rate at which events are read now. Dashed: where the alert fires.",
        type="timeseries",
        queries=(Query(f"sum({_LAG})\n/ {_EVENTS_PER_SECOND}", "to the end of the topics"),),
        unit="s",
        steps=_limit(MAX_CATCH_UP_SECONDS, "orange"),
        minimum=0,
    ),
    Panel(
        title="Waiting for their other half",
        description="Predictions without an outcome and outcomes without a prediction. It levels off after the horizon "
        "of the slowest model.",
        type="timeseries",
        queries=(Query(f"sum by (instance) (sentinel_join_pending{{{_TARGETS}}})", "{{instance}}"),),
        unit="short",
        minimum=0,
    ),
    Panel(
        title="Join stores on disk",
        description="Bytes that the stores take; they grow with the predictions that wait.",
        type="timeseries",
        queries=(Query(f"sum by (instance) (sentinel_store_bytes{{{_TARGETS}}})", "{{instance}}"),),
        unit="bytes",
        minimum=0,
    ),
    Panel(
        title="Duration of an evaluation",
        description="Mean time that judging all models takes.",
        type="timeseries",
        queries=(
            Query(
                f"sum by (instance) (rate(sentinel_evaluation_duration_seconds_sum{{{_TARGETS}}}{_RATE}))\n"
                f"/ sum by (instance) (rate(sentinel_evaluation_duration_seconds_count{{{_TARGETS}}}{_RATE}))",
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
            Query(f"max by (instance) (sentinel_series{{{_TARGETS}}})", "exposed, {{instance}}"),
            Query(f"max by (instance) (sentinel_series_limit{{{_TARGETS}}})", "limit, {{instance}}"),
        ),
        unit="short",
        minimum=0,
    ),
)

DAEMON_BOARD = Board(
    uid="sentinel-daemon",
    title="Sentinel / Daemon",
    description="The process itself: whether it is alive, keeps up, and loses nothing.",
    variables=(
        Variable("job", "Job", "label_values(sentinel_build_info, job)", several=True),
        Variable("instance", "Instance", 'label_values(sentinel_build_info{job=~"$job"}, instance)', several=True),
    ),
    alerts='alertname=~"Sentinel.+",alertstate="firing",model=""',
    panels=_DAEMON_PANELS,
)

BOARDS: tuple[Board, ...] = (MODEL_BOARD, DAEMON_BOARD)


def files() -> dict[str, str]:
    """What belongs into the folder ``dashboards``: the text of each file by its name."""
    return {f"{board.uid}.json": to_json(board) for board in BOARDS}
