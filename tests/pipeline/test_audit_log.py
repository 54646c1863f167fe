"""The audit log: every entry that was confirmed is there, in a chain that shows what was done to it."""

from __future__ import annotations

import errno
import hashlib
import os
import pickle
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sentinel.clock import ManualClock
from sentinel.errors import StoreError
from sentinel.pipeline.audit_log import (
    FILE,
    FIRST,
    KINDS,
    REMEMBERED,
    AuditEntry,
    AuditLog,
    AuditLogError,
    read_audit_log,
)
from tests.pipeline import audit_child

REPOSITORY = Path(__file__).parents[2]
N_KILLS = 5
AT_US = 1_700_000_000_000_000


def _open(directory: Path, **options: Any) -> AuditLog:
    return AuditLog(directory, ManualClock(AT_US), **options)


def _faults(directory: Path) -> list[str]:
    return [line.fault for line in read_audit_log(directory) if line.fault is not None]


def _sequences(directory: Path) -> list[int]:
    return [line.entry.sequence for line in read_audit_log(directory) if line.entry is not None]


def test_entries_carry_the_hash_of_the_line_before(tmp_path: Path) -> None:
    """The first carries zeros, each other the SHA-256 of the bytes before its own; also over a restart."""
    _open(tmp_path).append("configuration", "SIGHUP", {"changed": ["log.level"]})
    _open(tmp_path).append("acknowledgement", "älice", {"note": "a\nb\u2028c"})
    first, second = (tmp_path / FILE).read_bytes().splitlines()
    found = [line.entry for line in read_audit_log(tmp_path)]
    assert [entry.previous for entry in found if entry] == [FIRST, hashlib.sha256(first).hexdigest()]
    assert [entry.sequence for entry in found if entry] == [1, 2]
    assert found[1] is not None
    assert found[1].at == "2023-11-14T22:13:20Z"
    assert found[1].details == {"note": "a\nb\u2028c"}
    assert hashlib.sha256(second).hexdigest() == list(read_audit_log(tmp_path))[1].sha256
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_full_files_are_numbered_and_none_is_lost(tmp_path: Path) -> None:
    """Files stay below their size, the chain runs through them, and a restart finds everything."""
    log = _open(tmp_path, max_file_bytes=1_000)
    for _ in range(40):
        log.append("configuration", "SIGHUP", {"changed": ["log.level"]})
    files = sorted(tmp_path.glob("audit*.jsonl"))
    assert len(files) > 5
    assert all(0 < path.stat().st_size <= 1_000 for path in files)
    assert _sequences(tmp_path) == list(range(1, 41))
    assert _faults(tmp_path) == []
    taken: list[AuditEntry] = []
    assert _open(tmp_path, max_file_bytes=1_000, take=taken.append).append("baseline", "start", {}).sequence == 41
    assert len(taken) == 41


@pytest.mark.parametrize("torn", [b'{"sequence":3,"at"', b"\0" * 30, b"x"])
def test_a_torn_line_is_cut_off_and_told(tmp_path: Path, torn: bytes) -> None:
    """What a crash left behind the last line end goes; an entry says how much it was, and the chain goes on."""
    log = _open(tmp_path)
    for _ in range(2):
        log.append("configuration", "SIGHUP", {})
    with (tmp_path / FILE).open("ab") as file:
        file.write(torn)
    assert _sequences(tmp_path) == [1, 2]  # while the daemon writes, a reader sees whole lines
    repaired = _open(tmp_path)
    (entry,) = repaired.entries(kind="repair", limit=9)
    assert entry.details == {"cut_bytes": len(torn), "cut_sha256": hashlib.sha256(torn).hexdigest()}
    assert repaired.append("configuration", "SIGHUP", {}).sequence == 4
    assert _faults(tmp_path) == []


def _alter(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b"SIGHUP", b"nobody"), *lines[2:]]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_alter, "audit.jsonl, line 3: entry 3 does not carry the hash of the line before: one of them was altered"),
        (lambda lines: [lines[0], *lines[2:]], "audit.jsonl, line 2: entry 3 where 2 was to come"),
        (lambda lines: lines[1:], "audit.jsonl, line 1: entry 2 where 1 was to come"),
        (lambda lines: [lines[0], lines[0], *lines[1:]], "audit.jsonl, line 2: entry 1 where 2 was to come"),
        (lambda lines: [*lines[:2], b"[]\n", *lines[2:]], "audit.jsonl, line 3: no entry: "),
        (lambda lines: [*lines, b"\xff\n"], "audit.jsonl, line 5: no entry: "),
    ],
)
def test_what_was_done_to_a_line_shows(tmp_path: Path, change: Any, fault: str) -> None:
    """A line that was altered, removed, doubled or put in is named; and the daemon starts and goes on all the same."""
    log = _open(tmp_path)
    for _ in range(4):
        log.append("configuration", "SIGHUP", {})
    path = tmp_path / FILE
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    faults = _faults(tmp_path)
    assert faults[0].startswith(fault)
    _open(tmp_path).append("configuration", "SIGHUP", {})
    assert _faults(tmp_path) == faults


