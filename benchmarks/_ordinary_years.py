"""Worlds that last a year, with what a year brings: nights, weekends, holidays, a slow month, outcomes that stall."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.simulation.causes import VARIANTS
from sentinel.simulation.frames import LAUNCH_US
from sentinel.simulation.learner import auc
from sentinel.simulation.nuisances import Nuisances
from sentinel.simulation.scenario import SimulatedStream
from sentinel.simulation.simulator import simulate
from sentinel.simulation.trials import GENERATORS, SEVERITIES, TrialPlan, plan_trial, play

F64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Kind = Literal["benign", "drift", "leak"]

DAYS: Final = 365.0
MOST_FEATURES: Final = 10
"""More cost time and no outcomes."""
MOST_VALIDATION_ROWS: Final = 20_000
HOLIDAYS: Final = (180.0, 194.0)
"""Days since launch without one prediction."""
SLOW_MONTH: Final = (240.0, 270.0)
SLOW_RATIO: Final = 0.15
STALLED: Final = (100.0, 104.0)
"""Outcomes of these days are all told at their end: the job that reports them was down."""
OFFICE_HOURS: Final = (6.0, 20.0)
WEEKEND_RATIO: Final = 0.2
DRIFTS: Final = ("covariate_drift", "label_shift", "concept_drift", "data_quality_fault")
LEAKS: Final = (
    "target_leakage",
    "temporal_leakage",
    "group_leakage",
    "duplicate_leakage",
    "preprocessing_leakage",
    "selection_optimism",
)


@dataclass(frozen=True, slots=True)
class Life:
    """How much traffic comes and when, and how long its outcomes take.

    Attributes
    ----------
    name : str
    per_day : float, predictions
        Mean over the year.
    has_nights : bool
        No traffic at night, little at weekends, offline and live.
    delay_hours : float or None
        Mean of exponential delays; None: as the world draws them.
    """

    name: str
    per_day: float
    has_nights: bool = False
    delay_hours: float | None = None


LIVES: Final = (
    Life("200 a day, nights and weekends", 200.0, has_nights=True),
    Life("20 a day", 20.0),
    Life("80 a day, outcomes after 30 days", 80.0, delay_hours=720.0),
    Life("600 a day", 600.0),
    Life("40 a day, nights and weekends", 40.0, has_nights=True),
)


@dataclass(frozen=True, slots=True)
class Year:
    """One world to watch."""

    kind: Kind
    plan: TrialPlan
    life: Life
    is_still: bool = False

    @property
    def world(self) -> str:
        """What the table calls it."""
        if self.kind == "leak":
            return self.plan.cause
        if self.kind == "drift":
            return f"{self.plan.cause} {self.plan.variant}"
        return f"{self.plan.variant}, still" if self.is_still else self.plan.variant


def benign_years(n: int, seed: int) -> list[Year]:
    """Every variant of ``none`` in every generator in turn, moving; every ninth is clean and stands still."""
    variants = [*((variant, False) for variant in VARIANTS["none"]), ("clean", True)]
    generators = list(GENERATORS)
    found = []
    for i, (variant, is_still) in enumerate(itertools.islice(itertools.cycle(variants), n)):
        round_ = i // len(variants)
        plan = plan_trial(
            generators[(i + round_) % len(generators)],
            "none",
            variant=variant,
            severity=SEVERITIES[round_ % len(SEVERITIES)],
            seed=seed * 1_000_003 + i,
        )
        found.append(Year("benign", plan, LIVES[(i + round_) % len(LIVES)], is_still))
    return found


def drift_years(n: int, seed: int) -> list[Year]:
    """Drifts and faults that begin within the year, in turn: a gap may be real, a leak is not."""
    return _years("drift", DRIFTS, n, seed + 1)


def leak_years(n: int, seed: int) -> list[Year]:
    """Leaks of medium and large size, in turn: the page has to come."""
    return _years("leak", LEAKS, n, seed + 2)


def _years(kind: Kind, causes: tuple[str, ...], n: int, seed: int) -> list[Year]:
    generators = list(GENERATORS)
    found = []
    for i in range(n):
        turn = i // len(causes)
        cause = causes[i % len(causes)]
        variants = VARIANTS[cause]
        plan = plan_trial(
            generators[(i + turn) % len(generators)],
            cause,
            variant=variants[turn % len(variants)],
            severity=("large", "medium")[turn % 2],
            seed=seed * 1_000_003 + i,
        )
        found.append(Year(kind, plan, LIVES[(i + turn) % len(LIVES)]))
    return found


def play_year(year: Year) -> SimulatedStream:
    """Draw the world and a year of its production, and let that year's life happen to it."""
    plan = replace(year.plan, nuisances=_lengthened(year))
    return live(play(plan), year.life)


