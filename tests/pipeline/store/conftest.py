"""One store of each kind, so that every promise is tested on both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.pipeline.store.memory_store import MemoryJoinStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sentinel.pipeline.store.protocol import JoinStore

ROW_BYTES = 24


@pytest.fixture(params=["memory", "lmdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JoinStore]:
    """An empty store of rows of 24 bytes."""
    made: JoinStore
    if request.param == "memory":
        made = MemoryJoinStore(ROW_BYTES)
    else:
        made = LmdbJoinStore.open(tmp_path / "store", ROW_BYTES, fsync=False)
    yield made
    made.close()
