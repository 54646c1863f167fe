"""A store at its newest version on this machine: reused where it was left, brought up to date where it was not."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sentinel.errors import CorruptArtifactError, StoreError
from sentinel.logs import get_logger
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.pipeline.store.protocol import JoinStore
from sentinel.pipeline.versioned.files import Version, VersionFiles
from sentinel.pipeline.versioned.operations import (
    FORMAT,
    Head,
    OperationWriter,
    State,
    read_head,
    read_operations,
    replay,
)
from sentinel.pipeline.versioned.recording import RecordingStore

log = get_logger(__name__)

NOTHING = -1
"""The version of a store that nothing was ever written to."""
_VERSION_NAME = "version"
_SNAPSHOT_RATIO = 1.0
"""A snapshot is due when the changes since the last one weigh as much: each byte is then written twice at most."""
_SNAPSHOT_LEAST_BYTES = 8 << 20
_MOST_CHANGES = 64
"""But no later than after so many versions, each of which is one more file to read for a machine that starts anew."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one store lies.

    Parameters
    ----------
    files : VersionFiles
        The truth.
    local : Path
        A directory of this machine for the working copy; it may vanish at any time between two batches.
    row_bytes : int
    max_bytes : int
        The working copy never grows beyond.
    """

    files: VersionFiles
    local: Path
    row_bytes: int
    max_bytes: int


def newest(versions: list[Version]) -> int:
    """The version of a store that has these files."""
    return max((version.batch for version in versions), default=NOTHING)


@contextmanager
def open_newest(place: Place) -> Iterator[tuple[LmdbJoinStore, list[Version]]]:
    """The store at its newest version, and its files; closed at the end, and left for the next batch.

    Raises
    ------
    CorruptArtifactError
        If a version cannot be read.
    StoreError
        If the disk or the shared storage refuses.
    """
    versions = place.files.all()
    place.local.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        directory, store = _working_copy(place, stack)
        stack.push(lambda *_: store.close())
        held = _version_of(store)
        missing = _missing(versions, held)
        if missing is None or held > newest(versions):  # too far behind, or of a storage that is no more
            store.close()
            shutil.rmtree(directory)
            held, missing = NOTHING, _missing(versions, NOTHING) or []
            store = _open(place, directory)
        widths = [_head(place.files, version).row_bytes for version in missing]
        if max(widths, default=0) > store.row_bytes:
            store.close()
            store = _open(place, directory, max(widths))
        for version in missing:
            held = _apply(place.files, version, store, held)
        if missing:
            store.put_state(_VERSION_NAME, str(held).encode())
            store.commit()
            log.info("store_brought_up_to_date", directory=str(directory), version=held, files=len(missing))
        yield store, versions


def _working_copy(place: Place, stack: ExitStack) -> tuple[Path, LmdbJoinStore]:
    """The machine's copy of this store, or one for this task alone where somebody else is in it.

    Two processes may be at one store for a moment: an attempt that Spark gave up is not gone at once.
    """
    try:
        return place.local, _open(place, place.local)
    except CorruptArtifactError as error:
        log.warning("working_copy_rebuilt", directory=str(place.local), reason=str(error))
        shutil.rmtree(place.local)
        return place.local, _open(place, place.local)
    except StoreError as error:
        log.warning("working_copy_taken", directory=str(place.local), reason=str(error))
    directory = Path(tempfile.mkdtemp(dir=place.local.parent, prefix=f"{place.local.name}."))
    stack.push(lambda *_: shutil.rmtree(directory, ignore_errors=True))
    return directory, _open(place, directory)


def _open(place: Place, directory: Path, row_bytes: int = 0) -> LmdbJoinStore:
    # Losing power costs the working copy, which is then read from the shared storage again.
    return LmdbJoinStore.open(directory, max(row_bytes, place.row_bytes), place.max_bytes, fsync=False)


def _version_of(store: JoinStore) -> int:
    return int(store.get_state(_VERSION_NAME) or str(NOTHING).encode())


def _missing(versions: list[Version], held: int) -> list[Version] | None:
    """The files that lead from a held version to the newest; None where only starting anew does."""
    later = [version for version in versions if version.batch > held]
    snapshots = [version for version in later if version.kind == "snapshot"]
    if not snapshots:
        return later
    if held != NOTHING:
        return None
    return [snapshots[-1], *(version for version in later if version.batch > snapshots[-1].batch)]


def _head(files: VersionFiles, version: Version) -> Head:
    with files.open(version) as stream:
        return read_head(read_operations(stream, files.where(version)))


def _apply(files: VersionFiles, version: Version, store: JoinStore, held: int) -> int:
    with files.open(version) as stream:
        operations = read_operations(stream, files.where(version))
        if read_head(operations).base != held:
            raise CorruptArtifactError(
                f"{files.where(version)}: it does not follow version {held}: a version before it is missing"
            )
        replay(operations, store)
    return version.batch


@contextmanager
def record_batch(place: Place, store: LmdbJoinStore, versions: list[Version], batch: int) -> Iterator[RecordingStore]:
    """The store for the counting of one batch, which becomes the next version when the store commits."""
    with tempfile.TemporaryDirectory(dir=place.local.parent, prefix=f"{place.local.name}.") as scratch:
        path = Path(scratch) / "changes"
        with path.open("wb") as file:
            writer = OperationWriter(file, Head(FORMAT, batch, newest(versions), store.row_bytes))

            def publish() -> None:
                store.put_state(_VERSION_NAME, str(batch).encode())  # of the working copy alone
                writer.finish()
                file.flush()
                place.files.write(Version(batch, "changes"), path)

            yield RecordingStore(store, writer, publish)


def snapshot_when_due(place: Place, store: LmdbJoinStore) -> bool:
    """Write the whole store as a file where reading the changes again would cost more; whether it was done."""
    versions = place.files.all()
    snapshots = [version for version in versions if version.kind == "snapshot"]
    since = [v for v in versions if v.kind == "changes" and (not snapshots or v.batch > snapshots[-1].batch)]
    weight = sum(version.size for version in since)
    whole = max(_SNAPSHOT_LEAST_BYTES, snapshots[-1].size if snapshots else 0)
    if len(since) < _MOST_CHANGES and weight < _SNAPSHOT_RATIO * whole:
        return False
    version = Version(newest(versions), "snapshot")
    with tempfile.TemporaryDirectory(dir=place.local.parent, prefix=f"{place.local.name}.") as scratch:
        path = Path(scratch) / "snapshot"
        _write_whole(store, version, path)
        place.files.write(version, path)
    place.files.prune(version)
    return True


def _write_whole(store: LmdbJoinStore, version: Version, path: Path) -> None:
    with path.open("wb") as file:
        writer = OperationWriter(file, Head(FORMAT, version.batch, NOTHING, store.row_bytes))
        for held in store.segments():
            writer.put(held.keys, held.expires_at, held.rows)
        for name in store.state_names():
            if name != _VERSION_NAME:
                writer.write(State(name, store.get_state(name)))
        writer.finish()
