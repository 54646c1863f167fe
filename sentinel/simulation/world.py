"""A world: the features its rows have, and the law by which they decide the outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sentinel.simulation.nuisances import Profile
from sentinel.simulation.rows import F64, I64, N_LATENTS, Field

YEAR_DAYS = 91.0
"""A year of these worlds, so that a month of production sees its seasons."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the features of some rows are made from.

    Parameters
    ----------
    at : float64 array, shape (n,), days since the launch
    latent : float64 array, shape (n, N_LATENTS)
        Normal traits of the row's entity.
    trait : float64 array, shape (n, N_LATENTS)
        The same, uniform on [0, 1) and independent.
    season : float64 array, shape (n,), standard deviations
        Slow drift that seasonal features follow.
    rng : Generator
    """

    at: F64
    latent: F64
    trait: F64
    season: F64
    rng: np.random.Generator

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.at)

    def noise(self) -> F64:
        """Standard normal, fresh."""
        return self.rng.standard_normal(self.n)


@dataclass(frozen=True, slots=True)
class Column:
    """One feature: how its values come about, and what shape its effect has.

    ``make`` draws values; ``term`` turns them into an effect with a spread of about 1, before its weight.
    """

    field: Field
    make: Callable[[Context], F64]
    term: Callable[[F64], F64]

    @property
    def name(self) -> str:
        """Name of the feature."""
        return self.field.name


@dataclass(frozen=True, slots=True)
class World:
    """Features and law of one trial's world.

    Parameters
    ----------
    columns : tuple of Column
    weights : tuple of float
        One for each column; 0 says nothing.
    pairs : tuple of (int, int, float)
        Interactions: two columns, and the weight of the product of their terms.
    sharpness : (int, tuple of float), optional
        A categorical column, and what multiplies the signal within each of its values.
    slices : tuple of str
        Categorical columns to slice by.
    model : str
        Name of the model in production.
    """

    columns: tuple[Column, ...]
    weights: tuple[float, ...]
    pairs: tuple[tuple[int, int, float], ...]
    sharpness: tuple[int, tuple[float, ...]] | None
    slices: tuple[str, ...]
    model: str

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns, without their laws."""
        return tuple(column.field for column in self.columns)

    def inputs(self, context: Context) -> F64:
        """Draw true feature values, none missing; shape (n, n_columns)."""
        return np.column_stack([column.make(context) for column in self.columns])

    def signal(self, x: F64, weights: tuple[float, ...] | None = None) -> F64:
        """What the features say, before it is scaled; ``weights`` in place of the world's own."""
        terms = np.column_stack([column.term(x[:, i]) for i, column in enumerate(self.columns)])
        signal: F64 = terms @ np.asarray(self.weights if weights is None else weights)
        for first, second, weight in self.pairs:
            signal = signal + weight * terms[:, first] * terms[:, second]
        if self.sharpness is not None:
            column, factors = self.sharpness
            signal = signal * np.take(factors, x[:, column].astype(np.int64))
        return signal


def strengths(n: int, profile: Profile, rng: np.random.Generator) -> F64:
    """Weights of n features, signs and order at random, some of them 0 so that they say nothing.

    Parameters
    ----------
    n : int, >= 1
    profile : {"flat", "steep", "sparse"}
    rng : Generator

    Returns
    -------
    float64 array, shape (n,)
        At least a quarter is 0 from four features on.
    """
    sizes = {"flat": np.ones(n), "steep": 0.7 ** np.arange(n), "sparse": np.where(np.arange(n) < 3, 1.0, 0.1)}[profile]
    sizes[n - n // 4 :] = 0.0
    signs = np.where(rng.random(n) < 0.5, -1.0, 1.0)
    return np.asarray(rng.permutation(sizes * signs * rng.uniform(0.7, 1.3, n)), np.float64)


def code(uniform: F64, shares: tuple[float, ...]) -> F64:
    """Codes 0, 1, ... with these shares, from uniform numbers."""
    edges = np.cumsum(np.divide(shares, sum(shares)))[:-1]
    return np.searchsorted(edges, uniform, side="right").astype(np.float64)


def zipf(n: int, exponent: float = 1.0) -> tuple[float, ...]:
    """Shares of n values that fall with their rank."""
    shares = 1.0 / np.arange(1, n + 1) ** exponent
    return tuple((shares / shares.sum()).tolist())


def level_effects(n: int, rng: np.random.Generator) -> Callable[[F64], F64]:
    """An effect of its own for each of n categories, spread 1."""
    effects = rng.standard_normal(n)
    effects = (effects - effects.mean()) / max(float(effects.std()), 0.3)

    def term(values: F64) -> F64:
        return np.asarray(effects[values.astype(np.int64)], np.float64)

    return term


def standard(mean: float, sd: float) -> Callable[[F64], F64]:
    """Effect in standard deviations, cut at 4 so that no outlier rules."""

    def term(values: F64) -> F64:
        return np.clip((values - mean) / sd, -4.0, 4.0)

    return term


def log_standard(mean: float, sd: float) -> Callable[[F64], F64]:
    """The same on log(1 + value)."""

    def term(values: F64) -> F64:
        return np.clip((np.log1p(np.maximum(values, 0.0)) - mean) / sd, -4.0, 4.0)

    return term


def marks(n: int) -> list[Column]:
    """Lasting features that tell entities apart and say nothing of the outcome."""
    return [
        Column(
            Field(f"account_{chr(97 + i)}", is_static=True, is_fine=True),
            lambda c, i=i: np.round(1e4 * c.trait[:, N_LATENTS - 1 - i], 1),  # type: ignore[misc]
            lambda values: np.zeros(len(values)),
        )
        for i in range(n)
    ]


def day_context(levels: dict[int, float] | None, block_days: float) -> Column:
    """A feature that all rows of a block of days share, such as the level of a market.

    Parameters
    ----------
    levels : dict of int to float, optional
        Level of each block; None: every row has a value of its own, so that it tells no day.
    block_days : float, days
    """

    def make(context: Context) -> F64:
        if levels is None:
            return np.round(100.0 + 10.0 * context.noise(), 2)
        blocks: I64 = np.floor(context.at / block_days).astype(np.int64)
        return np.round(np.array([levels[int(block)] for block in blocks]) + 0.02 * context.noise(), 2)

    return Column(Field("market_level", is_fine=True), make, lambda values: np.zeros(len(values)))
