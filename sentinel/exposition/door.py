"""Takes in a connection: counts it, encrypts it if that is asked for, then lets HTTP be spoken."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast

from sentinel.config.web_file import TlsServer
from sentinel.exposition.buckets import client_of
from sentinel.exposition.connections import Connections
from sentinel.exposition.locks import LockSet
from sentinel.exposition.refusals import RefusalCounter
from sentinel.exposition.timed import TimedProtocol
from sentinel.exposition.tls import shows_one_of
from sentinel.logs import get_logger

log = get_logger(__name__)

HANDSHAKE_SECONDS = 5.0
GOODBYE_SECONDS = 2.0
"""How long a client may take to say that it has heard the end of an encrypted connection; a stop waits for it."""


class Door(asyncio.Protocol):
    """What a listening socket hands each new connection to.

    Each connection takes the TLS settings of the moment, so a new certificate serves from the next connection on.

    Parameters
    ----------
    locks : callable
        The locks in force.
    connections : Connections
    refused : RefusalCounter
    options : dict
        What uvicorn gives its protocols.
    """

    def __init__(
        self,
        locks: Callable[[], LockSet],
        connections: Connections,
        refused: RefusalCounter,
        options: dict[str, Any],
    ) -> None:
        self._locks = locks
        self._refused = refused
        self._connections = connections
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._handshake: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        raw = cast("asyncio.Transport", transport)
        peer = raw.get_extra_info("peername")
        client = client_of(str(peer[0])) if peer else ""
        known = self._options["server_state"].connections

        def lost(protocol: TimedProtocol) -> None:
            known.discard(protocol)
            self._connections.release(client, protocol)

        http = TimedProtocol(raw=raw, on_lost=lost, **self._options)
        self._connections.admit(client, http)
        known.add(http)
        locks = self._locks()
        if locks.tls is None:
            raw.set_protocol(http)
            http.connection_made(raw)
            return
        raw.pause_reading()
        self._handshake = self._loop.create_task(self._encrypt(raw, http, locks.tls, locks.tls_settings))

    async def _encrypt(
        self, raw: asyncio.Transport, http: TimedProtocol, tls: ssl.SSLContext, settings: TlsServer | None
    ) -> None:
        try:
            transport = await self._loop.start_tls(
                raw,
                http,
                tls,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=GOODBYE_SECONDS,
            )
        except (OSError, asyncio.CancelledError) as error:
            _turn_away(raw, http)
            if isinstance(error, asyncio.CancelledError):
                raise
            self._refused.count("tls")
            log.debug("handshake_failed", error=type(error).__name__)
            return
        wanted = [] if settings is None else settings.client_allowed_sans
        if transport is None or raw.is_closing():
            _turn_away(raw, http)
        elif wanted and not shows_one_of(transport.get_extra_info("peercert"), wanted):
            self._refused.count("tls")
            log.warning("client_certificate_refused")
            _turn_away(raw, http)
        else:
            http.connection_made(transport)


def _turn_away(raw: asyncio.Transport, http: TimedProtocol) -> None:
    raw.abort()
    http.connection_lost(None)
