"""Every cause and its variants, and what each of them plants."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from scipy.special import ndtr

from sentinel.simulation import leaks
from sentinel.simulation.law import HISTORY_DAYS, Law, Setting
from sentinel.simulation.strength import GAPS, Severity, leak_separation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sentinel.simulation.copies import CopyKind
    from sentinel.simulation.nuisances import Nuisances
    from sentinel.simulation.serving import Fault

VARIANTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "target_leakage": ("null", "default", "stale", "partial", "aggregate"),
        "temporal_leakage": ("random_split", "future_encoding", "whole_history_count"),
        "group_leakage": ("overlap_30", "overlap_60", "overlap_100"),
        "duplicate_leakage": ("exact", "near", "augmented", "oversampled"),
        "preprocessing_leakage": ("selection_on_all", "encoding_on_all"),
        "selection_optimism": ("best_of_10", "best_of_100", "best_of_1000"),
        "train_serve_skew": ("scale", "default", "swap", "stale", "coding", "null"),
        "covariate_drift": ("slice", "mean", "both"),
        "label_shift": ("by_half", "threefold"),
        "concept_drift": ("abrupt", "gradual", "recurring"),
        "data_quality_fault": ("null", "constant", "range"),
        "none": (
            "clean",
            "seasonal",
            "new_entities",
            "harmless_overlap",
            "delay_shift",
            "selective_outcomes",
            "scaler_on_all",
            "feedback",
        ),
    }
)
"""Causes of the public contract, ``none`` for benign look-alikes, each with its variants."""

LATER_RATIOS: Mapping[str, float] = MappingProxyType(
    {"covariate_drift": 0.75, "label_shift": 0.75, "concept_drift": 0.85, "data_quality_fault": 1.0}
)
"""Share of trials in which a cause begins after the launch; for all others it is there from the start. What is served
wrongly from the start is no fault but a skew: that is how the two are told apart."""
ONSET_RATIOS: tuple[float, float] = (0.25, 0.6)
"""First and last share of the stream before a cause that begins after the launch."""

_COPIED: dict[Severity, float] = {"small": 0.05, "medium": 0.2, "large": 0.6}
_DIVERSITY: dict[Severity, int] = {"small": 8, "medium": 4, "large": 2}
_SMALLER: dict[Severity, int] = {"small": 2, "medium": 4, "large": 8}
_FACTORS = {"by_half": 1.5, "threefold": 3.0}
_OVERSAMPLED = 0.35
"""Copied positives cost about three times what copies of any row cost."""
_MOST_NOISE = 6_000_000
_MOST_KEPT = 45
_LARGEST_SPREAD = 4.0
_LEARNT = 0.6
"""Share of an effect that real learners find, of what an ideal one would."""
_BLOCKS_LEARNT = 0.75
"""Blocks of days are found more easily than entities are: a smaller shock has the same effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """What one cause does, step by step; a step that is None leaves things alone.

    Parameters
    ----------
    prepare : callable, optional
        Changes the circumstances before anything is drawn.
    leak : callable, optional
        Makes the leaking columns, once the law is known.
    copies : (kind, ratio), optional
        Makes validation rows copies of training rows.
    n_candidates, n_blended : int
        Above 1: so many models are compared on the validation rows, each a blend of so many of a bank.
    fault : Fault, optional
        What serving does.
    inputs, law : str, optional
        Kind of drift of who comes, or of why.
    factor : float
        How much more common positives become.
    delay_factor : float
        How much longer live outcomes take.
    acts_on_ratio : float in [0, 1)
        Share of the positives with high scores that someone acts on in time, so that they never come about.
    selects_outcomes, scales_on_all : bool
    """

    prepare: Callable[[Setting], Setting] | None = None
    leak: Callable[[Law], leaks.Leak] | None = None
    copies: tuple[CopyKind, float] | None = None
    n_candidates: int = 1
    n_blended: int = 1
    fault: Fault | None = None
    inputs: Literal["slice", "mean", "both"] | None = None
    law: Literal["abrupt", "gradual", "recurring"] | None = None
    factor: float = 1.0
    delay_factor: float = 1.0
    acts_on_ratio: float = 0.0
    selects_outcomes: bool = False
    scales_on_all: bool = False


