"""Train the scorecard on watched streams: penalised, balanced, with the signs that a signal's meaning demands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar

from sentinel import __version__
from sentinel.config.alerts import Alerts
from sentinel.diagnosis.evidence import Evidence, gather
from sentinel.diagnosis.proofs import find_proofs
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.scorecard import (
    FAMILIES,
    FAMILY,
    NAMED,
    Column,
    ScorecardFile,
    Weights,
    columns_of,
)
from sentinel.diagnosis.signatures import MEANINGS, read_signals
from sentinel.diagnosis.signatures.signal import Direction
from sentinel.diagnosis.verdict import passes_gate
from sentinel.simulation.runner import Look, Planted, Watched
from sentinel.stats.arrays import Booleans, Floats

PENALTY: Final = 0.003
"""Of a squared weight, against the mean log loss: chosen by leaving one generator out."""
BIAS_PENALTY: Final = 1e-3
"""Of a squared bias: biases that differ by a constant fit alike, and this chooses one."""
MISSING_PENALTY: Final = 5.0
"""Times as much for the indicator of a missing signal: what is absent in training is absent for the simulator's
reasons."""
FOLDS: Final = 5
"""Parts, by world, of which each is scored by a model that has not seen it: the temperature is fitted to that. With
several generators each is a part of its own, for the worlds that a scorecard will meet are of none of them."""
SMALL: Final = 0.2
"""Of the runs of the largest generator: one with fewer is no part of its own. What is learnt from a few runs would set
the temperature of all, so its worlds are dealt out to the parts of the others."""
DROPPED: Final = 0.5
"""Chance that a kind of optional evidence is withheld in the second copy of a run."""
LEAST_SHARE: Final = 0.1
"""Of a family, or of a cause within it, that is held possible however seldom it passed the gate: how common a cause is
among simulated worlds says little of how common it is elsewhere."""
LEAST_SCALE: Final = 0.05
"""Of a signal's standard deviation: one that hardly ever differs is not blown up."""

