"""What can go wrong with a Grafana: one exception, with a reason that is counted and says whether waiting helps."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sentinel.errors import SentinelError


class Reason(StrEnum):
    """Why an attempt failed."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    TLS = "tls"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    THROTTLED = "throttled"
    REFUSED = "refused"
    SERVER_ERROR = "server_error"
    UNEXPECTED = "unexpected"


_HINTS: Final = {
    Reason.UNREACHABLE: "is the address right, and does Grafana run?",
    Reason.TLS: "name the authority's certificate as ca_file",
    Reason.UNAUTHORIZED: "the token is wrong or has expired",
    Reason.FORBIDDEN: "give the service account the right to do this",
    Reason.NOT_FOUND: "does the address need a path, such as /grafana?",
    Reason.UNEXPECTED: "is it a Grafana that answers there, or a login page in front of it?",
}
BRIEF: Final = frozenset({Reason.UNREACHABLE, Reason.TIMEOUT, Reason.THROTTLED, Reason.SERVER_ERROR})
"""What is worth trying again at once."""
FINAL: Final = frozenset({Reason.CONFLICT, Reason.REFUSED})
"""What no repetition changes: Grafana understood, and does not want it."""


class GrafanaError(SentinelError):
    """An attempt that failed.

    Parameters
    ----------
    reason : Reason
    what : str
        What was tried, and what came back; without secrets.
    wait_seconds : float or None
        How long Grafana asks to be left alone.
    """

    def __init__(self, reason: Reason, what: str, wait_seconds: float | None = None) -> None:
        hint = _HINTS.get(reason)
        super().__init__(f"{what} ({hint})" if hint else what)
        self.reason = reason
        self.wait_seconds = wait_seconds
