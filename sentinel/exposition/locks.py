"""What guards the port now: TLS, passwords and tokens, read again when one of their files changes."""

from __future__ import annotations

import os
import ssl
import threading
from dataclasses import dataclass, field

from sentinel.config.errors import ConfigError
from sentinel.config.tokens import load_tokens
from sentinel.config.web import Web
from sentinel.config.web_file import TlsServer, WebFile, load_web_file
from sentinel.exposition.bearer import Bearers
from sentinel.exposition.buckets import Rate
from sentinel.exposition.passwords import Passwords
from sentinel.exposition.tls import make_context
from sentinel.logs import get_logger

log = get_logger(__name__)

Mark = tuple[int, int, int, int] | None
"""What tells one state of a file from another; None when there is no file."""


@dataclass(frozen=True, slots=True)
class LockSet:
    """One state of the files, complete and never changed."""

    tls: ssl.SSLContext | None = None
    tls_settings: TlsServer | None = None
    passwords: Passwords = field(default_factory=lambda: Passwords({}))
    bearers: Bearers = field(default_factory=lambda: Bearers({}))
    headers: tuple[tuple[str, str], ...] = ()
    rate: Rate | None = None

    @property
    def closed(self) -> bool:
        """Whether one has to log in."""
        return bool(self.passwords) or bool(self.bearers)


class Locks:
    """The locks that are in force. Any thread may ask.

    Parameters
    ----------
    web : Web
        Names the files.

    Raises
    ------
    ConfigError
        At the first fault in one of them.
    """

    def __init__(self, web: Web) -> None:
        self._web = web
        self._marks: dict[str, Mark] = {}
        self._one_at_a_time = threading.Lock()
        self.fault: str | None = None
        self.current = self._load()
        known = self.current.passwords.names | self.current.bearers.names
        for event, named in (("writers_unknown", web.writers), ("producers_unknown", web.producers)):
            unknown = set(named) - known
            if unknown:
                log.warning(event, names=sorted(unknown))

    def refresh(self) -> None:
        """Read the files again if one of them changed. A bad version is logged, and the one before stays in force."""
        with self._one_at_a_time:
            if any(_mark(name) != mark for name, mark in self._marks.items()):
                self._take_up()

    def _take_up(self) -> None:
        try:
            new = self._load()
            _refuse_less(self.current, new)
        except ConfigError as error:
            self.fault = str(error)
            log.error("web_config_kept", error=self.fault)
            return
        self.current, self.fault = new, None
        log.info("web_config_loaded", tls=new.tls is not None, login=new.closed)

    def _load(self) -> LockSet:
        # Marked before it is read: a change meanwhile is seen at the next look.
        self._marks = {name: _mark(name) for name in (self._web.config_file, self._web.bearer_token_file) if name}
        file = WebFile() if self._web.config_file is None else load_web_file(self._web.config_file)
        if file.tls_server_config is not None:
            self._marks |= {name: _mark(name) for name in file.tls_server_config.files}
        tokens = {} if self._web.bearer_token_file is None else load_tokens(self._web.bearer_token_file)
        twice = sorted(set(tokens) & set(file.basic_auth_users))
        if twice:
            raise ConfigError(f"{twice[0]!r} is both a user and the holder of a token", hint="rename one")
        return _lock_set(file, Bearers(tokens))


def _lock_set(file: WebFile, bearers: Bearers) -> LockSet:
    tls, limit = file.tls_server_config, file.rate_limit
    return LockSet(
        tls=None if tls is None else make_context(tls),
        tls_settings=tls,
        passwords=Passwords(file.basic_auth_users),
        bearers=bearers,
        headers=tuple((name, value) for name, value in file.http_server_config.headers.items() if value),
        rate=Rate(1.0 / float(limit.interval), max(1.0, limit.burst)) if float(limit.interval) > 0 else None,
    )


def _refuse_less(old: LockSet, new: LockSet) -> None:
    """A file that is written in pieces looks, half-way, like one that takes a lock away."""
    hint = "restart sentinel if that is meant"
    if old.tls is not None and new.tls is None:
        raise ConfigError("the new version has no TLS", hint=hint)
    if old.closed and not new.closed:
        raise ConfigError("the new version lets everyone in", hint=hint)


def _mark(name: str) -> Mark:
    try:
        status = os.stat(name)  # noqa: PTH116 # a Path would be made at each look
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino
