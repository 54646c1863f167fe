"""Answers that are none: as JSON where JSON was asked for, else as a line of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, Literal, get_args

from starlette.responses import PlainTextResponse, Response

from sentinel.exposition.json_answer import json_answer

RefusedFor = Literal["login", "guessing", "rate", "size", "host", "form", "tls", "connections"]
"""Why: no credentials or wrong ones; too many logins; too many requests; too large; another host name; nothing that is
served, as a compressed body; no handshake or another certificate; more connections than are held."""
REFUSED_FOR: Final[tuple[RefusedFor, ...]] = get_args(RefusedFor)


class RefusalCounter:
    """Requests and connections that were refused before the application saw them. Counted by the server's thread."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter(dict.fromkeys(REFUSED_FOR, 0))

    def count(self, reason: RefusedFor) -> None:
        """One more."""
        self._counts[reason] += 1

    @property
    def counts(self) -> dict[str, int]:
        """By reason, all of them. Any thread may ask: the reasons stay the same."""
        return dict(self._counts)


def refusal(path: str, status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """The answer to a request that is refused."""
    if not path.startswith(("/api/", "/v1/")):
        return PlainTextResponse(f"{message}\n", status, dict(headers or {}))
    return json_answer({"error": {"status": status, "message": message}}, status, headers)
