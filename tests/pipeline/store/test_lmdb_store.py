"""What only a store on disk can promise: owners, formats, limits, damage."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import lmdb
import numpy as np
import pytest

from sentinel.errors import CorruptArtifactError, StoreError
from sentinel.pipeline.store import lmdb_store
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.pipeline.store.state_reader import read_state
from tests.pipeline.store.oracle import Held, assert_holds, instants, keys_of, rows_of

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20


def filled(directory: Path, n_rows: int = 1000, row_bytes: int = 96) -> LmdbJoinStore:
    """Return an open store with committed rows: key i, expiry i, value i % 251."""
    store = LmdbJoinStore.open(directory, row_bytes, fsync=False)
    values = [i % 251 for i in range(n_rows)]
    store.put(np.arange(n_rows, dtype=np.uint64), np.arange(n_rows), rows_of(values, row_bytes))
    store.put_state("offsets", b"1")
    store.commit()
    return store


def test_committed_rows_and_state_survive_reopening(tmp_path: Path) -> None:
    """A store opened again holds the committed rows, expiries and names, and nothing uncommitted."""
    store = filled(tmp_path)
    store.update(keys_of(1), rows_of([200], 96))
    store.put_state("offsets", b"2")
    store.close()
    store = LmdbJoinStore.open(tmp_path, 96)
    assert_holds(store, Held({i: (i, bytes([i % 251]) * 96) for i in range(1000)}, {"offsets": b"1"}))
    assert len(store.expire(400)) == 400
    store.close()


def test_a_second_owner_in_this_process_is_refused(tmp_path: Path) -> None:
    """The same directory cannot be opened twice, and can again after closing."""
    store = filled(tmp_path)
    with pytest.raises(StoreError, match="open already, in this process or another; one owner at a time"):
        LmdbJoinStore.open(tmp_path, 96)
    store.close()
    LmdbJoinStore.open(tmp_path, 96).close()


def test_a_second_owner_in_another_process_is_refused(tmp_path: Path) -> None:
    """Another process gets an error that names the directory."""
    store = filled(tmp_path)
    code = (
        "import sys, pathlib; from sentinel.pipeline.store.lmdb_store import LmdbJoinStore; "
        "LmdbJoinStore.open(pathlib.Path(sys.argv[1]), 96)"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    store.close()
    assert other.returncode == 1
    assert f"StoreError: {tmp_path}: the store is open already" in other.stderr


def test_wider_rows_pad_old_ones_with_zeros(tmp_path: Path) -> None:
    """Opening with a larger width widens the store for good, whatever is asked for later; old rows end in zeros."""
    filled(tmp_path, 1000, 96).close()
    store = LmdbJoinStore.open(tmp_path, 100)
    store.put(keys_of(5000), instants(5000), rows_of([9], 100))
    store.update(keys_of(2), rows_of([8], 100))
    store.commit()
    store.close()
    store = LmdbJoinStore.open(tmp_path, 96)
    assert store.row_bytes == 100
    expected = {i: (i, bytes([i % 251]) * 96 + bytes(4)) for i in range(1000)}
    expected |= {2: (2, bytes([8]) * 100), 5000: (5000, bytes([9]) * 100)}
    assert_holds(store, Held(expected, {"offsets": b"1"}))
    store.close()


def test_segments_below_a_page_survive_writes_beside_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments that share a tree page read the same when that page moves under a commit."""
    monkeypatch.setattr(lmdb_store, "rows_per_segment", lambda _: 8)
    monkeypatch.setattr(lmdb_store, "_WRITE_AHEAD_BYTES", 0)
    monkeypatch.setattr(lmdb_store, "_WASTE_ALLOWANCE_SEGMENTS", 0)
    store = LmdbJoinStore.open(tmp_path, 12, fsync=False)
    rng, held = np.random.default_rng(4), Held()
    for value in range(1, 40):
        keys = rng.choice(60, 20, replace=False)
        store.put(keys.astype(np.uint64), np.full(20, value), rows_of([value] * 20, 12))
        held.rows |= {key: (value, bytes([value]) * 12) for key in keys.tolist()}
        assert_holds(store, held)
        store.commit()
        assert_holds(store, held)
    store.close()


