"""Lets a request in: how often its client may ask, and who it is."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread

from sentinel.clock import Clock
from sentinel.config.http_source import HttpSource
from sentinel.config.web import Web
from sentinel.exposition.access import EVENTS_PATH, PRINCIPAL, PROBES, Principal
from sentinel.exposition.buckets import Buckets, Rate, client_of, retry_after
from sentinel.exposition.locks import LockSet
from sentinel.exposition.passwords import Passwords
from sentinel.exposition.refusals import RefusalCounter, RefusedFor, refusal
from sentinel.logs import get_logger

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

log = get_logger(__name__)

BURST_SECONDS = 4.0
FAILED_LOGINS = Rate(per_second=0.1, burst=5)
"""A person mistypes twice; 8,640 guesses a day find no password worth the name."""
MAX_WAITING_LOGINS = 16
"""bcrypt runs for one login at a time, so that guessing costs one processor at most; so many others may wait."""


class _RefusedError(Exception):
    def __init__(
        self, status: int, message: str, headers: dict[str, str] | None = None, *, reason: RefusedFor = "login"
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.status = status
        self.message = message
        self.headers = headers or {}


class Gate:
    """ASGI middleware that leaves a :class:`Principal` with each request, or refuses it. Probes pass untouched.

    Parameters
    ----------
    app : ASGI application
    web : callable
        The settings in force.
    locks : callable
        The passwords and tokens in force.
    clock : Clock
    refused : RefusalCounter
    events : HttpSource or None
        How events are taken in; None where they are not.
    loopback : bool
        Whether the server listens on this machine alone.
    """

    def __init__(
        self,
        app: ASGIApp,
        web: Callable[[], Web],
        locks: Callable[[], LockSet],
        clock: Clock,
        refused: RefusalCounter,
        *,
        events: HttpSource | None = None,
        loopback: bool = True,
    ) -> None:
        self._app = app
        self._refused = refused
        self._web = web
        self._locks = locks
        self._events = events
        self._anonymous = Principal(may_produce=events is not None and (loopback or events.allow_anonymous))
        self._posts = Buckets(clock)
        self._requests = Buckets(clock)
        self._all_requests = Buckets(clock)
        self._failures = Buckets(clock)
        self._one_at_a_time = CapacityLimiter(1)
        self._waiting = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        client = client_of(scope["client"][0]) if scope.get("client") else ""
        locks = self._locks()
        try:
            self._limit(scope["path"], client, locks)
            principal = await self._principal(scope, client, locks) if locks.closed else self._anonymous
        except _RefusedError as fault:
            self._refused.count(fault.reason)
            log.warning("request_refused", client=client, status=fault.status, reason=fault.message)
            await refusal(scope["path"], fault.status, fault.message, fault.headers)(scope, receive, send)
            return
        scope[PRINCIPAL] = principal
        await self._app(scope, receive, send)

    def _limit(self, path: str, client: str, locks: LockSet) -> None:
        posts = self._events is not None and path == EVENTS_PATH
        per_second = self._events.requests_per_second if self._events and posts else self._web().requests_per_second
        buckets = self._posts if posts else self._requests
        wait = buckets.take(client, Rate(per_second, max(1.0, per_second * BURST_SECONDS)))
        if not wait and locks.rate is not None and not posts:
            wait = self._all_requests.take("", locks.rate)
        if wait:
            raise _RefusedError(429, "too many requests", {"Retry-After": retry_after(wait)}, reason="rate")

    async def _principal(self, scope: Scope, client: str, locks: LockSet) -> Principal:
        offered = [value for name, value in scope["headers"] if name == b"authorization"]
        challenge = {"WWW-Authenticate": _challenge(locks)}
        if not offered:
            raise _RefusedError(401, "log in", challenge)
        name = await self._name(offered[0], client, locks) if len(offered) == 1 else None
        if name is None:
            raise _RefusedError(401, "these credentials open nothing here", challenge)
        web = self._web()
        produces = name in web.producers
        if produces and scope["path"] != EVENTS_PATH:
            raise _RefusedError(403, f"{name!r} may post events and nothing else")
        return Principal(name, may_write=name in web.writers, authenticated=True, may_produce=produces)

    async def _name(self, offered: bytes, client: str, locks: LockSet) -> str | None:
        scheme, _, value = offered.decode("latin-1").strip().partition(" ")
        if scheme.lower() == "bearer":
            holder = locks.bearers.holder(value.strip())
            if holder is None:
                self._count_failure(client)
            return holder
        if scheme.lower() != "basic":
            return None
        user, password = _user_and_password(value)
        if locks.passwords.remembered(user, password):
            return user
        self._count_failure(client)  # before the work; a success gives it back
        if not await self._verified(locks.passwords, user, password):
            return None
        self._failures.give_back(client)
        return user

    def _count_failure(self, client: str) -> None:
        wait = self._failures.take(client, FAILED_LOGINS)
        if wait:
            raise _RefusedError(429, "too many failed logins", {"Retry-After": retry_after(wait)}, reason="guessing")

    async def _verified(self, passwords: Passwords, user: str, password: str) -> bool:
        if not passwords:
            return False
        if self._waiting >= MAX_WAITING_LOGINS:
            raise _RefusedError(503, "too many logins at once", {"Retry-After": "1"}, reason="guessing")
        self._waiting += 1
        try:
            return await to_thread.run_sync(passwords.verify, user, password, limiter=self._one_at_a_time)
        finally:
            self._waiting -= 1


def _challenge(locks: LockSet) -> str:
    basic = 'Basic realm="sentinel", charset="UTF-8"' if locks.passwords else ""
    bearer = 'Bearer realm="sentinel"' if locks.bearers else ""
    return ", ".join(filter(None, (basic, bearer)))


def _user_and_password(value: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    user, _, password = text.partition(":")
    return user, password
