"""What kind of shift parts live from offline, with the tests that say so."""

from __future__ import annotations

from sentinel.evaluation.cells import mean_scores
from sentinel.evaluation.findings import Shift, Value
from sentinel.evaluation.performance import to_value
from sentinel.stats.estimate import NotEnough
from sentinel.stats.prior_shift import prior_shift
from sentinel.stats.recalibration import homogeneity, homogeneity_by_outcome, kind_of_shift, recalibration
from sentinel.summaries.algebra import Summary
from sentinel.summaries.metrics import METRICS


def judge_shift(offline: Summary, online: Summary) -> Shift:
    """Tell other scores from another base rate and from scores that mean something else.

    Parameters
    ----------
    offline, online : Summary
        Under one layout of a binary task.

    Returns
    -------
    Shift
        ``unknown`` until both sides have 10 outcomes of either class; the test of the scores and the base rate need
        no live outcome.

    Notes
    -----
    Says what moved, not why: a leak whose feature is served empty moves the scores, any other leak what they mean.
    """
    scores = homogeneity(offline["scores"], online["scores"])
    by_outcome = homogeneity_by_outcome(offline["outcomes"], online["outcomes"])
    before = mean_scores(offline)
    meaning = recalibration(offline["outcomes"], online["outcomes"], before, mean_scores(online, before))
    p_scores = None if isinstance(scores, NotEnough) else scores.p_value
    if isinstance(meaning, NotEnough) or isinstance(scores, NotEnough) or isinstance(by_outcome, NotEnough):
        return Shift(kind="unknown", p_scores=p_scores, base_rate=_base_rate(offline, online))
    return Shift(
        kind=kind_of_shift(meaning, scores, by_outcome),
        p_level=meaning.p_level,
        p_slope=meaning.p_slope,
        p_scores=p_scores,
        p_scores_by_outcome=by_outcome.p_value,
        level=meaning.level,
        slope=meaning.slope,
        base_rate=_base_rate(offline, online),
    )


def _base_rate(offline: Summary, online: Summary) -> Value | None:
    found = prior_shift(offline["outcomes"], online["scores"])
    if isinstance(found, NotEnough) or not found.accepted:
        return None
    return to_value(METRICS["base_rate"], found.base_rate)
