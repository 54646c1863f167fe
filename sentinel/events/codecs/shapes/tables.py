"""Requests and responses of inference servers as rows, whichever of their protocols they speak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from sentinel.events.batch import Reason
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.shapes.parts import a_list, an_object, wrong
from sentinel.events.codecs.shapes.protocol import MAX_ROWS
from sentinel.events.codecs.shapes.tensors import read_tensors

Row = Mapping[str, Any]


def is_request(body: object) -> bool:
    """Whether an Open Inference body is a request (else a response)."""
    return isinstance(body, dict) and "inputs" in body


def read_inputs(body: object, feature_names: Sequence[str]) -> list[Row]:
    """The feature rows of a request.

    Parameters
    ----------
    body : object
        ``instances`` (v1), ``inputs`` (v2), ``data`` or ``jsonData`` (Seldon), or a bare list of rows.
    feature_names : sequence of str
        For rows that are lists. Empty: the names that the body gives.

    Raises
    ------
    RejectedEventError
        If it is something else, or a row has another number of columns than there are names.
    """
    if isinstance(body, list):
        return _named(body, feature_names, "the request")
    request = an_object(body, "the request")
    if "instances" in request:
        return _named(a_list(request["instances"], "instances"), feature_names, "instances")
    if "inputs" in request:
        return _columns(request, feature_names)
    if "data" in request:
        names, rows = _seldon_data(request["data"])
        return _named(rows, feature_names or names, "data")
    if "jsonData" in request:
        rows = request["jsonData"]
        return _named(rows if isinstance(rows, list) else [rows], feature_names, "jsonData")
    detail = "the request holds neither instances (v1), inputs (v2), data nor jsonData (Seldon)"
    raise RejectedEventError(Reason.MISSING_FIELD, detail)


def read_outputs(body: object, output: str | None) -> list[Any]:
    """What the response says of each row: a number, a list of numbers, or an object.

    Parameters
    ----------
    body : object
        ``predictions`` (v1), ``outputs`` (v2), ``data`` or ``jsonData`` (Seldon), or a bare list.
    output : str or None
        The tensor, column or key to take.

    Raises
    ------
    RejectedEventError
        If it is something else, or the output is not there, or several are and none was named.
    """
    rows = _output_rows(body, output)
    if len(rows) > MAX_ROWS:
        raise RejectedEventError(Reason.OVERSIZED, f"the response has {len(rows)} rows, over {MAX_ROWS}")
    return rows


def _output_rows(body: object, output: str | None) -> list[Any]:
    if isinstance(body, list):
        return _picked(body, output)
    response = an_object(body, "the response")
    if "predictions" in response:
        return _picked(a_list(response["predictions"], "predictions"), output)
    if "outputs" in response:
        return _tensor_rows(response, output)
    if "data" in response:
        return _seldon_outputs(response["data"], output)
    if "jsonData" in response:
        rows = response["jsonData"]
        return _picked(rows if isinstance(rows, list) else [rows], output)
    detail = "the response holds neither predictions (v1), outputs (v2), data nor jsonData (Seldon)"
    raise RejectedEventError(Reason.MISSING_FIELD, detail)


def _named(rows: list[Any], names: Sequence[str], place: str) -> list[Row]:
    if len(rows) > MAX_ROWS:
        raise RejectedEventError(Reason.OVERSIZED, f"{place} has {len(rows)} rows, over {MAX_ROWS}")
    return [_named_row(row, names, place, i) for i, row in enumerate(rows)]


def _named_row(row: object, names: Sequence[str], place: str, i: int) -> Row:
    if isinstance(row, dict):
        return row
    values = row if isinstance(row, list) else [row]
    if not names:
        detail = f"{place}[{i}] is a list, and its columns have no names (set feature_names)"
        raise RejectedEventError(Reason.WRONG_TYPE, detail)
    if len(values) != len(names):
        detail = f"{place}[{i}] has {len(values)} columns, and {len(names)} have names"
        raise RejectedEventError(Reason.WRONG_TYPE, detail)
    return dict(zip(names, values, strict=True))


def _columns(request: Mapping[str, Any], feature_names: Sequence[str]) -> list[Row]:
    tensors = read_tensors(request, "inputs")
    width = sum(tensor.width for tensor in tensors)
    names = list(feature_names) or [tensor.name for tensor in tensors]
    if not feature_names and any(tensor.width != 1 for tensor in tensors):
        wide = next(i for i, tensor in enumerate(tensors) if tensor.width != 1)
        detail = f"inputs[{wide}] has {tensors[wide].width} columns, and they have no names (set feature_names)"
        raise RejectedEventError(Reason.WRONG_TYPE, detail)
    if len(names) != width:
        raise RejectedEventError(Reason.WRONG_TYPE, f"inputs has {width} columns, and {len(names)} have names")
    columns = [tensor.rows for tensor in tensors]
    if len(tensors) == 1 and tensors[0].width != 1:
        return [dict(zip(names, row, strict=True)) for row in columns[0]]
    if all(tensor.width == 1 for tensor in tensors):
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    wide_rows = (
        chain.from_iterable(part if tensor.width != 1 else (part,) for tensor, part in zip(tensors, row, strict=True))
        for row in zip(*columns, strict=True)
    )
    return [dict(zip(names, row, strict=True)) for row in wide_rows]


def _tensor_rows(response: Mapping[str, Any], output: str | None) -> list[Any]:
    tensors = read_tensors(response, "outputs")
    if output is None and len(tensors) > 1:
        detail = f"the response has {len(tensors)} outputs (set output to the one that holds the score)"
        raise RejectedEventError(Reason.WRONG_TYPE, detail)
    found = next((tensor for tensor in tensors if output in (None, tensor.name)), None)
    if found is None:
        raise RejectedEventError(Reason.MISSING_FIELD, f"the response has no output {output!r:.80}")
    return list(found.rows)


def _picked(rows: list[Any], output: str | None) -> list[Any]:
    if output is None:
        return rows
    return [row.get(output) if isinstance(row, dict) else row for row in rows]


def _seldon_data(value: object) -> tuple[list[str], list[Any]]:
    """Names, which may be missing, and rows of ``{names, ndarray}`` or ``{names, tensor: {shape, values}}``."""
    data = an_object(value, "data")
    given = a_list(data.get("names") or [], "data.names")
    names = [name for name in given if isinstance(name, str)]
    if len(names) != len(given):
        raise RejectedEventError(Reason.WRONG_TYPE, "data.names holds more than texts")
    if data.get("ndarray") is not None:
        return names, a_list(data["ndarray"], "data.ndarray")
    if data.get("tensor") is None:
        raise RejectedEventError(Reason.MISSING_FIELD, "data holds neither ndarray nor tensor")
    tensor = an_object(data["tensor"], "data.tensor")
    as_input = {"name": "tensor", "shape": tensor.get("shape"), "data": tensor.get("values")}
    return names, list(read_tensors({"inputs": [as_input]}, "inputs")[0].rows)


def _seldon_outputs(value: object, output: str | None) -> list[Any]:
    names, rows = _seldon_data(value)
    if output is None:
        return rows
    if output not in names:
        raise RejectedEventError(Reason.MISSING_FIELD, f"data.names has no column {output!r:.80}")
    at = names.index(output)
    picked = []
    for i, row in enumerate(rows):
        values = row if isinstance(row, list) else [row]
        if at >= len(values):
            raise wrong(f"data.ndarray[{i}]", f"a row of {len(names)} columns", row)
        picked.append(values[at])
    return picked
