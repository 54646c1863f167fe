"""Everything about a trial that has nothing to do with its cause, drawn without looking at the cause."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

LearnerKind = Literal["logistic", "boosting", "forest"]
Protocol = Literal["random", "time", "group"]
DelayKind = Literal["none", "exponential", "heavy"]
Profile = Literal["flat", "steep", "sparse"]
_Word = TypeVar("_Word", bound=str)

_FEW_POSITIVES = 40
"""Validation positives below which hardly anything can be judged; most trials have more."""
_KEPT_WHEN_FEW = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class Nuisances:
    """The circumstances of one trial.

    Parameters
    ----------
    n_train, n_validation, n_stream : int, rows
    base_rate : float in (0, 1)
        Share of positives before anything is planted.
    learner : {"logistic", "boosting", "forest"}
    capacity : float in [0, 1]
        How much the learner may adapt to single rows.
    n_features : int
    strength : float, > 0, log-odds
        Spread of what the features say.
    profile : {"flat", "steep", "sparse"}
        How the strength is shared out among them.
    entity_sd : float, >= 0, log-odds
        Effect of the entity that no feature shows.
    rows_per_entity : float, > 1
    returning_ratio : float in [0, 1)
        Share of live predictions about entities of the training rows; honest splits have the same share.
    n_marks : int
        Lasting features that tell entities apart and say nothing else.
    season : float, >= 0, standard deviations
        Slow drift of features, with a fixed law.
    day_sd : float, >= 0, log-odds
        Shocks that all rows of a day share.
    wobble : float, >= 0, log-odds
        Weekly swing of the base rate.
    missing_ratio : float in [0, 1)
        Honest gaps in some features.
    harmless_drift : float, >= 0, standard deviations
        Live shift of features that say nothing.
    has_context : bool
        A feature that all rows of a day share is there.
    protocol : {"random", "time", "group"}
        How the offline rows are split.
    protocol_is_wrong : bool
        The manifest states another protocol.
    states_protocol, states_candidates, gives_train : bool
        What of the static evidence is handed in.
    candidates : int, >= 1
        Models compared; most were hopeless, so that the choice costs nothing.
    has_feature_times, has_backfills : bool
    stamps_are_right : bool
        Feature times say when a value was known, not when its row was opened.
    declares_availability : bool
    delay : {"none", "exponential", "heavy"}
    delay_hours : float, > 0, hours
        Mean, or median for heavy delays.
    absence_is_negative : bool
        Only positives are reported (used where the generator has such outcomes).
    stream_days : float, days
    """

    n_train: int
    n_validation: int
    n_stream: int
    base_rate: float
    learner: LearnerKind
    capacity: float
    n_features: int
    strength: float
    profile: Profile
    entity_sd: float
    rows_per_entity: float
    returning_ratio: float
    n_marks: int
    season: float
    day_sd: float
    wobble: float
    missing_ratio: float
    harmless_drift: float
    has_context: bool
    protocol: Protocol
    protocol_is_wrong: bool
    states_protocol: bool
    states_candidates: bool
    gives_train: bool
    candidates: int
    has_feature_times: bool
    has_backfills: bool
    stamps_are_right: bool
    declares_availability: bool
    delay: DelayKind
    delay_hours: float
    absence_is_negative: bool
    stream_days: float


def draw_nuisances(rng: np.random.Generator) -> Nuisances:
    """Draw the circumstances of one trial.

    Parameters
    ----------
    rng : Generator
        Of the trial alone: nothing about its cause may enter.

    Returns
    -------
    Nuisances
    """
    n_train, n_validation = round(_log_uniform(rng, 500, 12_000)), round(_log_uniform(rng, 500, 20_000))
    return Nuisances(
        n_train=n_train,
        n_validation=n_validation,
        n_stream=round(_log_uniform(rng, 3_000, 20_000)),
        base_rate=_base_rate(rng, n_train, n_validation),
        learner=_choice(rng, ("logistic", "boosting", "forest")),
        capacity=float(rng.random()),
        n_features=round(_log_uniform(rng, 4, 40)),
        strength=float(rng.uniform(0.8, 2.0)),
        profile=_choice(rng, ("flat", "steep", "sparse")),
        entity_sd=float(rng.choice([0.0, 0.2, 0.4, 0.6])),
        rows_per_entity=_log_uniform(rng, 2, 30),
        returning_ratio=float(rng.choice([0.0, 0.0, 0.1, 0.3, 0.5, 0.8])),
        n_marks=int(rng.integers(0, 3)),
        season=float(rng.choice([0.0, 0.1, 0.25, 0.5])),
        day_sd=float(rng.choice([0.0, 0.1, 0.2, 0.35])),
        wobble=float(rng.choice([0.0, 0.1, 0.25])),
        missing_ratio=float(rng.choice([0.0, 0.02, 0.08, 0.2])),
        harmless_drift=float(rng.choice([0.0, 0.0, 0.5, 1.0])),
        has_context=bool(rng.random() < 0.4),
        protocol=_choice(rng, ("random", "time", "group")),
        protocol_is_wrong=bool(rng.random() < 0.1),
        states_protocol=bool(rng.random() >= 0.35),
        states_candidates=bool(rng.random() >= 0.35),
        gives_train=bool(rng.random() >= 0.35),
        candidates=int(rng.choice([1, 1, 1, 5, 20, 100])),
        has_feature_times=bool(rng.random() < 0.3),
        has_backfills=bool(rng.random() < 0.3),
        stamps_are_right=bool(rng.random() < 0.8),
        declares_availability=bool(rng.random() < 0.3),
        delay=_choice(rng, ("none", "exponential", "heavy")),
        delay_hours=_log_uniform(rng, 4, 72),
        absence_is_negative=bool(rng.random() < 0.5),
        stream_days=float(rng.choice([20.0, 30.0, 45.0])),
    )


def _base_rate(rng: np.random.Generator, n_train: int, n_validation: int) -> float:
    """Between .5 and 40 %, mostly with enough positives to judge by; but always with some."""
    smaller = min(n_train, n_validation)
    while True:
        rate = _log_uniform(rng, 0.005, 0.4)
        if smaller * rate >= _FEW_POSITIVES or (smaller * rate >= 5 and rng.random() < _KEPT_WHEN_FEW):
            return rate


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(math.exp(rng.uniform(math.log(low), math.log(high))))


def _choice(rng: np.random.Generator, values: tuple[_Word, ...]) -> _Word:
    return values[int(rng.integers(len(values)))]
