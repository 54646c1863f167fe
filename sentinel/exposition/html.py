"""Pages as answers: packed where that is accepted, each with the policies under which it works."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Final

from starlette.responses import HTMLResponse, Response

from sentinel.exposition.negotiation import accepts_gzip

if TYPE_CHECKING:
    from starlette.requests import Request

_COMPRESSION: Final = 4


def html_answer(request: Request, text: str, policy: str, status: int = 200, *, forms: bool = False) -> Response:
    """A page.

    Parameters
    ----------
    request : Request
        What it answers.
    text : str
    policy : str
        Its ``Content-Security-Policy``.
    status : int
    forms : bool
        Whether it may hold a form.
    """
    headers = {"Content-Security-Policy": policy, "Vary": "Accept-Encoding"}
    if forms:
        # Without a referrer a form is sent without its origin, and could not be told from a foreign one.
        headers["Referrer-Policy"] = "same-origin"
    if not accepts_gzip(request.headers.get("accept-encoding", "")):
        return HTMLResponse(text, status, headers=headers)
    # A seventh of the bytes, for phones far away; pages hold no secret that their length could betray.
    packed = gzip.compress(text.encode(), compresslevel=_COMPRESSION, mtime=0)
    return Response(packed, status, media_type="text/html", headers={**headers, "Content-Encoding": "gzip"})
