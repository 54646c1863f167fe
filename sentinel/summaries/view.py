"""Every task as a question of yes or no, asked once of each prediction: what gap, drift and cause are judged on.

Binary: is the outcome positive. Regression: is it a high one, by the offline median. Multiclass: is it the class that
the row is asked about, its likeliest or its second likeliest. Ranking: is the item at the rank asked about relevant.
The answer is 0 or 1, the score the probability that it is 1. Metrics of the task's own are counted beside this
(`kinds.errors`, `kinds.classes`, `kinds.lists`); whatever reads score bins by outcome works for every task.
"""

from __future__ import annotations

import numpy as np

from sentinel.events.batch import F64, I64
from sentinel.summaries.class_block import outcome_classes
from sentinel.summaries.layout import Layout, kept
from sentinel.summaries.list_block import read_outcomes
from sentinel.summaries.rows import Rows


def outcome_bits(layout: Layout, rows: Rows) -> I64:
    """The answers.

    Parameters
    ----------
    layout : Layout
    rows : structured array, shape (n,)
        With known outcomes.

    Returns
    -------
    int64 array, shape (n,), 0 or 1
    """
    if layout.outcome_scale is not None:
        return (rows["outcome"] >= layout.outcome_scale.split).astype(np.int64)
    if layout.classes:
        hits: I64 = (rows["asked"] == outcome_classes(layout, rows)).astype(np.int64)
        return hits
    if layout.n_ranked:
        return read_outcomes(rows["outcome"]).relevant.astype(np.int64)
    return rows["outcome"].astype(np.int64)


def bit_scores(layout: Layout, rows: Rows) -> F64:
    """The probabilities that the predictions give to a 1.

    Of a regression the share of high outcomes that offline rows of such a prediction had, of a ranking how often
    offline items at such a rank were relevant.

    Parameters and shape are those of `outcome_bits`; no outcome is needed.
    """
    if layout.outcome_scale is not None or layout.n_ranked:
        ratios: F64 = kept(layout, "_ratios", _ratios)[rows["score_bin"]]
        return ratios
    scores: F64 = rows["score"]
    return scores


def _ratios(layout: Layout) -> F64:
    ratios = layout.rank_ratios if layout.outcome_scale is None else layout.outcome_scale.high_ratios
    return np.array(ratios or (0.5,) * layout.n_score_bins)
