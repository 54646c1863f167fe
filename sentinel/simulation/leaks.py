"""Features that know more offline than they can know when they are served."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from scipy.special import expit, ndtr

from sentinel.simulation.law import HISTORY_DAYS
from sentinel.simulation.rows import F64, I64, Field, Rows

Shape = Literal["gauge", "count", "presence"]
Served = Literal["null", "default", "stale", "partial", "aggregate"]

PARTIAL_KEPT = 0.4
"""Share of its separation that a partly available feature keeps when it is served."""
_RARE = 0.05
_BASE_EVENTS, _FUTURE_EVENTS = 3.0, 1.0


class Leak(Protocol):
    """Columns that a training pipeline makes, offline and for production."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns."""
        ...

    def offline(self, train: Rows, validation: Rows, rng: np.random.Generator) -> tuple[F64, F64]:
        """Values in the training and the validation rows, each of shape (n, n_fields)."""
        ...

    def live(self, rows: Rows, rng: np.random.Generator) -> tuple[F64, F64]:
        """Values as served, and as the training pipeline would recompute them afterwards."""
        ...


@dataclass(slots=True)
class FutureValue:
    """A value that is settled only after the outcome.

    Parameters
    ----------
    name : str
    shape : {"gauge", "count", "presence"}
        A measurement, a count of events, or a value that is there mostly for positives.
    served : {"null", "default", "stale", "partial", "aggregate"}
        Nothing; the training median; a value of another time; a weaker version; events before the prediction only.
    separation : float, >= 0
        Distance of the classes in standard deviations.
    """

    name: str
    shape: Shape
    served: Served
    separation: float
    _pool: F64 = field(default_factory=lambda: np.zeros(1))

    @property
    def fields(self) -> tuple[Field, ...]:
        """One number."""
        return (Field(self.name),)

    def offline(self, train: Rows, validation: Rows, rng: np.random.Generator) -> tuple[F64, F64]:
        """As the warehouse has it, after the fact."""
        first, second = self._known(train, 1.0, rng), self._known(validation, 1.0, rng)
        self._pool = first
        return first[:, None], second[:, None]

    def live(self, rows: Rows, rng: np.random.Generator) -> tuple[F64, F64]:
        """As it can be served."""
        warehouse = self._known(rows, 1.0, rng)
        n = len(rows)
        if self.served == "null":
            served = np.full(n, np.nan)
        elif self.served == "default":
            served = np.full(n, float(np.nanmedian(self._pool)))
        elif self.served == "stale":
            served = self._pool[rng.integers(0, len(self._pool), n)]
        elif self.served == "partial":
            served = self._known(rows, PARTIAL_KEPT, rng)
        else:
            events = rng.poisson(_BASE_EVENTS, n).astype(np.float64)
            served, warehouse = events, events + self._future(rows, rng)
        return served[:, None], warehouse[:, None]

    def _known(self, rows: Rows, kept: float, rng: np.random.Generator) -> F64:
        """What is known once ``kept`` of the difference between the classes shows."""
        n, shift = len(rows), kept * self.separation * rows.outcome
        if self.served == "aggregate":
            return rng.poisson(_BASE_EVENTS, n) + self._future(rows, rng)
        if self.shape == "gauge":
            return np.round(30.0 + 8.0 * (rng.standard_normal(n) + shift), 2)
        if self.shape == "count":
            known = rng.poisson(0.8 + kept * _extra_events(0.8, self.separation) * rows.outcome)
            return np.asarray(known, dtype=np.float64)
        # A rank statistic of one indicator: AUC - 1/2 is half the difference of the shares.
        more = min(2.0 * (float(ndtr(self.separation / math.sqrt(2.0))) - 0.5), 0.97 - _RARE)
        is_there = rng.random(n) < _RARE + kept * more * rows.outcome
        return np.where(is_there, np.round(20.0 * rng.lognormal(0.0, 0.5, n), 2), np.nan)

    def _future(self, rows: Rows, rng: np.random.Generator) -> F64:
        extra = _extra_events(_BASE_EVENTS + _FUTURE_EVENTS, self.separation)
        return np.asarray(rng.poisson(_FUTURE_EVENTS + extra * rows.outcome), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class WholeHistoryCount:
    """Events of an entity, counted over the whole extract, days after the prediction included.

    Entities at risk have more events all along: what can be served, those before the prediction, says something too.
    """

    name: str
    separation: float
    rate: float = 0.1

    @property
    def fields(self) -> tuple[Field, ...]:
        """One count."""
        return (Field(self.name),)

    def offline(self, train: Rows, validation: Rows, rng: np.random.Generator) -> tuple[F64, F64]:
        """Before and after."""
        return self._whole(train, 0.0, rng)[:, None], self._whole(validation, 0.0, rng)[:, None]

    def live(self, rows: Rows, rng: np.random.Generator) -> tuple[F64, F64]:
        """Before alone; an extract of the stream's end would count the days after too."""
        past = self._past(rows, rng)
        return past[:, None], (past + self._after(rows, float(rows.at[-1]), rng))[:, None]

    def _whole(self, rows: Rows, end: float, rng: np.random.Generator) -> F64:
        return self._past(rows, rng) + self._after(rows, end, rng)

    def _past(self, rows: Rows, rng: np.random.Generator) -> F64:
        days = np.minimum(rows.at + HISTORY_DAYS, HISTORY_DAYS)  # older events are archived
        risk = 0.6 + 0.8 * expit(rows.log_odds + 1.0)
        return rng.poisson(self.rate * days * risk).astype(np.float64)

    def _after(self, rows: Rows, end: float, rng: np.random.Generator) -> F64:
        days = np.maximum(end - rows.at, 0.0)
        extra = _extra_events(self.rate * HISTORY_DAYS, self.separation)
        return rng.poisson(self.rate * days + extra * rows.outcome).astype(np.float64)


@dataclass(slots=True)
class FutureEncoding:
    """Share of positives in the row's cell and period: offline of the whole period, live of the period before.

    Parameters
    ----------
    name : str
    rows_per_cell : float, >= 1
        The fewer, the more of a row's own outcome is in its value.
    """

    name: str
    rows_per_cell: float
    _rate: float = 0.5
    _n_cells: int = 1
    _period: float = 3.0

    @property
    def fields(self) -> tuple[Field, ...]:
        """One share."""
        return (Field(self.name),)

    def offline(self, train: Rows, validation: Rows, rng: np.random.Generator) -> tuple[F64, F64]:
        """The whole period, with the row itself and those after it."""
        del rng
        outcome = np.concatenate([train.outcome, validation.outcome])
        at, entity = np.concatenate([train.at, validation.at]), np.concatenate([train.entity, validation.entity])
        cells = max(1.0, len(at) / self.rows_per_cell)
        n_periods = max(1, min(20, round(cells)))
        self._rate, self._period = float(outcome.mean()), HISTORY_DAYS / n_periods
        self._n_cells = max(1, round(cells / n_periods))
        values = self._means(at, entity, outcome, lag=0)
        return values[: len(train), None], values[len(train) :, None]

    def live(self, rows: Rows, rng: np.random.Generator) -> tuple[F64, F64]:
        """The period before, which is over; afterwards, the whole one."""
        del rng
        now = self._means(rows.at, rows.entity, rows.outcome, lag=0)
        return self._means(rows.at, rows.entity, rows.outcome, lag=1)[:, None], now[:, None]

    def _means(self, at: F64, entity: I64, outcome: I64, *, lag: int) -> F64:
        period = np.floor(at / self._period).astype(np.int64)
        period -= int(period.min()) - 1
        cell = period * self._n_cells + (entity * 2_654_435_761 >> 7) % self._n_cells
        size = int(cell.max()) + 1
        n, positive = np.bincount(cell, minlength=size), np.bincount(cell, outcome, minlength=size)
        means = np.round((positive + self._rate) / (n + 1.0), 5)
        return np.asarray(means[cell - lag * self._n_cells], np.float64)


@dataclass(frozen=True, slots=True)
class SelectedNoise:
    """Features without meaning, chosen by their correlation with the outcome in all rows, validation included.

    Parameters
    ----------
    n_candidates, n_kept : int
    """

    n_candidates: int
    n_kept: int

    @property
    def fields(self) -> tuple[Field, ...]:
        """The chosen ones."""
        return tuple(Field(f"signal_{i:03d}") for i in range(self.n_kept))

    def offline(self, train: Rows, validation: Rows, rng: np.random.Generator) -> tuple[F64, F64]:
        """Draw all, keep the best."""
        outcome = np.concatenate([train.outcome, validation.outcome]).astype(np.float32)
        noise = rng.standard_normal((self.n_candidates, len(outcome)), dtype=np.float32)
        found = np.abs(noise @ (outcome - outcome.mean()))
        best = np.sort(np.argsort(found, kind="stable")[-self.n_kept :])
        values = np.asarray(np.round(noise[best].T.astype(np.float64), 4), np.float64)
        return values[: len(train)], values[len(train) :]

    def live(self, rows: Rows, rng: np.random.Generator) -> tuple[F64, F64]:
        """Noise, whenever it is read."""
        values: F64 = np.round(rng.standard_normal((len(rows), self.n_kept)), 4)
        return values, values


@dataclass(slots=True)
class EncodedOnAll:
    """Categories of many values, encoded by their share of positives in all rows, validation included.

    Parameters
    ----------
    names : tuple of str
    rows_per_value : float, >= 1
    """

    names: tuple[str, ...]
    rows_per_value: float
    _means: list[F64] = field(default_factory=list)
    _n_values: int = 1

    @property
    def fields(self) -> tuple[Field, ...]:
        """One share each."""
        return tuple(Field(name) for name in self.names)

    def offline(self, train: Rows, validation: Rows, rng: np.random.Generator) -> tuple[F64, F64]:
        """Encode all rows at once."""
        outcome = np.concatenate([train.outcome, validation.outcome])
        self._n_values = max(2, round(len(outcome) / self.rows_per_value))
        codes = self._codes(len(outcome), rng)
        self._means.clear()
        for column in codes.T:
            n = np.bincount(column, minlength=self._n_values)
            positive = np.bincount(column, outcome, minlength=self._n_values)
            self._means.append(np.round((positive + outcome.mean()) / (n + 1.0), 5))
        values = self._encode(codes)
        return values[: len(train)], values[len(train) :]

    def live(self, rows: Rows, rng: np.random.Generator) -> tuple[F64, F64]:
        """The same table for new rows, in which their outcomes are not."""
        values = self._encode(self._codes(len(rows), rng))
        return values, values

    def _codes(self, n: int, rng: np.random.Generator) -> I64:
        return rng.integers(0, self._n_values, (n, len(self.names)))

    def _encode(self, codes: I64) -> F64:
        return np.column_stack([means[codes[:, i]] for i, means in enumerate(self._means)])


def _extra_events(mean: float, separation: float) -> float:
    """Events more, d, that part two Poisson counts so far: d / sqrt(mean + d/2) = separation."""
    half = separation**2 / 4.0
    return half + math.sqrt(half**2 + separation**2 * mean)
