"""Where refused events are kept for the people who mend their producers: a bounded file of JSON lines."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sentinel.clock import Clock
from sentinel.errors import CorruptArtifactError
from sentinel.events.batch import DeadLetter, Reason
from sentinel.logs import get_logger

log = get_logger(__name__)

_ONLY_THE_OWNER = 0o600  # heads, where they are kept, may hold feature values
_HASH_BYTES = 16


@dataclass(frozen=True, slots=True)
class KeptDeadLetter:
    """A dead letter and when it was refused (``refused_at``: microseconds since the epoch, UTC).

    ``n_bytes`` is the size of the event, None where that is not known; ``digest`` its :func:`event_digest`, empty
    likewise. The letter's ``head`` is empty where values are redacted.
    """

    letter: DeadLetter
    refused_at: int
    n_bytes: int | None = None
    digest: str = ""


def event_digest(payload: bytes, key: bytes = b"") -> str:
    """BLAKE2b of an event, 128 bits in hexadecimal: tells whether two are the same without keeping either.

    Parameters
    ----------
    payload : bytes
    key : bytes, at most 64
        Makes it useless to those who would guess the event and compare.

    Examples
    --------
    >>> event_digest(b"{}") == event_digest(b"{}") != event_digest(b"{}", b"key")
    True
    """
    return hashlib.blake2b(payload, digest_size=_HASH_BYTES, key=key).hexdigest()


class DeadLetterFile:
    """Appends dead letters to a file; at half of ``max_bytes`` the file becomes ``<name>.1`` and a new one begins.

    So at least the newest half of the budget is always there, and never more than all of it. No failure is raised
    (a full disk must not stop the stream): it is counted, and logged once until writing works again. Written by one
    thread.

    Parameters
    ----------
    path : Path
        Its directory is made if it is not there. Readable by the owner alone.
    max_bytes : int, > 0
        For both files together.
    clock : Clock
    values_kept : bool
        Keep the first bytes of each event; otherwise its size and hash alone stand for it.
    hash_key : bytes
        Of :func:`event_digest`.
    """

    def __init__(
        self, path: Path, max_bytes: int, clock: Clock, *, values_kept: bool = False, hash_key: bytes = b""
    ) -> None:
        self._values_kept = values_kept
        self._hash_key = hash_key
        self._path = path
        self._max_file_bytes = max_bytes // 2
        self._clock = clock
        self._n_written = 0
        self._n_dropped = 0
        self._n_failures = 0
        self._failing = False

    def append(self, letters: Iterable[DeadLetter]) -> None:
        """Write the letters, whole lines at once; what cannot be written is dropped and counted."""
        lines = [self._line(letter) for letter in letters]
        if not lines:
            return
        try:
            n_written = self._write(lines)
        except OSError as error:
            self._n_failures += 1
            self._n_dropped += len(lines)
            if not self._failing:
                log.error("dead_letters_not_written", path=str(self._path), error=error)
            self._failing = True
            return
        self._failing = False
        self._n_written += n_written
        self._n_dropped += len(lines) - n_written

    def statistics(self) -> Mapping[str, int]:
        """``written`` and ``dropped`` letters, ``write_failures``, since the start."""
        return {"written": self._n_written, "dropped": self._n_dropped, "write_failures": self._n_failures}

    def _write(self, lines: list[bytes]) -> int:
        """Append in runs that each fit the file; a line that no file can hold is left out."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fitting = [line for line in lines if len(line) <= self._max_file_bytes]
        run: list[bytes] = []
        room = self._max_file_bytes - self._size()
        for line in fitting:
            if len(line) > room:
                self._append_bytes(b"".join(run))
                self._path.replace(_rotated(self._path))
                run, room = [], self._max_file_bytes
            run.append(line)
            room -= len(line)
        self._append_bytes(b"".join(run))
        return len(fitting)

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0

    def _append_bytes(self, data: bytes) -> None:
        if not data and self._path.exists():
            return
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _ONLY_THE_OWNER)
        try:
            before = os.fstat(descriptor).st_size
            if os.write(descriptor, data) != len(data):
                os.ftruncate(descriptor, before)  # no half lines
                raise OSError(f"the disk took only a part of {len(data)} bytes")
        finally:
            os.close(descriptor)

    def _line(self, letter: DeadLetter) -> bytes:
        fields: dict[str, object] = {
            "refused_at": self._clock.now_us(),
            "reason": str(letter.reason),
            "detail": letter.detail,
            "kind": letter.kind,
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
        }
        if letter.payload is not None:
            fields |= {"bytes": len(letter.payload), "hash": event_digest(letter.payload, self._hash_key)}
        if self._values_kept:
            fields |= {"text": _printable(letter.head), "head": base64.b64encode(letter.head).decode()}
        return json.dumps(fields).encode() + b"\n"


def read_dead_letters(path: Path) -> Iterator[KeptDeadLetter]:
    """Read what a :class:`DeadLetterFile` keeps, oldest first.

    Yields
    ------
    KeptDeadLetter

    Raises
    ------
    CorruptArtifactError
        If a line is not what was written.
    OSError
        If a file is there and cannot be read. No file at all means no dead letters.
    """
    for file in (_rotated(path), path):
        if not file.exists():
            continue
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield _parsed(line, file, number)


def _parsed(line: bytes, file: Path, number: int) -> KeptDeadLetter:
    try:
        fields = json.loads(line)
        head = base64.b64decode(fields.get("head", ""), validate=True)
        n_bytes = fields.get("bytes")
        letter = DeadLetter(
            reason=Reason(fields["reason"]),
            detail=str(fields["detail"]),
            topic=str(fields["topic"]),
            partition=int(fields["partition"]),
            offset=int(fields["offset"]),
            head=head,
            kind=str(fields.get("kind", "prediction")),
        )
        size = None if n_bytes is None else int(n_bytes)
        return KeptDeadLetter(letter, int(fields["refused_at"]), size, str(fields.get("hash", "")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptArtifactError(f"{file}, line {number}: not a dead letter: {error}") from error


def _rotated(path: Path) -> Path:
    return path.with_name(path.name + ".1")


def _printable(head: bytes) -> str:
    text = head.decode("utf-8", errors="replace")
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
