"""The audit log: who did what, a line an entry, each sealed by the hash of the line before; nothing is rewritten."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any, Final, Literal, get_args

import msgspec
from msgspec import Meta

from sentinel.clock import Clock
from sentinel.config.times import parse_time_us, rfc3339
from sentinel.errors import StoreError
from sentinel.logs import get_logger
from sentinel.whole_files import sync_folder

log = get_logger(__name__)

Kind = Literal["acknowledgement", "configuration", "baseline", "repair"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
FILE: Final = "audit.jsonl"
FIRST: Final = "0" * 64
"""What stands for the hash of the line before the first."""
MAX_FILE_BYTES: Final = 16 * 1024 * 1024
"""Then the file gets a number and a new one begins; none is ever removed. Some 4,800 answers of 3.5 KB each."""
REMEMBERED: Final = 1_000
"""Entries of each kind in memory: what the API shows. The files hold all."""
EVIDENCE: Final = "evidence"
"""The one of the details that is kept in the file alone."""

_NUMBERED = re.compile(r"audit\.(\d{6})\.jsonl")
_ONLY_THE_OWNER = 0o600  # notes may name people
_FULL = (errno.ENOSPC, errno.EDQUOT)


class AuditLogError(StoreError):
    """An entry could not be made durable, so it does not count.

    Parameters
    ----------
    message : str
    full : bool
        Whether the disk has no room for it.
    """

    def __init__(self, message: str, full: bool = False) -> None:
        super().__init__(message, full)
        self.full = full

    def __str__(self) -> str:
        return str(self.args[0])


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line."""

    sequence: Annotated[int, Meta(description="1, 2, 3, ...", ge=1)]
    at: Annotated[str, Meta(description="time of the clock, RFC 3339")]
    kind: Kind
    who: Annotated[str, Meta(description="a user or token; start, SIGHUP or sentinel where nobody logged in")]
    details: dict[str, Any]
    previous: Annotated[str, Meta(description="SHA-256 of the line before, without its line end")]


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A line of the log as it was found.

    Attributes
    ----------
    entry : AuditEntry or None
        None where the line is none.
    fault : str or None
        Where it is and what is wrong with it, in words.
    sequence : int
        What the next line counts on from.
    sha256 : str
        Of this line.
    """

    entry: AuditEntry | None
    fault: str | None
    sequence: int
    sha256: str


def read_audit_log(directory: Path) -> Iterator[ReadLine]:
    """Every line of every file, oldest first, each checked against the one before. A line that is being written is not.

    Raises
    ------
    StoreError
        If a file cannot be read.
    """
    sequence, sha256 = 0, FIRST
    for name, number, line in _lines(directory):
        entry, fault = _checked(line, sequence + 1, sha256)
        sequence = sequence + 1 if entry is None else entry.sequence
        sha256 = hashlib.sha256(line).hexdigest()
        yield ReadLine(entry, None if fault is None else f"{name}, line {number}: {fault}", sequence, sha256)


def _checked(line: bytes, sequence: int, sha256: str) -> tuple[AuditEntry | None, str | None]:
    try:
        entry = msgspec.json.decode(line, type=AuditEntry)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return None, f"no entry: {error}"
    if entry.sequence != sequence:
        return entry, f"entry {entry.sequence} where {sequence} was to come"
    if entry.previous != sha256:
        return entry, f"entry {sequence} does not carry the hash of the line before: one of them was altered"
    return entry, None


def _lines(directory: Path) -> Iterator[tuple[str, int, bytes]]:
    try:
        with contextlib.ExitStack() as stack:
            current = directory / FILE
            # Opened before the others are listed: if it gets its number in between, it is listed and seen twice.
            last = stack.enter_context(current.open("rb")) if current.exists() else None
            for _, path in _numbered(directory):
                if last is not None and os.path.samestat(path.stat(), os.fstat(last.fileno())):
                    continue
                with path.open("rb") as file:
                    yield from _whole_lines(path.name, file)
            if last is not None:
                yield from _whole_lines(FILE, last)
    except OSError as error:
        raise StoreError(f"{directory}: the audit log cannot be read: {error.strerror or error}") from error


def _whole_lines(name: str, file: IO[bytes]) -> Iterator[tuple[str, int, bytes]]:
    return ((name, number, line[:-1]) for number, line in enumerate(file, 1) if line.endswith(b"\n"))


def _numbered(directory: Path) -> list[tuple[int, Path]]:
    found = ((_NUMBERED.fullmatch(path.name), path) for path in directory.glob("audit.*.jsonl"))
    return sorted((int(match[1]), path) for match, path in found if match is not None)


class AuditLog:
    """Appends to the log of one state directory, whose owner is the only one to make one. Any thread may append.

    What a crash left of a line is cut off when the log is opened, and said: in the process's log and by an entry of
    kind ``repair``. Lines that were altered are told and left as they are.

    Parameters
    ----------
    directory : Path
        Has to be there.
    clock : Clock
    take : callable, optional
        Called with every entry: those that are there, then each new one. It must be quick.
    max_file_bytes : int, > 0

    Raises
    ------
    StoreError
        If the log cannot be read.
    """

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        take: Callable[[AuditEntry], None] = lambda _: None,
        *,
        max_file_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        self._directory = directory
        self._path = directory / FILE
        self._clock = clock
        self._take = take
        self._max_file_bytes = max_file_bytes
        self._lock = threading.Lock()
        self._recent: dict[Kind, deque[AuditEntry]] = {kind: deque(maxlen=REMEMBERED) for kind in KINDS}
        self._sequence, self._sha256 = 0, FIRST
        torn = self._cut_torn_line()
        for line in read_audit_log(directory):
            if line.fault is not None:
                log.error("audit_log_altered", directory=str(directory), fault=line.fault)
            if line.entry is not None:
                self._remember(line.entry)
            self._sequence, self._sha256 = line.sequence, line.sha256
        self._size = self._path.stat().st_size if self._path.exists() else 0
        if torn:
            self._tell_repair(torn)

    def append(self, kind: Kind, who: str, details: dict[str, Any]) -> AuditEntry:
        """Make an entry durable: when this returns it is on disk.

        Raises
        ------
        AuditLogError
            If it is not; then there is no such entry.
        """
        with self._lock:
            entry = AuditEntry(
                sequence=self._sequence + 1,
                at=rfc3339(self._clock.now_us()),
                kind=kind,
                who=who,
                details=details,
                previous=self._sha256,
            )
            line = msgspec.json.encode(entry)
            try:
                self._write(line + b"\n")
            except OSError as error:
                log.error("audit_log_not_written", directory=str(self._directory), kind=kind, error=error)
                reason = error.strerror or str(error)
                raise AuditLogError(f"the audit log cannot be written: {reason}", error.errno in _FULL) from error
            self._sequence, self._sha256 = entry.sequence, hashlib.sha256(line).hexdigest()
            self._remember(entry)
            # Whoever keeps the process's log elsewhere can tell by it whether the end of this one was cut off.
            log.info("audited", sequence=entry.sequence, kind=kind, who=who, sha256=self._sha256)
            return entry

    def entries(self, *, kind: Kind | None = None, since_us: int | None = None, limit: int) -> list[AuditEntry]:
        """The newest entries, newest first, without their evidence; never waits for the disk.

        Parameters
        ----------
        kind : str, optional
            Of this kind alone.
        since_us : int, optional
            Not older than this, in microseconds since the epoch, UTC.
        limit : int
        """
        kinds = KINDS if kind is None else (kind,)
        known = [entry for each in kinds for entry in tuple(self._recent[each])]
        known.sort(key=lambda entry: entry.sequence, reverse=True)
        if since_us is not None:
            known = [entry for entry in known if _time_of(entry) >= since_us]
        return known[:limit]

    def _remember(self, entry: AuditEntry) -> None:
        self._take(entry)
        details = {name: value for name, value in entry.details.items() if name != EVIDENCE}
        self._recent[entry.kind].append(msgspec.structs.replace(entry, details=details))

    def _write(self, line: bytes) -> None:
        if self._size and self._size + len(line) > self._max_file_bytes:
            number = max((number for number, _ in _numbered(self._directory)), default=0) + 1
            os.truncate(self._path, self._size)  # what a failure left that could not be taken back
            self._path.rename(self._directory / f"audit.{number:06d}.jsonl")
            self._size = 0
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, _ONLY_THE_OWNER)
        try:
            if os.fstat(descriptor).st_size > self._size:
                os.ftruncate(descriptor, self._size)
            try:
                if os.write(descriptor, line) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(descriptor)
                if not self._size:
                    sync_folder(self._directory)
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, self._size)
                raise
        finally:
            os.close(descriptor)
        self._size += len(line)

    def _cut_torn_line(self) -> bytes:
        """What stands behind the last line end. Nobody was told that it is there: that takes the whole line."""
        if not self._path.exists():
            return b""
        try:
            with self._path.open("r+b") as file:
                data = file.read()
                whole = data.rfind(b"\n") + 1
                if whole < len(data):
                    file.truncate(whole)
                    os.fsync(file.fileno())
                return data[whole:]
        except OSError as error:
            raise StoreError(f"{self._path}: cannot be opened: {error.strerror or error}") from error

    def _tell_repair(self, torn: bytes) -> None:
        found = {"cut_bytes": len(torn), "cut_sha256": hashlib.sha256(torn).hexdigest()}
        log.error("audit_log_repaired", path=str(self._path), **found)
        with contextlib.suppress(AuditLogError):  # told already
            self.append("repair", "sentinel", found)


def _time_of(entry: AuditEntry) -> int:
    try:
        return parse_time_us(entry.at)
    except ValueError:
        return 0  # altered by hand
