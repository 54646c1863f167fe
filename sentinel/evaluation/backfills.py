"""Recomputed values against those that were served: how often they differ, and whether that depends on the outcome."""

from __future__ import annotations

from sentinel.evaluation.findings import Backfill
from sentinel.stats.contingency import independence_p_values, log_odds_ratio
from sentinel.summaries.algebra import Summary
from sentinel.summaries.backfilled import AGREES, DIFFERS


def judge_backfills(online: Summary) -> tuple[Backfill | None, ...]:
    """Read every feature's backfills.

    A pipeline that serves wrong values does so whatever the outcome will be; a value that is only known later differs
    from what was served most where the outcome made it differ.

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
        )
        for j, given in enumerate(found)
    )
