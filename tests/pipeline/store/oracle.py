"""What a join store must answer, kept in plain dictionaries, and arrays to feed one with."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sentinel.pipeline.store.protocol import I64Array, JoinStore, U8Matrix, U64Array


@dataclass
class Held:
    """Rows by key with their expiry, and named values."""

    rows: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    state: dict[str, bytes] = field(default_factory=dict)

    def copy(self) -> Held:
        """Return one that further writes leave alone."""
        return deepcopy(self)


def keys_of(*keys: int) -> U64Array:
    """Keys as the store takes them."""
    return np.array(keys, np.uint64)


def instants(*at: int) -> I64Array:
    """Expiries as the store takes them."""
    return np.array(at, np.int64)


def rows_of(values: Sequence[int], row_bytes: int) -> U8Matrix:
    """One row a value: every byte of it, so that mixing two rows shows."""
    return np.repeat(np.array(values, np.uint8)[:, None], row_bytes, axis=1)


def assert_holds(store: JoinStore, held: Held) -> None:
    """The store answers exactly what the oracle holds."""
    assert len(store) == len(held.rows)
    keys = sorted(held.rows)
    found, rows = store.get(np.array(keys, np.uint64))
    assert found.all()
    assert [row.tobytes() for row in rows] == [held.rows[key][1] for key in keys]
    assert store.state_names() == sorted(held.state)
    assert {name: store.get_state(name) for name in held.state} == held.state
