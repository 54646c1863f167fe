"""How much of the gap each repairable leak explains: the offline AUC with that leak taken out, held against live.

Overlap is compared like with like. Live traffic overlaps with the training rows too (customers return, coarse inputs
repeat), so seen and unseen offline rows are weighed to the share that is seen live; an overlap of the same size live
explains nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sentinel.evaluation.findings import Counterfactual
from sentinel.evaluation.overlap import Kind, OverlapSide, by_chance_ratio, is_known
from sentinel.evaluation.performance import to_value
from sentinel.stats.counterfactual import Repair, repair
from sentinel.stats.estimate import Estimate, Measured, NotEnough
from sentinel.stats.reweighted import Corrected, reweighted_auc
from sentinel.summaries.algebra import Summary
from sentinel.summaries.metrics import METRICS
from sentinel.summaries.trained import N_MARKS, NAMED, SEEN_ENTITY, SEEN_ROW, n_marked, true_share

MINIMUM_LIVE: Final = 200
"""Live predictions from which the share that is seen is read."""
MINIMUM_SEEN: Final = 30
"""Offline rows that are really seen, or unseen, from which such rows are given another weight."""
CLAIMED_TWICE: Final = 0.5
"""If chance claims more than this share of what a filter claims, the claimed rows stand for nothing."""
NAMED_AS_OFTEN: Final = 0.5
"""Share of predictions that name an entity, over that of the offline rows, below which those that do are a choice."""


class Candidate(NamedTuple):
    """One leak taken out of the offline estimate."""

    name: str
    cause: str
    corrected: Corrected | NotEnough


def judge_counterfactuals(
    baseline: OverlapSide, online: Summary, stated: Measured, live: Measured
) -> tuple[Counterfactual, ...]:
    """Take each leak that the baseline can repair out of the offline AUC, and hold live against what is left.

    Parameters
    ----------
    baseline : OverlapSide
    online : Summary
        All live counts, under the baseline's layout.
    stated, live : Estimate or NotEnough
        AUC of both sides, as in :func:`~sentinel.summaries.metrics.measure`.

    Returns
    -------
    tuple of Counterfactual
        ``duplicates`` and ``groups`` where the training rows were given and the offline rows overlap with them,
        ``time_overlap`` and ``copies`` (rows that share their time with a training row too) where the files show some,
        ``selection`` where candidates are stated, ``feature:NAME`` where the model was called. One without enough data
        is there with its reason. Empty where an AUC is not known.
    """
    if not isinstance(stated, Estimate) or not isinstance(live, Estimate):
        return ()
    found = [*_overlaps(baseline, online), *_stored(baseline.meta), *_selection(baseline.meta, stated)]
    excess = _excess_variance(baseline.summary, stated)
    return tuple(_judge(candidate, stated, live, excess) for candidate in found)


def _judge(candidate: Candidate, stated: Estimate, live: Estimate, excess: float) -> Counterfactual:
    corrected = candidate.corrected
    if isinstance(corrected, NotEnough):
        return _without_numbers(candidate, corrected)
    one = corrected.estimate
    estimate = Estimate(one.value, one.variance * excess, one.n, one.n_positive)
    judged = repair(stated, estimate, live, covariance=corrected.covariance * excess)
    if isinstance(judged, NotEnough):
        return _without_numbers(candidate, judged)
    return _with_numbers(candidate, estimate, judged)


def _with_numbers(candidate: Candidate, estimate: Estimate, judged: Repair) -> Counterfactual:
    return Counterfactual(
        name=candidate.name,
        cause=candidate.cause,
        corrected=to_value(METRICS["auc"], estimate),
        log_evidence=judged.log_evidence,
        explained=judged.explained,
        lower=judged.lower,
        upper=judged.upper,
        remainder=judged.remainder,
    )


def _without_numbers(candidate: Candidate, lacking: NotEnough) -> Counterfactual:
    return Counterfactual(
        name=candidate.name,
        cause=candidate.cause,
        corrected=to_value(METRICS["auc"], lacking),
        log_evidence=None,
        explained=None,
        lower=None,
        upper=None,
        remainder=None,
    )


def _excess_variance(offline: Summary, stated: Estimate) -> float:
    """By how much rows that belong together widen the stated estimate: 1 where they do not."""
    cells = offline["overlap_outcomes"]
    plain = reweighted_auc(cells[:, :, 1], cells[:, :, 0], np.ones(len(cells)))
    return 1.0 if isinstance(plain, NotEnough) else max(stated.variance / plain.estimate.variance, 1.0)


def _stored(meta: Any) -> Iterator[Candidate]:
    for one in meta.repairs:
        if one.value is None:
            yield Candidate(one.name, one.cause, NotEnough(one.reason or "not measured", one.n, one.needed))
        else:
            estimate = Estimate(one.value, one.variance, one.n, one.n_positive)
            yield Candidate(one.name, one.cause, Corrected(estimate, one.covariance))


def _selection(meta: Any, stated: Estimate) -> Iterator[Candidate]:
    """The estimate less what chance gives the best of so many: moves with the stated one, so they covary fully."""
    optimism = meta.static.expected_optimism
    if optimism:
        value = max(stated.value - optimism, 0.0)
        estimate = Estimate(value, stated.variance, stated.n, stated.n_positive)
        yield Candidate("selection", "selection_optimism", Corrected(estimate, stated.variance))


def _overlaps(baseline: OverlapSide, online: Summary) -> Iterator[Candidate]:
    cells = baseline.summary["overlap_outcomes"]
    for of, name, cause, weigh in (
        ("rows", "duplicates", "duplicate_leakage", _row_weights),
        ("entities", "groups", "group_leakage", _entity_weights),
    ):
        kind: Kind = "rows" if of == "rows" else "entities"
        if not is_known(kind, baseline.meta):
            continue
        weights = weigh(baseline, cells.sum(axis=(1, 2)), online["marks"])
        if weights is None:
            continue
        if isinstance(weights, NotEnough):
            yield Candidate(name, cause, weights)
        else:
            yield Candidate(name, cause, reweighted_auc(cells[:, :, 1], cells[:, :, 0], weights))


Weights = npt.NDArray[np.float64] | NotEnough | None
"""Of the four cells (bit 0: row seen, bit 1: entity seen); None where no offline row is seen: nothing to repair."""


def _row_weights(baseline: OverlapSide, n_offline: npt.NDArray[Any], marks: npt.NDArray[Any]) -> Weights:
    by_chance = by_chance_ratio("rows", baseline.meta)
    seen, unseen = float(n_offline[1::2].sum()), float(n_offline[::2].sum())
    if int(marks.sum()) < MINIMUM_LIVE:
        return NotEnough("too few live predictions", int(marks.sum()), MINIMUM_LIVE)
    pair = _pair(seen, unseen, float(n_marked(marks, SEEN_ROW)), float(marks.sum()), by_chance)
    return pair if pair is None or isinstance(pair, NotEnough) else np.array([pair[1], pair[0]] * 2)


def _entity_weights(baseline: OverlapSide, n_offline: npt.NDArray[Any], marks: npt.NDArray[Any]) -> Weights:
    """Among seen rows, and among unseen ones, entities as live: what duplicated rows do is not counted here."""
    by_chance = by_chance_ratio("entities", baseline.meta)
    n_named, n = n_marked(marks, NAMED), int(marks.sum())
    named_offline = baseline.summary["marks"]
    share_offline = n_marked(named_offline, NAMED) / max(int(named_offline.sum()), 1)
    needed = max(MINIMUM_LIVE, math.ceil(NAMED_AS_OFTEN * share_offline * n))
    if n_named < needed:
        return NotEnough("too few live predictions name an entity", n_named, needed)
    weights, changed = np.ones(4), False
    lacking: NotEnough | None = None
    for row in (0, SEEN_ROW):
        if row and _is_by_chance(baseline, marks):
            continue
        codes = np.arange(N_MARKS)
        live = marks[(codes & SEEN_ROW) == row]
        if int(live.sum()) < MINIMUM_LIVE:
            continue
        n_seen = float(marks[((codes & SEEN_ROW) == row) & ((codes & SEEN_ENTITY) != 0)].sum())
        pair = _pair(float(n_offline[row | 2]), float(n_offline[row]), n_seen, float(live.sum()), by_chance)
        if isinstance(pair, NotEnough):
            lacking = pair
        elif pair is not None:
            weights[row | SEEN_ENTITY], weights[row] = pair
            changed = True
    return weights if changed else lacking


def _is_by_chance(baseline: OverlapSide, marks: npt.NDArray[Any]) -> bool:
    """Whether most live rows that are claimed to be seen are so by chance."""
    claimed = n_marked(marks, SEEN_ROW) / max(int(marks.sum()), 1)
    return by_chance_ratio("rows", baseline.meta) > CLAIMED_TWICE * claimed


def _pair(
    seen: float, unseen: float, live_seen: float, live: float, by_chance: float
) -> tuple[float, float] | NotEnough | None:
    """Weights of claimed-seen and claimed-unseen offline rows that make the truly seen share that of live.

    Parameters
    ----------
    seen, unseen : float
        Offline rows that the filter claims, and those that it does not.
    live_seen, live : float
        Live predictions that it claims, and all of them.
    by_chance : float
        Chance f that it claims a stranger.

    Returns
    -------
    (weight of claimed, weight of the rest), NotEnough, or None where nothing offline is seen

    Notes
    -----
    The claimed rows are the seen ones and f of the strangers, so in expectation strangers = rest / (1 - f) and
    seen = claimed - f / (1 - f) rest, cell by cell. A mixture with the live share s of seen rows gives claimed rows
    a = s n / n_seen and the rest b = (1 - s) n / n_strangers / (1 - f) - a f / (1 - f); both are 1 where the shares
    agree.
    """
    n, rest = seen + unseen, max(1.0 - by_chance, 1e-9)
    strangers = min(unseen / rest, n)
    truly = n - strangers
    if truly < MINIMUM_SEEN or truly < CLAIMED_TWICE * seen:
        return None
    if strangers < MINIMUM_SEEN:
        return NotEnough("too few validation rows that training has not seen", int(strangers), MINIMUM_SEEN)
    share = true_share(live_seen, live, by_chance)
    claimed = share * n / truly
    return claimed, max((1.0 - share) * n / strangers / rest - claimed * by_chance / rest, 0.0)
