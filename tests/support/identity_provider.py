"""An identity provider on loopback: a token endpoint, and the keys that sign its tokens."""

from __future__ import annotations

import base64
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


def unsigned_token(subject: str, expires_at: int, issued_at: int | None = None) -> str:
    """An unsecured JSON web token, as Kafka's own test handlers take it; lasts 10 minutes from ``issued_at``."""
    issued = int(time.time()) if issued_at is None else issued_at
    claims = {"sub": subject, "iat": issued, "exp": expires_at}
    return f"{_part({'alg': 'none'})}.{_part(claims)}."


def _part(fields: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


@dataclass(frozen=True)
class TokenRequest:
    """What a client asked."""

    authorization: str
    form: dict[str, list[str]]


@dataclass
class IdentityProvider:
    """Gives unsecured tokens of ``subject`` to whoever asks; its answers can be spoilt.

    Attributes
    ----------
    status : int
        Other than 200: the answer is ``fault``.
    answer : bytes or None
        Instead of a token.
    drips : bool
        Send a byte now and then, without end.
    """

    subject: str = "sentinel"
    life_seconds: int = 600
    status: int = 200
    fault: dict[str, str] = field(default_factory=dict)
    location: str = ""
    answer: bytes | None = None
    drips: bool = False
    requests: list[TokenRequest] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def __enter__(self) -> IdentityProvider:
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def endpoint(self) -> str:
        """Where tokens are asked for."""
        return f"http://127.0.0.1:{self._server.server_port}/token"

    def issue(self) -> bytes:
        """A new answer with a token."""
        token = unsigned_token(self.subject, int(time.time()) + self.life_seconds + len(self.tokens))
        self.tokens.append(token)
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": self.life_seconds}
        return json.dumps(answer).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                asked = TokenRequest(self.headers.get("Authorization", ""), parse_qs(body.decode()))
                provider.requests.append(asked)
                if provider.drips:
                    self._drip()
                    return
                content = json.dumps(provider.fault).encode()
                if provider.status == 200:
                    content = provider.answer if provider.answer is not None else provider.issue()
                self.send_response(provider.status)
                if provider.location:
                    self.send_header("Location", provider.location)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                try:
                    self.wfile.write(content)
                except OSError:
                    return  # the client had enough

            def _drip(self) -> None:
                self.send_response(200)
                self.end_headers()
                try:
                    while not provider._over.wait(0.1):
                        self.wfile.write(b" ")
                        self.wfile.flush()
                except OSError:
                    return

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Say nothing."""

        return Handler
