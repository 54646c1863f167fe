"""Network addresses: ``host:port``, and those of the web."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?")
MAX_PORT = 65_535


def parse_address(text: str, *, default_port: int | None = None) -> tuple[str, int]:
    """Split ``host:port``; an IPv6 host stands in square brackets.

    Parameters
    ----------
    text : str
    default_port : int, optional
        The port when the text names none. Without it the port is required.

    Returns
    -------
    host : str
        Without brackets.
    port : int, 0..65535

    Raises
    ------
    ValueError
        If the text is no such address.

    Examples
    --------
    >>> parse_address("[::1]:9469")
    ('::1', 9469)
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or (match["port"] is None and default_port is None):
        raise ValueError(f"expected host:port, not {text!r}")
    port = default_port if match["port"] is None else int(match["port"])
    if port is None or port > MAX_PORT:
        raise ValueError(f"a port is at most {MAX_PORT}, not {match['port']}")
    return match["host"].strip("[]"), port


def parse_web_address(text: str) -> SplitResult:
    """Split the address of a server that is asked by HTTP.

    Raises
    ------
    ValueError
        If it names no host, or another protocol. The message says what the text is not, to stand after its name.

    Examples
    --------
    >>> parse_web_address("https://grafana.example.org/grafana").hostname
    'grafana.example.org'
    """
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not an http or https address")
    return parts