def test_a_full_store_names_the_limit_and_keeps_the_last_commit(tmp_path: Path) -> None:
    """Beyond max_bytes a write or commit raises, the rollback works, and a higher limit mends it."""
    store = LmdbJoinStore.open(tmp_path, 4096, max_bytes=4 * MIB, fsync=False)
    rows = np.zeros((200, 4096), np.uint8)
    store.put(np.arange(200, dtype=np.uint64), np.arange(200), rows)
    store.commit()
    store.put(np.arange(1000, 2000, dtype=np.uint64), np.arange(1000), np.zeros((1000, 4096), np.uint8))
    with pytest.raises(StoreError, match=f"{tmp_path}: the store is full at its limit of {4 * MIB} bytes; raise"):
        store.commit()
    assert len(store) == 1200
    store.rollback()
    assert len(store) == 200
    assert len(store.expire(100)) == 100
    store.close()
    store = LmdbJoinStore.open(tmp_path, 4096, max_bytes=64 * MIB, fsync=False)
    store.put(np.arange(1000, 2000, dtype=np.uint64), np.arange(1000), np.zeros((1000, 4096), np.uint8))
    store.commit()
    assert len(store) == 1200
    store.close()


def test_a_write_that_fails_half_way_must_be_rolled_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a put ran out of room while writing ahead, only a rollback leads on."""
    monkeypatch.setattr(lmdb_store, "_WRITE_AHEAD_BYTES", MIB)
    store = LmdbJoinStore.open(tmp_path, 4096, max_bytes=4 * MIB, fsync=False)
    store.put_state("offsets", b"1")
    store.commit()
    with pytest.raises(StoreError, match="the store is full"):
        store.put(np.arange(2000, dtype=np.uint64), np.arange(2000), np.zeros((2000, 4096), np.uint8))
    with pytest.raises(StoreError, match="roll back first"):
        store.commit()
    store.rollback()
    assert_holds(store, Held({}, {"offsets": b"1"}))
    store.put(keys_of(1), instants(1), np.zeros((1, 4096), np.uint8))
    store.commit()
    store.close()


@pytest.mark.parametrize("n_kept", [0, 1, 4095, 4096, 8192, 20_000])
def test_a_truncated_file_is_an_error_not_a_crash(tmp_path: Path, n_kept: int) -> None:
    """Wherever the file ends early, opening says that it is corrupt and how to mend it."""
    filled(tmp_path).close()
    data = tmp_path / "data.mdb"
    data.write_bytes(data.read_bytes()[:n_kept])
    with pytest.raises(CorruptArtifactError, match="rebuild the store from the log"):
        LmdbJoinStore.open(tmp_path, 96)


@pytest.mark.parametrize("n_kept", [4096 * 3, 4096 * 5 + 100])
def test_reading_beside_a_truncated_file_is_an_error_not_a_crash(tmp_path: Path, n_kept: int) -> None:
    """A reader maps the file: beyond its end it would be killed, and say nothing."""
    filled(tmp_path).close()
    data = tmp_path / "data.mdb"
    data.write_bytes(data.read_bytes()[:n_kept])
    with pytest.raises(CorruptArtifactError, match="beyond EOF"):
        read_state(tmp_path)


def test_readers_killed_while_they_read_do_not_stop_the_owner(tmp_path: Path) -> None:
    """Their places are taken back: there are only so many, and what they read could never be overwritten."""
    killed = (
        "import lmdb, os, sys; e = lmdb.Environment(sys.argv[1], readonly=True, max_dbs=4); t = e.begin(); "
        "os.kill(os.getpid(), 9)"
    )
    store = filled(tmp_path)
    for number in range(5):
        assert subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False).returncode == -9
        store.put_state("offsets", str(number).encode())
        store.commit()
    store.close()
    assert read_state(tmp_path) == {"offsets": b"4"}


def test_a_missing_file_is_not_a_fresh_start(tmp_path: Path) -> None:
    """A store whose data file is gone is refused rather than opened empty."""
    filled(tmp_path).close()
    (tmp_path / "data.mdb").unlink()
    with pytest.raises(CorruptArtifactError, match="missing or empty, but the store existed"):
        LmdbJoinStore.open(tmp_path, 96)


def test_altered_keys_fail_their_checksum(tmp_path: Path) -> None:
    """One flipped bit in a stored key is found at opening."""
    filled(tmp_path).close()
    data = tmp_path / "data.mdb"
    stored = bytearray(data.read_bytes())
    at = stored.rindex(np.arange(1000, dtype=np.uint64).tobytes())
    stored[at + 800] ^= 1
    data.write_bytes(stored)
    with pytest.raises(CorruptArtifactError, match="keys of segment 0 do not match their checksum"):
        LmdbJoinStore.open(tmp_path, 96)


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (b'{"version": 2, "shards": 3}', "format version 2, but this release reads 1"),
        (b"\xff", "unreadable format record"),
        (b'{"version": 1}', "unreadable format record"),
        (None, "holds rows but no format record"),
    ],
)
def test_an_unknown_format_is_refused(tmp_path: Path, about: bytes | None, message: str) -> None:
    """A store of another version, or without one, is named as such."""
    filled(tmp_path).close()
    with lmdb.open(str(tmp_path), max_dbs=4) as environment, environment.begin(write=True) as transaction:
        database = environment.open_db(b"about", transaction)
        if about is None:
            transaction.delete(b"format", db=database)
        else:
            transaction.put(b"format", about, db=database)
    with pytest.raises(CorruptArtifactError, match=message):
        LmdbJoinStore.open(tmp_path, 96)


def test_an_unusable_directory_is_a_store_error(tmp_path: Path) -> None:
    """A path that is a file is refused with its name."""
    path = tmp_path / "file"
    path.write_text("x")
    with pytest.raises(StoreError, match=f"{path}: cannot open the store"):
        LmdbJoinStore.open(path, 96)


def test_memory_and_disk_stay_flat_under_churn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the resident rows pass through, all updated: space follows the rows held, not those seen."""
    monkeypatch.setattr(lmdb_store, "_WRITE_AHEAD_BYTES", MIB)
    monkeypatch.setattr(lmdb_store, "_WASTE_ALLOWANCE_SEGMENTS", 1)
    store = LmdbJoinStore.open(tmp_path, 1008, fsync=False)
    n_rows = 2048  # 1 KiB each with key and expiry: 2 MiB a round, 8 MiB held
    sizes = []
    for turn in range(40):
        keys = np.arange(turn * n_rows, (turn + 1) * n_rows, dtype=np.uint64)
        store.put(keys, np.full(n_rows, turn), np.zeros((n_rows, 1008), np.uint8))
        store.update(keys - np.uint64(min(turn, 2) * n_rows), np.ones((n_rows, 1008), np.uint8))
        store.expire(turn - 3)
        store.commit()
        seen = store.statistics()
        sizes.append((seen.rows, seen.disk_bytes, seen.memory_bytes))
    store.close()
    rows, disk_bytes, memory_bytes = (np.array(column) for column in zip(*sizes, strict=True))
    assert rows.max() == 4 * n_rows
    assert disk_bytes.max() < 4 * 8 * MIB
    assert memory_bytes.max() < 8 * MIB
    assert disk_bytes[-1] <= 1.1 * disk_bytes[15]


def test_rows_worth_keeping_outlive_their_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row in sixteen that never expires is moved together, so dead neighbours give their room back."""
    monkeypatch.setattr(lmdb_store, "_WASTE_ALLOWANCE_SEGMENTS", 1)
    store = LmdbJoinStore.open(tmp_path, 4080, fsync=False)
    n_rows, far = 16_384, 10**12
    keys = np.arange(n_rows, dtype=np.uint64)
    expires_at = np.where(keys % 16 == 0, far, 1)
    for part in np.split(np.arange(n_rows), 64):
        store.put(keys[part], expires_at[part], rows_of(list(part % 251), 4080))
        store.expire(2)
        store.commit()
    kept = np.arange(0, n_rows, 16)
    assert_holds(store, Held({int(i): (far, bytes([i % 251]) * 4080) for i in kept}))
    seen_bytes = n_rows * 4096
    assert store.statistics().disk_bytes < seen_bytes / 3  # held: 1/16; twice that for waste and for lag, and slack
    store.close()
