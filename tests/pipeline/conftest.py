"""Join stores that a pipeline can be dropped and reopened on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.pipeline.store.protocol import JoinStore
from tests.pipeline.streams import ROW_BYTES

MakeStore = Callable[[], JoinStore]


@pytest.fixture(params=["memory", "lmdb"])
def make_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeStore]:
    """Makes empty stores of one kind."""
    with ExitStack() as stops:

        def make() -> JoinStore:
            store = (
                MemoryJoinStore(ROW_BYTES)
                if request.param == "memory"
                else LmdbJoinStore.open(tmp_path_factory.mktemp("store"), ROW_BYTES, fsync=False)
            )
            stops.callback(store.close)
            return store

        yield make


def reopened(store: JoinStore) -> JoinStore:
    """The store as a new process finds it: what was not committed is gone."""
    if isinstance(store, LmdbJoinStore):
        directory = store._file.directory
        store.close()
        return LmdbJoinStore.open(directory, ROW_BYTES, fsync=False)
    store.rollback()  # a store in memory outlives no process; this is the nearest it comes
    return store