def mechanism(
    cause: str, variant: str, severity: Severity, nuisances: Nuisances, rng: np.random.Generator
) -> Mechanism:
    """What this cause plants.

    Parameters
    ----------
    cause, variant : str
        Of ``VARIANTS``.
    severity : {"small", "medium", "large"}
    nuisances : Nuisances
    rng : Generator
        For the choice of shapes and names.

    Returns
    -------
    Mechanism

    Raises
    ------
    ValueError
        If there is no such cause or variant.
    """
    if variant not in VARIANTS.get(cause, ()):
        raise ValueError(f"no cause {cause!r} with a variant {variant!r}")
    build = _BUILDERS.get(cause)
    if build is not None:
        return build(variant, severity, nuisances, rng)
    gap = GAPS[severity]
    if cause == "duplicate_leakage":
        ratio = _COPIED[severity] * (_OVERSAMPLED if variant == "oversampled" else 1.0)
        return Mechanism(copies=(cast("CopyKind", variant), ratio))
    if cause == "covariate_drift":
        return Mechanism(inputs=cast("Literal['slice', 'mean', 'both']", variant))
    if cause == "concept_drift":
        return Mechanism(law=cast("Literal['abrupt', 'gradual', 'recurring']", variant))
    if cause == "label_shift":
        factor = _FACTORS[variant]
        return Mechanism(factor=factor if rng.random() < 0.6 or gap > 0.1 else 1.0 / factor)
    return Mechanism(fault=cast("Fault", variant))


def _target(variant: str, severity: Severity, nuisances: Nuisances, rng: np.random.Generator) -> Mechanism:
    del nuisances
    served = cast("leaks.Served", variant)
    shapes: tuple[leaks.Shape, ...] = ("gauge", "count", "presence")
    shape = shapes[int(rng.integers(3))]
    name = ("follow_up_calls", "final_balance", "closing_status", "review_minutes")[int(rng.integers(4))]
    kept, noise = {
        "stale": (0.0, 1.0), "partial": (leaks.PARTIAL_KEPT, 1.0), "aggregate": (0.0, 0.75)
    }.get(variant, (0.0, 0.0))  # fmt: skip

    def leak(law: Law) -> leaks.Leak:
        found = leak_separation(law.ideal_auc, GAPS[severity], kept=kept, noise=noise)
        return leaks.FutureValue(name, shape, served, found)

    return Mechanism(leak=leak)


def _temporal(variant: str, severity: Severity, nuisances: Nuisances, rng: np.random.Generator) -> Mechanism:
    gap = GAPS[severity]
    if variant == "random_split":
        days = float(rng.choice([1.0, 2.0, 4.0]))
        rows_per_block = nuisances.n_train * days / HISTORY_DAYS
        shock = leak_separation(_guess(nuisances), gap, noise=1.0)
        shock = _BLOCKS_LEARNT * _spread_for(shock, rows_per_block * nuisances.base_rate * (1.0 - nuisances.base_rate))

        def prepare(setting: Setting) -> Setting:
            return replace(
                setting, protocol="random", has_context=True, context_tells_day=True, block_days=days,
                shock_sd=max(shock, setting.shock_sd),
            )  # fmt: skip

        return Mechanism(prepare=prepare)

    def leak(law: Law) -> leaks.Leak:
        found = leak_separation(law.ideal_auc, gap, noise=1.0)
        if variant == "whole_history_count":
            return leaks.WholeHistoryCount("visits_total", found)
        return leaks.FutureEncoding("area_rate_3d", _rows_per_cell(found, nuisances.base_rate))

    return Mechanism(leak=leak)


def _group(variant: str, severity: Severity, nuisances: Nuisances, rng: np.random.Generator) -> Mechanism:
    del rng
    overlap = float(variant.removeprefix("overlap_")) / 100.0
    wanted = leak_separation(_guess(nuisances), min(GAPS[severity] / overlap, 0.35), noise=1.0)
    rate = nuisances.base_rate
    spread = _spread_for(wanted, nuisances.rows_per_entity * rate * (1.0 - rate))

    def prepare(setting: Setting) -> Setting:
        return replace(
            setting, protocol="random", overlap_ratio=overlap, returning_ratio=0.25 * setting.returning_ratio,
            entity_sd=max(spread, setting.entity_sd), n_marks=max(2, setting.n_marks),
        )  # fmt: skip

    return Mechanism(prepare=prepare)


