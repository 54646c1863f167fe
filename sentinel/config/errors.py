"""The error that every fault in a configuration becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sentinel.errors import FatalError

Keys = tuple[str | int, ...]
"""The way from the root of a configuration to one of its values."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Location:
    """Where in which text a fault is; lines and columns count from one, 0 means unknown."""

    source: str = ""
    line: int = 0
    column: int = 0


class ConfigError(FatalError):
    """A configuration cannot be used, and the message says where and why.

    Parameters
    ----------
    message : str
        What is wrong, without place and hint. Never holds a secret nor a value taken from the environment.
    keys : tuple of str or int
        The way from the root to the value at fault.
    hint : str
        How to mend it, shown in brackets.
    location : Location
        The text, line and column.
    """

    def __init__(self, message: str, *, keys: Keys = (), hint: str = "", location: Location | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.keys = keys
        self.hint = hint
        self.location = location or Location()

    @property
    def source(self) -> str:
        """The name of the text, usually a path."""
        return self.location.source

    @property
    def line(self) -> int:
        """The line, from 1; 0 when unknown."""
        return self.location.line

    @property
    def column(self) -> int:
        """The column, from 1; 0 when unknown."""
        return self.location.column

    @property
    def path(self) -> str:
        """The place in the tree, for example ``models[0].alerts``; empty at the root."""
        return format_path(self.keys)

    def located(self, location: Location, keys: Keys) -> ConfigError:
        """The same fault, seen from the root of the text that it was found in."""
        return ConfigError(self.message, keys=keys, hint=self.hint, location=location)

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.source, self.line, self.column) if part)
        text = ": ".join(part for part in (place, self.path, self.message) if part)
        return f"{text} ({self.hint})" if self.hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.message, self.keys, self.hint, self.location)


def _restore(message: str, keys: Keys, hint: str, location: Location) -> ConfigError:
    return ConfigError(message, keys=keys, hint=hint, location=location)


def format_path(keys: Keys) -> str:
    """Write a way through the tree as people write it.

    Examples
    --------
    >>> format_path(("models", 0, "features", "tenure days", "kind"))
    "models[0].features['tenure days'].kind"
    """
    text = ""
    for key in keys:
        if isinstance(key, str) and _PLAIN_KEY.fullmatch(key):
            text += f".{key}" if text else key
        else:
            text += f"[{key!r}]"
    return text
