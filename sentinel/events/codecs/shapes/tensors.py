"""Tensors of the Open Inference Protocol (KServe v2) as rows: JSON data, typed contents of Protobuf, raw bytes."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentinel.events.batch import Reason
from sentinel.events.codecs.raw_tensors import raw_values
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.shapes.parts import a_list, a_text, an_object, wrong
from sentinel.events.codecs.shapes.protocol import MAX_ROWS

MAX_WIDTH = 10_000
"""Columns of one tensor: more than a row of the join store could hold."""
_CONTENTS = ("bool", "int", "int64", "uint", "uint64", "fp32", "fp64", "bytes")


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named tensor, row by row: scalars where it is one column wide, else lists.

    ``rows`` has the length of the first dimension.
    """

    name: str
    width: int
    rows: Sequence[Any]


def read_tensors(body: Mapping[str, Any], key: str) -> list[Tensor]:
    """The tensors under ``inputs`` or ``outputs``.

    Raises
    ------
    RejectedEventError
        If one cannot be read, or they differ in their numbers of rows.
    """
    listed = a_list(body.get(key), key)
    if not listed:
        raise RejectedEventError(Reason.MISSING_FIELD, f"{key} is empty")
    if len(listed) > MAX_WIDTH:
        raise RejectedEventError(Reason.OVERSIZED, f"{key} has {len(listed)} tensors, over {MAX_WIDTH}")
    raw = _raw_of(body, key)
    if raw is not None and len(raw) != len(listed):
        detail = f"raw contents of {len(raw)} tensors beside {len(listed)} {key}"
        raise RejectedEventError(Reason.WRONG_TYPE, detail)
    tensors = [
        _plain(each) or _tensor(each, f"{key}[{i}]", None) if raw is None else _tensor(each, f"{key}[{i}]", raw[i])
        for i, each in enumerate(listed)
    ]
    sizes = sorted({len(tensor.rows) for tensor in tensors})
    if len(sizes) > 1:
        raise RejectedEventError(Reason.WRONG_TYPE, f"the tensors of {key} have {sizes[0]} and {sizes[-1]} rows")
    return tensors


def _plain(value: object) -> Tensor | None:
    """A tensor that is one flat column, as nearly all are; None of any other, which is read with all care."""
    if not isinstance(value, dict):
        return None
    name, shape, data = value.get("name"), value.get("shape"), value.get("data")
    if type(name) is not str or type(shape) is not list or type(data) is not list or not name or not data:
        return None
    is_column = shape in ([len(data)], [len(data), 1]) and type(shape[0]) is int and len(data) <= MAX_ROWS
    return Tensor(name, 1, data) if is_column and type(data[0]) is not list else None


def _raw_of(body: Mapping[str, Any], key: str) -> list[Any] | None:
    side = key.removesuffix("s")
    for name in (f"raw_{side}_contents", f"raw{side.capitalize()}Contents"):
        if body.get(name):
            return a_list(body[name], name)
    return None


def _tensor(value: object, place: str, raw: object) -> Tensor:
    tensor = an_object(value, place)
    name = a_text(tensor.get("name"), f"{place}.name")
    shape = [_dimension(each, place) for each in a_list(tensor.get("shape"), f"{place}.shape")]
    if not shape:
        raise RejectedEventError(Reason.WRONG_TYPE, f"{place}.shape is empty")
    n_rows, width = shape[0], math.prod(shape[1:])
    if n_rows > MAX_ROWS or width > MAX_WIDTH:
        detail = f"{place}.shape is {n_rows} rows of {width}, over {MAX_ROWS} of {MAX_WIDTH}"
        raise RejectedEventError(Reason.OVERSIZED, detail)
    flat = _flat(tensor, place, raw, n_rows * width)
    if len(flat) != n_rows * width:
        detail = f"{place} holds {len(flat)} values, and its shape says {n_rows * width}"
        raise RejectedEventError(Reason.WRONG_TYPE, detail)
    rows = flat if width == 1 else [flat[i * width : (i + 1) * width] for i in range(n_rows)]
    return Tensor(name, width, rows)


def _dimension(value: object, place: str) -> int:
    if isinstance(value, str) and value.isdecimal() and len(value) < 12:  # Protobuf's JSON writes int64 as text
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(f"{place}.shape", "a list of whole numbers", value)
    if not 0 <= value <= 1 << 40:
        raise RejectedEventError(Reason.WRONG_TYPE, f"{place}.shape holds a dimension that none can have")
    return value


def _flat(tensor: Mapping[str, Any], place: str, raw: object, n: int) -> list[Any]:
    if raw is not None:
        return _unpacked(raw, str(tensor.get("datatype", "")), place, n)
    if tensor.get("data") is not None:
        return _flattened(a_list(tensor["data"], f"{place}.data"), n, place)
    contents = tensor.get("contents")
    if contents is not None:
        return _contents(an_object(contents, f"{place}.contents"), place)
    detail = f"{place} has no data; tensors in binary after the JSON are not read"
    raise RejectedEventError(Reason.MISSING_FIELD, detail)


def _flattened(values: list[Any], most: int, place: str) -> list[Any]:
    """Row-major, whatever the nesting; stops where there is more than the shape says."""
    while values and isinstance(values[0], list):
        inner = [each for each in values if isinstance(each, list)]
        if len(inner) != len(values):
            raise RejectedEventError(Reason.WRONG_TYPE, f"{place}.data mixes lists and single values")
        if sum(map(len, inner)) > max(most, len(values)):
            raise RejectedEventError(Reason.WRONG_TYPE, f"{place}.data holds more values than its shape says")
        values = [value for each in inner for value in each]
    return values


def _contents(contents: Mapping[str, Any], place: str) -> list[Any]:
    for kind in _CONTENTS:
        for name in (f"{kind}_contents", f"{kind}Contents"):
            if contents.get(name):
                values = a_list(contents[name], f"{place}.contents.{name}")
                if kind in ("int64", "uint64"):
                    return [_whole(value) for value in values]
                return [_text_of(value) for value in values] if kind == "bytes" else values
    return []


def _whole(value: object) -> object:
    return int(value) if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 25 else value


def _text_of(value: object) -> object:
    """A text that came as bytes, or as the base64 that Protobuf's JSON writes."""
    if isinstance(value, str):
        try:
            value = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _unpacked(raw: object, datatype: str, place: str, n: int) -> list[Any]:
    if isinstance(raw, str):
        try:
            raw = base64.b64decode(raw, validate=True)
        except (binascii.Error, ValueError):
            raise RejectedEventError(Reason.WRONG_TYPE, f"the raw contents of {place} are not base64") from None
    if not isinstance(raw, bytes):
        raise wrong(f"the raw contents of {place}", "bytes", raw)
    try:
        values = raw_values(raw, datatype, n)
    except ValueError as error:
        raise RejectedEventError(Reason.WRONG_TYPE, f"the raw contents of {place} {error}") from None
    return [value.decode("utf-8", "replace") for value in values] if datatype == "BYTES" else values
