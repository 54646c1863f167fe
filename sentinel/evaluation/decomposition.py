"""How much of each gap other slices, other scores, other outcomes and selective outcomes account for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from sentinel.evaluation.cells import exogenous_slicing, mean_scores, reading_of
from sentinel.evaluation.findings import Parts
from sentinel.stats.decomposition import LEAST_OVERLAP, PARTS, Sides, Split, overlap_mass, split_change
from sentinel.stats.estimate import Estimate, Measured
from sentinel.stats.histograms import HISTOGRAM_METRICS, histogram_metrics
from sentinel.stats.intervals import INTERVAL_REACH
from sentinel.summaries.algebra import Summary
from sentinel.summaries.metrics import METRICS


def decompose(
    offline: Summary,
    online: Summary,
    before: Mapping[str, Measured],
    after: Mapping[str, Measured],
    *,
    shapley: bool = False,
) -> dict[str, Parts]:
    """Split the gap of every metric that has a better direction.

    Parameters
    ----------
    offline, online : Summary
        Under one layout of a binary task.
    before, after : mapping of metric name to Estimate or NotEnough
        What `measure` says of both: a metric without a gap has no parts.
    shapley : bool
        Score mix and outcome as means over both orders, instead of scores first.

    Returns
    -------
    dict of metric name to Parts
        In the unit of the metric, above 0 where the step makes live worse. They sum to the gap. With a ``reason``
        instead of parts where the scores of the two sides hardly overlap.

    Notes
    -----
    ``score_mix`` says that the model receives other inputs, not that the world has changed: a leaked feature that is
    served empty lands there too. Intervals hold at one look, for independent events.
    """
    names = [name for name in HISTOGRAM_METRICS if _has_gap(name, before, after)]
    if not names:
        return {}
    shared = overlap_mass(offline["scores"], online["scores"])
    if shared < LEAST_OVERLAP:
        reason = f"offline and live scores share {shared:.0%} of their mass: {LEAST_OVERLAP:.0%} needed to attribute"
        return dict.fromkeys(names, Parts(reason=reason))
    scores = mean_scores(offline)
    readings = reading_of(offline, scores), reading_of(online, mean_scores(online, scores))
    measures = [partial(histogram_metrics, reading=reading) for reading in readings]
    slicing = exogenous_slicing(offline, online)
    sides = Sides(offline["outcomes"], online["outcomes"], online["scores"])
    splits = split_change(sides, slicing and slicing.slicing, measures[0], measures[1], shapley=shapley)
    return {name: _parts(name, splits[name], slicing and slicing.name) for name in names if name in splits}


def _has_gap(name: str, before: Mapping[str, Measured], after: Mapping[str, Measured]) -> bool:
    both = isinstance(before.get(name), Estimate) and isinstance(after.get(name), Estimate)
    return both and METRICS[name].higher_is_better is not None


def _parts(name: str, split: Split, slicing: str | None) -> Parts:
    sign = 1.0 if METRICS[name].higher_is_better else -1.0
    told = [part for part in PARTS if part != "slice_mix" or slicing is not None]
    values = {part: sign * split.parts[part] for part in told}
    reach = {part: INTERVAL_REACH * split.errors[part] for part in told}
    return Parts(
        slice_mix=values.get("slice_mix"),
        score_mix=values["score_mix"],
        outcome=values["outcome"],
        label_selection=values["label_selection"],
        intervals={part: (values[part] - reach[part], values[part] + reach[part]) for part in told},
        slicing=slicing,
    )
