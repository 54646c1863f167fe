"""What training has seen of live traffic: how much of it there is, and whether the model does better on it."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from sentinel.evaluation.findings import Overlap
from sentinel.evaluation.performance import to_value
from sentinel.stats.auc import auc_from_histogram
from sentinel.stats.estimate import Estimate, Measured
from sentinel.summaries.algebra import Summary
from sentinel.summaries.metrics import METRICS
from sentinel.summaries.trained import NAMED, SEEN_ENTITY, SEEN_ROW, n_marked, true_share

BITS = {"rows": SEEN_ROW, "entities": SEEN_ENTITY}
Kind = Literal["rows", "entities"]


class OverlapSide(Protocol):
    """What a baseline offers here."""

    @property
    def summary(self) -> Summary:
        """The counts of the offline validation."""
        ...

    @property
    def meta(self) -> Any:
        """How the offline estimate was made: ``static`` and ``repairs``."""
        ...


def judge_overlaps(baseline: OverlapSide, online: Summary) -> tuple[Overlap, ...]:
    """Tell rows and entities apart that the training data hold too.

    Parameters
    ----------
    baseline : OverlapSide
    online : Summary
        All live counts, under the baseline's layout.

    Returns
    -------
    tuple of Overlap
        For rows, then for entities; one that the training rows did not tell of is left out. Shares are those of
        predictions (for entities: of those that name one), with the chance claims of the filter taken off.
    """
    kinds: tuple[Kind, ...] = ("rows", "entities")
    return tuple(_overlap(of, baseline, online) for of in kinds if is_known(of, baseline.meta))


def is_known(of: Kind, meta: Any) -> bool:
    """Whether the baseline was told of the training rows, or of their entities, and has any of its own to compare."""
    return (meta.static.duplicate_ratio if of == "rows" else meta.static.entity_overlap_ratio) is not None


def by_chance_ratio(of: Kind, meta: Any) -> float:
    """Chance that the filter claims what training has not seen."""
    static = meta.static
    return float(static.row_by_chance_ratio if of == "rows" else static.entity_by_chance_ratio)


def _overlap(of: Kind, baseline: OverlapSide, online: Summary) -> Overlap:
    by_chance = by_chance_ratio(of, baseline.meta)
    cells = online["overlap_outcomes"]
    seen = (np.arange(len(cells)) & BITS[of]) != 0
    areas = [auc_from_histogram(part[:, 1], part[:, 0]) for part in (cells[seen].sum(0), cells[~seen].sum(0))]
    return Overlap(
        of=of,
        offline_ratio=_ratio(of, baseline.summary["marks"], by_chance),
        online_ratio=_ratio(of, online["marks"], by_chance),
        seen=to_value(METRICS["auc"], areas[0]),
        unseen=to_value(METRICS["auc"], areas[1]),
        contrast=_contrast(*areas),
    )


def _ratio(of: Kind, marks: npt.NDArray[Any], by_chance: float) -> float | None:
    n = int(marks.sum()) if of == "rows" else n_marked(marks, NAMED)
    return true_share(n_marked(marks, BITS[of]), n, by_chance) if n else None


def _contrast(seen: Measured, unseen: Measured) -> float | None:
    if not isinstance(seen, Estimate) or not isinstance(unseen, Estimate):
        return None
    return float((seen.value - unseen.value) / np.sqrt(seen.variance + unseen.variance))
