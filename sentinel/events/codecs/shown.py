"""What may be said of a refused event: the form of a value and never the value, since it may be about a person."""

from __future__ import annotations

import math
import re
from typing import Final

_MODEL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._:/-]{0,63}")
_VERSION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}")


_KINDS: Final = {
    bool: "a boolean",
    bytes: "bytes",
    dict: "an object",
    float: "a number",
    int: "a number",
    list: "a list",
    str: "a string",
    type(None): "null",
}


def kind_of(value: object) -> str:
    """The kind of a value, in the words of JSON: producers are not all written in Python.

    Examples
    --------
    >>> kind_of({}), kind_of(1.5), kind_of(None)
    ('an object', 'a number', 'null')
    """
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def form(value: object) -> str:
    """The kind of a value, and the length of a text.

    Examples
    --------
    >>> form("yesterday"), form(12.5), form(None), form(True), form({})
    ('a text of 9 characters', 'a number', 'null', 'a boolean', 'an object')
    """
    if isinstance(value, str):
        return f"a text of {len(value)} character{'' if len(value) == 1 else 's'}"
    return f"{value}" if isinstance(value, float) and not math.isfinite(value) else kind_of(value)


def model_name(text: str) -> str:
    """The name of a model or kind that nobody configured, if it looks like one: else only its form.

    Examples
    --------
    >>> model_name("churn-eu"), model_name("Ann Lee, 12 Elm Street")
    ("'churn-eu'", 'a text of 22 characters')
    """
    return repr(text) if _MODEL_NAME.fullmatch(text) else form(text)


def version_name(text: str) -> str:
    """The same of a version, which is shorter and may begin with a digit.

    Examples
    --------
    >>> version_name("2026.1"), version_name("ann@example.org")
    ("'2026.1'", 'a text of 15 characters')
    """
    return repr(text) if _VERSION_NAME.fullmatch(text) else form(text)


def beside_unit(value: float) -> str:
    """On which side of [0, 1] a number lies.

    Examples
    --------
    >>> beside_unit(83.0), beside_unit(-1e-9)
    ('above 1', 'below 0')
    """
    return "above 1" if value > 1.0 else "below 0"
