"""Copies travel back without what they did not change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sentinel.events.batch import I64
from sentinel.ingest.spark.copies import SMALL_BYTES, Received, Sent


@dataclass(slots=True)
class _Held:
    kept: I64
    counted: I64
    small: I64


def _held() -> _Held:
    return _Held(np.arange(1 << 20), np.zeros(1 << 10, np.int64), np.zeros(3, np.int64))


def test_unchanged_copy_comes_back_as_the_original() -> None:
    """Every large array of the copy is the very array of the original, and the reply holds none of them."""
    held = _held()
    sent = Sent(held)
    reply = Received[_Held](sent.payload).reply()
    back = sent.returned(reply)
    assert back.kept is held.kept
    assert back.counted is held.counted
    assert len(reply) < SMALL_BYTES


def test_array_changed_in_place_comes_back() -> None:
    """Only what was changed travels; the original stays as it was."""
    held = _held()
    sent = Sent(held)
    received = Received[_Held](sent.payload)
    received.copy.counted[7] += 1
    received.copy.small[1] += 5
    reply = received.reply()
    back = sent.returned(reply)
    assert back.kept is held.kept
    assert (int(back.counted[7]), int(back.small[1])) == (1, 5)
    assert (int(held.counted[7]), int(held.small[1])) == (0, 0)
    assert len(reply) < held.counted.nbytes + SMALL_BYTES


def test_array_in_two_places_stays_one() -> None:
    """What is shared within the original is shared within the copy."""
    array = np.arange(1 << 10)
    received = Received[_Held](Sent(_Held(array, array, np.zeros(1, np.int64))).payload)
    assert received.copy.kept is received.copy.counted


def test_copies_are_independent() -> None:
    """Two copies of one payload share nothing that either changes."""
    sent = Sent(_held())
    one, other = Received[_Held](sent.payload), Received[_Held](sent.payload)
    one.copy.counted += 1
    assert not other.copy.counted.any()
