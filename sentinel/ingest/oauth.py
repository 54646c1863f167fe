"""Tokens for SASL/OAUTHBEARER: from an identity provider by client credentials, or from a file that somebody renews."""

from __future__ import annotations

import base64
import binascii
import json
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Protocol

from sentinel.clock import MICROSECONDS_PER_SECOND, Clock, SystemClock
from sentinel.config.kafka import KafkaSource as KafkaSettings
from sentinel.config.secrets import MAX_SECRET_BYTES, Secret
from sentinel.errors import FatalError, SourceError

REQUEST_SECONDS = 5.0
"""The most that one answer of an identity provider may take: the client's connecting thread waits for it."""
EARLY_RATIO = 0.2
"""A token is renewed when a fifth of its life is left, as Java's clients do, so that none expires on its way."""
DEFAULT_LIFE_SECONDS = 300.0
"""Taken where neither the answer nor the token says how long it lasts."""
RETRY_SECONDS = 1.0
"""A failure is remembered for so long: each connection of a start asks, and one refusal is enough."""
MAX_ANSWER_BYTES = 256 * 1024


class TokenSource(Protocol):
    """Gives a token that has not expired; any thread may ask, and it blocks for a bounded time."""

    def token(self) -> str:
        """The token now.

        Raises
        ------
        SourceError
            If there is none now; says why, and never any part of a token or secret.
        """
        ...

    def expires_at(self) -> float:
        """When the last token expires, seconds since the epoch; 0 before the first."""
        ...


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    expires_at: float
    renew_at: float


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """Who asks for a token, and where.

    Parameters
    ----------
    endpoint : str
        The provider's token endpoint.
    client_id : str
    client_secret : Secret
    scope : str
        Empty: the provider's default.
    cafile : str or None
        Authorities to trust instead of the system's.
    """

    endpoint: str
    client_id: str
    client_secret: Secret
    scope: str = ""
    cafile: str | None = None


