"""Headers that keep a browser from doing more with our answers than show them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Headers = tuple[tuple[str, str], ...]


def content_policy(*, styles: Iterable[str] = (), scripts: Iterable[str] = (), forms: bool = False) -> str:
    """A ``Content-Security-Policy`` under which a page may use these inline styles and scripts, and nothing else.

    Parameters
    ----------
    styles, scripts : iterable of str
        What stands between ``<style>`` and ``</style>``, ``<script>`` and ``</script>``, to the character.
    forms : bool
        Whether its forms may be sent, to us alone.

    Examples
    --------
    >>> content_policy(styles=["p {}"]).partition(";")[0]
    "default-src 'none'"
    """
    parts = ["default-src 'none'", "img-src 'self' data:", "base-uri 'none'"]
    parts.append("form-action 'self'" if forms else "form-action 'none'")
    for directive, texts in (("style-src", styles), ("script-src", scripts)):
        hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
        if hashes:
            parts.append(" ".join([directive, *(f"'sha256-{each}'" for each in hashes)]))
    return "; ".join([*parts, "frame-ancestors 'none'"])


NOTHING_ALLOWED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HEADERS: dict[str, str] = {
    "Content-Security-Policy": NOTHING_ALLOWED,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""What every answer carries that does not say otherwise itself."""


class SecurityHeaders:
    """ASGI middleware that adds :data:`HEADERS`, and sets those that the operator configured.

    Parameters
    ----------
    app : ASGI application
    configured : callable
        Headers of the web configuration file: they win.
    """

    def __init__(self, app: ASGIApp, configured: Callable[[], Headers] = tuple) -> None:
        self._app = app
        self._configured = configured

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                for name, value in self._configured():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, send_with_headers)
