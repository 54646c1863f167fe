"""Answers in JSON, laid out for people to read too."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response


def json_answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer that holds one document.

    Parameters
    ----------
    body : object
        Whatever msgspec can encode.
    status : int
    headers : mapping, optional
    """
    text = msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n"
    return Response(text, status, dict(headers or {}), media_type="application/json")
