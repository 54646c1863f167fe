"""What a row remembers of a backfill: which features were recomputed, which came out in another bin, which high.

Three bitmasks and a flag, so that an outcome that comes later, or is corrected, moves the counts exactly, and a second
backfill can replace the first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sentinel.events.batch import I64, Bool, Recomputed
from sentinel.summaries.layout import BIN_ABOVE, N_SPECIAL, Layout, kept
from sentinel.summaries.rows import N_CODES, Rows, feature_bins

NOT_GIVEN, AGREES, DIFFERS = range(3)
"""Of one feature of a backfilled prediction: not recomputed, in the bin that was served, in another."""
N_STATUSES = 3


def recomputed_bins(layout: Layout, inputs: Recomputed) -> tuple[npt.NDArray[np.uint8], Bool]:
    """Bin the features of backfills.

    Returns
    -------
    (bins, given)
        uint8 and bool, shape (n, n_features), in the layout's order.
    """
    bins = feature_bins(layout, inputs.schema, inputs.numeric, inputs.invalid, inputs.categorical)
    columns = {column.name: j for j, column in enumerate(inputs.schema.columns)}
    at = [columns[feature.name] for feature in layout.features]
    return bins, inputs.given[at].T


def note_backfill(layout: Layout, rows: Rows, bins: npt.NDArray[np.uint8], given: Bool) -> None:
    """Compare recomputed bins with those that were served, in place; of a feature given twice the later one counts.

    Parameters
    ----------
    layout : Layout
        That the bins are of.
    rows : shape (n,), of that layout
    bins, given : as :func:`recomputed_bins` returns
    """
    named, moved = pack_bits(given), pack_bits(given & (bins != rows["features"]))
    high = pack_bits(given & is_high(layout, bins))
    rows["given"] |= named
    rows["differs"] = (rows["differs"] & ~named) | moved
    rows["high"] = (rows["high"] & ~named) | high
    rows["backfilled"] = 1


def is_high(layout: Layout, bins: npt.NDArray[np.uint8]) -> Bool:
    """Whether each bin lies above a cut of its feature that the layout fixes, shape (n, n_features).

    Numbers: from the middle bin on, so that what is missing, invalid or below is low. Categories: every second of those
    with a bin of their own, the first included, whatever they are sorted by; rare and unseen ones are low.
    """
    table = kept(layout, "_high_bins", _high_bins)
    high: Bool = table[np.arange(len(layout.features)), bins]
    return high


def _high_bins(layout: Layout) -> Bool:
    table = np.zeros((len(layout.features), N_CODES), np.bool_)
    for j, feature in enumerate(layout.features):
        if feature.kind == "numeric":
            table[j, BIN_ABOVE] = True
            table[j, N_SPECIAL + (feature.n_bins - N_SPECIAL) // 2 : feature.n_bins] = True
        else:
            table[j, N_SPECIAL : feature.n_bins : 2] = True
    return table


def knowledge(layout: Layout, rows: Rows) -> I64:
    """Served high, recomputed high, as one of four numbers of each feature of each row, shape (n, n_features)."""
    found: I64 = 2 * is_high(layout, rows["features"]).astype(np.int64) + unpack_bits(
        rows["high"], len(layout.features)
    )
    return found


def statuses(layout: Layout, rows: Rows) -> I64:
    """NOT_GIVEN, AGREES or DIFFERS of each feature of each row, shape (n, n_features)."""
    n = len(layout.features)
    found: I64 = unpack_bits(rows["given"], n).astype(np.int64) + unpack_bits(rows["differs"], n)
    return found


def pack_bits(flags: Bool) -> npt.NDArray[np.uint8]:
    """Eight flags a byte, shape (n, ceil(k / 8)) for flags of shape (n, k)."""
    return np.packbits(flags, axis=1, bitorder="little")


def unpack_bits(packed: npt.NDArray[np.uint8], n: int) -> npt.NDArray[np.uint8]:
    """The first n flags of each row as 0 and 1: undoes :func:`pack_bits`."""
    return np.unpackbits(packed, axis=1, count=n, bitorder="little")
