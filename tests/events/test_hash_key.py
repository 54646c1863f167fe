"""Hashes of ids under a key."""

from __future__ import annotations

import dataclasses

import numpy as np

from sentinel.events.hash_key import HashKey
from sentinel.events.keys import group_keys, model_seed, prediction_keys

KEY, OTHER = HashKey.from_text("a" * 32), HashKey.from_text("b" * 32)


def test_it_is_the_published_siphash() -> None:
    """Key 00 01 .. 0f and message 00 01 .. 07 give the vector of the authors' reference (vectors_sip64, length 8)."""
    halves = np.frombuffer(bytes(range(16)), "<u8").tolist()
    key = dataclasses.replace(KEY, _halves=(halves[0], halves[1]))
    message = np.frombuffer(bytes(range(8)), "<u8").astype(np.uint64)
    assert key.keyed(message).astype("<u8").tobytes() == bytes.fromhex("6224939a79f5f593")


def test_a_column_is_hashed_as_each_of_its_numbers() -> None:
    """What stands beside a number does not matter, the argument is left alone, and no rows are no error."""
    numbers = np.random.default_rng(5).integers(0, 1 << 63, 1_000, dtype=np.uint64)
    before = numbers.copy()
    keyed = KEY.keyed(numbers)
    assert keyed.tolist() == [int(KEY.keyed(numbers[i : i + 1])[0]) for i in range(len(numbers))]
    assert np.array_equal(numbers, before)
    assert len(KEY.keyed(numbers[:0])) == 0


def test_ids_are_hashed_apart_by_the_key() -> None:
    """Without the key, or with another one, an id is another number; with the same, the same."""
    ids = ["p-1", "p-2"]
    plain = prediction_keys(ids, model_seed("churn"), 2)
    keyed = prediction_keys(ids, model_seed("churn"), 2, KEY)
    assert keyed.tolist() == KEY.keyed(plain).tolist() == prediction_keys(ids, model_seed("churn"), 2, KEY).tolist()
    other = prediction_keys(ids, model_seed("churn"), 2, OTHER)
    assert not set(plain.tolist()) & set(keyed.tolist())
    assert not set(other.tolist()) & set(keyed.tolist())


def test_no_entity_stays_no_entity() -> None:
    """0 stands for none under any key, and no name becomes 0."""
    keys = group_keys(["a", None, ""], 3, KEY)
    assert keys[0] not in (0, group_keys(["a"], 1)[0])
    assert keys[1:].tolist() == [0, 0]


def test_a_key_shows_its_fingerprint_alone() -> None:
    """What is printed tells keys apart; secret, derived keys and halves stay hidden."""
    assert KEY.fingerprint != OTHER.fingerprint
    assert repr(KEY) == f"HashKey(fingerprint='{KEY.fingerprint}')"
    assert len(KEY.fingerprint) == 16
