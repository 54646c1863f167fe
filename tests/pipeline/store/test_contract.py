"""The promises of a join store, on every implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sentinel.errors import StoreError
from tests.pipeline.store.conftest import ROW_BYTES
from tests.pipeline.store.oracle import Held, assert_holds, instants, keys_of, rows_of

if TYPE_CHECKING:
    from sentinel.pipeline.store.protocol import I64Array, JoinStore, U8Matrix, U64Array

LARGEST_KEY = 2**64 - 1


def put(store: JoinStore, *entries: tuple[int, int, int]) -> None:
    """Put (key, expires_at, value) entries."""
    keys, expires_at, values = zip(*entries, strict=True)
    store.put(keys_of(*keys), instants(*expires_at), rows_of(values, ROW_BYTES))


def values_of(rows: U8Matrix) -> list[int]:
    """Values of rows in which every byte is the value."""
    assert (rows == rows[:, :1]).all()
    return [int(value) for value in rows[:, 0]]


def many(n_rows: int, seed: int) -> tuple[U64Array, I64Array, U8Matrix]:
    """Random unique keys, distinct expiries 0..n-1 in random order, random rows."""
    rng = np.random.default_rng(seed)
    keys = np.unique(rng.integers(0, LARGEST_KEY, n_rows, np.uint64, endpoint=True))
    assert len(keys) == n_rows
    rng.shuffle(keys)
    rows = rng.integers(0, 255, (n_rows, ROW_BYTES), np.uint8, endpoint=True)
    return keys, rng.permutation(n_rows).astype(np.int64), rows


def test_get_finds_what_was_put_and_zeros_elsewhere(store: JoinStore) -> None:
    """Keys come back in the order asked for, repeated as asked, zero where nothing is held."""
    put(store, (0, 10, 1), (LARGEST_KEY, 10, 2), (5, 10, 3))
    found, rows = store.get(keys_of(5, 7, LARGEST_KEY, 5, 0))
    assert found.tolist() == [True, False, True, True, True]
    assert values_of(rows) == [3, 0, 2, 3, 1]
    assert len(store) == 3


def test_empty_batches_change_nothing(store: JoinStore) -> None:
    """No keys are a batch like any other."""
    nothing = rows_of([], ROW_BYTES)
    store.put(keys_of(), instants(), nothing)
    store.update(keys_of(), nothing)
    found, rows = store.get(keys_of())
    assert found.shape == (0,)
    assert rows.shape == store.expire(10).shape == (0, ROW_BYTES)
    store.commit()
    store.rollback()
    assert_holds(store, Held())


def test_returned_rows_belong_to_the_caller(store: JoinStore) -> None:
    """Writing into what get has returned, or into what put was given, leaves the store alone."""
    given = rows_of([1], ROW_BYTES)
    store.put(keys_of(1), instants(10), given)
    given[:] = 9
    store.get(keys_of(1))[1][:] = 9
    assert values_of(store.get(keys_of(1))[1]) == [1]


def test_update_overwrites_held_rows_only_and_keeps_their_expiry(store: JoinStore) -> None:
    """An update of a key that is not held is ignored, and an updated row leaves at its old time."""
    put(store, (1, 10, 1), (2, 20, 2))
    store.commit()
    store.update(keys_of(3, 1), rows_of([7, 8], ROW_BYTES))
    found, rows = store.get(keys_of(1, 2, 3))
    assert found.tolist() == [True, True, False]
    assert values_of(rows) == [8, 2, 0]
    assert values_of(store.expire(11)) == [8]
    assert len(store) == 1


def test_expiry_is_exact(store: JoinStore) -> None:
    """A row leaves when its own instant is below the bound, not at it, whatever is stored beside it."""
    put(store, (1, 99, 1), (2, 100, 2), (3, 101, 3), (4, -5, 4))
    assert sorted(values_of(store.expire(100))) == [1, 4]
    assert values_of(store.expire(100)) == []
    assert values_of(store.expire(101)) == [2]
    assert store.get(keys_of(1, 2, 3, 4))[0].tolist() == [False, False, True, False]


@pytest.mark.parametrize("commits", [False, True])
def test_a_replaced_row_goes_by_its_new_expiry(store: JoinStore, commits: bool) -> None:
    """The old expiry neither takes the new row early nor keeps it longer."""
    put(store, (1, 10, 1), (2, 90, 2))
    if commits:
        store.commit()
    put(store, (1, 50, 3), (2, 20, 4))
    assert values_of(store.expire(30)) == [4]
    assert values_of(store.get(keys_of(1))[1]) == [3]
    assert values_of(store.expire(51)) == [3]
    assert len(store) == 0


def test_an_expired_key_can_be_put_again(store: JoinStore) -> None:
    """A key that left comes back as a new row, once."""
    put(store, (1, 10, 1))
    store.commit()
    store.expire(11)
    put(store, (1, 40, 2))
    store.commit()
    assert values_of(store.expire(30)) == []
    assert values_of(store.expire(41)) == [2]


def test_limited_expiry_returns_every_row_once(store: JoinStore) -> None:
    """Calls with a limit return limit rows each until the last, which returns the rest."""
    keys, expires_at, rows = many(1000, seed=1)
    store.put(keys, expires_at, rows)
    parts = [store.expire(700, limit=300) for _ in range(4)]
    assert [len(part) for part in parts] == [300, 300, 100, 0]
    left = np.concatenate(parts)
    due = rows[expires_at < 700]
    assert sorted(row.tobytes() for row in left) == sorted(row.tobytes() for row in due)
    assert len(store) == 300
    assert store.expire(700, limit=0).shape == (0, ROW_BYTES)


def test_state_is_read_back_before_and_after_the_commit(store: JoinStore) -> None:
    """Named values are replaced, deleted and listed by prefix, pending or not."""
    for name, value in {"pane/1": b"one", "pane/2": b"", "offsets": b"\x00" * 5000, "päne": b"x"}.items():
        store.put_state(name, value)
    assert store.state_names("pane/") == ["pane/1", "pane/2"]
    store.commit()
    store.put_state("pane/1", None)
    store.put_state("pane/3", b"three")
    store.put_state("absent", None)
    assert store.state_names("pane/") == ["pane/2", "pane/3"]
    assert store.get_state("pane/1") is None
    assert store.get_state("pane/2") == b""
    store.commit()
    assert store.state_names() == ["offsets", "pane/2", "pane/3", "päne"]
    assert store.get_state("offsets") == b"\x00" * 5000
    assert store.get_state("absent") is None


def test_rollback_returns_to_the_last_commit(store: JoinStore) -> None:
    """Puts, replacements, updates, expiries and state since the commit are undone together."""
    put(store, (1, 10, 1), (2, 20, 2), (3, 30, 3))
    store.put_state("offsets", b"1")
    store.commit()
    put(store, (4, 15, 4), (2, 5, 9))
    store.update(keys_of(3, 4), rows_of([8, 7], ROW_BYTES))
    assert sorted(values_of(store.expire(16))) == [1, 7, 9]
    put(store, (5, 10, 5), (1, 10, 6))
    store.put_state("offsets", b"2")
    store.put_state("pane", b"x")
    store.rollback()
    expected = {key: (10 * key, bytes([key]) * ROW_BYTES) for key in (1, 2, 3)}
    assert_holds(store, Held(expected, {"offsets": b"1"}))
    assert values_of(store.expire(21, limit=5)) == [1, 2]


def test_large_batches_cross_segments(store: JoinStore) -> None:
    """Sixty thousand rows answer right after replacement, update, expiry, commit and rollback."""
    keys, expires_at, rows = many(60_000, seed=2)
    store.put(keys[:50_000], expires_at[:50_000], rows[:50_000])
    store.commit()
    store.put(keys[40_000:], expires_at[40_000:], rows[40_000:][::-1])
    store.update(keys[::3], rows[::3][::-1])
    store.rollback()
    found, read = store.get(keys)
    assert found.tolist() == [True] * 50_000 + [False] * 10_000
    np.testing.assert_array_equal(read[:50_000], rows[:50_000])
    store.put(keys[50_000:], expires_at[50_000:], rows[50_000:])
    store.update(keys[::2], rows[1::2])
    rows[::2] = rows[1::2]
    gone = store.expire(30_000)
    due = expires_at < 30_000
    assert sorted(row.tobytes() for row in gone) == sorted(row.tobytes() for row in rows[due])
    store.commit()
    found, read = store.get(keys)
    np.testing.assert_array_equal(found, ~due)
    np.testing.assert_array_equal(read[found], rows[~due])


def test_colliding_keys_are_told_apart(store: JoinStore) -> None:
    """Keys that share the upper half of their hash still hold their own rows."""
    inverse = pow(0x9E3779B97F4A7C15, -1, 2**64)  # undoes the multiplication by which the index spreads keys
    keys = np.array([(i * inverse) % 2**64 for i in range(500)], np.uint64)
    rows = np.random.default_rng(3).integers(0, 255, (500, ROW_BYTES), np.uint8)
    store.put(keys, np.arange(500), rows)
    store.expire(250)
    store.put(keys[:100], np.arange(100), rows[:100])
    found, read = store.get(keys)
    assert np.flatnonzero(~found).tolist() == list(range(100, 250))
    np.testing.assert_array_equal(read[found], rows[found])


@pytest.mark.parametrize(
    ("keys", "expires_at", "rows", "message"),
    [
        (keys_of(1, 1), instants(5, 5), rows_of([1, 2], ROW_BYTES), "keys repeat within one call"),
        (keys_of(1, 2), instants(5, 5), rows_of([1], ROW_BYTES), "rows must be uint8 of shape"),
        (keys_of(1), instants(5), rows_of([1], ROW_BYTES - 1), "rows must be uint8 of shape"),
        (keys_of(1), instants(5, 6), rows_of([1], ROW_BYTES), "expires_at must be int64 of shape"),
        (keys_of(1).astype(np.int64), instants(5), rows_of([1], ROW_BYTES), "keys must be a 1-d uint64"),
    ],
)
def test_batches_that_do_not_fit_are_refused(
    store: JoinStore, keys: U64Array, expires_at: I64Array, rows: U8Matrix, message: str
) -> None:
    """A wrong batch raises before it changes anything."""
    put(store, (1, 10, 7))
    with pytest.raises(ValueError, match=message):
        store.put(keys, expires_at, rows)
    assert values_of(store.get(keys_of(1))[1]) == [7]
    assert len(store) == 1


def test_names_have_bounds(store: JoinStore) -> None:
    """An empty or overlong name is refused, the longest one is not."""
    longest = "n" * 500
    store.put_state(longest, b"x")
    store.commit()
    assert store.get_state(longest) == b"x"
    for name in ("", longest + "n"):
        with pytest.raises(ValueError, match="1 to 500 UTF-8 bytes"):
            store.put_state(name, b"x")


def test_memory_follows_the_rows_held(store: JoinStore) -> None:
    """Fifty batches that come and go need no more memory than the first few did."""
    sizes = []
    for turn in range(50):
        keys, _, rows = many(5000, seed=turn)
        store.put(keys, np.full(5000, turn), rows)
        assert len(store.expire(turn)) == (5000 if turn else 0)
        store.commit()
        sizes.append(store.statistics().memory_bytes)
    assert max(sizes) <= 2 * max(sizes[:5])  # rows of two batches, and an index of the same size


def test_statistics_count_rows_and_bytes(store: JoinStore) -> None:
    """Statistics tell the rows held and sizes of the right order."""
    put(store, (1, 10, 1), (2, 10, 2))
    store.commit()
    seen = store.statistics()
    assert seen.rows == len(store) == 2
    assert seen.memory_bytes > 2 * ROW_BYTES
    assert 0 <= seen.disk_bytes <= seen.map_bytes
    assert seen.last_commit_seconds >= 0


def test_a_closed_store_refuses_and_closes_again(store: JoinStore) -> None:
    """Close is idempotent, and a later call says what is wrong."""
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.get(keys_of(1))
