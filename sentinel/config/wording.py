"""How a fault in a value is put into words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from sentinel.config.durations import Duration
from sentinel.config.fields import BOUNDS, PATTERN_MEANING
from sentinel.config.sizes import Bytes
from sentinel.config.text import Scalar

NOTHING = "nothing"
"""What an empty value is called."""

_LONGEST_SHOWN = 60
_KINDS: dict[Any, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a number",
    Duration: "a duration",
    Bytes: "an amount of bytes",
}
_LIMITS = (("ge", "at least"), ("gt", "greater than"), ("le", "at most"), ("lt", "less than"))


def kind_name(hint: Any) -> str:
    """What a type is called; everything that is not in the table is written as text."""
    return _KINDS.get(hint, "a string")


def suggest(word: str, known: Sequence[str]) -> str:
    """A hint with the closest known word; all of them if none is close and they are few."""
    spelled = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).replace(".", "_").replace("-", "_").lower()
    close = difflib.get_close_matches(word, known, n=1) or difflib.get_close_matches(spelled, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(known)}" if len(known) <= 12 else ""


def describe(scalar: Scalar) -> str:
    """Name a value and its kind; one from the environment only by its kind, since it may be a secret."""
    value = scalar.value
    if value is None:
        return NOTHING
    if scalar.from_environment:
        return f"{kind_name(type(value))} from the environment"
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    kind = "string" if isinstance(value, str) else "number"
    return f"the {kind} {_shown(value)}"


def fault(hint: Any, limits: dict[str, Any], scalar: Scalar) -> tuple[str, str]:
    """Say why a value does not fit its type.

    Parameters
    ----------
    hint : type
        ``str``, ``bool``, ``int``, ``float`` or a ``Literal``.
    limits : dict
        What its ``Meta`` holds: ge, gt, le, lt, min_length, max_length, extra.
    scalar : Scalar

    Returns
    -------
    message, hint : str
    """
    if get_origin(hint) is Literal:
        return _not_one_of([str(choice) for choice in get_args(hint)], scalar)
    fitting: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float)}
    if type(scalar.value) in fitting.get(hint, ()):
        return f"must be {_range(limits)}, not {_value(scalar)}", ""
    if hint is str and isinstance(scalar.value, str):
        return _text_fault(limits, scalar.value), ""
    quote = hint is str and scalar.value is not None
    return (
        f"expected {kind_name(hint)}, got {describe(scalar)}",
        f'quote it: "{scalar.text}"' if quote else "",
    )


def outside(limits: dict[str, Any], value: Any) -> str:
    """Say that a Duration or Bytes is out of its range; empty when it is within."""
    low, high = limits.get("extra", {}).get(BOUNDS, (None, None))
    if low is not None and value < low:
        return f"must be at least {low}, not {value}"
    if high is not None and value > high:
        return f"must be at most {high}, not {value}"
    return ""


def _not_one_of(choices: list[str], scalar: Scalar) -> tuple[str, str]:
    expected = repr(choices[0]) if len(choices) == 1 else f"one of {', '.join(choices)}"
    value = scalar.value
    hint = suggest(value, choices) if isinstance(value, str) and not scalar.from_environment else ""
    return f"must be {expected}, not {_value(scalar)}", hint if hint.startswith("did") else ""


def _text_fault(limits: dict[str, Any], value: str) -> str:
    if not value:
        return "must not be empty"
    longest = limits.get("max_length")
    if longest is not None and len(value) > longest:
        return f"must have at most {longest} characters, not {len(value)}"
    return str(limits.get("extra", {}).get(PATTERN_MEANING, "is not of the required form"))


def _range(limits: dict[str, Any]) -> str:
    return " and ".join(f"{words} {limits[name]}" for name, words in _LIMITS if limits.get(name) is not None)


def _value(scalar: Scalar) -> str:
    return describe(scalar) if scalar.from_environment or scalar.value is None else _shown(scalar.value)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
