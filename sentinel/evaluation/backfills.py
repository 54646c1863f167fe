"""Recomputed values against those that were served: how often they differ, and whether that depends on the outcome."""

from __future__ import annotations

from sentinel.evaluation.findings import Backfill
from sentinel.stats.contingency import independence_p_values, log_odds_ratio
from sentinel.stats.paired import growth_p_values, paired_contrast
from sentinel.summaries.algebra import Summary
from sentinel.summaries.backfilled import AGREES, DIFFERS


def judge_backfills(online: Summary) -> tuple[Backfill | None, ...]:
    """Read every feature's backfills.

    Where they differ, and differ by the outcome, either the recomputed value knows what came later, or an honest value
    was served wrongly and would have known. What tells them apart is in `growth_p_values`.

    Parameters
    ----------
    online : Summary

    Returns
    -------
    tuple of Backfill or None
        In the layout's order; None where no value was recomputed. The odds ratio is that of a mismatch with a positive
        outcome; it and its p-value (of this feature alone) are None where there is nothing to compare.
    """
    found = online["backfills"]
    tables = online["backfill_outcomes"][:, AGREES : DIFFERS + 1]
    odds, p_values = log_odds_ratio(tables), independence_p_values(tables)
    known = tables.sum(axis=(1, 2))
    bits = online["backfill_bits"]
    contrast, growth = paired_contrast(bits), growth_p_values(bits)
    numeric = [feature.kind == "numeric" for feature in online.layout.features]
    comparable = (tables.sum(axis=1) > 0).all(axis=1) & (tables.sum(axis=2) > 0).all(axis=1)
    return tuple(
        None
        if not (n := int(given[AGREES] + given[DIFFERS]))
        else Backfill(
            n=n,
            mismatch_ratio=float(given[DIFFERS]) / n,
            n_with_outcome=int(known[j]),
            outcome_log_odds=float(odds[j]) if comparable[j] else None,
            p_value=float(p_values[j]) if comparable[j] else None,
            served_auc=float(contrast.first_auc[j]) if contrast.is_known[j] else None,
            recomputed_auc=float(contrast.second_auc[j]) if contrast.is_known[j] else None,
            gain=float(contrast.second_auc[j] - contrast.first_auc[j]) if contrast.is_known[j] else None,
            gain_z=float(contrast.z[j]) if contrast.is_known[j] else None,
            gain_p=float(contrast.p_values[j]) if contrast.is_known[j] else None,
            growth_p=float(growth[j]) if contrast.is_known[j] and numeric[j] else None,
        )
        for j, given in enumerate(found)
    )
