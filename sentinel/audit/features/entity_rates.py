"""The mean training outcome of each entity: what a model can learn of an entity by heart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from sentinel.events.batch import F64, U64
from sentinel.summaries.fingerprints import mix

MAX_ENTITIES: Final = 1 << 17
"""Entities whose outcomes are averaged: a sample by hash when there are more; 24 bytes each."""


@dataclass(slots=True)
class EntityRates:
    """Outcomes of each entity in the training rows, of a bounded number of entities.

    ``hashes`` ascend; ``sums`` holds rows and positive outcomes of each.
    """

    hashes: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    sums: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    _waiting: list[tuple[U64, F64]] = field(default_factory=list)

    def add(self, entities: U64, outcomes: F64) -> None:
        """Add rows with a known outcome."""
        self._waiting.append((mix(entities), outcomes))
        if sum(len(part) for part, _ in self._waiting) > MAX_ENTITIES:
            self._compact()

    def merge(self, other: EntityRates) -> None:
        """Take in the rows that another has seen."""
        self._fold(self._held(), other._held())

    def _compact(self) -> None:
        self._fold(self._held())

    def _held(self) -> tuple[U64, npt.NDArray[np.int64]]:
        values = np.concatenate([*(part for _, part in self._waiting), np.empty(0)])
        sums = np.stack([np.ones(len(values)), values], axis=1).astype(np.int64)
        hashes = np.concatenate([self.hashes, *(part for part, _ in self._waiting)])
        return hashes, np.concatenate([self.sums, sums])

    def _fold(self, *several: tuple[U64, npt.NDArray[np.int64]]) -> None:
        """Add up by entity; those of the lowest hashes are kept, so that a kept one has all of its rows."""
        self._waiting = []
        hashes, sums = (np.concatenate(parts) for parts in zip(*several, strict=True))
        order = np.argsort(hashes, kind="stable")
        distinct, first = np.unique(hashes[order], return_index=True)
        if len(distinct):
            kept = slice(0, MAX_ENTITIES)
            self.hashes, self.sums = distinct[kept], np.add.reduceat(sums[order], first, axis=0)[kept]

    def means(self, entities: U64) -> F64:
        """Mean outcome of each entity, drawn one observation towards the mean of all; NaN where it is not known."""
        if self._waiting:
            self._compact()
        if not len(self.hashes):
            return np.full(len(entities), np.nan)
        wanted = mix(entities)
        at = np.minimum(np.searchsorted(self.hashes, wanted), len(self.hashes) - 1)
        n, positive = self.sums[at].astype(np.float64).T
        overall = float(self.sums[:, 1].sum()) / float(self.sums[:, 0].sum())
        return np.where(self.hashes[at] == wanted, (positive + overall) / (n + 1.0), np.nan)
