"""What may be said of a refused event: the form of a value and never the value, since it may be about a person."""

from __future__ import annotations

import math
import re

_MODEL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._:/-]{0,63}")
_VERSION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}")


def form(value: object) -> str:
    """The type of a value, and the length of a text.

    Examples
    --------
    >>> form("yesterday"), form(12.5), form(None), form(True), form({})
    ('a text of 9 characters', 'a number', 'null', 'a bool', 'a dict')
    """
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"a text of {len(value)} character{'' if len(value) == 1 else 's'}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"a {type(value).__name__}"
    return f"{value}" if isinstance(value, float) and not math.isfinite(value) else "a number"


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
