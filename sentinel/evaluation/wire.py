"""What comes on the wire beside the values: feature times, backfills; and what the owners of features declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from sentinel.config.model import Feature
from sentinel.evaluation.backfills import judge_backfills
from sentinel.evaluation.feature_ages import judge_ages
from sentinel.evaluation.findings import FeatureFinding
from sentinel.summaries.algebra import Summary
from sentinel.summaries.kinds.ranges import outside_range_ratios
from sentinel.summaries.layout import Layout


def with_wire(
    findings: Iterable[FeatureFinding],
    layout: Layout,
    offline: Summary,
    online: Summary,
    declared: Mapping[str, Feature],
) -> tuple[FeatureFinding, ...]:
    """Complete the findings of the features by direct evidence.

    Parameters
    ----------
    findings : iterable of FeatureFinding
        In any order.
    layout : Layout
        Ranges and greatest ages are those that the baseline was built with: what both sides were counted by.
    offline, online : Summary
        Under that layout.
    declared : mapping of name to Feature
        From the configuration; when a feature is available needs no counting, so it holds at once.

    Returns
    -------
    tuple of FeatureFinding
        In the given order.
    """
    places = {feature.name: j for j, feature in enumerate(layout.features)}
    ages, backfills = judge_ages(layout, offline, online), judge_backfills(online)
    outside, before = outside_range_ratios(layout, online), outside_range_ratios(layout, offline)
    return tuple(
        msgspec.structs.replace(
            found,
            ages=ages[places[found.name]],
            backfill=backfills[places[found.name]],
            available=declared[found.name].available if found.name in declared else None,
            outside_range_ratio=outside[places[found.name]],
            offline_outside_range_ratio=before[places[found.name]],
        )
        for found in findings
    )
