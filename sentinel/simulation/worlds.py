"""The generators: customers, conversions and series, and loans, which are kept out of training."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from sentinel.simulation.rows import F64, Field
from sentinel.simulation.world import (
    YEAR_DAYS,
    Column,
    Context,
    World,
    code,
    level_effects,
    log_standard,
    standard,
    strengths,
    zipf,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sentinel.simulation.nuisances import Nuisances

Generator = Callable[["Nuisances", np.random.Generator], World]
Pairs = tuple[tuple[int, int, float], ...]


def customers(nuisances: Nuisances, rng: np.random.Generator) -> World:
    """Subscribers who cancel or stay: a logistic law with interactions, sharper in some plans than in others."""
    core = [
        _lasting("plan", ("basic", "pro", "team"), (0.35, 0.40, 0.25), 0, rng),
        _number("support_tickets_30d", lambda c: c.rng.poisson(0.8 * np.exp(0.3 * c.season)), standard(0.8, 0.9)),
        _number("days_since_login", lambda c: np.round(c.rng.exponential(5.0 * _grow(c, 0)), 2),
                log_standard(1.5, 0.8)),
        _lasting("region", ("EU", "US", "APAC", "LATAM"), (0.40, 0.30, 0.20, 0.10), 1, rng),
        _number("usage_hours_7d", lambda c: np.round(c.rng.gamma(2.0, 3.0 / _grow(c, 0)), 2), log_standard(1.8, 0.7)),
        _fixed("contract_days", lambda c: np.floor(-400.0 * np.log1p(-c.trait[:, 2])), log_standard(5.5, 1.1)),
        _number("payment_failures_90d", lambda c: c.rng.poisson(0.3, c.n), standard(0.3, 0.55)),
        _number("monthly_spend", lambda c: np.round(30 * np.exp(0.5 * c.latent[:, 1] + 0.25 * c.noise()), 2),
                log_standard(3.4, 0.55)),
        _fresh("device", ("web", "ios", "android"), (0.4, 0.3, 0.3), rng),
        _lasting("channel", ("ads", "organic", "partner", "referral"), (0.3, 0.3, 0.2, 0.2), 3, rng),
    ]  # fmt: skip
    columns = _fill(core, nuisances, lambda i: _count(i, 2.0) if i % 2 else _gauge(i, "activity", 0.4))
    sharpness = (0, tuple(rng.permutation([0.7, 1.0, 1.4]).tolist()))
    return _world("churn", columns, nuisances, rng, pairs=((1, 2, 0.35), (0, 1, 0.2)), sharpness=sharpness)


def conversions(nuisances: Nuisances, rng: np.random.Generator) -> World:
    """Impressions of advertisements: campaigns, placements, counts of past clicks, an hour of the day."""
    n_campaigns = 25
    core = [
        _fresh("placement", ("feed", "search", "banner", "video", "partner"), zipf(5), rng),
        _number("past_clicks", lambda c: c.rng.poisson(np.exp(0.2 + 0.9 * c.latent[:, 0])), log_standard(0.7, 0.8)),
        _fresh("campaign", tuple(f"c{i:02d}" for i in range(n_campaigns)), zipf(n_campaigns, 0.8), rng),
        _lasting("country", ("DE", "FR", "PL", "ES", "IT", "NL"), zipf(6, 0.7), 1, rng),
        _number("bid_price", lambda c: np.round(np.exp(0.4 * c.noise() + 0.3 * c.season), 3), log_standard(0.7, 0.25)),
        _number("hour", lambda c: np.floor(24.0 * (c.at % 1.0)), lambda v: 1.4 * np.sin(2 * np.pi * (v - 7) / 24)),
        _number("seconds_on_page", lambda c: np.round(np.exp(2.5 + 0.4 * c.latent[:, 2] + 0.8 * c.noise()), 1),
                log_standard(2.5, 0.9)),
        _fresh("device", ("phone", "desktop", "tablet"), (0.6, 0.32, 0.08), rng),
        _number("impressions_7d", lambda c: c.rng.poisson(4.0 * _grow(c, 3)), log_standard(1.5, 0.55)),
        _number("relevance", lambda c: np.round(c.rng.beta(2.0, 5.0, c.n), 4), standard(0.286, 0.16)),
    ]  # fmt: skip
    columns = _fill(core, nuisances, lambda i: _count(i, 0.7) if i % 3 else _gauge(i, "affinity", 0.7))
    return _world("conversion", columns, nuisances, rng, pairs=((0, 1, 0.4), (2, 4, 0.3)))


def series(nuisances: Nuisances, rng: np.random.Generator) -> World:
    """Machines that fail or run on: readings that follow the day, the week and the season, and their own past."""
    core = [
        _lasting("site", ("north", "south", "east", "west", "harbour"), (0.3, 0.25, 0.2, 0.15, 0.1), 0, rng),
        _number("load", lambda c: np.round(50 + 12 * _daily(c) + 8 * c.season + 9 * c.noise(), 2), standard(50, 15)),
        _number("temperature", lambda c: np.round(_yearly(c) + 4 * _daily(c) + 3 * c.noise(), 1), standard(15, 8)),
        _lasting("machine", ("pump", "fan", "press", "mill"), (0.4, 0.3, 0.2, 0.1), 1, rng),
        _number("vibration", lambda c: np.round(np.exp(0.4 * c.latent[:, 0] + 0.3 * c.season + 0.5 * c.noise()), 3),
                log_standard(0.75, 0.35)),
        _number("weekday", lambda c: np.floor(c.at % 7.0), lambda v: np.where(v >= 5, 1.5, -0.6)),
        _number("hours_since_service", lambda c: np.round(c.rng.uniform(0, 400, c.n), 1), standard(200, 115)),
        _number("load_yesterday", lambda c: np.round(50 + 8 * c.season + 6 * c.latent[:, 1] + 8 * c.noise(), 2),
                standard(50, 11)),
        _number("alarms_7d", lambda c: c.rng.poisson(0.5 * np.exp(0.5 * c.latent[:, 2])), standard(0.57, 0.85)),
        _fixed("age_years", lambda c: np.round(12.0 * c.trait[:, 2] ** 1.5, 1), standard(4.8, 3.6)),
    ]  # fmt: skip
    columns = _fill(core, nuisances, lambda i: _gauge(i, "sensor", 0.2 * (i % 4), follows_season=i % 2 == 0))
    return _world("failure", columns, nuisances, rng, pairs=((1, 2, 0.35), (3, 4, 0.25)))


def loans(nuisances: Nuisances, rng: np.random.Generator) -> World:
    """Applicants of three hidden kinds, mostly categories, thresholds in place of slopes, heavy tails."""
    n_trades, n_districts = 30, 60
    trades = tuple(f"trade-{i:02d}" for i in range(n_trades))
    districts = tuple(f"district-{i:02d}" for i in range(n_districts))
    core = [
        _lasting("purpose", ("car", "home", "debt", "study", "other"), (0.3, 0.2, 0.25, 0.1, 0.15), 0, rng),
        _number("income", lambda c: np.round(900 * (1 + c.rng.pareto(2.5, c.n)) * (1 + _kind(c)), -1),
                _steps((1_200, 2_000, 4_500), rng)),
        _lasting("trade", trades, zipf(n_trades, 0.6), 1, rng),
        _number("debt_ratio", lambda c: np.round(np.where(c.rng.random(c.n) < 0.3, 0.0,
                c.rng.gamma(1.5 + _kind(c), 0.2)), 3), _steps((0.001, 0.25, 0.6), rng)),
        _lasting("housing", ("rent", "own", "family"), (0.5, 0.35, 0.15), 2, rng),
        _fresh("desk", ("branch", "web", "broker", "phone"), (0.35, 0.4, 0.15, 0.1), rng),
        _number("enquiries", lambda c: c.rng.negative_binomial(1, 0.45, c.n), _steps((1, 3), rng)),
        _lasting("district", districts, zipf(n_districts, 0.5), 3, rng),
        _number("months_employed", lambda c: np.floor(c.rng.weibull(0.8, c.n) * 50 * (1 + 0.2 * c.season)),
                _steps((6, 36), rng)),
        _fixed("age", lambda c: np.floor(19 + 50 * c.trait[:, 4] ** 1.4), _steps((25, 35, 58), rng)),
    ]  # fmt: skip
    columns = _fill(core, nuisances, lambda i: _answer(i, rng) if i % 3 else _gauge(i, "bureau", 0.5))
    return _world("default", columns, nuisances, rng, pairs=((1, 3, 0.9), (0, 2, 0.5), (1, 2, 0.4)))


GENERATORS: Mapping[str, Generator] = MappingProxyType(
    {"customers": customers, "conversions": conversions, "series": series, "loans": loans}
)
"""Every generator by its name."""

HELD_OUT = "loans"
"""The generator that no coefficient is ever fitted on."""

NEGATIVE_BY_ABSENCE = frozenset({"conversions"})
"""Generators that may report positives only."""


def _world(
    model: str,
    columns: tuple[Column, ...],
    nuisances: Nuisances,
    rng: np.random.Generator,
    *,
    pairs: Pairs,
    sharpness: tuple[int, tuple[float, ...]] | None = None,
) -> World:
    weights = strengths(len(columns), nuisances.profile, rng)
    fitting = tuple((i, j, weight * float(np.abs(weights).max())) for i, j, weight in pairs if max(i, j) < len(columns))
    slices = tuple(c.name for c in columns if 2 <= len(c.field.categories) <= 8)[:2]
    return World(columns, tuple(weights.tolist()), fitting, sharpness, slices, model)


def _fill(core: list[Column], nuisances: Nuisances, extra: Callable[[int], Column]) -> tuple[Column, ...]:
    n = nuisances.n_features
    return (*core[:n], *(extra(i) for i in range(n - len(core))))


def _number(name: str, make: Callable[[Context], Any], term: Callable[[F64], F64]) -> Column:
    return Column(Field(name), lambda c: np.asarray(make(c), np.float64), term)


def _fixed(name: str, make: Callable[[Context], F64], term: Callable[[F64], F64]) -> Column:
    return Column(Field(name, is_static=True), make, term)


def _lasting(
    name: str, values: tuple[str, ...], shares: tuple[float, ...], trait: int, rng: np.random.Generator
) -> Column:
    """A category of the entity."""
    return Column(
        Field(name, values, is_static=True), lambda c: code(c.trait[:, trait], shares), level_effects(len(values), rng)
    )


def _fresh(name: str, values: tuple[str, ...], shares: tuple[float, ...], rng: np.random.Generator) -> Column:
    """A category that is drawn anew for each row."""
    return Column(Field(name, values), lambda c: code(c.rng.random(c.n), shares), level_effects(len(values), rng))


def _gauge(number: int, name: str, loading: float, *, follows_season: bool = False) -> Column:
    """A measurement that partly belongs to the entity."""
    rest = float(np.sqrt(1.0 - loading**2))

    def make(context: Context) -> F64:
        value = loading * context.latent[:, number % context.latent.shape[1]] + rest * context.noise()
        return np.round(value + (context.season if follows_season else 0.0), 4)

    return Column(Field(f"{name}_{number:02d}"), make, standard(0.0, 1.0))


def _count(number: int, mean: float) -> Column:
    """A count whose rate belongs to the entity."""

    def make(context: Context) -> F64:
        rate = mean * np.exp(0.4 * context.latent[:, number % context.latent.shape[1]])
        return context.rng.poisson(rate).astype(np.float64)

    return Column(Field(f"count_{number:02d}"), make, log_standard(np.log1p(mean), 0.6 if mean > 1 else 0.45))


def _answer(number: int, rng: np.random.Generator) -> Column:
    """A question with a few answers."""
    n = 2 + number % 5
    return _fresh(f"answer_{number:02d}", tuple("abcdefg"[:n]), zipf(n, 0.8), rng)


def _steps(edges: tuple[float, ...], rng: np.random.Generator) -> Callable[[F64], F64]:
    """An effect that jumps at thresholds, up or down."""
    effects = level_effects(len(edges) + 1, rng)

    def term(values: F64) -> F64:
        return effects(np.searchsorted(edges, values, side="right").astype(np.float64))

    return term


def _kind(context: Context) -> F64:
    """Hidden kind of the applicant: 0, 1 or 2."""
    return code(context.trait[:, 5], (0.5, 0.35, 0.15))


def _grow(context: Context, latent: int) -> F64:
    return np.exp(0.4 * context.latent[:, latent] + 0.2 * context.season)


def _daily(context: Context) -> F64:
    return np.sin(2.0 * np.pi * (context.at % 1.0 - 0.3))


def _yearly(context: Context) -> F64:
    """Warm and cold: once round in one of these worlds' years, plus what the trial adds."""
    return 15.0 + 3.0 * np.sin(2.0 * np.pi * context.at / YEAR_DAYS) + 5.0 * context.season
