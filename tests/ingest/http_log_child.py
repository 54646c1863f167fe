"""A process that appends numbered events to a log, and says which were acknowledged; run by the crash test."""

from __future__ import annotations

import random
import sys
from collections import deque
from concurrent.futures import Future
from pathlib import Path

from sentinel.clock import SystemClock
from sentinel.ingest import http_log
from sentinel.ingest.http_log import EventLog
from sentinel.ingest.http_records import Posted

MAX_BYTES = 4 << 20
IN_FLIGHT = 8
DRAIN_RATIO = 0.5
RELEASE_RATIO = 0.05


def payload(number: int) -> bytes:
    """Event ``number``: of a length of its own."""
    return f"{number}:".encode() + b"x" * (number * 37 % 211)


def main() -> None:
    """Append until killed: several requests at once, releasing what a checkpoint would cover."""
    directory, first, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    http_log.MAX_SEGMENT_BYTES = 40_000  # type: ignore[misc]
    http_log.TIDY_SECONDS = 0.0  # type: ignore[misc]
    events = EventLog(directory, MAX_BYTES, SystemClock())
    events.open()
    events.take_from(int(sys.argv[4]))
    waiting: deque[tuple[int, int, Future[int]]] = deque()
    number = first
    while True:
        drain = rng.random() < DRAIN_RATIO
        while len(waiting) < IN_FLIGHT and not (drain and waiting):
            n = rng.randrange(1, 20)
            numbers = range(number, number + n)
            done = events.append(Posted(bytes(k % 2 for k in numbers), [payload(k) for k in numbers]))
            waiting.append((number, n, done))
            number += n
        begin, n, done = waiting.popleft()
        offset = done.result(10)
        _say(f"{offset} {begin} {n}")
        if not waiting or rng.random() < RELEASE_RATIO:
            _say(f"release {offset + n}")
            events.release(offset + n)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
