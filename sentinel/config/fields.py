"""What a setting says of itself beyond msgspec's ``Meta``: bounds of parsed types, paths, defaults."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Annotated, Any, Protocol, TypeVar, cast

import msgspec

BOUNDS = "bounds"
IS_PATH = "is_path"
PATTERN_MEANING = "pattern_meaning"

Text = Annotated[str, msgspec.Meta(min_length=1)]
"""Text that says something."""

ParsedT = TypeVar("ParsedT", bound="Parsed", covariant=True)


class Parsed(Protocol):
    """A type that reads itself from what YAML gives: Duration, Bytes."""

    @classmethod
    def parse(cls, value: object) -> Any:
        """Read one value or raise ValueError."""
        ...


def bounded(
    description: str, low: Parsed | None = None, high: Parsed | None = None, *, examples: Sequence[str] = ()
) -> msgspec.Meta:
    """Describe a Duration or Bytes with its closed range, which msgspec cannot hold for its own types."""
    return msgspec.Meta(description=description, examples=list(examples) or None, extra={BOUNDS: (low, high)})


def path_to(description: str, *, examples: Sequence[str] = ()) -> msgspec.Meta:
    """Describe a path: relative ones start from the configuration's folder."""
    text = f"{description} A relative path starts from the folder of the configuration."
    return msgspec.Meta(description=text, examples=list(examples) or None, extra={IS_PATH: True})


def parsed(kind: type[ParsedT], text: str) -> ParsedT:
    """Take ``text`` as the default of a field of type ``kind``."""
    return cast("ParsedT", msgspec.field(default_factory=functools.partial(kind.parse, text)))
