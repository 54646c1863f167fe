"""Everything behind POST /v1/events that knows nothing of HTTP: what is taken, where it is logged, what is counted."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Literal, get_args

from sentinel.clock import Clock
from sentinel.config.http_source import HttpSource as HttpSettings
from sentinel.ingest.http_body import BodyReader
from sentinel.ingest.http_log import EventLog
from sentinel.ingest.http_records import Posted

DIRECTORY: Final = "accepted-events"
"""Of the log, in state.directory."""
Result = Literal[
    "accepted", "partial", "rejected", "unreadable", "forbidden", "slow", "too_large", "busy", "full", "failed", "gone"
]
"""What became of a request: all events taken; some; none; no body that can be taken apart; whoever sent it may not;
it took too long; larger than it may be; too many at once; the log or the disk is full; not durable, or not taken now;
the client left before its end."""
RESULTS: Final[tuple[Result, ...]] = get_args(Result)


class Intake:
    """Takes events in, for as long as the daemon runs; a reload changes the models and limits that it looks at.

    Parameters
    ----------
    settings : HttpSource
        Of the configuration.
    state : Path
        The state directory: the log is a folder of it.
    clock : Clock
    """

    def __init__(self, settings: HttpSettings, state: Path, clock: Clock) -> None:
        self.settings = settings
        self.log = EventLog(state / DIRECTORY, int(settings.max_log_bytes), clock, fsync=settings.fsync)
        self.models: frozenset[str] = frozenset()
        self.max_event_bytes = 0
        self.bodies = BodyReader(settings.formats, lambda: self.models, lambda: self.max_event_bytes)
        self.requests: Counter[Result] = Counter(dict.fromkeys(RESULTS, 0))
        self.n_rejected = 0

    def look_for(self, models: frozenset[str], max_event_bytes: int) -> None:
        """Take up the models and limits of a configuration."""
        self.models, self.max_event_bytes = models, max_event_bytes

    def append(self, posted: Posted) -> Future[int]:
        """Log some events; as :meth:`EventLog.append`."""
        return self.log.append(posted)

    def count(self, result: Result, n_rejected: int = 0) -> None:
        """Count a request that was answered. For the server's thread."""
        self.requests[result] += 1
        self.n_rejected += n_rejected
