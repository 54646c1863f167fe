"""From the configuration to what runs: each model with its baseline, its plan and its schema, all loaded before use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sentinel.baseline.artifact import Baseline
from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.model import Model
from sentinel.config.settings import Config
from sentinel.errors import BaselineError
from sentinel.events.schema import Limits
from sentinel.pipeline.ahead import GRADED_HEADER
from sentinel.pipeline.plan import ModelPlan, plan_model
from sentinel.pipeline.store.protocol import MAX_ROW_BYTES
from sentinel.summaries.rows import row_dtype
from sentinel.summaries.trained import TrainedOn

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class WatchedModel:
    """One model version with the baseline that it is held against."""

    settings: Model
    baseline: Baseline
    plan: ModelPlan

    @property
    def key(self) -> Key:
        """(model, version)."""
        return self.settings.name, self.settings.version


def watch(settings: Model, baseline: Baseline) -> WatchedModel:
    """Put a model's settings and its baseline together.

    Raises
    ------
    BaselineError
        If the baseline was built for another model, version or task, or lacks a configured slice.
    """
    layout = baseline.layout
    wanted = (settings.name, settings.version, settings.task)
    built_for = (layout.model, layout.version, layout.task)
    if wanted != built_for:
        raise BaselineError(
            f"the baseline was built for {built_for[0]} {built_for[1]} ({built_for[2]}), "
            f"not for {wanted[0]} {wanted[1]} ({wanted[2]}): point `baseline` at the right file or build one"
        )
    trained_on = TrainedOn(baseline.train_rows, baseline.train_entities)
    plan = plan_model(settings, layout, baseline.meta.horizon_seconds, trained_on)
    return WatchedModel(settings, baseline, plan)


def load_models(config: Config) -> dict[Key, WatchedModel]:
    """Load the baseline of every configured model.

    Raises
    ------
    BaselineError, CorruptArtifactError
        Naming the model whose baseline is missing or unreadable.
    """
    models = {}
    for settings in config.models:
        if settings.baseline is None:
            raise BaselineError(
                f"model {settings.name} {settings.version} has no baseline: build one with `sentinel baseline build` "
                "and name its file under `baseline`"
            )
        models[settings.name, settings.version] = watch(settings, Baseline.load(Path(settings.baseline)))
    return models


def row_bytes(models: Mapping[Key, WatchedModel]) -> int:
    """Width of the join store's rows: the widest layout, rounded up so that a new feature seldom widens the store.

    Raises
    ------
    BaselineError
        If a model has more features than a row holds.
    """
    widest, key = max((row_dtype(m.plan.layout).itemsize, key) for key, m in models.items())
    if widest > MAX_ROW_BYTES:
        raise BaselineError(
            f"model {key[0]} {key[1]} has {len(models[key].plan.layout.features)} features: a waiting prediction takes "
            f"{widest} bytes, and the join store holds {MAX_ROW_BYTES}: build its baseline from fewer columns"
        )
    if any(m.plan.layout.n_ranked for m in models.values()):
        widest = max(widest, GRADED_HEADER.itemsize)
    return -(-widest // 32) * 32


def plans(models: Mapping[Key, WatchedModel]) -> Sequence[ModelPlan]:
    """The plans, in the order of the configuration."""
    return [model.plan for model in models.values()]


def event_limits(config: Config) -> Limits:
    """What the codecs refuse, from the configuration."""
    limits = config.limits
    return Limits(
        max_event_bytes=int(limits.max_event_bytes),
        earliest_us=limits.min_time_us,
        max_future_us=round(float(limits.max_future_skew) * MICROSECONDS_PER_SECOND),
        head_bytes=int(limits.dead_letter_head_bytes),
    )
