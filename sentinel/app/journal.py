"""The journal of refused events that were sent again: what keeps them from being sent twice."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from sentinel.clock import Clock
from sentinel.config.times import rfc3339
from sentinel.errors import CorruptArtifactError
from sentinel.ingest.kafka_originals import Place

JOURNAL_NAME = "dead-letters-replayed.jsonl"


class Journal:
    """Remembers what was sent again, so that nothing is sent twice.

    A line is on disk before its message is sent, so that even a crash in between sends it once at most. A last line
    that a crash left without its end stands for nothing that was sent, and is cut off by the next one.

    Parameters
    ----------
    path : Path

    Raises
    ------
    CorruptArtifactError
        If a line is not what was written.
    OSError
        If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: dict[Place, str] = {}
        lines = (path.read_bytes() if path.exists() else b"").splitlines(keepends=True)
        self._torn = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        for number, line in enumerate(lines, start=1):
            self._take(line, number)

    @property
    def sent(self) -> Mapping[Place, str]:
        """What may have been sent, and what became of it: ``sending`` where nobody knows."""
        return {place: result for place, result in self._results.items() if result != "refused"}

    def note(self, place: Place, result: str, clock: Clock) -> None:
        """Write one line and wait until it is on disk."""
        fields = {**place._asdict(), "result": result, "at": rfc3339(clock.now_us())}
        with self._path.open("ab") as file:
            if self._torn:
                file.truncate(file.tell() - len(self._torn))
                self._torn = b""
            file.write(json.dumps(fields).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._results[place] = result

    def _take(self, line: bytes, number: int) -> None:
        try:
            fields = json.loads(line)
            place = Place(str(fields["topic"]), int(fields["partition"]), int(fields["offset"]))
            self._results[place] = str(fields["result"])
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptArtifactError(f"{self._path}, line {number}: not a line of this journal: {error}") from error
