"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.requests import Request

PROBES = ("/livez", "/healthz", "/-/healthy", "/readyz", "/-/ready")
"""Open to everyone, always: an orchestrator knows no password."""
EVENTS_PATH = "/v1/events"
"""Where producers post; the only path where a large body is taken."""
PRINCIPAL = "sentinel.principal"
"""Where the gate leaves the principal in a request's scope."""
_FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sent a request.

    Attributes
    ----------
    name : str
        A user of the web configuration file, the name beside a token, or ``anonymous``.
    may_write : bool
        Whether ``web.writers`` names them. Anonymous never may.
    authenticated : bool
        Whether they logged in.
    may_produce : bool
        Whether they may post events: ``web.producers`` names them, or nobody has to log in and everyone may.
    """

    name: str = "anonymous"
    may_write: bool = False
    authenticated: bool = False
    may_produce: bool = False


ANONYMOUS = Principal()


def principal_of(request: Request) -> Principal:
    """Who sent the request; anonymous where nobody has to log in."""
    found = request.scope.get(PRINCIPAL)
    return found if isinstance(found, Principal) else ANONYMOUS


def require_same_origin(request: Request) -> None:
    """Refuse what a page of another site made a browser send.

    Raises
    ------
    HTTPException
        403.
    """
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
    if origin == "null" and site == "same-origin":
        return  # a form of ours: our referrer policy hides its origin, and no page can make up the other header
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or site not in ("none", "same-origin"):
        raise HTTPException(_FORBIDDEN, "a page of another site may not write to sentinel")


def require_writer(request: Request) -> Principal:
    """Who writes. Every endpoint that changes something calls this first.

    Returns
    -------
    Principal
        Authenticated, and named by ``web.writers``: its name belongs into the record of what was done.

    Raises
    ------
    HTTPException
        403, when the request comes from another site's page or its sender may only read.
    """
    require_same_origin(request)
    principal = principal_of(request)
    if not principal.may_write:
        who = f"{principal.name!r} may only read" if principal.authenticated else "nobody is logged in"
        raise HTTPException(_FORBIDDEN, f"{who}; web.writers names who may write")
    return principal


def require_producer(request: Request) -> Principal:
    """Who posts events.

    Raises
    ------
    HTTPException
        403, when the request comes from another site's page or its sender may not post.
    """
    require_same_origin(request)
    principal = principal_of(request)
    if principal.may_produce:
        return principal
    if principal.authenticated:
        raise HTTPException(_FORBIDDEN, f"{principal.name!r} may not post events; web.producers names who may")
    hint = "let producers log in (web.producers), or set source.http.allow_anonymous"
    raise HTTPException(_FORBIDDEN, f"nobody is logged in, and this port is open to a network: {hint}")