class EndpointTokens:
    """Tokens of the client credentials grant (RFC 6749, section 4.4), kept until shortly before they expire.

    Parameters
    ----------
    credentials : ClientCredentials
    clock : Clock, optional
        The system's by default.

    Raises
    ------
    FatalError
        If ``cafile`` cannot be read.
    """

    def __init__(self, credentials: ClientCredentials, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._credentials = credentials
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._failure: tuple[float, str] = (0.0, "")
        try:
            context = ssl.create_default_context(cafile=credentials.cafile)
        except OSError as error:
            raise FatalError(f"source.kafka.sasl_oauth_cafile {credentials.cafile} cannot be read: {error}") from error
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context), _NoRedirects())

    def token(self) -> str:
        """The token now; asks the provider when the last one nears its end, and keeps that one while it lasts."""
        with self._lock:
            now = self._now()
            if self._token is not None and now < self._token.renew_at:
                return self._token.text
            failed_at, why = self._failure
            if not why or now - failed_at >= RETRY_SECONDS:
                try:
                    self._token, why = self._ask(), ""
                except _RefusedError as error:
                    why = str(error)
                self._failure = (self._now(), why)
            if self._token is not None and self._now() < self._token.expires_at:
                return self._token.text
            raise SourceError(f"no token for SASL/OAUTHBEARER: {self._credentials.endpoint} {why}")

    def expires_at(self) -> float:
        """When the last token expires."""
        token = self._token
        return 0.0 if token is None else token.expires_at

    def _now(self) -> float:
        return self._clock.now_us() / MICROSECONDS_PER_SECOND

    def _ask(self) -> _Token:
        asked = self._credentials
        pair = f"{urllib.parse.quote_plus(asked.client_id)}:{urllib.parse.quote_plus(asked.client_secret.reveal())}"
        form = {"grant_type": "client_credentials"} | ({"scope": asked.scope} if asked.scope else {})
        request = urllib.request.Request(  # noqa: S310 # the configuration takes http and https alone
            asked.endpoint,
            data=urllib.parse.urlencode(form).encode(),
            headers={
                "Authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
        )
        started = self._now()
        try:
            with self._opener.open(request, timeout=REQUEST_SECONDS) as response:
                answer = _read(response)
        except urllib.error.HTTPError as error:
            with error:
                raise _RefusedError(f"answers {error.code}{_named_fault(error)}") from None
        except (OSError, HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise _RefusedError(f"cannot be asked: {type(reason).__name__}: {reason}") from None
        return _token_of(answer, started)


class FileTokens:
    """A token from a file that another process renews, as Kubernetes does for service accounts.

    Read anew each time that the client connects or authenticates again, which is seldom.

    Parameters
    ----------
    path : Path
    clock : Clock, optional
        The system's by default.
    """

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self._path = path
        self._clock = clock or SystemClock()
        self._expires_at = 0.0

    def token(self) -> str:
        """What the file holds now."""
        try:
            with self._path.open("rb") as file:
                content = file.read(MAX_SECRET_BYTES + 1)
        except OSError as error:
            raise SourceError(
                f"no token for SASL/OAUTHBEARER: {self._path} cannot be read: {error.strerror or type(error).__name__}"
            ) from None
        token = content.decode("ascii", errors="replace").strip()
        if not token or len(content) > MAX_SECRET_BYTES or not token.isprintable() or " " in token:
            raise SourceError(f"no token for SASL/OAUTHBEARER: {self._path} does not hold one token")
        expires_at, now = _claimed_expiry(token), self._clock.now_us() / MICROSECONDS_PER_SECOND
        if expires_at is not None and expires_at <= now:
            raise SourceError(
                f"no token for SASL/OAUTHBEARER: the one in {self._path} has expired; is what renews it running?"
            )
        self._expires_at = now + DEFAULT_LIFE_SECONDS if expires_at is None else expires_at
        return token

    def expires_at(self) -> float:
        """When the last token expires."""
        return self._expires_at


def make_token_source(settings: KafkaSettings) -> TokenSource:
    """What the settings ask for.

    Raises
    ------
    FatalError
        If they name neither an endpoint with its client nor a file, or authorities that cannot be read.
    """
    if settings.sasl_oauth_token_file is not None:
        return FileTokens(Path(settings.sasl_oauth_token_file))
    endpoint, client = settings.sasl_oauth_token_endpoint_url, settings.sasl_oauth_client_id
    secret = settings.sasl_oauth_client_secret
    if endpoint is None or client is None or secret is None:
        raise FatalError("source.kafka: OAUTHBEARER needs sasl_oauth_token_endpoint_url or sasl_oauth_token_file")
    return _shared(
        ClientCredentials(endpoint, client, secret, settings.sasl_oauth_scope or "", settings.sasl_oauth_cafile)
    )


@lru_cache(maxsize=8)
def _shared(credentials: ClientCredentials) -> EndpointTokens:
    """One for all clients of a process, so that a consumer and its producers do not each ask for a token."""
    return EndpointTokens(credentials)


class _RefusedError(Exception):
    """The provider gave no token; the text says why and holds no secret."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows none: the client's secret goes to the configured address alone."""

    def redirect_request(self, *_: Any) -> None:
        """Refuse; the answer's status is the error."""


def _read(response: HTTPResponse) -> bytes:
    """The whole answer, within time and size whatever the other side does."""
    deadline = time.monotonic() + REQUEST_SECONDS  # a socket waits by the real clock, whatever other one is given
    parts: list[bytes] = []
    n_bytes = 0
    while part := response.read1(65_536):
        parts.append(part)
        n_bytes += len(part)
        if n_bytes > MAX_ANSWER_BYTES:
            raise _RefusedError(f"answers with more than {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > deadline:
            raise _RefusedError(f"took over {REQUEST_SECONDS:g} s to answer")
    return b"".join(parts)


def _token_of(answer: bytes, asked_at: float) -> _Token:
    fields = _object(answer)
    text = None if fields is None else fields.get("access_token")
    if fields is None or not isinstance(text, str) or not text or not text.isascii() or not text.isprintable():
        raise _RefusedError("answers without an access_token")
    life = fields.get("expires_in")
    if isinstance(life, int | float) and not isinstance(life, bool) and life > 0:
        expires_at = asked_at + float(life)
    else:
        expires_at = _claimed_expiry(text) or asked_at + DEFAULT_LIFE_SECONDS
    return _Token(text, expires_at, expires_at - EARLY_RATIO * max(0.0, expires_at - asked_at))


def _named_fault(error: urllib.error.HTTPError) -> str:
    """The error code of RFC 6749, section 5.2: one of few words, as the answer's text may repeat what was sent."""
    known = {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
    try:
        fields = _object(error.read(65_536))
    except (OSError, HTTPException):
        return ""
    named = None if fields is None else fields.get("error")
    return f" ({named})" if named in known else ""


def _claimed_expiry(token: str) -> float | None:
    """``exp`` of a JSON web token, unverified: the broker does that."""
    parts = token.split(".")
    if len(parts) not in (2, 3):
        return None
    try:
        claims = _object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return None
    expiry = None if claims is None else claims.get("exp")
    return float(expiry) if isinstance(expiry, int | float) and not isinstance(expiry, bool) else None


def _object(text: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
