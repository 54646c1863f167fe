"""What the model was trained on, as two Bloom filters: marks every prediction whose inputs or entity it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentinel.events.batch import I64, Predictions
from sentinel.events.hash_key import HashKey
from sentinel.summaries.bloom import BloomFilter
from sentinel.summaries.fingerprints import row_fingerprints

SEEN_ROW, SEEN_ENTITY, NAMED = 1, 2, 4
"""Bits of a mark: the training rows hold these inputs; they hold this entity; the prediction names an entity."""
N_MARKS = 8


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """Filters of the training rows.

    Parameters
    ----------
    rows : BloomFilter or None
        Fingerprints of their inputs; None where they are not known: then no row is marked as seen.
    entities : BloomFilter or None
        Keys of their entities; None likewise.
    hash_key : HashKey or None
        Went into both: into the keys of entities when they were read, into the fingerprints here.
    """

    rows: BloomFilter | None = None
    entities: BloomFilter | None = None
    hash_key: HashKey | None = None

    def marks(self, predictions: Predictions) -> npt.NDArray[np.uint8]:
        """Tell of each prediction what training has seen of it.

        Returns
        -------
        uint8 array, shape (n,)
            Bits ``SEEN_ROW``, ``SEEN_ENTITY`` and ``NAMED``. A stranger is marked as seen with the filter's
            ``false_positive_ratio``.
        """
        named = predictions.groups != 0
        marks: npt.NDArray[np.uint8] = named.astype(np.uint8) * np.uint8(NAMED)
        if self.rows is not None:
            prints = row_fingerprints(predictions)
            prints = prints if self.hash_key is None else self.hash_key.keyed(prints)
            marks |= self.rows.contains(prints).astype(np.uint8) * np.uint8(SEEN_ROW)
        if self.entities is not None:
            seen = self.entities.contains(predictions.groups) & named
            marks |= seen.astype(np.uint8) * np.uint8(SEEN_ENTITY)
        return marks


UNKNOWN_TRAINING = TrainedOn()
"""Stands where the training rows were not given."""


def n_marked(marks: I64, bit: int) -> int:
    """Predictions whose mark has the bit, of the counts by mark, shape (N_MARKS,)."""
    return int(marks[(np.arange(N_MARKS) & bit) != 0].sum())


def true_share(n_claimed: float, n: float, by_chance: float) -> float:
    """Share of seen rows behind the share that a Bloom filter claims: (claimed - chance) / (1 - chance), 0..1.

    Examples
    --------
    >>> true_share(505, 1000, 0.01)
    0.5
    """
    return min(max((n_claimed / max(n, 1.0) - by_chance) / max(1.0 - by_chance, 1e-9), 0.0), 1.0)
