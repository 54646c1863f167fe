"""What the boards share: how models and targets are chosen, where lines lie, what is marked, and where clicks lead."""

from __future__ import annotations

import math
from typing import Final

from sentinel.config.alerts import Alerts
from sentinel.diagnosis.report import Cause
from sentinel.exposition.panels import VERDICT_TAGS, Link, Marks, Query, Step, Variable

FLEET_UID: Final = "sentinel-fleet"
MODEL_UID: Final = "sentinel-model"
SLICES_UID: Final = "sentinel-slices"
FEATURES_UID: Final = "sentinel-features"
DATA_UID: Final = "sentinel-data"
DAEMON_UID: Final = "sentinel-daemon"

ALARM_LOG_EVIDENCE: Final = round(math.log(1 / Alerts().alpha), 2)
"""ln 100: the threshold that a model has unless its alerts say otherwise."""

JOB: Final = 'job=~"$job"'
TARGETS: Final = f'{JOB},instance=~"$instance"'
# Beside the job only the labels of the model are chosen: a model version has one series wherever it is judged, and the
# maximum over targets bridges the moment in which a pod takes over from another.
MODEL: Final = f'{JOB},model="$model",version="$version"'
METRIC: Final = f'{MODEL},metric="$metric"'
ALL: Final = f'{METRIC},slice="all"'
RATE: Final = "[$__rate_interval]"

LEAKAGE: Final = "|".join(cause for cause in Cause if cause.family == "leakage")
NOT_NAMED: Final = f"{Cause.NONE}|{Cause.INSUFFICIENT_EVIDENCE}"


def limit(value: float, color: str = "red") -> tuple[Step, ...]:
    """Green, and from a value on another colour."""
    return (Step(None, "green"), Step(value, color))


def at_least(value: float, color: str = "red") -> tuple[Step, ...]:
    """A colour, and from a value on green."""
    return (Step(None, color), Step(value, "green"))


def all_traffic(name: str, legend: str) -> Query:
    """A finding's number for the chosen metric over all traffic."""
    return Query(f"max({name}{{{ALL}}})", legend)


def of_model(name: str, legend: str) -> Query:
    """A number that a model version has once."""
    return Query(f"max({name}{{{MODEL}}})", legend)


def of_model_by(labels: str, name: str, legend: str = "", *, selector: str = MODEL) -> Query:
    """Numbers that a model version has for each value of one label, or of several."""
    return Query(f"max by ({labels}) ({name}{{{selector}}})", legend or legend_of(labels))


def legend_of(labels: str) -> str:
    """How a series is called that differs from others in these labels alone.

    Examples
    --------
    >>> legend_of("kind, result")
    '{{kind}}, {{result}}'
    """
    return ", ".join(f"{{{{{label}}}}}" for label in labels.split(", "))


JOB_VARIABLE: Final = Variable("job", "Job", "label_values(sentinel_build_info, job)", several=True)
MODEL_VARIABLES: Final = (
    JOB_VARIABLE,
    Variable("model", "Model", f"label_values(sentinel_verdict{{{JOB}}}, model)"),
    Variable("version", "Version", f'label_values(sentinel_verdict{{{JOB},model="$model"}}, version)'),
)
METRIC_VARIABLE: Final = Variable(
    "metric", "Metric", f"label_values(sentinel_offline_estimate{{{MODEL}}}, metric)", preferred="auc"
)

_DEPLOYMENTS: Final = "deployment"
"""The tag of annotations that a deployment job writes; docs/how-to/grafana.md shows how."""
MODEL_MARKS: Final = (
    Marks(
        name="Alerts",
        color="red",
        expr='ALERTS{alertname=~"Sentinel.+",alertstate="firing",model="$model",version="$version"}',
        title="{{alertname}}",
        text="{{severity}} {{slice}} {{cause}}",
    ),
    Marks(name="Verdicts", color="orange", tags=(*VERDICT_TAGS, "model:$model", "version:$version")),
    Marks(name="Deployments", color="blue", tags=(_DEPLOYMENTS, "model:$model")),
    Marks(
        name="Baselines",
        color="purple",
        expr=f"max by (model, version) (sentinel_baseline_created_timestamp_seconds{{{MODEL}}}) * 1000",
        title="Baseline of {{model}} {{version}}",
        text="Built or promoted",
        value_is_time=True,
    ),
)
FLEET_MARKS: Final = (
    Marks(
        name="Alerts",
        color="red",
        expr='ALERTS{alertname=~"Sentinel.+",alertstate="firing",model!=""}',
        title="{{alertname}} {{model}} {{version}}",
        text="{{severity}} {{slice}} {{cause}}",
    ),
    Marks(name="Verdicts", color="orange", tags=VERDICT_TAGS),
    Marks(name="Deployments", color="blue", tags=(_DEPLOYMENTS,)),
)

TO_MODEL: Final = Link(MODEL_UID, "The model", labels=("model", "version"))
TO_SLICE: Final = Link(SLICES_UID, "The slice over time", keeps=("model", "version", "metric"), labels=("slice",))
TO_FEATURE: Final = Link(FEATURES_UID, "The feature over time", keeps=("model", "version"), labels=("feature",))
