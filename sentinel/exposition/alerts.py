"""The alert rules as data: what `sentinel rules` prints, and what the documents and the tests are held against."""

from __future__ import annotations

from sentinel.exposition.rules import AlertRule, RuleGroup

_HOLD = "3m"  # bridges two failed scrapes in a row at the usual interval of a minute
_MAX_STILL_SECONDS = 120  # the loop turns every second or so; a slow disk delays it by a few
_MAX_CHECKPOINT_AGE_SECONDS = 600  # the longest interval that the configuration allows
_MAX_CATCH_UP_SECONDS = 900
_MIN_LAG_MESSAGES = 1_000  # less is caught up within the poll that follows
_MAX_DEAD_LETTER_RATIO = 0.01

_MODEL = "Model {{ $labels.model }}, version {{ $labels.version }}"
_CAUSE = "{{ with $labels.cause }}{{ . }}{{ else }}not yet clear{{ end }}"


def _finding_value(metric: str, form: str = "%.3f") -> str:
    """A template that prints one number of the finding that the alert is about, or ``unknown``."""
    selector = f"{metric}{{model=%q,version=%q,metric=%q,slice=%q}}"
    query = f'printf "{selector}" $labels.model $labels.version $labels.metric $labels.slice | query'
    return f'{{{{ with {query} }}}}{{{{ . | first | value | printf "{form}" }}}}{{{{ else }}}}unknown{{{{ end }}}}'


def _model_share(metric: str) -> str:
    """A template that prints one share of the model version as a percentage, or ``unknown``."""
    query = f'printf "{metric}{{model=%q,version=%q}}" $labels.model $labels.version | query'
    share = "{{ . | first | value | humanizePercentage }}"
    return f"{{{{ with {query} }}}}{share}{{{{ else }}}}unknown{{{{ end }}}}"


def _ranking(metric: str, label: str, n: int) -> str:
    """A template that lists the largest shares of a model version, largest first: ``a 97%, b 2%``."""
    query = f'printf "topk({n}, max by ({label}) ({metric}{{model=%q,version=%q}}) > 0.005)"'
    item = f"{{{{ if $i }}}}, {{{{ end }}}}{{{{ $e.Labels.{label} }}}} {{{{ $e.Value | humanizePercentage }}}}"
    head = f"{{{{ range $i, $e := {query} $labels.model $labels.version | query }}}}"
    return f"{head}{item}{{{{ else }}}}none is named{{{{ end }}}}"


def _drifted(n: int) -> str:
    """A template that lists the features, or the score, that moved most: ``@score 0.31, age 0.12``."""
    selector = "sentinel_drift_statistic{model=%q,version=%q,statistic=%q}"
    query = f'printf "topk({n}, max by (feature) ({selector}) > 0.1)" $labels.model $labels.version "stability_index"'
    item = '{{ if $i }}, {{ end }}{{ $e.Labels.feature }} {{ $e.Value | printf "%.2f" }}'
    return f"{{{{ range $i, $e := {query} | query }}}}{item}{{{{ else }}}}none is named{{{{ end }}}}"


_GAP = (
    "{{ if $labels.metric }}in {{ $labels.metric }} over slice {{ $labels.slice }} "
    f"the gap is {_finding_value('sentinel_gap')} (95 % bounds {_finding_value('sentinel_gap_lower')} to "
    f"{_finding_value('sentinel_gap_upper')}; above 0 live is worse): offline "
    f"{_finding_value('sentinel_offline_estimate')}, live {_finding_value('sentinel_online_estimate')}, log evidence "
    f"{_finding_value('sentinel_gap_log_evidence', '%.1f')}."
    "{{ else }}no single metric is meant, but all that was found.{{ end }}"
)
_CAUSES = f"Causes by probability: {_ranking('sentinel_cause_probability_ratio', 'cause', 3)}."
_CULPRITS = f"Suspects: {_ranking('sentinel_culprit_weight_ratio', 'name', 3)}."


def _decided(alert: str) -> str:
    """The expression of an alert that the daemon decides, bridging failed scrapes and adding up replicas."""
    return (
        "max without (instance, pod, alert) (\n"
        f'  max_over_time(sentinel_alert_active{{<selector>,alert="{alert}"}}[{_HOLD}])\n'
        ") > 0"
    )


