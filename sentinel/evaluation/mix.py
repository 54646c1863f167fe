"""How much of an AUC gap other scores explain, and how much other outcomes at the same scores."""

from __future__ import annotations

import numpy as np

from sentinel.evaluation.findings import Parts
from sentinel.stats.arrays import Floats
from sentinel.stats.auc import auc_values
from sentinel.summaries.algebra import Summary


def auc_parts(offline: Summary, online: Summary) -> Parts:
    """Split the AUC gap along the order in which it arises: scores first, then outcomes given the score.

    Parameters
    ----------
    offline, online : Summary
        Under one layout.

    Returns
    -------
    Parts
        In AUC, summing to the gap; empty where a side lacks a class. ``slice_mix`` is not told apart from
        ``score_mix``.

    Notes
    -----
    With p0(y|b) and p1(y|b) the outcome rates of score bin b offline and live, and p1(b) the scores of all live
    predictions, known outcome or not: score_mix = A(offline) - A(p1(b) p0(y|b)), outcome = A(p1(b) p0(y|b)) -
    A(p1(b) p1(y|b)), and what is left is due to outcomes being known more often at some scores. Bins that
    offline never filled take the rate between their neighbours; live ones without an outcome that of offline.

    References
    ----------
    .. [1] Cai, Namkoong & Yadlowsky (2023), Diagnosing model performance under distribution shift,
       arXiv 2303.02011.
    """
    before, after = offline["outcomes"].astype(np.float64), online["outcomes"].astype(np.float64)
    scores = online["scores"].astype(np.float64)
    if min(before.sum(axis=0).min(), after.sum(axis=0).min()) <= 0:
        return Parts()
    rate = _rates(before)
    live_n = after.sum(axis=1)
    live_rate = np.where(live_n > 0, after[:, 1] / np.maximum(live_n, 1.0), rate)
    promised, mixed = _auc(before[:, 1], before[:, 0]), _auc(scores * rate, scores * (1.0 - rate))
    reweighted, observed = _auc(scores * live_rate, scores * (1.0 - live_rate)), _auc(after[:, 1], after[:, 0])
    return Parts(score_mix=promised - mixed, outcome=mixed - reweighted, label_selection=reweighted - observed)


def _rates(counts: Floats) -> Floats:
    n = counts.sum(axis=1)
    filled = np.flatnonzero(n > 0)
    return np.asarray(np.interp(np.arange(len(n)), filled, counts[filled, 1] / n[filled]))


def _auc(positives: Floats, negatives: Floats) -> float:
    return float(auc_values(positives, negatives))
