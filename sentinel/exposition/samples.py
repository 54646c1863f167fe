"""What the parts of a report are as samples: a metric, the values of its labels, and a number or none."""

from __future__ import annotations

import math
from collections.abc import Iterable

from sentinel.exposition.metric import Metric

Sample = tuple[Metric, tuple[str, ...], float | None]
KnownSample = tuple[Metric, tuple[str, ...], float]


def known(samples: Iterable[Sample]) -> list[KnownSample]:
    """Those with a finite number."""
    return [(metric, values, value) for metric, values, value in samples if value is not None and math.isfinite(value)]
