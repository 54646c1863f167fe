"""One question to a schema registry over HTTP, answered in bounded time.

The standard library's client: it takes the same TLS context as Kafka's connections (a key with a passphrase among
them), follows no redirect, knows no proxy, cookie or .netrc that would have to be switched off, and a registry is
asked a handful of small questions in the life of a process.
"""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from sentinel.config.errors import ConfigError
from sentinel.config.registry import SchemaRegistry as Settings

MAX_ANSWER_BYTES = 4 * 1024 * 1024  # a schema of some kilobytes is a large one
_CHUNK_BYTES = 65_536
_ACCEPT = "application/vnd.schemaregistry.v1+json, application/json"


class Answer(NamedTuple):
    """What a registry said."""

    status: int
    body: bytes


Ask = Callable[[str, str], Answer]
"""(address, path with query) -> answer; raises OSError, which includes TimeoutError, when there is none."""


def make_ask(settings: Settings) -> Ask:
    """Prepare to ask; certificates and secrets are read now.

    Raises
    ------
    ConfigError
        If a certificate or key cannot be read.
    """
    context = _tls(settings)
    headers = {"Accept": _ACCEPT, "User-Agent": "sentinel"} | _login(settings)
    patience = {url: _Patience(float(settings.timeout)) for url in settings.urls}

    def ask(url: str, path: str) -> Answer:
        return patience[url].wait_for(lambda: _exchange(url, path, headers, context, float(settings.timeout)))

    return ask


def _exchange(
    url: str, path: str, headers: dict[str, str], context: ssl.SSLContext | None, timeout_seconds: float
) -> Answer:
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout_seconds, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout_seconds)
    try:
        connection.request("GET", parts.path.rstrip("/") + path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, _read(response))
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP answer ({type(error).__name__})") from error
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse) -> bytes:
    body = bytearray()
    while chunk := response.read1(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise OSError(f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
    expected = response.getheader("Content-Length", "")
    if expected.isdecimal() and len(body) < int(expected):
        raise OSError("the answer ended half way")
    return bytes(body)


class _Patience:
    """Waits for a call no longer than told, whatever holds it up: the name service, a server that sends byte by byte.

    A call that is given up goes on by itself until it ends; while it does, no other is begun.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._given_up: threading.Thread | None = None

    def wait_for(self, call: Callable[[], Answer]) -> Answer:
        if self._given_up is not None and self._given_up.is_alive():
            raise TimeoutError("an earlier question is still waiting for its answer")
        self._given_up = None
        answers: list[Answer | OSError] = []

        def run() -> None:
            try:
                answers.append(call())
            except (OSError, ValueError) as error:  # ValueError: a host name that no name can be
                answers.append(error if isinstance(error, OSError) else OSError(str(error)))

        thread = threading.Thread(target=run, name="schema-registry", daemon=True)
        thread.start()
        thread.join(self._timeout_seconds)
        self._given_up = thread
        answer = answers[0] if answers else TimeoutError()
        if isinstance(answer, TimeoutError):  # the connection's own waits are as long: either may be over first
            raise TimeoutError(f"no answer within {self._timeout_seconds:g} s")
        if isinstance(answer, OSError):
            raise answer
        return answer


def _login(settings: Settings) -> dict[str, str]:
    if settings.bearer_token is not None:
        return {"Authorization": f"Bearer {settings.bearer_token.reveal()}"}
    if settings.username is not None and settings.password is not None:
        pair = f"{settings.username}:{settings.password.reveal()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if not any(urlsplit(url).scheme == "https" for url in settings.urls):
        return None
    password = None if settings.ssl_password is None else settings.ssl_password.reveal()
    try:
        context = ssl.create_default_context(cafile=settings.ssl_cafile)
        if settings.ssl_certfile is not None:
            # Without a passphrase OpenSSL would ask for one on the terminal.
            context.load_cert_chain(settings.ssl_certfile, settings.ssl_keyfile, password or "")
    except OSError as error:  # ssl.SSLError is one
        files = ", ".join(f for f in (settings.ssl_cafile, settings.ssl_certfile, settings.ssl_keyfile) if f)
        keys = ("source", "kafka", "schema_registry")
        raise ConfigError(f"a certificate or key cannot be read ({files}): {error}", keys=keys) from error
    return context
