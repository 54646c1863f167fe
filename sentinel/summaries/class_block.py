"""What a row of a multiclass task holds besides the others: the answer of the model for each class, binned."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sentinel.errors import FatalError
from sentinel.events.batch import F64, I64, Predictions
from sentinel.events.classes import asked_classes, class_code
from sentinel.stats.losses import LOWEST_PROBABILITY
from sentinel.summaries.layout import MAX_CLASSES, N_CLASS_BINS, Layout, kept

SURPRISE_BITS: Final = 12
"""Surprises are kept in steps of 2^-12 nats; the largest, -ln 1e-4, then fits 16 bits."""


def class_fields(layout: Layout) -> list[tuple[str, np.dtype[Any]]]:
    """Fields of the block; none but for a multiclass task.

    ``asked`` is the class that the row is asked about, ``predicted`` the likeliest; ``class_bins`` and ``surprises``
    are, for each class, the bin of its probability and minus its logarithm.

    Raises
    ------
    FatalError
        If there are more classes, or bins of one, than a row holds.
    """
    n = len(layout.classes)
    if n > MAX_CLASSES or any(len(edges) >= N_CLASS_BINS for edges in layout.class_edges):
        raise FatalError(f"{n} classes: a row holds at most {MAX_CLASSES}, of {N_CLASS_BINS} bins each")
    if not n:
        return []
    small, wide = np.dtype(("u1", (n,))), np.dtype(("<u2", (n,)))
    return [("asked", np.dtype("u1")), ("predicted", np.dtype("u1")), ("class_bins", small), ("surprises", wide)]


def write_classes(layout: Layout, rows: npt.NDArray[np.void], predictions: Predictions) -> F64:
    """Fill the block of new rows.

    Returns
    -------
    float64 array, shape (n,)
        Probability of the class that each row is asked about.
    """
    chances = predictions.probabilities
    if chances is None:
        raise FatalError("predictions of several classes come with a probability of each")
    asked = asked_classes(chances, predictions.keys)
    rows["asked"], rows["predicted"] = asked, chances.argmax(axis=1)
    for c, edges in enumerate(layout.class_edges):
        rows["class_bins"][:, c] = np.searchsorted(np.array(edges), chances[:, c], side="right")
    clipped = np.clip(chances, LOWEST_PROBABILITY, 1.0)
    rows["surprises"] = np.rint(np.ldexp(-np.log(clipped), SURPRISE_BITS)).astype(np.uint16)
    chosen: F64 = chances[np.arange(len(rows)), asked]
    return chosen


def outcome_classes(layout: Layout, rows: npt.NDArray[np.void]) -> I64:
    """Index of each row's outcome among the layout's classes; their number for a class that is none of them."""
    order, codes = kept(layout, "_class_codes", _codes)
    outcomes = rows["outcome"]
    at = np.minimum(np.searchsorted(codes, outcomes), len(codes) - 1)
    found: I64 = np.where(codes[at] == outcomes, order[at], len(codes))
    return found


def _codes(layout: Layout) -> tuple[I64, F64]:
    """Indices of the classes by ascending code, and these codes."""
    codes = np.array([class_code(name) for name in layout.classes])
    order = np.argsort(codes).astype(np.int64)
    return order, codes[order]
