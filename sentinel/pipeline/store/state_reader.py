"""Reads the named values of a store beside its owner: LMDB lets others read while one writes."""

from __future__ import annotations

from pathlib import Path

import lmdb

from sentinel.errors import CorruptArtifactError, StoreError
from sentinel.pipeline.store.lmdb_file import page_problems

_N_LOOKS = 3
"""An owner that commits twice while the pages are walked makes a sound file look torn: look again."""


def read_state(directory: Path) -> dict[str, bytes]:
    """All named values of the last checkpoint.

    Parameters
    ----------
    directory : Path
        Of one store; a daemon may have it open.

    Returns
    -------
    dict of name to bytes

    Raises
    ------
    StoreError
        If there is no store, or it cannot be read.
    CorruptArtifactError
        If its file was cut or altered: LMDB trusts the page numbers that it reads, and would end the process.
    """
    try:
        with lmdb.Environment(str(directory), readonly=True, create=False, max_dbs=4) as environment:
            _check(directory)
            state = environment.open_db(b"state", create=False)
            with environment.begin(db=state) as transaction:
                return {bytes(key).decode(): bytes(value) for key, value in transaction.cursor()}
    except (lmdb.Error, OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{directory}: cannot read the store: {error}") from error


def _check(directory: Path) -> None:
    for _ in range(_N_LOOKS):
        problems = page_problems(directory)
        if not problems:
            return
    raise CorruptArtifactError(f"{directory}: {problems}")
