"""Arrow's views of strings and bytes, which it takes no rows out of: cast once to what every step can read."""

from __future__ import annotations

import pyarrow as pa


def without_views(table: pa.Table) -> pa.Table:
    """The same rows; views are plain columns.

    Examples
    --------
    >>> without_views(pa.table({"a": pa.array(["x"], pa.string_view()), "b": [1]})).schema.types
    [DataType(large_string), DataType(int64)]
    """
    for place, field in enumerate(table.schema):
        if pa.types.is_string_view(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.large_string()))
        elif pa.types.is_binary_view(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.large_binary()))
    return table