def _preprocessing(variant: str, severity: Severity, nuisances: Nuisances, rng: np.random.Generator) -> Mechanism:
    rate = nuisances.base_rate
    n_encoded = int(rng.integers(1, 4))

    def leak(law: Law) -> leaks.Leak:
        found = leak_separation(law.ideal_auc, GAPS[severity], noise=1.0)
        if variant == "encoding_on_all":
            names = ("postcode_rate", "agent_rate", "product_rate")[:n_encoded]
            return leaks.EncodedOnAll(names, _rows_per_cell(found, rate) * n_encoded)
        n = nuisances.n_train + law.setting.n_validation
        n_candidates = min(1_500, _MOST_NOISE // n)
        # The best of 1,500 correlate by about 3 standard errors, 1 / sqrt(n p (1 - p)) in units of separation each.
        n_kept = math.ceil(found**2 * n * rate * (1.0 - rate) / 9.0)
        return leaks.SelectedNoise(n_candidates, min(max(n_kept, 3), _MOST_KEPT))

    return Mechanism(leak=leak)


def _selection(variant: str, severity: Severity, nuisances: Nuisances, rng: np.random.Generator) -> Mechanism:
    del nuisances, rng

    def prepare(setting: Setting) -> Setting:
        return replace(setting, n_validation=max(300, setting.n_validation // _SMALLER[severity]))

    return Mechanism(
        prepare=prepare, n_candidates=int(variant.removeprefix("best_of_")), n_blended=_DIVERSITY[severity]
    )


def _benign(variant: str, severity: Severity, nuisances: Nuisances, rng: np.random.Generator) -> Mechanism:
    size = {"small": 1, "medium": 2, "large": 3}[severity]
    overlap = float(rng.uniform(0.3, 0.9))

    def prepare(setting: Setting) -> Setting:
        if variant == "seasonal":
            return replace(setting, season=0.25 * size)
        if variant == "new_entities":
            return replace(setting, overlap_ratio=overlap, returning_ratio=0.0, entity_sd=0.0)
        if variant == "harmless_overlap":
            return replace(setting, protocol="random", context_tells_day=False, overlap_ratio=overlap,
                           returning_ratio=overlap)  # fmt: skip
        return setting

    del nuisances
    return Mechanism(
        prepare=prepare,
        delay_factor=2.0 * size if variant == "delay_shift" else 1.0,
        acts_on_ratio=0.05 * size if variant == "feedback" else 0.0,
        selects_outcomes=variant == "selective_outcomes",
        scales_on_all=variant == "scaler_on_all",
    )


_BUILDERS: Mapping[str, Callable[[str, Severity, Nuisances, np.random.Generator], Mechanism]] = MappingProxyType(
    {
        "target_leakage": _target,
        "temporal_leakage": _temporal,
        "group_leakage": _group,
        "preprocessing_leakage": _preprocessing,
        "selection_optimism": _selection,
        "none": _benign,
    }
)


def _guess(nuisances: Nuisances) -> float:
    """Honest AUC before the law is scaled: about that of a log-odds spread equal to the strength."""
    return float(ndtr(nuisances.strength * 0.85 / math.sqrt(2.0)))


def _spread_for(wanted: float, information: float) -> float:
    """Spread of an effect that is learnt from so much Fisher information, to separate the classes as wanted.

    With spread s and information v, a share v s^2 / (1 + v s^2) of the variance is learnt; solve for s.
    """
    v, b = max(information, 1e-6), wanted**2
    spread = math.sqrt((b * v + math.sqrt((b * v) ** 2 + 4.0 * b * v)) / (2.0 * v))
    return min(spread / _LEARNT, _LARGEST_SPREAD)


def _rows_per_cell(separation: float, rate: float) -> float:
    """Rows over which a share is taken so that a row's own outcome separates the classes so far."""
    return max(1.2, 1.0 / max(separation**2 * rate * (1.0 - rate), 1e-9))
