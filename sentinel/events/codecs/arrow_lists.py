"""Columns of ranked lists and of graded items: lists of structs, maps, or structs with a field for each item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sentinel.events.batch import F64, I64, Bool
from sentinel.events.codecs.arrow_columns import as_floats, as_names
from sentinel.events.rankings import Flat, item_hashes

ID, SCORE, GRADE = "id", "score", "grade"
"""Fields of the structs in a list."""
_NAMELESS: Final = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A column of lists.

    ``flat`` holds every item, ``missing`` tells which rows are null, ``nameless`` which hold an item without an id.
    Values that are no number are NaN.
    """

    flat: Flat
    missing: Bool
    nameless: Bool


def as_lists(column: pa.Array, value: str) -> Listed | None:
    """Read a column of items.

    Parameters
    ----------
    column : Array
        Lists of structs of ``id`` and ``value``; a map from id to value; or a struct whose fields are the items, where
        null means that the item is not in the list.
    value : str
        ``SCORE`` or ``GRADE``.

    Returns
    -------
    Listed or None
        None where the column is of another type.
    """
    missing: Bool = column.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_struct(column.type):
        return _of_fields(column, missing)
    if pa.types.is_map(column.type):
        pairs = pa.struct([("key", column.type.key_type), ("value", column.type.item_type)])
        column = column.cast(pa.list_(pairs))
        return _of_structs(column, missing, "key", "value")
    if pa.types.is_fixed_size_list(column.type):
        column = column.cast(pa.list_(column.type.value_type))
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        return None
    if pa.types.is_null(column.type.value_type):  # lists without a single item
        return _listed(np.empty(0, np.int64), pa.nulls(0, pa.string()), np.empty(0), missing)
    if not pa.types.is_struct(column.type.value_type):
        return None
    return _of_structs(column, missing, ID, value)


def _of_structs(column: pa.Array, missing: Bool, key: str, value: str) -> Listed | None:
    structs = column.flatten()
    fields = {structs.type.field(i).name: part for i, part in enumerate(structs.flatten())}
    if key not in fields or value not in fields or pa.types.is_boolean(fields[value].type):
        return None
    parents: I64 = pc.list_parent_indices(column).to_numpy(zero_copy_only=False).astype(np.int64)
    names, odd = as_names(fields[key])
    if names is None or odd.any():
        return None
    return _listed(parents, names, as_floats(fields[value], len(structs))[0], missing)


def _of_fields(column: pa.Array, missing: Bool) -> Listed | None:
    n, kind = len(column), column.type
    names = np.array([kind.field(i).name for i in range(kind.num_fields)], object)
    if any(pa.types.is_boolean(kind.field(i).type) for i in range(kind.num_fields)):
        return None
    table = np.full((n, len(names)), np.nan)
    there = np.zeros((n, len(names)), np.bool_)
    for i, part in enumerate(column.flatten()):
        table[:, i] = as_floats(part, n)[0]
        there[:, i] = part.is_valid().to_numpy(zero_copy_only=False)
    rows, fields = np.nonzero(there)
    return _listed(rows.astype(np.int64), pa.array(names[fields].tolist(), pa.string()), table[there], missing)


def _listed(lists: I64, names: pa.Array, values: F64, missing: Bool) -> Listed:
    encoded = pc.dictionary_encode(names)
    distinct = item_hashes("" if name is None else name for name in encoded.dictionary.to_pylist())
    codes: I64 = pc.fill_null(encoded.indices, len(distinct)).to_numpy(zero_copy_only=False).astype(np.int64)
    hashes = np.append(distinct, np.uint64(_NAMELESS))[codes]
    nameless = np.zeros(len(missing), np.bool_)
    nameless[lists[hashes == _NAMELESS]] = True
    return Listed(Flat(lists, hashes, values), missing, nameless)