@pytest.mark.parametrize(("number", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)])
@pytest.mark.parametrize("call", ["fsync", "write"])
def test_what_cannot_be_kept_is_no_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, full: bool
) -> None:
    """A failed write raises, leaves the file as it was, and the next one takes its number."""
    log = _open(tmp_path)
    log.append("configuration", "SIGHUP", {})
    before = (tmp_path / FILE).read_bytes()

    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse)
        with pytest.raises(AuditLogError, match="the audit log cannot be written") as caught:
            log.append("configuration", "bob", {})
    assert caught.value.full is full
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.full, str(copy)) == (full, str(caught.value))
    assert (tmp_path / FILE).read_bytes() == before
    assert log.append("configuration", "alice", {}).sequence == 2
    assert [entry.who for entry in log.entries(limit=9)] == ["alice", "SIGHUP"]


def test_half_a_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes a part of the line is full; if the part cannot be removed now, the next line removes it."""
    log = _open(tmp_path)
    log.append("configuration", "SIGHUP", {})
    write = os.write

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:10]))
        patch.setattr(os, "ftruncate", refuse)
        with pytest.raises(AuditLogError) as caught:
            log.append("configuration", "bob", {})
    assert caught.value.full
    assert log.append("configuration", "alice", {}).sequence == 2
    assert _sequences(tmp_path) == [1, 2]
    assert _faults(tmp_path) == []


def test_entries_are_newest_first_and_bounded(tmp_path: Path) -> None:
    """By kind, by time and by number; evidence stays in the file; what is remembered does not grow for ever."""
    clock = ManualClock(AT_US)
    log = AuditLog(tmp_path, clock)
    for kind in (*KINDS, *KINDS):
        log.append(kind, "alice", {"evidence": {"signals": {}}, "note": kind})
        clock.advance(1)
    assert [entry.sequence for entry in log.entries(limit=3)] == [8, 7, 6]
    assert [entry.sequence for entry in log.entries(kind="baseline", limit=9)] == [7, 3]
    assert [entry.sequence for entry in log.entries(since_us=AT_US + 6_000_000, limit=9)] == [8, 7]
    assert all("evidence" not in entry.details for entry in log.entries(limit=9))
    assert b"evidence" in (tmp_path / FILE).read_bytes()


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each kind the newest thousand are remembered; the files hold all."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    log = _open(tmp_path)
    log.append("baseline", "start", {})
    for _ in range(REMEMBERED + 5):
        log.append("configuration", "SIGHUP", {})
    assert len(log.entries(limit=10 * REMEMBERED)) == REMEMBERED + 1
    assert len(_sequences(tmp_path)) == REMEMBERED + 6


def test_threads_take_turns(tmp_path: Path) -> None:
    """Entries of many threads are all there, each once, in one chain."""
    log = _open(tmp_path)

    def work() -> None:
        for _ in range(10):
            log.append("acknowledgement", "alice", {})

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _sequences(tmp_path) == list(range(1, 41))
    assert _faults(tmp_path) == []


def test_a_log_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    """A directory in its place is one clear line."""
    (tmp_path / FILE).mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        _open(tmp_path)


def test_a_killed_process_loses_no_entry_that_it_confirmed(tmp_path: Path) -> None:
    """After each of several SIGKILLs every number that was said is in the log, and the chain holds."""
    rng = random.Random(20_261_121)
    for _ in range(N_KILLS):
        command = [sys.executable, "-m", audit_child.__name__, str(tmp_path)]
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            said = [int(child.stdout.readline()) for _ in range(rng.randrange(5, 40))]
            time.sleep(rng.uniform(0.0, 0.01))  # a real process at a random point: there is no clock to advance
            child.kill()
            said += [int(line) for line in child.stdout.read().split("\n")[:-1]]
        kept = _sequences(tmp_path)
        assert set(said) <= set(kept)
        assert kept == list(range(1, len(kept) + 1))
        assert _faults(tmp_path) == []
    assert len(list(tmp_path.glob("audit.*.jsonl"))) > 0
