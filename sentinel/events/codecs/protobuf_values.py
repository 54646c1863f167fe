"""Protobuf messages as plain values, by the names of their schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor

from sentinel.events.codecs.protobuf_bounds import is_repeated

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

Convert = Callable[[Any], object]

_VALUES_PER_BYTE = 8
_FREE_VALUES = 10_000
_MAX_DECIMAL_BYTES = 128  # more digits than a float has room for
_MAX_SCALE = 300


class TooLargeError(ValueError):
    """A message holds far more values than bytes: its schema has fields by the thousand, which all have defaults."""


class Plain:
    """Turns messages of one type, and of all types within, into dicts.

    Fields keep the names of the schema. Numbers and booleans that a proto3 message leaves out are 0 and false, since
    that is what leaving out means there; texts, bytes, lists and maps that are empty are left out, and so is what has
    presence and is not there. Enumerations are names; times are seconds since the epoch, durations seconds; wrappers,
    Struct and Value are what they wrap.

    Parameters
    ----------
    descriptor : Descriptor
    """

    def __init__(self, descriptor: Descriptor) -> None:
        self._shapes: dict[object, _Shape] = {}
        self._root = self._shape(descriptor)
        self._left = 0

    def read(self, message: Any, n_bytes: int) -> dict[str, object]:
        """Turn a message of ``n_bytes`` into a dict.

        Raises
        ------
        TooLargeError
            If it becomes far larger than it came.
        ValueError
            If a value is none of its kind.
        """
        self._left = _FREE_VALUES + _VALUES_PER_BYTE * n_bytes
        return self._plain(self._root, message)

    def _plain(self, shape: _Shape, message: Any) -> dict[str, object]:
        self._left -= shape.n_defaults
        if self._left < 0:
            raise TooLargeError
        values = dict(shape.defaults)
        for field, value in message.ListFields():
            known = shape.fields.get(field.number)
            if known is not None:  # an extension has a number that no field of the message has
                name, convert = known
                values[name] = value if convert is None else convert(value)
        return values

    def _shape(self, descriptor: Descriptor) -> _Shape:
        shape = self._shapes.get(descriptor)
        if shape is None:
            self._shapes[descriptor] = shape = _Shape()
            for field in descriptor.fields:
                shape.fields[field.number] = field.name, self._converter(field)
                if not field.has_presence and not is_repeated(field) and field.cpp_type in _WITH_DEFAULT:
                    shape.defaults[field.name] = _default(field)
            shape.n_defaults = 1 + len(shape.defaults)
        return shape

    def _converter(self, field: Any) -> Convert | None:
        if _is_map(field):
            key, value = (field.message_type.fields_by_name[part] for part in ("key", "value"))
            return _map(_key(key), self._converter(value))
        one = self._single(field)
        if not is_repeated(field):
            return one
        return list if one is None else _list(one)

    def _single(self, field: Any) -> Convert | None:
        if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
            names = {number: value.name for number, value in field.enum_type.values_by_number.items()}
            return lambda number: names.get(number, number)
        if field.cpp_type != FieldDescriptor.CPPTYPE_MESSAGE:
            return None
        known = _WELL_KNOWN.get(field.message_type.full_name)
        if known is not None:
            return known
        # Only a message that is there has its type looked into: types may be nested deeper than any message.
        return lambda message: self._plain(self._shape(message.DESCRIPTOR), message)


class _Shape:
    """What one type of message holds: by number the name and what to do with the value, and what is there unsaid."""

    __slots__ = ("defaults", "fields", "n_defaults")

    def __init__(self) -> None:
        self.fields: dict[int, tuple[str, Convert | None]] = {}
        self.defaults: dict[str, object] = {}
        self.n_defaults = 1


_WITH_DEFAULT = frozenset(
    (
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
        FieldDescriptor.CPPTYPE_FLOAT,
        FieldDescriptor.CPPTYPE_DOUBLE,
        FieldDescriptor.CPPTYPE_BOOL,
        FieldDescriptor.CPPTYPE_ENUM,
    )
)


def _default(field: Any) -> object:
    if field.cpp_type != FieldDescriptor.CPPTYPE_ENUM:
        return field.default_value
    value = field.enum_type.values_by_number.get(field.default_value)
    return field.default_value if value is None else value.name


def _is_map(field: Any) -> bool:
    message = field.message_type
    return message is not None and is_repeated(field) and bool(message.GetOptions().map_entry)


def _key(field: Any) -> Callable[[Any], str]:
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return lambda key: "true" if key else "false"
    return str


def _map(key: Callable[[Any], str], convert: Convert | None) -> Convert:
    if convert is None:
        return lambda entries: {key(name): entries[name] for name in entries}
    return lambda entries: {key(name): convert(entries[name]) for name in entries}


def _list(convert: Convert) -> Convert:
    return lambda values: [convert(value) for value in values]


def _seconds(moment: Any) -> float:
    """Seconds since the epoch, exact to the microsecond."""
    return float((moment.seconds * 1_000_000 + moment.nanos // 1_000) / 1_000_000)


def _wrapped(wrapper: Any) -> object:
    value: object = wrapper.value
    return value


def _decimal(decimal: Any) -> float | int:
    if len(decimal.value) > _MAX_DECIMAL_BYTES or abs(decimal.scale) > _MAX_SCALE:
        raise ValueError("a decimal of too many digits")
    unscaled = int.from_bytes(decimal.value, "big", signed=True)
    if decimal.scale <= 0:
        return int(unscaled * 10**-decimal.scale)
    return float(unscaled / 10**decimal.scale)


def _struct(struct: Any) -> dict[str, object]:
    return {name: _any_value(struct.fields[name]) for name in struct.fields}


def _items(values: Any) -> list[object]:
    return [_any_value(value) for value in values.values]


def _any_value(value: Any) -> object:
    kind = value.WhichOneof("kind")
    if kind is None or kind == "null_value":
        return None
    inner: object = getattr(value, kind)
    convert = _STRUCTURED.get(kind)
    return inner if convert is None else convert(inner)


_STRUCTURED: Mapping[str, Convert] = {"struct_value": _struct, "list_value": _items}
_WRAPPED = ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
_WELL_KNOWN: Mapping[str, Convert] = {
    "google.protobuf.Timestamp": _seconds,
    "google.protobuf.Duration": _seconds,
    "google.protobuf.Struct": _struct,
    "google.protobuf.ListValue": _items,
    "google.protobuf.Value": _any_value,
    "confluent.type.Decimal": _decimal,
    "confluent.types.Decimal": _decimal,
    **{f"google.protobuf.{kind}Value": _wrapped for kind in _WRAPPED},
}
