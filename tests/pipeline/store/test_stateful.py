"""Random operations on a join store against plain dictionaries."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sentinel.pipeline.store import lmdb_store
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from tests.pipeline.store.oracle import Held, assert_holds

if TYPE_CHECKING:
    from sentinel.pipeline.store.protocol import JoinStore, U8Matrix, U64Array

SEEDS = st.integers(0, 2**32 - 1)
INSTANTS = st.integers(0, 50)
NAMES = st.sampled_from(["pane/1", "pane/2", "offsets"])


class StoreMachine(RuleBasedStateMachine):
    """Keys 0..59 in segments of eight rows, so that segments fill, empty, move and are written ahead."""

    def __init__(self) -> None:
        super().__init__()
        self.held = Held()
        self.committed = Held()
        self.row_bytes = 12
        self.store: JoinStore = self.opened()

    def opened(self) -> JoinStore:
        """Make the store under test."""
        raise NotImplementedError

    def batch(self, seed: int) -> tuple[U64Array, U8Matrix, np.random.Generator]:
        """Some unique keys with random rows."""
        rng = np.random.default_rng(seed)
        keys = rng.choice(60, int(rng.integers(0, 25)), replace=False).astype(np.uint64)
        return keys, rng.integers(0, 255, (len(keys), self.row_bytes), np.uint8), rng

    @rule(seed=SEEDS)
    def put(self, seed: int) -> None:
        """Insert or replace."""
        keys, rows, rng = self.batch(seed)
        expires_at = rng.integers(0, 50, len(keys))
        self.store.put(keys, expires_at, rows)
        for key, at, row in zip(keys.tolist(), expires_at.tolist(), rows, strict=True):
            self.held.rows[key] = (at, row.tobytes())

    @rule(seed=SEEDS)
    def update(self, seed: int) -> None:
        """Overwrite what is held."""
        keys, rows, _ = self.batch(seed)
        self.store.update(keys, rows)
        for key, row in zip(keys.tolist(), rows, strict=True):
            if key in self.held.rows:
                self.held.rows[key] = (self.held.rows[key][0], row.tobytes())

    @rule(before=INSTANTS)
    def expire(self, before: int) -> None:
        """Remove everything that is due."""
        due = {key: row for key, (at, row) in self.held.rows.items() if at < before}
        assert sorted(row.tobytes() for row in self.store.expire(before)) == sorted(due.values())
        for key in due:
            del self.held.rows[key]

    @rule(before=INSTANTS, limit=st.integers(0, 10))
    def expire_some(self, before: int, limit: int) -> None:
        """Remove a part of what is due; the store chooses which."""
        due = {key for key, (at, _) in self.held.rows.items() if at < before}
        removed = self.store.expire(before, limit)
        assert len(removed) == min(limit, len(due))
        found, _ = self.store.get(np.array(sorted(due), np.uint64))
        gone = [key for key, is_held in zip(sorted(due), found.tolist(), strict=True) if not is_held]
        assert sorted(row.tobytes() for row in removed) == sorted(self.held.rows.pop(key)[1] for key in gone)

    @rule(name=NAMES, value=st.none() | st.binary(max_size=20))
    def put_state(self, name: str, value: bytes | None) -> None:
        """Keep or delete a named value."""
        self.store.put_state(name, value)
        if value is None:
            self.held.state.pop(name, None)
        else:
            self.held.state[name] = value

    @rule()
    def commit(self) -> None:
        """Make it durable."""
        self.store.commit()
        self.committed = self.held.copy()

    @rule()
    def rollback(self) -> None:
        """Forget it."""
        self.store.rollback()
        self.held = self.committed.copy()

    @invariant()
    def holds_what_was_written(self) -> None:
        """The store answers what the dictionaries hold."""
        assert_holds(self.store, self.held)
        found, rows = self.store.get(np.arange(60, 64, dtype=np.uint64))
        assert not found.any()
        assert not rows.any()

    def teardown(self) -> None:
        """Release the store."""
        self.store.close()


class MemoryMachine(StoreMachine):
    """The store in memory."""

    def opened(self) -> JoinStore:
        """Make an empty store."""
        return MemoryJoinStore(self.row_bytes)


class LmdbMachine(StoreMachine):
    """The store on disk, which can also be opened again, with wider rows if need be."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        self.patch = pytest.MonkeyPatch()
        super().__init__()

    def opened(self) -> JoinStore:
        """Open the directory."""
        return LmdbJoinStore.open(self.directory, self.row_bytes, fsync=False)

    @initialize(
        row_bytes=st.sampled_from([12, 1000]),  # segments among other values in a tree page, or with own pages
        ahead=st.sampled_from([0, 10_000, 100_000]),
        allowance=st.integers(0, 2),
    )
    def small_segments(self, row_bytes: int, ahead: int, allowance: int) -> None:
        """Make rare events frequent."""
        self.row_bytes = row_bytes
        self.patch.setattr(lmdb_store, "rows_per_segment", lambda _: 8)
        self.patch.setattr(lmdb_store, "_WRITE_AHEAD_BYTES", ahead)
        self.patch.setattr(lmdb_store, "_WASTE_ALLOWANCE_SEGMENTS", allowance)
        self.store.close()
        shutil.rmtree(self.directory)
        self.store = self.opened()

    @rule(more=st.sampled_from([0, 0, 0, 4]))
    def reopen(self, more: int) -> None:
        """Only what was committed is there; rows are padded when the store is widened."""
        self.store.close()
        self.row_bytes += more
        for key, (at, row) in self.committed.rows.items():
            self.committed.rows[key] = (at, row + bytes(more))
        self.store = self.opened()
        self.held = self.committed.copy()

    def teardown(self) -> None:
        """Remove the directory."""
        super().teardown()
        self.patch.undo()
        shutil.rmtree(self.directory)


BOUNDS = settings(max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
TestMemoryStore = MemoryMachine.TestCase
TestMemoryStore.settings = BOUNDS
TestLmdbStore = LmdbMachine.TestCase
TestLmdbStore.settings = BOUNDS
