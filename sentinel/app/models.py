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
from sentinel.events.hash_key import HashKey
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


def watch(settings: Model, baseline: Baseline, hash_key: HashKey | None = None) -> WatchedModel:
    """Put a model's settings and its baseline together.

    Raises
    ------
    BaselineError
        If the baseline was built for another model, version or task, or lacks a configured slice, or has another key in
        its hashes.
    """
    _check_hash_key(settings, baseline, hash_key)
    layout = baseline.layout
    wanted = (settings.name, settings.version, settings.task)
    built_for = (layout.model, layout.version, layout.task)
    if wanted != built_for:
        raise BaselineError(
            f"the baseline was built for {built_for[0]} {built_for[1]} ({built_for[2]}), "
            f"not for {wanted[0]} {wanted[1]} ({wanted[2]}): point `baseline` at the right file or build one"
        )
    trained_on = TrainedOn(baseline.train_rows, baseline.train_entities, hash_key)
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
    hash_key = hash_key_of(config)
    for settings in config.models:
        if settings.baseline is None:
            raise BaselineError(
                f"model {settings.name} {settings.version} has no baseline: build one with `sentinel baseline build` "
                "and name its file under `baseline`"
            )
        models[settings.name, settings.version] = watch(settings, Baseline.load(Path(settings.baseline)), hash_key)
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
        hash_key=hash_key_of(config),
    )


def stamped_early_us(config: Config) -> int:
    """How much earlier than its event a message may be stamped: a request waits that long for its response, or shorter.

    Parameters
    ----------
    config : Config

    Returns
    -------
    int, microseconds, >= 0
    """
    kafka = None if config.source is None else config.source.kafka
    inference = None if kafka is None else kafka.formats.predictions.inference
    waits_us = 0 if inference is None else round(float(inference.pair_wait) * MICROSECONDS_PER_SECOND)
    return event_limits(config).max_future_us + waits_us


def hash_key_of(config: Config) -> HashKey | None:
    """The key in the hashes of ids, if one is configured."""
    secret = config.state.hash_key
    return None if secret is None else HashKey.from_text(secret.reveal())


def _check_hash_key(settings: Model, baseline: Baseline, hash_key: HashKey | None) -> None:
    built_with, given = baseline.meta.hash_key, None if hash_key is None else hash_key.fingerprint
    if built_with == given:
        return
    raise BaselineError(
        f"the baseline of {settings.name} {settings.version} was built with {_key(built_with)}, and state.hash_key is "
        f"{_key(given)}: entities and rows of training would never be found again. Give the key that it was built "
        "with, or build it again with this configuration"
    )


def _key(fingerprint: str | None) -> str:
    return "no hash key" if fingerprint is None else f"the hash key of fingerprint {fingerprint}"
