"""The file of an audit: read back as it was, of the schema that is published, and written whole or not at all."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest

from sentinel.audit.findings import AuditReport
from sentinel.audit.report.document import audit_schema, check_writable, from_json, read_report, to_json
from sentinel.audit.report.reference import reference
from sentinel.errors import CorruptArtifactError, FatalError
from sentinel.whole_files import write_whole
from tests.audit import reports


@pytest.mark.parametrize("audit", [reports.whole(), reports.clean(), reports.bare(), reports.hostile()])
def test_an_audit_is_read_back(audit: AuditReport, tmp_path: Path) -> None:
    """What was written is what is read, and what the schema describes."""
    path = tmp_path / "audit.json"
    write_whole(path, to_json(audit))
    assert read_report(path) == audit
    plain = json.loads(path.read_bytes())
    assert (plain["apiVersion"], plain["kind"]) == ("sentinel/v1", "AuditReport")
    jsonschema.validate(plain, audit_schema())


def test_later_keys_are_passed_over() -> None:
    """A reader of this version reads what a later one added keys to."""
    plain = {**json.loads(to_json(reports.clean())), "added_later": 1}
    assert from_json(json.dumps(plain).encode()) == reports.clean()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "audit.json is no audit of sentinel: Input data was truncated"),
        (b"{}", "audit.json is no audit of sentinel: Object missing required field `model`"),
        (b"\xff\xfe", "audit.json is no audit of sentinel: "),
        (b"[" * 100_000, "audit.json is no audit of sentinel: "),
        (b'{"apiVersion": "sentinel/v2"}', "audit.json is no audit of sentinel: Invalid enum value 'sentinel/v2'"),
        (b'{"kind": "Report"}', "audit.json is no audit of sentinel: Invalid enum value 'Report'"),
    ],
)
def test_other_files_are_refused(data: bytes, said: str, tmp_path: Path) -> None:
    """A file that is damaged, of another kind or of another version is refused in one line that names it."""
    path = tmp_path / "audit.json"
    path.write_bytes(data)
    with pytest.raises(CorruptArtifactError, match="is no audit of sentinel") as caught:
        read_report(path)
    assert said in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is refused with the system's word for it."""
    with pytest.raises(FatalError, match=r"^cannot read \S+/none\.json: No such file or directory$"):
        read_report(tmp_path / "none.json")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where writing fails halfway the older file stands, and nothing else is left in the folder."""
    path = tmp_path / "audit.json"
    path.write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FatalError, match=r"cannot write \S+audit\.json: No space left on device"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_links_and_devices_stay_what_they_are(tmp_path: Path) -> None:
    """Through a link the file that it points to is written; a device is written to, not replaced."""
    link, target = tmp_path / "link", tmp_path / "target"
    link.symlink_to(target)
    write_whole(link, b"new")
    assert (link.is_symlink(), target.read_bytes()) == (True, b"new")
    write_whole(os.devnull, b"new")
    assert not Path(os.devnull).is_file()


def test_the_file_can_be_read_by_others(tmp_path: Path) -> None:
    """A build server's next step may read what this one wrote."""
    write_whole(tmp_path / "audit.json", b"new")
    assert (tmp_path / "audit.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({"--html": "no/a.html"}, r"cannot write \S+no/a\.html: there is no such folder"),
        ({"--html": "."}, r"cannot write \S+: it is a folder"),
        ({"--html": "a", "--json": "a"}, r"--html and --json both name \S+a: give each a file of its own"),
        ({"--html": None, "--json": "rows"}, r"--train and --json both name \S+rows: give each a file of its own"),
        ({"--html": "linked"}, r"--train and --html both name \S+linked: give each a file of its own"),
    ],
)
def test_what_could_not_be_written_is_found_before_the_work(
    outputs: dict[str, str | None], said: str, tmp_path: Path
) -> None:
    """Each fault of an output path is told in one line, and no input is ever an output, not by a link either."""
    (tmp_path / "rows").write_bytes(b"rows")
    (tmp_path / "linked").symlink_to(tmp_path / "rows")
    given = {option: None if name is None else tmp_path / name for option, name in outputs.items()}
    with pytest.raises(FatalError, match=said):
        check_writable(given, {"--train": tmp_path / "rows", "--manifest": None})


def test_a_folder_that_is_not_ours_is_found_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without permission is told before the work; root, who may write anywhere, is told that it may not."""
    tmp_path.chmod(0o500)
    if os.geteuid() == 0:
        monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(FatalError, match="permission denied"):
        check_writable({"--html": tmp_path / "a.html"}, {})


def test_writable_outputs_pass(tmp_path: Path) -> None:
    """New files, old files and devices are let through; two outputs may share a device."""
    (tmp_path / "old").write_bytes(b"old")
    null = Path(os.devnull)
    check_writable({"--html": tmp_path / "old", "--json": tmp_path / "new"}, {"--train": tmp_path / "rows"})
    check_writable({"--html": null, "--json": null}, {})


def test_every_key_has_a_meaning() -> None:
    """The reference has a row with a type and a meaning for each key of the audit and of what it holds."""
    page = reference()
    for name, definition in audit_schema()["$defs"].items():
        (section,) = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        for key in definition["properties"]:
            assert re.search(rf"^\| `{key}` \| [^|]+ \| .{{5,}} \|$", section, re.MULTILINE), key
