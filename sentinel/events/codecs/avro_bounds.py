"""What an Avro schema may make of few bytes: checked once, so that no message can exhaust memory or the stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sentinel.events.codecs.schemas import unusable

MAX_DEPTH: Final = 64
"""Types nested in types. Fastavro reads them by recursion in C, which nothing else stops."""
MAX_VALUES: Final = 10_000
"""Values of a record that holds no list and no map."""
VALUES_PER_BYTE: Final = 8
"""Values that a byte of a list or a map may stand for at most; one or two is usual."""

_LEAST_BYTES = {"null": 0, "float": 4, "double": 8}  # the others are one at least


class Extent(NamedTuple):
    """How far a type may go.

    ``surplus`` is the most that the number of values can exceed ``VALUES_PER_BYTE`` times the number of bytes; so of
    what may be repeated it must not be positive.
    """

    surplus: int
    depth: int


def check_bounds(schema: Any, named: Mapping[str, Any]) -> None:
    """Refuse a schema whose messages could be far larger, or far deeper, than their bytes.

    Parameters
    ----------
    schema : a schema as `fastavro.parse_schema` returns it
    named : mapping of full name to such a schema

    Raises
    ------
    RejectedEventError
        If a type contains itself, or is nested too deep, or repeats what takes no bytes, or has too many fields.
    """
    extent = _Bounds(named).extent(schema, 0)
    if extent.surplus > MAX_VALUES:
        raise unusable(f"a record of it may hold more than {MAX_VALUES} values")


class _Bounds:
    def __init__(self, named: Mapping[str, Any]) -> None:
        self._named = named
        self._known: dict[str, Extent] = {}
        self._open: set[str] = set()

    def extent(self, schema: Any, level: int) -> Extent:
        if level > MAX_DEPTH:
            raise unusable(f"its types are nested more than {MAX_DEPTH} deep")
        if isinstance(schema, str):
            return self._of_name(schema, level) if schema in self._named else _of_plain(schema, 0)
        if isinstance(schema, list):
            branches = [self.extent(branch, level + 1) for branch in schema]
            surplus = max((branch.surplus for branch in branches), default=0) - VALUES_PER_BYTE
            return Extent(surplus, _above(branches))
        kind = schema["type"]
        if kind in ("record", "error"):
            return self._of_record(schema, level)
        if kind in ("array", "map"):
            inner = self.extent(schema["items" if kind == "array" else "values"], level + 1)
            if inner.surplus - VALUES_PER_BYTE * (kind == "map") > 0:  # a key takes a byte at least
                raise unusable(f"its {kind} repeats what takes hardly a byte")
            return Extent(1 - VALUES_PER_BYTE, _above([inner]))
        return _of_plain(kind, int(schema.get("size", 0)))

    def _of_name(self, name: str, level: int) -> Extent:
        if name in self._open:
            raise unusable("a type contains itself; an event has a fixed form")
        if name not in self._known:
            return self.extent(self._named[name], level)
        extent = self._known[name]
        if level + extent.depth > MAX_DEPTH:
            raise unusable(f"its types are nested more than {MAX_DEPTH} deep")
        return extent

    def _of_record(self, schema: Any, level: int) -> Extent:
        name = schema["name"]
        if name in self._open:
            raise unusable("a type contains itself; an event has a fixed form")
        self._open.add(name)
        fields = [self.extent(field["type"], level + 1) for field in schema["fields"]]
        self._open.discard(name)
        extent = Extent(1 + sum(field.surplus for field in fields), _above(fields))
        self._known[name] = extent
        return extent


def _above(inner: list[Extent]) -> int:
    return 1 + max((extent.depth for extent in inner), default=0)


def _of_plain(kind: str, size: int) -> Extent:
    least = size if kind == "fixed" else _LEAST_BYTES.get(kind, 1)
    return Extent(1 - VALUES_PER_BYTE * least, 1)
