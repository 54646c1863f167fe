"""How many models a manifest says were compared on the rows that judge the best of them, and what each scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sentinel.stats.selection import CANDIDATE_CORRELATION


@dataclass(frozen=True, slots=True)
class Candidates:
    """Models compared on the reported rows.

    Parameters
    ----------
    n : int, >= 1
    scores : tuple of float
        Of each, in the unit of their metric; empty where only their number is stated.
    correlation : float in [0, 1)
        Between the estimates of two of them.
    """

    n: int
    scores: tuple[float, ...]
    correlation: float


def candidates_of(manifest: Mapping[str, Any]) -> Candidates | None:
    """Read ``candidates`` (a number, a list of scores, or scores by name) and ``candidates_correlation``.

    Examples
    --------
    >>> candidates_of({"candidates": {"forest": 0.71, "line": 0.7}, "candidates_correlation": 0.8})
    Candidates(n=2, scores=(0.71, 0.7), correlation=0.8)
    """
    stated, correlation = manifest.get("candidates"), manifest.get("candidates_correlation")
    if stated is None:
        return None
    rho = CANDIDATE_CORRELATION if correlation is None else float(correlation)
    if isinstance(stated, int | float):
        return Candidates(int(stated), (), rho)
    scores = tuple(float(score) for score in (stated.values() if isinstance(stated, Mapping) else stated))
    return Candidates(len(scores), scores, rho)
