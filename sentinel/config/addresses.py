"""Network addresses written as ``host:port``."""

from __future__ import annotations

import re

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