def demo_year(*, per_day: float, seed: int) -> SimulatedStream:
    """The demonstration's world in which nothing is wrong, for a year."""
    life = Life("demo", per_day)
    n = round(per_day * DAYS / mean_traffic(life))
    return live(simulate("clean", seed=seed, n_stream=n, stream_days=DAYS), life)


def _lengthened(year: Year) -> Nuisances:
    """The trial's circumstances over a year: as many predictions as its life brings, once that is taken out."""
    life, nuisances = year.life, year.plan.nuisances
    share_offline = float(np.mean(_rhythm(life, _hours())))
    if year.is_still:
        nuisances = replace(nuisances, season=0.0, day_sd=0.0, wobble=0.0, harmless_drift=0.0)
    if life.delay_hours is not None:
        nuisances = replace(nuisances, delay="exponential", delay_hours=life.delay_hours)
    return replace(
        nuisances,
        n_stream=round(life.per_day * DAYS / mean_traffic(life)),
        n_validation=round(min(nuisances.n_validation / share_offline, MOST_VALIDATION_ROWS)),
        n_features=min(nuisances.n_features, MOST_FEATURES),
        stream_days=DAYS,
    )


def live(simulated: SimulatedStream, life: Life) -> SimulatedStream:
    """Take out what no night, weekend, holiday or slow month brings, and hold back outcomes while they are stalled."""
    rng = np.random.default_rng(len(simulated.stream))
    stays = [rng.random(len(rows)) < traffic(life, _days(rows)) for rows in (simulated.validation, simulated.stream)]
    validation, stream = (
        rows.loc[kept].reset_index(drop=True)
        for rows, kept in zip((simulated.validation, simulated.stream), stays, strict=True)
    )
    stream = _stalled(stream)
    times, backfills = simulated.feature_times, simulated.backfills
    if times is not None:
        times = times.loc[np.concatenate(stays)].reset_index(drop=True)
    if backfills is not None:
        backfills = backfills.loc[backfills["prediction_id"].isin(stream["prediction_id"])].reset_index(drop=True)
    aucs = [_auc(rows, told_only=simulated.absence == "missing") for rows in (validation, stream)]
    truth = replace(simulated.truth, offline_auc=aucs[0], online_auc=aucs[1])
    return replace(
        simulated, validation=validation, stream=stream, truth=truth, feature_times=times, backfills=backfills
    )


def traffic(life: Life, day: F64) -> F64:
    """Share of the fullest traffic that comes at these moments, in days since the launch; offline days are below 0."""
    share = _rhythm(life, day)
    share = np.where(_within(day, HOLIDAYS), 0.0, share)
    return np.where(_within(day, SLOW_MONTH), SLOW_RATIO * share, share)


def mean_traffic(life: Life) -> float:
    """Mean of :func:`traffic` over the year."""
    return float(np.mean(traffic(life, _hours())))


def _rhythm(life: Life, day: F64) -> F64:
    if not life.has_nights:
        return np.ones(len(day))
    hour = 24.0 * (day % 1.0)
    by_day = (hour >= OFFICE_HOURS[0]) & (hour < OFFICE_HOURS[1])
    # The launch is on a Monday.
    is_weekend = np.floor(day % 7.0) >= 5.0
    return np.where(by_day, np.where(is_weekend, WEEKEND_RATIO, 1.0), 0.0)


def _hours() -> F64:
    return np.arange(0.0, DAYS, 1.0 / 24.0) + 1.0 / 48.0


def _within(day: F64, span: tuple[float, float]) -> Mask:
    return (day >= span[0]) & (day < span[1])


def _days(rows: pd.DataFrame) -> F64:
    at_us = rows["predicted_at"].dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)
    return np.asarray((at_us - LAUNCH_US) / (86_400.0 * MICROSECONDS_PER_SECOND), np.float64)


def _stalled(stream: pd.DataFrame) -> pd.DataFrame:
    first, last = (
        pd.Timestamp(LAUNCH_US + round(day * 86_400 * MICROSECONDS_PER_SECOND), unit="us", tz="UTC") for day in STALLED
    )
    told = stream["outcome_at"]
    return stream.assign(outcome_at=told.mask((told >= first) & (told < last), last))


def _auc(rows: pd.DataFrame, *, told_only: bool) -> float:
    """Of the outcomes that are told; where only positives are, of all, the others being negative."""
    told = rows.loc[rows["outcome"].notna()] if told_only else rows
    return auc(told["outcome"].fillna(0.0).to_numpy(np.int64), told["score"].to_numpy())
