"""The law of one trial: a world scaled to its base rate and strength, its entities, its days and its shocks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from sentinel.simulation.nuisances import Nuisances, Protocol
from sentinel.simulation.rows import F64, I64, N_LATENTS, Field, Rows, expected_auc, toss
from sentinel.simulation.world import YEAR_DAYS, Context, World, day_context, marks

HISTORY_DAYS = 60.0
"""Length of the offline rows."""
_REFERENCE_ROWS = 3_000
_FEWEST_DAYS = 50
"""Of production, for which shocks are drawn: a shorter stream leaves the rest of the law as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a cause may change of the circumstances before anything is drawn.

    Parameters
    ----------
    entity_sd : float, log-odds
    n_marks : int
    protocol : {"random", "time", "group"}
    overlap_ratio : float in [0, 1], optional
        Share of validation rows about entities of the training rows; None: as the protocol has it.
    returning_ratio : float in [0, 1]
        The same share of live rows.
    n_validation : int, rows
    rows_per_entity : float
    block_days : float, days
        Rows of a block share a shock.
    shock_sd : float, log-odds
    context_tells_day : bool
    has_context : bool
    season : float, standard deviations
    """

    entity_sd: float
    n_marks: int
    protocol: Protocol
    overlap_ratio: float | None
    returning_ratio: float
    n_validation: int
    rows_per_entity: float
    block_days: float
    shock_sd: float
    context_tells_day: bool
    has_context: bool
    season: float

    @classmethod
    def of(cls, nuisances: Nuisances) -> Setting:
        """As the circumstances have it: nothing is planted."""
        return cls(
            entity_sd=nuisances.entity_sd,
            n_marks=nuisances.n_marks,
            protocol=nuisances.protocol,
            overlap_ratio=None,
            returning_ratio=nuisances.returning_ratio,
            n_validation=nuisances.n_validation,
            rows_per_entity=nuisances.rows_per_entity,
            block_days=1.0,
            shock_sd=nuisances.day_sd,
            # A day that the rows of a random split can tell would be a leak of its own.
            context_tells_day=nuisances.protocol == "time",
            has_context=nuisances.has_context,
            season=nuisances.season,
        )


class Law:
    """Draws rows of one trial.

    Parameters
    ----------
    world : World
    nuisances : Nuisances
    setting : Setting
    rng : Generator
        For everything that is fixed once: entities, shocks, the scale.
    """

    def __init__(self, world: World, nuisances: Nuisances, setting: Setting, rng: np.random.Generator) -> None:
        self.setting = setting
        self._nuisances = nuisances
        last_day = max(_FEWEST_DAYS, nuisances.stream_days)
        blocks = range(math.floor(-HISTORY_DAYS / setting.block_days) - 1, math.ceil(last_day / setting.block_days) + 1)
        self._shocks = {block: float(rng.normal(0.0, setting.shock_sd)) for block in blocks}
        levels = {block: float(rng.normal(100.0, 10.0)) for block in blocks}
        extra = marks(setting.n_marks)
        if setting.has_context:
            extra.append(day_context(levels if setting.context_tells_day else None, setting.block_days))
        columns = (*world.columns, *extra)
        self.world = replace(world, columns=columns, weights=(*world.weights, *(0.0 for _ in extra)))
        sizes = (nuisances.n_train, setting.n_validation, nuisances.n_stream)
        self._edges = np.cumsum([0, *(max(20, round(size / setting.rows_per_entity)) for size in sizes)])
        n_entities = int(self._edges[-1])
        self._latent = rng.standard_normal((n_entities, N_LATENTS))
        self._trait = rng.random((n_entities, N_LATENTS))
        self._effect = rng.normal(0.0, 1.0, n_entities)
        self._phase = float(rng.uniform(0.0, 2.0 * np.pi))
        self._calibrate(rng)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The columns of the rows that are drawn."""
        return self.world.fields

    @property
    def silent(self) -> tuple[int, ...]:
        """Numeric columns that say nothing of the outcome."""
        found = (i for i, weight in enumerate(self.world.weights) if weight == 0.0)
        return tuple(i for i in found if not self.fields[i].categories and not self.fields[i].is_static)

    def entities(self, n: int, role: str, rng: np.random.Generator, seen: I64 | None = None, share: float = 0.0) -> I64:
        """Draw the entity of each row.

        Parameters
        ----------
        n : int
        role : {"train", "validation", "stream"}
            Each has entities of its own.
        rng : Generator
        seen : int64 array, optional
            Entities of the training rows, of which a ``share`` of the rows is.
        """
        place = ("train", "validation", "stream").index(role)
        chosen = rng.integers(self._edges[place], self._edges[place + 1], n)
        if seen is None or not share:
            return chosen
        return np.where(rng.random(n) < share, seen[rng.integers(0, len(seen), n)], chosen)

    def draw(self, at: F64, entity: I64, rng: np.random.Generator) -> Rows:
        """Draw true features and outcomes of rows at these times, in days since the launch."""
        order = np.argsort(at, kind="stable")
        at, entity = at[order], entity[order]
        season = self.setting.season * np.sin(2.0 * np.pi * at / YEAR_DAYS + self._phase)
        x = self.world.inputs(Context(at, self._latent[entity], self._trait[entity], season, rng))
        log_odds = self.log_odds(x, at, entity)
        return Rows(at, entity, x, toss(log_odds, rng), log_odds)

    def log_odds(self, x: F64, at: F64, entity: I64, weights: tuple[float, ...] | None = None) -> F64:
        """Log-odds of the outcome; under other weights the features' part keeps its spread."""
        signal = self.world.signal(x, weights)
        if weights is None:
            signal = (signal - self._mean) / self._sd
        else:
            signal = (signal - signal.mean()) / max(float(signal.std()), 1e-9)
        blocks = np.floor(at / self.setting.block_days).astype(np.int64)
        shock = np.array([self._shocks[int(block)] for block in blocks])
        wobble = self._nuisances.wobble * np.sin(2.0 * np.pi * at / 7.0)
        effect = self.setting.entity_sd * self._effect[entity]
        log_odds: F64 = self._intercept + self._nuisances.strength * signal + effect + shock + wobble
        return log_odds

    def _calibrate(self, rng: np.random.Generator) -> None:
        """Scale what the features say, and find the intercept of the wanted base rate."""
        self._mean, self._sd, self._intercept = 0.0, 1.0, 0.0
        at = np.sort(rng.uniform(-HISTORY_DAYS, 0.0, _REFERENCE_ROWS))
        entity = rng.integers(0, len(self._effect), _REFERENCE_ROWS)
        rows = self.draw(at, entity, rng)
        signal = self.world.signal(rows.x)
        self._mean, self._sd = float(signal.mean()), max(float(signal.std()), 1e-9)
        log_odds = self.log_odds(rows.x, rows.at, entity)
        rate = self._nuisances.base_rate
        self._intercept = float(brentq(lambda c: float(expit(c + log_odds).mean()) - rate, -30.0, 30.0, xtol=1e-6))
        standard = self._nuisances.strength * (signal - self._mean) / self._sd
        self.ideal_auc = expected_auc(standard, expit(self._intercept + log_odds))
