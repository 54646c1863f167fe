"""What a bin of a feature is called: its span, or its value where it holds only one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from sentinel.summaries.layout import N_SPECIAL, FeatureBins

_NUMERIC_SPECIAL: Final = ("missing", "not a number", "below the range seen offline", "above the range seen offline")
_CATEGORY_SPECIAL: Final = ("missing", "no category", "never seen offline", "rare offline")
"""The special bins in words, in their order."""


def bin_name(feature: FeatureBins, vocabulary: Sequence[str], index: int) -> str:
    """One bin in words.

    Parameters
    ----------
    feature : FeatureBins
    vocabulary : sequence of str
        Of a categorical feature.
    index : int
        Bin, the special ones first.

    Examples
    --------
    >>> spent = FeatureBins(name="spent", kind="numeric", edges=(0.0, 5e-324, 20.0, 90.0))
    >>> [bin_name(spent, (), N_SPECIAL + i) for i in range(3)]
    ['0', '(0, 20)', '[20, 90]']
    """
    if index < N_SPECIAL:
        return (_NUMERIC_SPECIAL if feature.kind == "numeric" else _CATEGORY_SPECIAL)[index]
    at = index - N_SPECIAL
    if feature.kind == "categorical":
        return vocabulary[at]
    return span_name(feature.edges, [f"{edge:g}" for edge in feature.edges], at, at + 1, ", ")


def span_name(edges: Sequence[float], texts: Sequence[str], start: int, stop: int, comma: str = ",") -> str:
    """A run of bins from edge ``start`` to edge ``stop``, its edges written as in ``texts``.

    An edge that is the next number after another cuts off a single value: it is written as that value.

    Examples
    --------
    >>> edges, texts = (0.0, 5e-324, 20.0, 90.0), ("0", "5e-324", "20", "90")
    >>> [span_name(edges, texts, *run) for run in ((0, 1), (0, 2), (1, 2), (1, 3))]
    ['0', '[0,20)', '(0,20)', '(0,90]']
    """
    opens_after = start > 0 and is_next(edges[start - 1], edges[start])
    ends_with = is_next(edges[stop - 1], edges[stop])
    if ends_with and stop == start + 1:
        return texts[start]
    first = f"({texts[start - 1]}" if opens_after else f"[{texts[start]}"
    if ends_with:
        return f"{first}{comma}{texts[stop - 1]}]"
    return f"{first}{comma}{texts[stop]}{']' if stop == len(edges) - 1 else ')'}"


def is_next(low: float, high: float) -> bool:
    """Whether no number lies between two."""
    return math.nextafter(low, math.inf) == high
