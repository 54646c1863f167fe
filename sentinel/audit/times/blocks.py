"""Outcomes counted by blocks of prediction time: finds stretches in which all outcomes are the same."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from sentinel.events.batch import F64, I64

MAX_BLOCKS: Final = 256
"""Blocks held: of a year each is three days."""
CHANCE: Final = 1e-6
"""A stretch of one class counts if chance makes one this long, anywhere in the file, more rarely than this."""
_FIRST_WIDTH_US: Final = 60_000_000
"""A minute."""
_CHUNK: Final = 1 << 13
"""Rows counted at once: no more blocks than these are held beside ``MAX_BLOCKS``, however far apart rows lie."""


class Stretch(NamedTuple):
    """Consecutive blocks whose outcomes are all the same; times in microseconds since the epoch."""

    since_us: int
    until_us: int
    n: int


class TimeBlocks:
    """Negative and positive outcomes per block of time.

    Blocks are a minute wide and double as often as it takes to be no more than ``MAX_BLOCKS``, so that they depend on
    the rows alone and not on their order.
    """

    def __init__(self) -> None:
        self._width_us = _FIRST_WIDTH_US
        self._blocks: dict[int, tuple[int, int]] = {}

    def add(self, times: I64, outcomes: F64) -> None:
        """Count rows with an outcome of 0 or 1."""
        for start in range(0, len(times), _CHUNK):
            self._add(times[start : start + _CHUNK], outcomes[start : start + _CHUNK])

    def _add(self, times: I64, outcomes: F64) -> None:
        starts = times // self._width_us
        distinct, at = np.unique(starts, return_inverse=True)
        n = np.bincount(at, minlength=len(distinct))
        positive = np.bincount(at, outcomes, minlength=len(distinct)).astype(np.int64)
        for start, total, hits in zip(distinct.tolist(), n.tolist(), positive.tolist(), strict=True):
            self._put(start, total - hits, hits)
        while len(self._blocks) > MAX_BLOCKS:
            self._double()

    def _double(self) -> None:
        blocks, self._blocks = self._blocks, {}
        self._width_us *= 2
        for start, (low, high) in blocks.items():
            self._put(start // 2, low, high)

    def merge(self, other: TimeBlocks) -> None:
        """Take in the rows that another has counted."""
        while self._width_us < other._width_us:
            self._double()
        factor = self._width_us // other._width_us
        for start, (low, high) in other._blocks.items():
            self._put(start // factor, low, high)
        while len(self._blocks) > MAX_BLOCKS:
            self._double()

    def one_class(self) -> tuple[Stretch, ...]:
        """Stretches of one class that chance does not explain, in time order."""
        if len(self._blocks) < 2:  # one block is the whole file
            return ()
        low, high = (sum(block[side] for block in self._blocks.values()) for side in (0, 1))
        if not low or not high:
            return ()
        needed = math.log(len(self._blocks) / CHANCE)
        per_event = {0: -math.log(low / (low + high)), 1: -math.log(high / (low + high))}
        return tuple(stretch for side, stretch in self._runs() if stretch.n * per_event[side] > needed)

    def _put(self, start: int, low: int, high: int) -> None:
        before = self._blocks.get(start, (0, 0))
        self._blocks[start] = (before[0] + low, before[1] + high)

    def _runs(self) -> Iterator[tuple[int, Stretch]]:
        ordered = sorted(self._blocks.items())
        for side, group in itertools.groupby(ordered, key=lambda item: _side(*item[1])):
            members = list(group)
            if side is not None:
                n = sum(block[side] for _, block in members)
                since, until = members[0][0] * self._width_us, (members[-1][0] + 1) * self._width_us
                yield side, Stretch(since, until, n)


def _side(low: int, high: int) -> int | None:
    """The only class there is, or None."""
    return None if low and high else int(high > 0)
