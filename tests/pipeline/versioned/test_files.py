"""Versions appear whole, are never replaced, and nothing else in their directory is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow.fs import FileSystem, LocalFileSystem, SubTreeFileSystem

from sentinel.errors import FatalError, StoreError
from sentinel.pipeline.versioned.files import Version, VersionFiles, storage


@pytest.fixture(params=["renames", "closes"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> VersionFiles:
    """Storage that renames, and storage where a file is there once it is closed, as objects are."""
    if request.param == "renames":
        return VersionFiles(LocalFileSystem(), str(tmp_path / "shared" / "00003"))
    (tmp_path / "shared" / "00003").mkdir(parents=True)
    return VersionFiles(SubTreeFileSystem(str(tmp_path), LocalFileSystem()), "shared/00003")


def written(files: VersionFiles, tmp_path: Path, *versions: Version) -> None:
    """Write versions that hold their own names."""
    for version in versions:
        source = tmp_path / "source"
        source.write_text(version.name)
        files.write(version, source)


def test_what_was_written_is_there_in_order(files: VersionFiles, tmp_path: Path) -> None:
    """Versions come back by batch, changes before the snapshot of the same batch, with their sizes and contents."""
    wanted = [Version(2, "changes"), Version(10, "changes"), Version(10, "snapshot"), Version(11, "changes")]
    written(files, tmp_path, *reversed(wanted))
    found = files.all()
    assert [(each.batch, each.kind) for each in found] == [(each.batch, each.kind) for each in wanted]
    assert [each.size for each in found] == [len(each.name) for each in wanted]
    with files.open(found[2]) as stream:
        assert stream.read() == b"000000000010.snapshot"


def test_nothing_else_is_a_version(files: VersionFiles, tmp_path: Path) -> None:
    """A directory that is not there is empty; half a write that was left behind, or a foreign file, is no version."""
    assert files.all() == []
    written(files, tmp_path, Version(4, "changes"))
    for name in (".000000000005.changes.ab12", "_SUCCESS", "x.changes", "000000000006.tmp"):
        (tmp_path / "shared" / "00003" / name).write_text("")
    assert [each.batch for each in files.all()] == [4]


def test_a_version_is_never_replaced(files: VersionFiles, tmp_path: Path) -> None:
    """Of two attempts at a batch the first is the truth, and the second is told."""
    written(files, tmp_path, Version(4, "changes"))
    (tmp_path / "other").write_text("other")
    with pytest.raises(StoreError, match="another attempt at this batch was faster"):
        files.write(Version(4, "changes"), tmp_path / "other")
    with files.open(Version(4, "changes")) as stream:
        assert stream.read() == b"000000000004.changes"


def test_a_snapshot_lets_go_of_what_it_holds(files: VersionFiles, tmp_path: Path) -> None:
    """All before it goes; the changes of its own batch stay, as they may have to be published again."""
    snapshot = Version(3, "snapshot")
    written(files, tmp_path, *(Version(n, "changes") for n in range(5)), Version(1, "snapshot"), snapshot)
    files.prune(snapshot)
    assert [each.name for each in files.all()] == [
        "000000000003.changes",
        "000000000003.snapshot",
        "000000000004.changes",
    ]


def test_a_version_that_is_missing_is_named(files: VersionFiles) -> None:
    """Reading what is not there says where it was looked for."""
    with pytest.raises(StoreError, match="00003: cannot read from it"), files.open(Version(9, "changes")):
        pass


def test_storage_is_found_by_its_address(tmp_path: Path) -> None:
    """A path and a file URI are the same place; what no file system answers to is refused."""
    assert storage(str(tmp_path)) == storage(tmp_path.as_uri())
    assert isinstance(storage(str(tmp_path))[0], FileSystem)
    with pytest.raises(FatalError, match="nowhere://x: no storage can be reached there"):
        storage("nowhere://x")