def _model_alert(name: str, summary: str, description: str) -> AlertRule:
    return AlertRule(
        name=name, expr=_decided(name), summary=summary, description=description, dashboard="sentinel-model"
    )


_MODELS = RuleGroup(
    "sentinel-models",
    (
        _model_alert(
            "SentinelLeakageSuspected",
            "The offline estimate looks leaked: live performance falls short in the way that leakage does.",
            f"{_MODEL}: {_GAP} Likeliest cause: {_CAUSE}. {_CULPRITS} {_CAUSES} "
            "It could also be a change in the world since launch, or a fault in the data that is served.",
        ),
        _model_alert(
            "SentinelOfflineOnlineGap",
            "Live performance falls short of the offline estimate by more than the tolerance.",
            f"{_MODEL}: {_GAP} Likeliest cause: {_CAUSE}. {_CAUSES} "
            "It could be leakage in the offline estimate, a change in the world, or a fault in the data.",
        ),
        _model_alert(
            "SentinelSliceGap",
            "Live performance in a slice falls short of that slice's offline estimate.",
            f"{_MODEL}: {_GAP} At most a set share of the slices raised are false alarms. {_CAUSES} "
            "It could be a leak that only this slice has, or a change that only this slice saw.",
        ),
        _model_alert(
            "SentinelPerformanceChanged",
            "Live performance has become worse than it was after launch.",
            f"{_MODEL}: {_GAP} When it began: {_ranking('sentinel_onset_probability_ratio', 'onset', 3)}. {_CAUSES} "
            "It could be a change in the world, a fault in the data, or outcomes that are read differently now.",
        ),
        _model_alert(
            "SentinelFutureFeature",
            "A feature that the model was trained on holds what is known only after the prediction.",
            f"{_MODEL}: {_GAP} {_CULPRITS} {_CAUSES} "
            "It could also be a clock that is wrong, or times that say when a value was copied, not when it was made.",
        ),
        _model_alert(
            "SentinelTrainServeSkew",
            "A feature is served differently from how the model was trained on it.",
            f"{_MODEL}: {_GAP} {_CULPRITS} {_CAUSES} "
            "It could also be a feature that leaked offline and is not there yet at prediction time.",
        ),
        _model_alert(
            "SentinelDataQuality",
            "Features arrive broken: empty, constant, or with values that the baseline never saw.",
            f"{_MODEL}: {_GAP} {_CULPRITS} {_CAUSES} "
            "Other alerts of this model version may be its symptoms. "
            "It could also be a real change of the population, or a leak that is empty until its outcome is known.",
        ),
        _model_alert(
            "SentinelDrift",
            "What is served, or the scores, have moved from what offline validation saw.",
            f"{_MODEL}: moved most, by stability index: {_drifted(3)}. {_CAUSES} "
            "Drift alone costs nothing: two harmless streams of three show it in some feature. It could also be a "
            "fault in the data, or the season.",
        ),
        _model_alert(
            "SentinelOutcomesMissing",
            "Outcomes do not arrive as they should, so live performance cannot be judged.",
            f"{_MODEL}: {_model_share('sentinel_outcome_coverage_ratio')} of the predictions that are old enough have "
            "an outcome. The pipeline that reports outcomes may be late, broken, or keyed by other ids.",
        ),
        _model_alert(
            "SentinelInsufficientEvidence",
            "Not enough is known yet to say whether live performance keeps what offline validation promised.",
            f"{_MODEL}: {{{{ if $labels.metric }}}}in {{{{ $labels.metric }}}} over slice {{{{ $labels.slice }}}} "
            f"no gap below {_finding_value('sentinel_minimum_detectable_gap')} can be proved. {{{{ end }}}}"
            f"Outcomes cover {_model_share('sentinel_outcome_coverage_ratio')} of the predictions that are old enough. "
            "Time may mend it; a small or one-sided validation set will not.",
        ),
    ),
)

_LAG = (
    "sum without (topic, partition) (\n"
    f"  max without (instance, pod) (max_over_time(sentinel_consumer_lag_messages{{<selector>}}[{_HOLD}]))\n"
    ")"
)
_EVENT_RATE = "sum without (instance, pod, kind, result) (rate(sentinel_events_total{<selector>}[15m]))"

