"""What a row remembers of a backfill: which features were recomputed, and which of them came out in another bin.

Two bitmasks and a flag, so that an outcome that comes later, or is corrected, moves the counts exactly, and a second
backfill can replace the first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sentinel.events.batch import I64, Bool, Recomputed
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import Rows, feature_bins

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


def note_backfill(rows: Rows, bins: npt.NDArray[np.uint8], given: Bool) -> None:
    """Compare recomputed bins with those that were served, in place; of a feature given twice the later one counts.

    Parameters
    ----------
    rows : shape (n,), of the layout that the bins are of
    bins, given : as :func:`recomputed_bins` returns
    """
    named, moved = pack_bits(given), pack_bits(given & (bins != rows["features"]))
    rows["given"] |= named
    rows["differs"] = (rows["differs"] & ~named) | moved
    rows["backfilled"] = 1


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
