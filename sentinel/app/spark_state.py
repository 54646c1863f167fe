"""Where a Spark job keeps its state, and what that state is of."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import msgspec
from pyarrow.fs import FileSystem, FileType

from sentinel.errors import CorruptArtifactError, FatalError, StoreError
from sentinel.pipeline.versioned.files import storage

_FILE = "job.json"


class SparkState(msgspec.Struct, frozen=True, kw_only=True):
    """The identity of a state: one checkpoint of Spark's, one set of partitions.

    Attributes
    ----------
    id : str
    n_partitions : int
    topics : list of str
        Predictions and outcomes.
    hash_key : str
        Fingerprint of the key that ids are hashed with; empty without one.
    where : str
        Path or URI; not stored.
    """

    id: str
    n_partitions: int
    topics: list[str]
    hash_key: str = ""
    where: str = ""

    @property
    def checkpoint(self) -> str:
        """Where Spark keeps the query's progress."""
        return f"{self.where}/checkpoint"


def open_state(where: str, n_partitions: int, topics: Sequence[str], hash_key: str = "") -> SparkState:
    """Read what the state is of, or begin one.

    Parameters
    ----------
    where : str
        Path or URI.
    n_partitions : int
    topics : sequence of str
    hash_key : str
        Fingerprint of the key of the hashes, if there is one.

    Raises
    ------
    FatalError
        If the state is of another number of partitions, other topics or another key, or lacks Spark's checkpoint.
    StoreError
        If it cannot be reached.
    """
    if "://" not in where:
        where = Path(where).resolve().as_uri()  # Spark takes a bare path for one of the cluster's file system
    where = where.rstrip("/")
    filesystem, directory = storage(where)
    try:
        known = _read(filesystem, f"{directory}/{_FILE}", where)
        if known is None:
            fresh = SparkState(
                id=secrets.token_hex(6), n_partitions=n_partitions, topics=list(topics), hash_key=hash_key
            )
            return _begin(filesystem, directory, where, fresh)
        begun = filesystem.get_file_info(f"{directory}/checkpoint/metadata").type == FileType.File
        counted = filesystem.get_file_info(f"{directory}/partitions").type == FileType.Directory
    except OSError as error:
        raise StoreError(f"{where}: cannot keep state here: {error}") from error
    if known.n_partitions != n_partitions:
        raise FatalError(
            f"{where} has {known.n_partitions} partitions, and {n_partitions} are asked for: the number is fixed for "
            "the life of a state; pass --partitions as before, or begin with a new --state and --replace"
        )
    if known.topics != list(topics):
        raise FatalError(f"{where} is of the topics {', '.join(known.topics)}, not {', '.join(topics)}")
    if known.hash_key != hash_key:
        raise FatalError(
            f"{where}: what waits there was hashed with another state.hash_key, or with none: give the one that it was "
            "made with, or begin with a new --state, a new baseline and --replace"
        )
    if counted and not begun:
        raise FatalError(
            f"{where} holds counts but not the checkpoint of Spark that belongs to them: restore both from one moment, "
            "or begin with a new --state and --replace"
        )
    return msgspec.structs.replace(known, where=where)


def _begin(filesystem: FileSystem, directory: str, where: str, state: SparkState) -> SparkState:
    filesystem.create_dir(directory, recursive=True)
    with filesystem.open_output_stream(f"{directory}/{_FILE}") as stream:
        stream.write(msgspec.json.encode(state))
    return msgspec.structs.replace(state, where=where)


def _read(filesystem: FileSystem, path: str, where: str) -> SparkState | None:
    if filesystem.get_file_info(path).type != FileType.File:
        return None
    with filesystem.open_input_stream(path) as stream:
        data = stream.read()
    try:
        return msgspec.json.decode(data, type=SparkState)
    except msgspec.MsgspecError as error:
        raise CorruptArtifactError(f"{where}/{_FILE} cannot be read: {error}") from error
