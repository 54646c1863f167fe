"""Everything that stands between a network and the application, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter, to_thread

from sentinel.clock import Clock
from sentinel.config.http_source import HttpSource
from sentinel.config.web import Web
from sentinel.exposition.connections import Connections
from sentinel.exposition.door import Door
from sentinel.exposition.gate import Gate
from sentinel.exposition.locks import Locks
from sentinel.exposition.refusals import RefusalCounter
from sentinel.exposition.request_limits import RequestLimits
from sentinel.exposition.security import SecurityHeaders
from sentinel.logs import get_logger

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = get_logger(__name__)


class Guard:
    """One server's guard. Made before anything starts, so that a bad file stops the start.

    Parameters
    ----------
    web : Web
        Names the files, and how many connections are held.
    clock : Clock
    current : callable, optional
        The settings in force, asked at each request; ``web`` by default.
    events : HttpSource, optional
        How events are taken in, where they are.

    Raises
    ------
    ConfigError
        At the first fault in one of the files.
    """

    def __init__(
        self,
        web: Web,
        clock: Clock,
        current: Callable[[], Web] | None = None,
        events: HttpSource | None = None,
    ) -> None:
        self.locks = Locks(web)
        self._events = events
        self.connections = Connections(web.max_connections)
        self._counter = RefusalCounter()
        self._clock = clock
        self._one_at_a_time = CapacityLimiter(1)  # not of the threads that requests may take up
        self._look: asyncio.Task[None] | None = None
        self._web = current if current is not None else lambda: web

    def around(self, app: ASGIApp, *, loopback: bool) -> ASGIApp:
        """The application, guarded."""
        locks, events = (lambda: self.locks.current), self._events
        gate = Gate(app, self._web, locks, self._clock, self._counter, events=events, loopback=loopback)
        limits = RequestLimits(gate, self._web, self._counter, loopback=loopback, event_bytes=self._event_bytes)
        return SecurityHeaders(limits, lambda: self.locks.current.headers)

    @property
    def _event_bytes(self) -> int:
        """The longest body of events; 0 where none is taken."""
        return 0 if self._events is None else int(self._events.max_request_bytes)

    @property
    def scheme(self) -> str:
        """``http`` or ``https``, now."""
        return "http" if self.locks.current.tls is None else "https"

    @property
    def refused(self) -> dict[str, int]:
        """Requests and connections that were refused, by reason. Any thread may ask."""
        return {**self._counter.counts, "connections": self.connections.evicted}

    def door(self, **options: Any) -> Door:
        """The protocol that a new connection is handed to; ``options`` are what uvicorn gives its own."""
        options["event_bytes"] = self._event_bytes
        return Door(lambda: self.locks.current, self.connections, self._counter, options)

    async def look_at_files(self) -> None:
        """Take up what changed in them. Called each second; a look that takes longer holds nothing up."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._refresh())

    async def _refresh(self) -> None:
        try:
            await to_thread.run_sync(self.locks.refresh, limiter=self._one_at_a_time)
        except Exception:  # the server's loop must go on
            log.exception("web_config_check_failed")