OPTIONAL: Final[tuple[tuple[str, ...], ...]] = (
    ("repair_", "explained_by_", "best_repair"),
    ("row_", "entity_", "duplicate_excess", "oversampled"),
    ("split_by_", "time_overlap"),
    ("candidates", "optimism_share"),
    ("fitted_on_validation",),
    ("offline_after_prediction", "staleness", "too_old"),
    ("backfill_",),
    ("declared_", "outside_declared_range"),
)
"""Beginnings of the names of signals that come and go together; see `optional_kinds` for the rest."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Run:
    """One look at one stream that passed the gate.

    Attributes
    ----------
    values : float array, shape (n_signals,)
        NaN where missing; in the order of `MEANINGS`.
    cause : Cause
        The truth at that moment.
    world : str
        Runs of one world are never on both sides of a split.
    generator : str
    """

    values: Floats
    cause: Cause
    world: str
    generator: str


def evidence_of(watched: Watched, look: Look, alerts: Alerts | None = None) -> Evidence:
    """The evidence at one look of a watched stream."""
    counts = {"predictions": look.n_predictions, "joined": look.n_outcomes}
    return gather(look.evaluation, watched.meta, counts, alerts or Alerts())


def truth_at(planted: Planted, look: Look) -> Cause:
    """What is the matter at this look: nothing, before the onset."""
    if planted.onset_us is not None and look.at_us < planted.onset_us:
        return Cause.NONE
    return Cause(planted.cause)


def runs_of(watched: Iterable[Watched]) -> Iterator[Run]:
    """Every look that passed the gate, as the scorecard sees it; streams with two causes teach neither."""
    for stream in watched:
        if stream.planted.second is not None:
            continue
        for look in stream.looks:
            evidence = evidence_of(stream, look)
            if not passes_gate(evidence, find_proofs(evidence)):
                continue
            signals = read_signals(evidence)
            values = np.array([np.nan if signals[n].value is None else signals[n].value for n in MEANINGS])
            planted = stream.planted
            yield Run(values, truth_at(planted, look), f"{planted.generator}/{planted.seed}", planted.generator)


def train(runs: Sequence[Run], *, seed: int = 0, on: Mapping[str, Any] | None = None) -> ScorecardFile:
    """Fit the scorecard.

    Parameters
    ----------
    runs : sequence of Run
    seed : int
        Of the evidence withheld in the second copies, and of the folds.
    on : mapping, optional
        What the runs are, for the file.

    Returns
    -------
    ScorecardFile
        Sealed.
    """
    random = np.random.default_rng(seed)
    values = np.stack([run.values for run in runs])
    doubled = np.concatenate([values, _withheld(values, random)])
    known = ~np.isnan(doubled)
    n = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, doubled, 0.0).sum(axis=0) / n
    spread = np.sqrt((np.where(known, doubled - means, 0.0) ** 2).sum(axis=0) / n)
    scales = np.maximum(spread, LEAST_SCALE)
    x = columns_of(doubled, means, scales)
    has_missing = (~known).any(axis=0) & known.any(axis=0)
    x[:, len(means) :] *= has_missing
    causes = np.array([run.cause.value for run in runs] * 2)
    folds = _folds(runs, random)
    levels = {FAMILY: FAMILIES} | {
        family: tuple(c.value for c in NAMED if c.family == family)
        for family in FAMILIES
        if sum(c.family == family for c in NAMED) > 1
    }
    rows: dict[str, dict[str, Weights]] = {}
    temperatures = {}
    for level, names in levels.items():
        chosen = np.array([Cause(c).family for c in causes]) if level == FAMILY else causes
        bounds = _bounds(names, is_family=level == FAMILY, has_missing=has_missing)
        inside = np.isin(chosen, names)
        y = np.array([names.index(c) for c in chosen[inside]], np.int64)
        biases, weights, temperature = _fit_level(x[inside], y, len(names), bounds, np.tile(folds, 2)[inside])
        temperatures[level] = temperature
        rows[level] = {name: _row(biases[i], weights[i]) for i, name in enumerate(names)}
    names_in = list(MEANINGS)
    share = {c.value: float(np.mean(causes == c.value)) for c in NAMED}
    file = ScorecardFile(
        sentinel=__version__,
        trained={"runs": len(runs), **(on or {})},
        prior=share,
        temperatures=temperatures,
        signals={
            name: Column(
                mean=round(float(means[j]), 6), scale=round(float(scales[j]), 6), has_missing=bool(has_missing[j])
            )
            for j, name in enumerate(names_in)
        },
        families=rows[FAMILY],
        causes={c.value: Weights() for c in NAMED} | {k: v for f in levels if f != FAMILY for k, v in rows[f].items()},
    )
    return file.sealed()


def _withheld(values: Floats, random: np.random.Generator) -> Floats:
    """A copy in which kinds of optional evidence are missing: what a team does not supply says nothing of the cause."""
    copy = values.copy()
    names = list(MEANINGS)
    for kind in optional_kinds():
        columns = np.array([name.startswith(kind) for name in names])
        rows = random.random(len(values)) < DROPPED
        copy[rows[:, None] & columns] = np.nan
    return copy


def optional_kinds() -> Iterator[tuple[str, ...]]:
    """Beginnings of the names of signals that come and go together: `OPTIONAL`, then those that share another wish."""
    yield from OPTIONAL
    listed = tuple(chain.from_iterable(OPTIONAL))
    others = [meaning for meaning in MEANINGS.values() if not meaning.name.startswith(listed)]
    for wish in dict.fromkeys(meaning.wanted for meaning in others if meaning.wanted is not None):
        yield tuple(meaning.name for meaning in others if meaning.wanted == wish)


def _folds(runs: Sequence[Run], random: np.random.Generator) -> Integers:
    sizes = Counter(run.generator for run in runs)
    generators = sorted(name for name, n in sizes.items() if n >= SMALL * max(sizes.values()))
    worlds = sorted({run.world for run in runs if len(generators) == 1 or run.generator not in generators})
    if len(generators) > 1:
        dealt = dict(zip(worlds, random.permutation(len(worlds)) % len(generators), strict=True))
        folds = (dealt[r.world] if r.world in dealt else generators.index(r.generator) for r in runs)
        return np.fromiter(folds, np.int64, len(runs))
    fold = dict(zip(worlds, random.permutation(len(worlds)) % FOLDS, strict=True))
    return np.array([fold[run.world] for run in runs], np.int64)


def _bounds(names: Sequence[str], *, is_family: bool, has_missing: Booleans) -> tuple[Floats, Floats]:
    """Lowest and highest weight of each column for each name, shape (n_names, 2 n_signals)."""
    lowest = np.zeros((len(names), 2 * len(MEANINGS)))
    highest = np.zeros_like(lowest)
    ends: dict[Direction, tuple[float, float]] = {"+": (0.0, np.inf), "-": (-np.inf, 0.0), "any": (-np.inf, np.inf)}
    for j, meaning in enumerate(MEANINGS.values()):
        speaks = meaning.families if is_family else meaning.causes
        for i, name in enumerate(names):
            if name not in speaks:
                continue
            lowest[i, j], highest[i, j] = ends[speaks[name]]
            if has_missing[j]:
                lowest[i, len(MEANINGS) + j], highest[i, len(MEANINGS) + j] = -np.inf, np.inf
    return lowest, highest


def _fit_level(
    x: Floats, y: Integers, n_names: int, bounds: tuple[Floats, Floats], folds: Integers
) -> tuple[Floats, Floats, float]:
    if not len(y):
        return np.zeros(n_names), np.zeros((n_names, x.shape[1])), 1.0
    bias, weights = fit(x, y, n_names, bounds)
    logits = np.zeros((len(y), n_names))
    for fold in np.unique(folds):
        out = folds == fold
        if out.all():
            continue
        held_bias, held_weights = fit(x[~out], y[~out], n_names, bounds)
        logits[out] = held_bias + x[out] @ held_weights.T
    return bias, weights, fit_temperature(logits, y)


def fit(
    x: Floats, y: Integers, n_names: int, bounds: tuple[Floats, Floats], penalty: float = PENALTY
) -> tuple[Floats, Floats]:
    """Penalised multinomial logistic regression with bounded weights, every class of equal weight.

    Parameters
    ----------
    x : float array, shape (n, n_columns)
    y : int array, shape (n,)
        Class of each row.
    n_names : int
        Classes; one without a row gets a constant of that share.
    bounds : pair of float arrays, shape (n_names, n_columns)
    penalty : float

    Returns
    -------
    (bias, weights), shapes (n_names,) and (n_names, n_columns)
        The bias gives the classes their shares among the rows back, but none less than ``LEAST_SHARE``.
    """
    n_columns = x.shape[1]
    counts = np.bincount(y, minlength=n_names).astype(np.float64)
    share = counts / counts.sum()
    row_weights = (1.0 / np.maximum(counts, 1.0))[y]
    row_weights /= row_weights.sum()
    free = np.flatnonzero((bounds[0].ravel() < 0) | (bounds[1].ravel() > 0))
    toll = np.full((n_names, n_columns), penalty)
    toll[:, n_columns // 2 :] *= MISSING_PENALTY
    toll_free = toll.ravel()[free]
    hot = np.eye(n_names)[y]

    def loss(parameters: Floats) -> tuple[float, Floats]:
        bias, weights = parameters[:n_names], np.zeros(n_names * n_columns)
        weights[free] = parameters[n_names:]
        logits = bias + x @ weights.reshape(n_names, n_columns).T
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        probabilities = odds / odds.sum(axis=1, keepdims=True)
        own = np.maximum(probabilities[np.arange(len(y)), y], 1e-300)
        error = row_weights[:, None] * (probabilities - hot)
        slope = (error.T @ x).ravel()[free] + 2 * toll_free * parameters[n_names:]
        value = -float(row_weights @ np.log(own)) + float(toll_free @ parameters[n_names:] ** 2)
        value += BIAS_PENALTY * float(bias @ bias)
        return value, np.concatenate([error.sum(axis=0) + 2 * BIAS_PENALTY * bias, slope])

    limits = [(None, None)] * n_names + [
        (None if low == -np.inf else low, None if high == np.inf else high)
        for low, high in zip(bounds[0].ravel()[free], bounds[1].ravel()[free], strict=True)
    ]
    found = minimize(
        loss, np.zeros(n_names + len(free)), jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": 500}
    )
    weights = np.zeros(n_names * n_columns)
    weights[free] = found.x[n_names:]
    bias = found.x[:n_names] + np.log(np.maximum(share, LEAST_SHARE) * n_names)
    return bias, weights.reshape(n_names, n_columns)


def fit_temperature(logits: Floats, y: Integers) -> float:
    """The temperature at which held-out rows are likeliest, within 1 and 4: a scorecard is never made surer.

    Parameters
    ----------
    logits : float array, shape (n, n_names)
    y : int array, shape (n,)

    Returns
    -------
    float
    """

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(y)), y]))

    return float(np.exp(minimize_scalar(loss, bounds=(0.0, np.log(4.0)), method="bounded").x))


def _row(bias: float, weights: Floats) -> Weights:
    n = len(MEANINGS)
    named = list(MEANINGS)
    return Weights(
        bias=round(float(bias), 5),
        values={named[j]: round(float(weights[j]), 5) for j in range(n) if abs(weights[j]) > 1e-5},
        missing={named[j]: round(float(weights[n + j]), 5) for j in range(n) if abs(weights[n + j]) > 1e-5},
    )
