"""Ways in which the world itself changes while a model serves: who comes, how many positives, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import expit

from sentinel.simulation.law import Law
from sentinel.simulation.rows import F64, I64, Mask, Rows, expected_auc, toss

POOL_FACTOR = 4
"""Rows drawn for each row that a tilted stream keeps."""
_STRONGEST_TILT = 2.5
_LEAST_TILT = {0.02: 0.5, 0.05: 0.9, 0.15: 1.6}
_STEPS = 9


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows to make the stream from, with the scores that the model gives them."""

    rows: Rows
    scores: F64
    later: Mask
    """Rows after the onset."""


def tilt_inputs(
    pool: Pool, law: Law, kind: Literal["slice", "mean", "both"], loss: float, n: int, rng: np.random.Generator
) -> tuple[I64, tuple[str, ...]]:
    """Choose rows so that others come after the onset; outcomes given the features stay as they are.

    Parameters
    ----------
    pool : Pool
    law : Law
    kind : {"slice", "mean", "both"}
    loss : float, AUC
        Wanted after the onset; where no tilt does it, the tilt that belongs to it is made all the same.
    n : int
        Rows to keep.
    rng : Generator

    Returns
    -------
    (int64 array, tuple of str)
        Positions in the pool, ascending, and the columns whose mix has changed.
    """
    numbers = [i for i, f in enumerate(law.fields) if not f.categories and not f.is_static]
    slices = [i for i, f in enumerate(law.fields) if f.name in law.world.slices]
    wanted = {"slice": slices, "mean": numbers, "both": [*slices, *numbers]}[kind]
    n_chosen = {"slice": 1, "mean": 2, "both": 3}[kind]
    chosen = sorted(rng.choice(wanted, min(n_chosen, len(wanted)), replace=False).tolist())
    if kind == "both":
        chosen = sorted({slices[0], *(i for i in chosen if i in numbers), numbers[0]})
    directions = np.column_stack([_direction(pool, law, i, rng) for i in chosen]).sum(axis=1)
    directions /= np.sqrt(len(chosen))
    strength = _solve(pool, directions, loss)
    weight = np.where(pool.later, np.exp(strength * directions), 1.0)
    return _keep(pool, weight, n, rng), tuple(law.fields[i].name for i in chosen)


def tilt_outcomes(pool: Pool, factor: float, n: int, rng: np.random.Generator) -> I64:
    """Choose rows so that after the onset positives are ``factor`` times as common; each class stays as it is."""
    rate = float(pool.rows.outcome[pool.later].mean())
    wanted = min(factor * rate, 0.5 + rate / 2.0)
    is_positive = pool.rows.outcome == 1
    n_later = round(n * float(pool.later.mean()))
    n_positive = min(round(wanted * n_later), int((pool.later & is_positive).sum()))
    sizes = (
        (~pool.later, n - n_later),
        (pool.later & is_positive, n_positive),
        (pool.later & ~is_positive, n_later - n_positive),
    )
    return _sample(np.log(rng.random(len(pool.later))), sizes)


def change_law(
    pool: Pool,
    law: Law,
    kind: Literal["abrupt", "gradual", "recurring"],
    loss: float,
    rng: np.random.Generator,
) -> Rows:
    """Draw outcomes anew, after the onset by a law that has moved towards another.

    Parameters
    ----------
    pool : Pool
    law : Law
    kind : {"abrupt", "gradual", "recurring"}
        At once; evenly until the end; at once, but there and back again twice.
    loss : float, AUC
        Wanted where the new law holds in full.
    rng : Generator

    Returns
    -------
    Rows
    """
    rows = pool.rows
    if not pool.later.any():
        return rows
    weights = np.array(law.world.weights)
    speaking = np.flatnonzero(weights)
    other = np.zeros_like(weights)
    other[speaking] = -np.roll(weights[speaking], 1)
    after = law.log_odds(rows.x, rows.at, rows.entity, tuple(other.tolist()))
    sample = np.flatnonzero(pool.later)
    before = expected_auc(pool.scores[sample], expit(rows.log_odds[sample]))

    def lost(share: float) -> float:
        mixed = (1.0 - share) * rows.log_odds[sample] + share * after[sample]
        return before - expected_auc(pool.scores[sample], expit(mixed))

    share = _bisect(lost, loss, 1.0)
    start, end = float(rows.at[sample[0]]), float(rows.at[-1])
    progress = (rows.at - start) / max(end - start, 1e-9)
    course = {
        "abrupt": np.ones(len(rows)),
        "gradual": np.clip(progress, 0.0, 1.0),
        "recurring": (np.floor(progress * 5.0) % 2 == 0).astype(np.float64),
    }[kind]
    mix = np.where(pool.later, share * course, 0.0)
    log_odds = (1.0 - mix) * rows.log_odds + mix * after
    return replace(rows, log_odds=log_odds, outcome=np.where(pool.later, toss(log_odds, rng), rows.outcome))


def _direction(pool: Pool, law: Law, column: int, rng: np.random.Generator) -> F64:
    """Log-weight of each row by one column, spread 1, with the sign that costs the model more."""
    values = pool.rows.x[:, column]
    if law.fields[column].categories:
        levels = rng.standard_normal(len(law.fields[column].categories))
        values = levels[values.astype(np.int64)]
    spread = float(values.std())
    raw = np.clip((values - values.mean()) / spread, -3.0, 3.0) if spread > 0 else np.zeros(len(values))
    up, down = (_loss(pool, sign * raw) for sign in (1.0, -1.0))
    return np.asarray(raw if up >= down else -raw, np.float64)


def _loss(pool: Pool, log_weight: F64) -> float:
    """AUC lost when later rows have these weights."""
    scores, positive = pool.scores[pool.later], expit(pool.rows.log_odds[pool.later])
    weight = np.exp(log_weight[pool.later])
    return expected_auc(scores, positive) - expected_auc(scores, positive, weight)


def _solve(pool: Pool, directions: F64, loss: float) -> float:
    """The tilt that costs ``loss``; for one that cannot, what belongs to the loss."""
    if _loss(pool, _STRONGEST_TILT * directions) < loss:
        return _LEAST_TILT.get(loss, 1.0)
    return max(_bisect(lambda tilt: _loss(pool, tilt * directions), loss, _STRONGEST_TILT), _LEAST_TILT[0.02])


def _bisect(lost: Callable[[float], float], wanted: float, high: float) -> float:
    """Find where a loss that mostly grows reaches what is wanted; ``high`` when it never does."""
    if lost(high) <= wanted:
        return high
    low = 0.0
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if lost(middle) < wanted else (low, middle)
    return (low + high) / 2.0


def _keep(pool: Pool, weight: F64, n: int, rng: np.random.Generator) -> I64:
    """Sample n rows without replacement, those before the onset and after it in the pool's proportion.

    The keys are those of Efraimidis and Spirakis (2006): u^(1/w), the largest win.
    """
    keys = np.log(rng.random(len(weight))) / weight
    n_later = round(n * float(pool.later.mean()))
    return _sample(keys, ((~pool.later, n - n_later), (pool.later, n_later)))


def _sample(keys: F64, sizes: tuple[tuple[Mask, int], ...]) -> I64:
    """So many rows of each mask, those with the largest keys; ascending."""
    parts = []
    for mask, size in sizes:
        found = np.flatnonzero(mask)
        parts.append(found[np.argsort(keys[found], kind="stable")[len(found) - min(size, len(found)) :]])
    return np.sort(np.concatenate(parts))
