"""The LMDB environment under a join store: one owner, checked before it is mapped."""

from __future__ import annotations

import fcntl
import json
import os
import struct
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import lmdb
from lmdb.verify import VerifyError, verify

from sentinel.errors import CorruptArtifactError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORMAT_VERSION = 1
_DATA_FILE = "data.mdb"
_LOCK_FILE = "owner.lock"
_CREATED = b"created\n"  # content of the lock file once the store has its format record
_FORMAT_KEY = b"format"
_NUMBER = struct.Struct(">I")
_PAGE_BYTES = 4096
_CORRUPTED = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
)


@dataclass(frozen=True, slots=True)
class StoreFormat:
    """What a store was made for; kept inside it."""

    row_bytes: int
    segment_rows: int
    version: int = FORMAT_VERSION


class LmdbFile:
    """Segments, their records and named values in one LMDB environment that this process owns alone.

    Reads come from a snapshot that every successful write renews. LMDB never changes a page that the
    newest snapshot can reach, and the map never moves, so memory that `segment` returns stays valid over
    writes until that segment is itself put again or deleted, and never after `close`.
    """

    def __init__(self, directory: Path, max_bytes: int, fsync: bool) -> None:
        self.directory = directory
        self.map_bytes = -(-max_bytes // _PAGE_BYTES) * _PAGE_BYTES
        self._lock = _lock(directory)
        try:
            _check(directory, self._lock)
            self._open(fsync)
        except BaseException:
            os.close(self._lock)
            raise

    def _open(self, fsync: bool) -> None:
        with self._errors():
            self._environment = lmdb.Environment(
                str(self.directory),
                map_size=self.map_bytes,
                max_dbs=4,
                sync=fsync,
                metasync=fsync,
                readahead=True,  # segments are read whole at first: a cold start is 8 times as fast with it
            )
        try:
            with self._errors():
                self._segments = self._environment.open_db(b"segments")
                self._records = self._environment.open_db(b"records")
                self._state = self._environment.open_db(b"state")
                self._about = self._environment.open_db(b"about")
                self._snapshot = self._environment.begin(buffers=True)
                self._own_pages_bytes = int(self._environment.stat()["psize"])
        except BaseException:
            self._environment.close()
            raise

    @property
    def disk_bytes(self) -> int:
        """Bytes allocated on disk."""
        return (self.directory / _DATA_FILE).stat().st_blocks * 512

    def read_format(self) -> StoreFormat | None:
        """What the store was made for; None in a new one.

        Raises
        ------
        CorruptArtifactError
            If the record cannot be read, or its version is unknown.
        """
        with self._errors():
            stored = self._snapshot.get(_FORMAT_KEY, db=self._about)
        if stored is None:
            if next(self.records(), None) is not None:
                raise CorruptArtifactError(f"{self.directory}: the store holds rows but no format record")
            return None
        try:
            fields: dict[str, Any] = json.loads(bytes(stored))
            version = fields["version"]
            if version == FORMAT_VERSION:
                return StoreFormat(**fields)
        except (ValueError, TypeError, KeyError) as error:
            raise CorruptArtifactError(f"{self.directory}: unreadable format record: {error}") from error
        raise CorruptArtifactError(
            f"{self.directory}: format version {version}, but this release reads {FORMAT_VERSION}; "
            "open it with the release that wrote it, or remove the directory to rebuild from the log"
        )

    def write_format(self, known: StoreFormat) -> None:
        """Keep what the store is made for, durably and at once."""
        with self.write() as batch:
            batch.put_format(known)

    def mark_created(self) -> None:
        """Note outside of the data file that it exists, so that its loss is no fresh start."""
        if os.fstat(self._lock).st_size == 0:
            os.pwrite(self._lock, _CREATED, 0)
            os.fsync(self._lock)

    def segment(self, number: int) -> memoryview:
        """Bytes of a segment, mapped and not copied where it has pages of its own.

        The first read of a segment reads all of it from disk.

        Raises
        ------
        CorruptArtifactError
            If it is missing.
        """
        with self._errors():
            stored = self._snapshot.get(_NUMBER.pack(number), db=self._segments)
        if stored is None:
            raise CorruptArtifactError(f"{self.directory}: segment {number} has a record but no rows")
        # Less than a page may lie beside other values in a tree page, which moves with every write.
        return stored if len(stored) >= self._own_pages_bytes else memoryview(bytes(stored))

    def segment_numbers(self) -> list[int]:
        """Numbers of all stored segments, ascending."""
        with self._errors(), self._snapshot.cursor(db=self._segments) as cursor:
            return [_NUMBER.unpack(key)[0] for key in cursor.iternext(keys=True, values=False)]

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Segment numbers and encoded records, ascending."""
        with self._errors(), self._snapshot.cursor(db=self._records) as cursor:
            for key, stored in cursor:
                yield _NUMBER.unpack(key)[0], bytes(stored)

    def get_state(self, name: str) -> bytes | None:
        """Return the committed value of the name, or None."""
        with self._errors():
            stored = self._snapshot.get(name.encode(), db=self._state)
        return None if stored is None else bytes(stored)

    def state_names(self, prefix: str) -> list[str]:
        """Names with a committed value that start with the prefix, sorted by their bytes."""
        first = prefix.encode()
        names = []
        with self._errors(), self._snapshot.cursor(db=self._state) as cursor:
            if cursor.set_range(first) if first else cursor.first():
                for key in cursor.iternext(keys=True, values=False):
                    if not bytes(key).startswith(first):
                        break
                    names.append(bytes(key).decode())
        return names

    @contextmanager
    def write(self) -> Iterator[LmdbWrite]:
        """One LMDB transaction: committed when the block ends, undone when it raises."""
        with self._errors():
            transaction = self._environment.begin(write=True)
            try:
                yield LmdbWrite(transaction, self._segments, self._records, self._state, self._about)
                transaction.commit()
            finally:
                transaction.abort()  # does nothing after a commit
            self._environment.reader_check()  # what a killed reader held would keep pages, and its place, for ever
            fresh = self._environment.begin(buffers=True)
            self._snapshot.abort()
            self._snapshot = fresh

    def close(self) -> None:
        """Unmap the file and let another process own it."""
        self._snapshot.abort()
        self._environment.close()
        os.close(self._lock)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except lmdb.MapFullError as error:
            raise StoreError(
                f"{self.directory}: the store is full at its limit of {self.map_bytes} bytes; "
                "raise the limit, shorten the outcome horizon, or spread the topic over more partitions"
            ) from error
        except _CORRUPTED as error:
            raise CorruptArtifactError(f"{self.directory}: {error}; {_REBUILD}") from error
        except (lmdb.Error, OSError) as error:
            raise StoreError(f"{self.directory}: {error}; check free space and permissions") from error


@dataclass(frozen=True, slots=True)
class LmdbWrite:
    """What can be written in one transaction."""

    _transaction: lmdb.Transaction[bytes]
    _segments: lmdb._Database
    _records: lmdb._Database
    _state: lmdb._Database
    _about: lmdb._Database

    def put_segment(self, number: int, stored: bytes) -> None:
        """Store the rows of a segment."""
        self._transaction.put(_NUMBER.pack(number), stored, db=self._segments)

    def put_record(self, number: int, stored: bytes) -> None:
        """Store what makes a segment exist."""
        self._transaction.put(_NUMBER.pack(number), stored, db=self._records)

    def delete(self, number: int) -> None:
        """Delete a segment with its record, as far as they are stored."""
        self._transaction.delete(_NUMBER.pack(number), db=self._segments)
        self._transaction.delete(_NUMBER.pack(number), db=self._records)

    def put_state(self, name: str, value: bytes | None) -> None:
        """Store or delete a named value."""
        if value is None:
            self._transaction.delete(name.encode(), db=self._state)
        else:
            self._transaction.put(name.encode(), value, db=self._state)

    def put_format(self, known: StoreFormat) -> None:
        """Store what the store is made for."""
        self._transaction.put(_FORMAT_KEY, json.dumps(asdict(known)).encode(), db=self._about)


_REBUILD = "remove the directory to rebuild the store from the log"


def _lock(directory: Path) -> int:
    """Own the directory until the descriptor is closed or the process ends, however it ends."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(f"{directory}: cannot open the store: {error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(
            f"{directory}: the store is open already, in this process or another; one owner at a time"
        ) from error
    return descriptor


def _check(directory: Path, lock: int) -> None:
    """Walk the file without mapping it, since LMDB trusts the page numbers that it reads."""
    path = directory / _DATA_FILE
    n_bytes = path.stat().st_size if path.exists() else 0
    if n_bytes == 0:
        if os.fstat(lock).st_size > 0:
            raise CorruptArtifactError(f"{path}: the file is missing or empty, but the store existed; {_REBUILD}")
        return
    problems = page_problems(directory)
    if problems:
        raise CorruptArtifactError(f"{path}: {problems}; {_REBUILD}")


def page_problems(directory: Path) -> str:
    """Say what is wrong with the pages of a store's file, read and not mapped; empty where nothing is."""
    try:
        problems: list[str] = verify(str(directory))  # type: ignore[no-untyped-call]
    except (VerifyError, OSError) as error:
        return str(error)
    return f"{problems[0]} (of {len(problems)} problems)" if problems else ""
