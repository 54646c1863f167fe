"""Paths into a message, written as in jq and JavaScript: ``payload.rows[0].id``, ``user["full name"]``."""

from __future__ import annotations

import re

Step = str | int
ROOT = "$"
_STEP = re.compile(
    r"""
    (?P<name>[^.\[\]"\s$][^.\[\]"]*)          # user
    | \[(?P<index>-?\d{1,9})\]                # [0], [-1]
    | \["(?P<quoted>(?:[^"\\]|\\["\\])*)"\]   # ["full name"]
    """,
    re.VERBOSE,
)
_HEADER = re.compile(r'^\$header(?:\.(?P<name>[^.\[\]"\s]+)|\["(?P<quoted>[^"]+)"\])$')


def parse_path(text: str) -> tuple[str, tuple[Step, ...]]:
    """Take a path apart.

    Parameters
    ----------
    text : str
        Names parted by dots, ``[0]`` for a place in a list (``[-1]`` the last), ``["any text"]`` for a name that holds
        dots, brackets or spaces at its end. ``$`` is the whole message, ``$key`` its key, ``$timestamp`` its time,
        ``$header.NAME`` a header.

    Returns
    -------
    part : str
        ``""`` for the message's body, else ``key``, ``timestamp`` or ``header``.
    steps : tuple of str or int

    Raises
    ------
    ValueError
        If it is not a path; the message says where.

    Examples
    --------
    >>> parse_path('payload.rows[0]["full name"]')
    ('', ('payload', 'rows', 0, 'full name'))
    >>> parse_path("$header.x-request-id"), parse_path("$")
    (('header', ('x-request-id',)), ('', ()))
    """
    if text == ROOT:
        return "", ()
    if not text:
        raise ValueError("not a path: the empty text ($ is the whole message)")
    if text.startswith(ROOT):
        return _message_part(text)
    steps: list[Step] = []
    position = 0
    while position < len(text):
        if steps and text[position] == ".":
            position += 1
            if text[position : position + 1] in ("", ".", "["):
                raise ValueError(f"not a path: {text!r} has no name after the dot at character {position}")
        elif steps and text[position] != "[":
            raise ValueError(f"not a path: {text!r} at character {position + 1}")
        found = _STEP.match(text, position)
        if found is None:
            raise ValueError(f"not a path: {text!r} at character {position + 1}")
        steps.append(_step(found))
        position = found.end()
    return "", tuple(steps)


def _message_part(text: str) -> tuple[str, tuple[Step, ...]]:
    header = _HEADER.match(text)
    if header is not None:
        return "header", ((header["name"] or header["quoted"]).lower(),)
    part = text.removeprefix(ROOT)
    if part in ("key", "timestamp"):
        return part, ()
    raise ValueError(f"no part of a message: {text!r} (there are $, $key, $timestamp and $header.NAME)")


def _step(found: re.Match[str]) -> Step:
    if found["index"] is not None:
        return int(found["index"])
    if found["quoted"] is not None:
        return re.sub(r'\\(["\\])', r"\1", found["quoted"])
    return found["name"]