_DAEMON = RuleGroup(
    "sentinel-daemon",
    (
        AlertRule(
            name="SentinelDown",
            expr="up{<selector>} == 0 or absent(up{<selector>})",
            hold_for="5m",
            severity="critical",
            summary="Prometheus cannot scrape sentinel, so no other alert of it can fire.",
            description="Job {{ $labels.job }}: {{ with $labels.instance }}{{ . }} answers no scrape"
            "{{ else }}there is no target to scrape{{ end }}. The process may be down, unreachable, or gone from the "
            "scrape configuration.",
            dashboard="sentinel-daemon",
        ),
        AlertRule(
            name="SentinelStalled",
            expr=f"time() - max_over_time(sentinel_loop_last_turn_timestamp_seconds{{<selector>}}[{_HOLD}])\n"
            f"> {_MAX_STILL_SECONDS}",
            hold_for="1m",
            severity="critical",
            summary="A sentinel process answers, but its event loop does not come round.",
            description="{{ $labels.instance }} last came round {{ $value | humanizeDuration }} ago; it should every "
            "second or so. It may wait for a disk, for the broker inside a call, or have met a fault.",
            dashboard="sentinel-daemon",
        ),
        AlertRule(
            name="SentinelConsumerLag",
            expr=f"{_LAG}\n/ {_EVENT_RATE}\n> {_MAX_CATCH_UP_SECONDS}\nand {_LAG}\n> {_MIN_LAG_MESSAGES}",
            hold_for="10m",
            severity="warning",
            summary="Sentinel falls behind its input, so every verdict is late.",
            description="Job {{ $labels.job }}: at the present rate it takes {{ $value | humanizeDuration }} to read "
            "what waits. Traffic may have grown, replicas may be missing, or one partition may be stuck.",
            dashboard="sentinel-daemon",
        ),
        AlertRule(
            name="SentinelDeadLetters",
            expr="sum without (instance, pod) (rate(sentinel_dead_letters_total{<selector>}[15m]))\n"
            f"/ ignoring (reason) group_left () {_EVENT_RATE}\n"
            f"> {_MAX_DEAD_LETTER_RATIO}",
            hold_for="10m",
            severity="warning",
            summary="Many events are refused, so what is judged is not the whole traffic.",
            description="Job {{ $labels.job }}: {{ $value | humanizePercentage }} of the events of the last 15 minutes "
            "were refused as {{ $labels.reason }}. A producer may have changed its format, clock or ids.",
            dashboard="sentinel-daemon",
        ),
        AlertRule(
            name="SentinelCheckpointFailing",
            expr="increase(sentinel_checkpoint_failures_total{<selector>}[10m]) > 0\n"
            "and time() - max_over_time(sentinel_checkpoint_last_success_timestamp_seconds{<selector>}"
            f"[{_HOLD}]) > {_MAX_CHECKPOINT_AGE_SECONDS}",
            hold_for="1m",
            severity="critical",
            summary="Sentinel cannot make its counts durable, so a restart has to read much again.",
            description="{{ $labels.instance }}: {{ $value | humanize }} attempts failed in the last 10 minutes, and "
            "none succeeded. The disk may be full or read-only, or the store at its size limit.",
            dashboard="sentinel-daemon",
        ),
        AlertRule(
            name="SentinelConfigReloadFailed",
            expr=f"max_over_time(sentinel_config_last_reload_successful{{<selector>}}[{_HOLD}]) == 0",
            hold_for="5m",
            severity="warning",
            summary="The last reload of sentinel's configuration failed and the old one stands.",
            description="{{ $labels.instance }} runs the configuration from before the failed reload, and would not "
            "start with the new one. The file may have a fault, or name a baseline that cannot be read.",
            dashboard="sentinel-daemon",
        ),
        AlertRule(
            name="SentinelSeriesDropped",
            expr="sum without (instance, pod) (increase(sentinel_series_dropped_total{<selector>}[15m])) > 0",
            hold_for="15m",
            severity="warning",
            summary="Sentinel has more time series than it may expose; the least suspicious are left out.",
            description="Job {{ $labels.job }}: {{ $value | humanize }} series were left out in the last 15 minutes, "
            "by reason {{ $labels.reason }}. The reports over HTTP have them all. "
            "Slices or features may have multiplied, or the limit may be low.",
            dashboard="sentinel-daemon",
        ),
    ),
)

GROUPS: tuple[RuleGroup, ...] = (_MODELS, _DAEMON)
ALERTS: tuple[AlertRule, ...] = tuple(rule for group in GROUPS for rule in group.rules)
