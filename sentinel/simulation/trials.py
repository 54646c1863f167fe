"""Trials: worlds with one cause, or two, or none, under circumstances that were drawn without looking at the cause."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from sentinel.simulation.causes import LATER_RATIOS, ONSET_RATIOS, VARIANTS
from sentinel.simulation.nuisances import draw_nuisances
from sentinel.simulation.plan import TrialPlan
from sentinel.simulation.play import play
from sentinel.simulation.strength import Severity
from sentinel.simulation.worlds import GENERATORS, HELD_OUT

__all__ = ["GENERATORS", "HELD_OUT", "SEVERITIES", "TrialPlan", "plan_trial", "plan_trials", "play"]

SEVERITIES: Final[tuple[Severity, ...]] = ("small", "medium", "large")
TWO_CAUSES_RATIO: Final = 0.15
"""Share of all trials that have a second cause."""
SECOND_CAUSES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        cause: tuple(second for second in ("covariate_drift", "label_shift", "concept_drift", "data_quality_fault",
                                           "duplicate_leakage", "target_leakage", "train_serve_skew")
                     if second != cause and {second, cause} != {"train_serve_skew", "data_quality_fault"})
        for cause in VARIANTS if cause != "none"
    }
)  # fmt: skip
"""What may come on top of each cause."""


def plan_trials(generator: str, n: int, seed: int) -> list[TrialPlan]:
    """Plan trials, balanced over causes, within a cause over its variants and severities.

    Parameters
    ----------
    generator : str
    n : int, >= 0
    seed : int, >= 0

    Returns
    -------
    list of TrialPlan

    Raises
    ------
    ValueError
        If there is no such generator.
    """
    rng = np.random.default_rng([seed, _number(generator), 0])
    causes = list(VARIANTS)
    cells = {cause: [(v, s) for v in VARIANTS[cause] for s in SEVERITIES] for cause in causes}
    orders = {cause: rng.permutation(len(cells[cause])) for cause in causes}
    plans = []
    for i in range(n):
        cause, turn = causes[i % len(causes)], i // len(causes)
        variant, severity = cells[cause][int(orders[cause][turn % len(cells[cause])])]
        second = None
        if cause != "none" and rng.random() < TWO_CAUSES_RATIO * len(causes) / (len(causes) - 1):
            second = str(rng.choice(SECOND_CAUSES[cause]))
        plans.append(_plan(generator, cause, variant, severity, second, _onset(cause, rng), seed * 1_000_003 + i))
    return plans


def plan_trial(
    generator: str, cause: str, *, variant: str | None = None, severity: Severity = "medium", seed: int = 0
) -> TrialPlan:
    """Plan one trial of a cause.

    Parameters
    ----------
    generator, cause : str
    variant : str, optional
        Drawn when it is not given.
    severity : {"small", "medium", "large"}
    seed : int, >= 0

    Returns
    -------
    TrialPlan

    Raises
    ------
    ValueError
        If there is no such generator, cause or variant.
    """
    variants = VARIANTS.get(cause)
    if variants is None:
        raise ValueError(f"no cause is named {cause!r} (there are {', '.join(VARIANTS)})")
    rng = np.random.default_rng([seed, _number(generator), 1])
    chosen = str(rng.choice(variants)) if variant is None else variant
    if chosen not in variants:
        raise ValueError(f"{cause} has no variant {chosen!r} (there are {', '.join(variants)})")
    return _plan(generator, cause, chosen, severity, None, _onset(cause, rng), seed)


def _plan(
    generator: str, cause: str, variant: str, severity: Severity, second: str | None, onset_ratio: float, seed: int
) -> TrialPlan:
    nuisances = draw_nuisances(np.random.default_rng([seed, _number(generator), 2]))
    return TrialPlan(generator, cause, variant, severity, onset_ratio, second, seed, nuisances)


def _onset(cause: str, rng: np.random.Generator) -> float:
    """When the cause begins; the numbers are drawn for every cause, so that nothing else depends on it."""
    is_later, ratio = rng.random() < LATER_RATIOS.get(cause, 0.0), round(float(rng.uniform(*ONSET_RATIOS)), 4)
    return ratio if is_later else 0.0


def _number(generator: str) -> int:
    if generator not in GENERATORS:
        raise ValueError(f"no generator is named {generator!r} (there are {', '.join(GENERATORS)})")
    return list(GENERATORS).index(generator)
