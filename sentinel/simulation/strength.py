"""How strong a leak must be planted for the gap that is wanted, when scores are about normal within each class."""

from __future__ import annotations

import math
from typing import Literal

from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

Severity = Literal["small", "medium", "large"]

GAPS: dict[Severity, float] = {"small": 0.02, "medium": 0.05, "large": 0.15}
"""Offline inflation, or live loss, that each severity aims at, in AUC."""

_STRONGEST = 6.0


def separation(auc: float) -> float:
    """Distance of the two classes, in standard deviations, behind an AUC (the binormal model).

    Examples
    --------
    >>> round(separation(0.5), 3)
    0.0
    """
    return math.sqrt(2.0) * float(ndtri(min(max(auc, 0.5), 0.999)))


def leak_gap(auc: float, leak: float, kept: float, noise: float) -> float:
    """Gap of a model that learnt an honest score and an independent leak.

    With a for the honest separation and m for the leak's, the model weighs them as a and m; offline it has
    sqrt(a^2 + m^2). Live the leak's mean is kept to a share r, and its spread to a share v of its variance:
    (a^2 + r m^2) / sqrt(a^2 + v m^2).

    Parameters
    ----------
    auc : float in [.5, 1)
        Of the honest score.
    leak : float, >= 0
        Separation m by the leak.
    kept, noise : float in [0, 1]
        r and v: both 0 for a constant, 0 and 1 for a value that has nothing to do with the row.

    Returns
    -------
    float, AUC

    Examples
    --------
    >>> leak_gap(0.75, 0.0, 0.0, 1.0)
    0.0
    """
    honest = separation(auc)
    offline = math.hypot(honest, leak)
    live = (honest**2 + kept * leak**2) / max(math.hypot(honest, math.sqrt(noise) * leak), 1e-9)
    return float(ndtr(offline / math.sqrt(2.0)) - ndtr(live / math.sqrt(2.0)))


def leak_separation(auc: float, gap: float, *, kept: float = 0.0, noise: float = 0.0) -> float:
    """The separation m that makes this gap; the strongest there is where none does."""
    if leak_gap(auc, _STRONGEST, kept, noise) <= gap:
        return _STRONGEST
    return float(brentq(lambda m: leak_gap(auc, m, kept, noise) - gap, 0.0, _STRONGEST, xtol=1e-4))
