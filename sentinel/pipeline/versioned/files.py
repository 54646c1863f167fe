"""The versions of one join store as files: named by batch, whole or absent, the newest is the truth.

Storage is whatever :mod:`pyarrow.fs` reaches: a directory that all machines mount, HDFS, S3, GCS. A file appears whole:
by a rename where there is one, and where there is none because an object is only there once it is closed.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from pyarrow import ArrowInvalid
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem

from sentinel.errors import FatalError, StoreError

Kind = Literal["changes", "snapshot"]
_COPY_BYTES = 4 << 20
_RENAMING = ("local", "hdfs", "mock")
"""File systems that show a file while it is being written, and can rename it."""


def storage(uri: str) -> tuple[FileSystem, str]:
    """The file system of a URI, or of a path on this machine, and the path in it.

    Raises
    ------
    FatalError
        If no file system answers to it.
    """
    try:
        if "://" not in uri:
            return LocalFileSystem(), str(Path(uri).resolve())
        filesystem, path = FileSystem.from_uri(uri.replace("s3a://", "s3://", 1))
    except (ArrowInvalid, OSError, ImportError) as error:
        raise FatalError(f"{uri}: no storage can be reached there: {error}") from error
    return filesystem, path.rstrip("/")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """One file: a whole store (``snapshot``) or what one batch changed."""

    batch: int
    kind: Kind
    size: int = 0

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.batch:012d}.{self.kind}"


class VersionFiles:
    """The files of one store.

    Parameters
    ----------
    filesystem : pyarrow.fs.FileSystem
    directory : str
        A path in it; made when the first file is written.
    """

    def __init__(self, filesystem: FileSystem, directory: str) -> None:
        self._filesystem = filesystem
        self._directory = directory

    def where(self, version: Version) -> str:
        """The path of a version, for messages."""
        return f"{self._directory}/{version.name}"

    def all(self) -> list[Version]:
        """Every version that is there, the oldest first; changes before the snapshot that holds them.

        Raises
        ------
        StoreError
            If the storage does not answer.
        """
        with self._errors("list"):
            found = self._filesystem.get_file_info(FileSelector(self._directory, allow_not_found=True))
        versions = []
        for info in found:
            stem, _, kind = info.base_name.partition(".")
            if info.type == FileType.File and stem.isdigit() and kind in ("changes", "snapshot"):
                versions.append(Version(int(stem), kind, info.size or 0))
        return sorted(versions)

    def write(self, version: Version, source: Path) -> None:
        """Make a complete local file the version.

        Raises
        ------
        StoreError
            If it is there already: another attempt at the same batch was faster, and what it wrote is the version. Or
            if the storage refuses.
        """
        path = self.where(version)
        with self._errors("write to"):
            if self._filesystem.get_file_info(path).type == FileType.File:
                raise StoreError(f"{path} is there already: another attempt at this batch was faster")
            if self._filesystem.type_name not in _RENAMING:
                self._copy(source, path)
                return
            self._filesystem.create_dir(self._directory, recursive=True)
            hidden = f"{self._directory}/.{version.name}.{secrets.token_hex(4)}"
            self._copy(source, hidden)
            self._filesystem.move(hidden, path)

    @contextmanager
    def open(self, version: Version) -> Iterator[BinaryIO]:
        """Read a version.

        Raises
        ------
        StoreError
            If it is not there, or the storage does not answer.
        """
        with self._errors("read from"), self._filesystem.open_input_stream(self.where(version)) as stream:
            yield stream

    def prune(self, snapshot: Version) -> None:
        """Remove what a snapshot makes superfluous; the changes of its own batch stay, to be published once more."""
        for version in self.all():
            if version.batch < snapshot.batch:
                with self._errors("delete from"):
                    self._filesystem.delete_file(self.where(version))

    def _copy(self, source: Path, path: str) -> None:
        with source.open("rb") as file, self._filesystem.open_output_stream(path) as stream:
            shutil.copyfileobj(file, stream, _COPY_BYTES)

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"{self._directory}: cannot {doing} it: {error}") from error
