"""Watch one simulated stream as the daemon would: files, baseline, partition, panes, evaluations."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta

from sentinel.baseline.artifact import Baseline, BaselineMeta
from sentinel.baseline.build import build_baseline
from sentinel.config import load_config
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.findings import Evaluation
from sentinel.evaluation.gap import log_evidence
from sentinel.evaluation.launch import combined
from sentinel.evaluation.maturity import find_ages
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.ingest.replay import ReplaySource
from sentinel.ingest.replay_schedules import ScheduledBackfills
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.plan import ModelPlan, plan_model
from sentinel.pipeline.progress import outcomes_through
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.simulation.files import write_files
from sentinel.summaries.panes import PaneSeries
from sentinel.summaries.rows import row_dtype
from sentinel.summaries.trained import TrainedOn

if TYPE_CHECKING:
    from sentinel.config.alerts import Alerts
    from sentinel.config.model import Model
    from sentinel.simulation.scenario import SimulatedStream

LOOKS: Final = (0.3, 0.6, 1.0)
"""Shares of the events after which everything is evaluated."""
STEPS: Final = 40
"""Looks at the gate alone, over the predictions of a stream: a delay is known to a fortieth of it."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was known after a share of the events."""

    fraction: float
    n_predictions: int
    n_outcomes: int
    at_us: Annotated[int, Meta(description="latest prediction, microseconds since the epoch")]
    evaluation: Evaluation


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """The truth about a stream, and how it was drawn."""

    generator: str
    name: str
    seed: int
    cause: str
    second: str | None = None
    variant: Annotated[str, Meta(description="how the cause was planted, or which look-alike this is")] = ""
    severity: str = ""
    culprits: tuple[str, ...] = ()
    offline_auc: float
    online_auc: float
    onset_us: int | None = None
    honest_auc: Annotated[float | None, Meta(description="offline AUC without the planted leak")] = None

    @property
    def gap(self) -> float:
        """Offline minus online AUC."""
        return self.offline_auc - self.online_auc


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """One stream, watched to its end."""

    planted: Planted
    meta: BaselineMeta
    looks: tuple[Look, ...]
    alarmed_at: Annotated[int | None, Meta(description="outcomes known at the first step that passed the gate")] = None
    alarmed_at_positives: int | None = None
    n_events: int = 0


class OfflineMeta(msgspec.Struct, frozen=True):
    """The side of a baseline that a diagnosis reads."""

    meta: BaselineMeta


def watch(simulated: SimulatedStream, planted: Planted, *, looks: tuple[float, ...] = LOOKS) -> Watched:
    """Build the baseline from the offline rows, feed the stream to a partition, and evaluate at some looks.

    Parameters
    ----------
    simulated : SimulatedStream
    planted : Planted
        Goes into the result unread: nothing here knows the truth.
    looks : tuple of float in (0, 1], ascending

    Returns
    -------
    Watched
    """
    with TemporaryDirectory() as folder:
        files = write_files(simulated, Path(folder))
        model = load_config(files.config).models[0]
        baseline = build_baseline(model, files.validation, files.train, files.manifest, now_us=0, audit=False)
        codec = ArrowCodec(baseline.layout.schema, model.columns)
        batch = max(math.ceil(len(simulated.stream) / STEPS), 1)
        backfills = None if files.backfills is None else ScheduledBackfills(files.backfills, codec)
        source = ReplaySource(
            files.stream, files.stream, codec, model.columns, rows_per_batch=batch, backfills=backfills
        )
        return _watch(baseline, model, source, planted, looks)


def _watch(
    baseline: Baseline, model: Model, source: ReplaySource, planted: Planted, looks: tuple[float, ...]
) -> Watched:
    plan = _plan(baseline, model)
    pipeline = PartitionPipeline(0, MemoryJoinStore(_row_bytes(baseline)), [plan])
    gate = _Gate(baseline, model.alerts, plan)
    waiting, seen = list(looks), []
    source.start_at(0, {})
    while not source.exhausted():
        for batch in source.poll(0.0):
            pipeline.process(batch)
        live = _series(pipeline, baseline, model)
        gate.look(live, outcomes_through([pipeline], plan))
        if waiting and source.fraction() >= waiting[0] - 1e-9:
            seen.append(_look(waiting.pop(0), pipeline, baseline, live, model, plan))
    source.close(0.0)
    return Watched(
        planted=planted,
        meta=baseline.meta,
        looks=tuple(seen),
        alarmed_at=gate.alarmed_at,
        alarmed_at_positives=gate.alarmed_at_positives,
        n_events=gate.n_outcomes,
    )


class _Gate:
    """The alarm on everything since launch, and when it was first passed."""

    def __init__(self, baseline: Baseline, alerts: Alerts, plan: ModelPlan) -> None:
        self._baseline = baseline
        self._alerts = alerts
        self._plan = plan
        self.alarmed_at: int | None = None
        self.alarmed_at_positives: int | None = None
        self.n_outcomes = 0

    def look(self, live: PaneSeries, through_us: int) -> None:
        """Judge what is known now, as an evaluation does."""
        outcomes = sum((pane["outcomes"].sum(axis=0) for _, pane in live.panes), np.zeros(2, np.int64))
        self.n_outcomes = int(outcomes.sum())
        if self.alarmed_at is not None:
            return
        plan = self._plan
        ages = find_ages(self._baseline.summary, live, through_us, plan.absence, plan.settled_us)
        evidence = combined([log_evidence("auc", age.reference, age.auc(), self._alerts) for age in ages])
        if evidence is not None and evidence >= -math.log(self._alerts.alpha):
            self.alarmed_at = self.n_outcomes
            self.alarmed_at_positives = int(outcomes[1])


def _look(
    fraction: float,
    pipeline: PartitionPipeline,
    baseline: Baseline,
    live: PaneSeries,
    model: Model,
    plan: ModelPlan,
) -> Look:
    evaluation = evaluate(
        baseline,
        live,
        model.alerts,
        outcomes_through([pipeline], plan),
        absence=plan.absence,
        settled_us=plan.settled_us,
        declared=model.features,
    )
    kept = tuple(f for f in evaluation.findings if f.slice == "all")
    return Look(
        fraction=fraction,
        n_predictions=sum(pane.n_predictions for _, pane in live.panes),
        n_outcomes=sum(pane.n_outcomes for _, pane in live.panes),
        at_us=pipeline.watermark,
        evaluation=msgspec.structs.replace(evaluation, findings=kept),
    )


def _series(pipeline: PartitionPipeline, baseline: Baseline, model: Model) -> PaneSeries:
    found = pipeline.publish().get((model.name, model.version))
    return PaneSeries(baseline.layout, 1, ()) if found is None else found


def _plan(baseline: Baseline, model: Model) -> ModelPlan:
    trained_on = TrainedOn(baseline.train_rows, baseline.train_entities)
    return plan_model(model, baseline.layout, baseline.meta.horizon_seconds, trained_on)


def _row_bytes(baseline: Baseline) -> int:
    return -(-row_dtype(baseline.layout).itemsize // 32) * 32
