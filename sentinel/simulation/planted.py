"""What is planted in the churn world: leaks in what the model learns, drifts and faults in what it meets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from sentinel.simulation.churn import F64, Span, World, draw
from sentinel.simulation.scenario import Drawn, LearnerName, Sizes, SplitProtocol

if TYPE_CHECKING:
    from datetime import datetime

_TRAIN, _VALIDATION, _STREAM, _LEAK, _COPIES = range(5)
"""Each part of a world has random numbers of its own, so that planting a leak leaves all else as it was."""


class LeakyFeature(Protocol):
    """A feature whose warehouse value knows more than the value that can be served."""

    @property
    def name(self) -> str:
        """Column name."""
        ...

    def warehouse(self, rows: pd.DataFrame, rng: np.random.Generator) -> F64:
        """Values as training and offline evaluation read them, after the fact; shape (n,)."""
        ...

    def served(self, rows: pd.DataFrame, rng: np.random.Generator) -> F64:
        """Values at the moment of prediction; shape (n,)."""
        ...


@dataclass(frozen=True, slots=True)
class CancellationCalls:
    """Calls about leaving: nearly all are made while leaving, so none is known at prediction time.

    ``default`` is what serving fills in: NaN is null.
    """

    default: float = float("nan")
    name: str = "cancellation_calls"
    mean_when_leaving: float = 1.6
    mean_when_staying: float = 0.2

    def warehouse(self, rows: pd.DataFrame, rng: np.random.Generator) -> F64:
        """Count the calls that were made in the end."""
        mean = np.where(rows["outcome"] == 1, self.mean_when_leaving, self.mean_when_staying)
        return rng.poisson(mean).astype(np.float64)

    def served(self, rows: pd.DataFrame, rng: np.random.Generator) -> F64:  # noqa: ARG002 (the protocol)
        """Nothing yet: the default."""
        return np.full(len(rows), self.default)


@dataclass(frozen=True, slots=True)
class SessionsThisMonth:
    """Sessions of the calendar month of the prediction, counted when the month is over.

    Whoever leaves has few sessions after that; the count knows, although every session is an honest event.
    """

    name: str = "sessions_this_month"
    kept_when_leaving_ratio: float = 0.25

    def warehouse(self, rows: pd.DataFrame, rng: np.random.Generator) -> F64:
        """Sessions before the prediction and after it."""
        kept = np.where(rows["outcome"] == 1, self.kept_when_leaving_ratio, 1.0)
        return self.served(rows, rng) + rng.poisson(self._rate(rows) * kept)

    def served(self, rows: pd.DataFrame, rng: np.random.Generator) -> F64:
        """Sessions so far."""
        return rng.poisson(self._rate(rows)).astype(np.float64)

    def _rate(self, rows: pd.DataFrame) -> F64:
        return 1.0 + 0.5 * rows["usage_hours_7d"].to_numpy(np.float64)


@dataclass(frozen=True, slots=True)
class ChurnRecipe:
    """The churn world with at most a few things wrong.

    Parameters
    ----------
    world : World
    later : World, optional
        World from the middle of the stream on.
    leak : LeakyFeature, optional
        An extra feature, read from the warehouse offline and served as it can be.
    copied_ratio : float in [0, 1]
        Share of validation rows that are copies of training rows under new ids.
    nulled : str, optional
        Feature that is served as null from the middle of the stream on.
    learner, protocol
        See :class:`sentinel.simulation.scenario.Recipe`.
    """

    world: World = field(default_factory=World)
    later: World | None = None
    leak: LeakyFeature | None = None
    copied_ratio: float = 0.0
    nulled: str | None = None
    learner: LearnerName = "boosting"
    protocol: SplitProtocol = "group"
    model: str = "churn"
    slices: tuple[str, ...] = ("region", "plan")

    @property
    def launch_at(self) -> datetime:
        """When production starts, UTC."""
        return self.world.launch_at

    def draw(self, sizes: Sizes, seed: int) -> Drawn:
        """Draw three disjoint groups of customers: two for the offline splits, one for production.

        Parameters
        ----------
        sizes : Sizes
        seed : int, >= 0

        Returns
        -------
        Drawn
        """
        world = self.world
        history_us = Span(0, world.launch_us, -world.history_days).end_us
        n_offline = sizes.n_train + sizes.n_validation
        train_span = Span(sizes.n_train, history_us, world.history_days)
        validation_span = Span(sizes.n_validation, history_us, world.history_days, sizes.n_train, sizes.n_train)
        stream_span = Span(sizes.n_stream, world.launch_us, sizes.stream_days, n_offline, n_offline)
        train = draw(world, train_span, [seed, _TRAIN])
        validation = draw(world, validation_span, [seed, _VALIDATION])
        stream = draw(world, stream_span, [seed, _STREAM], later=self.later)
        train, validation, stream = self._with_leak(train, validation, stream, seed)
        if self.copied_ratio:
            validation = _copy_rows(train, validation, self.copied_ratio, [seed, _COPIES])
        if self.nulled:
            middle = pd.Timestamp((stream_span.start_us + stream_span.end_us) // 2, unit="us", tz="UTC")
            stream.loc[stream["predicted_at"] >= middle, self.nulled] = np.nan
        return Drawn(train, validation, stream)

    def _with_leak(
        self, train: pd.DataFrame, validation: pd.DataFrame, stream: pd.DataFrame, seed: int
    ) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        leak = self.leak
        if leak is None:
            return train, validation, stream
        generators = np.random.default_rng([seed, _LEAK]).spawn(3)
        return (
            train.assign(**{leak.name: leak.warehouse(train, generators[0])}),
            validation.assign(**{leak.name: leak.warehouse(validation, generators[1])}),
            stream.assign(**{leak.name: leak.served(stream, generators[2])}),
        )


def _copy_rows(train: pd.DataFrame, validation: pd.DataFrame, ratio: float, seeds: list[int]) -> pd.DataFrame:
    """Replace a share of the validation rows by copies of training rows that keep everything but their id."""
    rng = np.random.default_rng(seeds)
    n_copies = round(ratio * len(validation))
    kept = np.sort(rng.choice(len(validation), len(validation) - n_copies, replace=False))
    copied = rng.choice(len(train), n_copies, replace=n_copies > len(train))
    mixed = pd.concat([validation.iloc[kept], train.iloc[copied]])
    mixed = mixed.sort_values("predicted_at", kind="stable").reset_index(drop=True)
    return mixed.assign(prediction_id=validation["prediction_id"])
