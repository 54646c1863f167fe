"""What Avro's logical types become: numbers and texts that a canonical event may hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

from fastavro.read import LOGICAL_READERS

from sentinel.events.codecs.avro_bounds import MAX_DEPTH
from sentinel.events.codecs.schemas import unusable

_OWN = "sentinel-"  # beside fastavro's names: a program that reads Avro in the same process keeps fastavro's meaning
_FIRST_DAY = date(1970, 1, 1).toordinal()
_UUID_BYTES = 16
_MAX_SCALE = 300  # beyond, no float
_MAX_DECIMAL_BYTES = 128  # more digits than a float has room for


def _seconds(per_second: int) -> Callable[[Any, Any, Any], float]:
    def read(value: Any, _schema: Any, _reader_schema: Any) -> float:
        return float(value / per_second)

    return read


def _day(value: Any, _schema: Any, _reader_schema: Any) -> str:
    return str(date.fromordinal(_FIRST_DAY + value))


def _decimal(value: bytes, schema: Mapping[str, Any], _reader_schema: Any) -> float | int:
    if len(value) > _MAX_DECIMAL_BYTES:
        raise ValueError("a decimal of too many digits")
    unscaled = int.from_bytes(value, "big", signed=True)
    scale = schema.get("scale", 0)
    return unscaled / 10**scale if scale else unscaled


def _identity(value: bytes, _schema: Any, _reader_schema: Any) -> str:
    return str(UUID(bytes=value))


_READERS: dict[str, Callable[[Any, Any, Any], object]] = {
    "int-date": _day,
    "int-time-millis": _seconds(1_000),
    "long-time-micros": _seconds(1_000_000),
    "bytes-decimal": _decimal,
    "fixed-decimal": _decimal,
    "fixed-uuid": _identity,
    **{
        f"long-{zone}timestamp-{unit}": _seconds(per_second)
        for zone in ("", "local-")
        for unit, per_second in (("millis", 1_000), ("micros", 1_000_000), ("nanos", 1_000_000_000))
    },
}
LOGICAL_READERS.update({f"{name.split('-', 1)[0]}-{_OWN}{name.split('-', 1)[1]}": _READERS[name] for name in _READERS})


def with_own_types(schema: Any, level: int = 0) -> Any:
    """Rename the logical types that become something else here; drop the others, which leaves the plain value.

    Times become seconds since the epoch, times of day seconds since midnight, dates texts, decimals numbers, and
    identities texts. A decimal that no float can hold stays bytes.

    Parameters
    ----------
    schema : a schema as JSON gives it; it is not changed

    Raises
    ------
    RejectedEventError
        If it is nested too deep.

    Examples
    --------
    >>> with_own_types({"type": "long", "logicalType": "timestamp-millis"})
    {'type': 'long', 'logicalType': 'sentinel-timestamp-millis'}
    >>> with_own_types({"type": "string", "logicalType": "uuid"})
    {'type': 'string'}
    """
    if level > 4 * MAX_DEPTH:  # a record makes three levels: itself, its fields, and each of them
        raise unusable(f"its types are nested more than {MAX_DEPTH} deep")
    if isinstance(schema, list):
        return [with_own_types(item, level + 1) for item in schema]
    if not isinstance(schema, dict):
        return schema
    own = {
        key: value if key == "default" else with_own_types(value, level + 1)
        for key, value in schema.items()
        if key != "logicalType"
    }
    kind = schema.get("logicalType")
    if isinstance(kind, str) and f"{schema.get('type')}-{kind}" in _READERS and _is_meant(kind, schema):
        own["logicalType"] = _OWN + kind
    return own


def _is_meant(kind: str, schema: Mapping[str, Any]) -> bool:
    """Whether the attributes fit; Avro has a reader ignore a logical type whose attributes do not."""
    if kind == "uuid":
        return schema.get("size") == _UUID_BYTES
    scale = schema.get("scale", 0)
    return kind != "decimal" or (type(scale) is int and 0 <= scale <= _MAX_SCALE)
