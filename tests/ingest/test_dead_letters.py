"""The file of refused events."""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from sentinel.clock import ManualClock
from sentinel.errors import CorruptArtifactError
from sentinel.events.batch import DeadLetter, Reason
from sentinel.ingest.dead_letters import DeadLetterFile, KeptDeadLetter, event_digest, read_dead_letters

MAX_BYTES = 4_000


def _letter(offset: int, head: bytes = b"{}") -> DeadLetter:
    return DeadLetter(Reason.NOT_JSON, "no JSON", "predictions", 3, offset, head[:256], payload=head)


def test_letters_come_back_as_they_were(tmp_path: Path) -> None:
    """Whatever bytes an event began with, reading gives the same letter and the moment of its refusal."""
    file = DeadLetterFile(tmp_path / "state" / "dead.jsonl", MAX_BYTES, ManualClock(7), values_kept=True)
    letters = [_letter(1), _letter(2, b"\x00\xff\n\x1b[31m"), _letter(3, "straße".encode())]
    file.append(letters[:2])
    file.append([])
    file.append(letters[2:])
    assert list(read_dead_letters(tmp_path / "state" / "dead.jsonl")) == [
        KeptDeadLetter(each, 7, len(each.head), event_digest(each.head)) for each in letters
    ]
    assert file.statistics() == {"written": 3, "dropped": 0, "write_failures": 0}


def test_text_shows_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    """Each line is one line of printable ASCII, with the head readable beside its exact bytes."""
    path = tmp_path / "dead.jsonl"
    DeadLetterFile(path, MAX_BYTES, ManualClock(), values_kept=True).append([_letter(1, b'{"a":\x1b[31m\n\xff')])
    (line,) = path.read_bytes().splitlines()
    assert line.isascii()
    assert json.loads(line)["text"] == '{"a":�[31m��'


def test_what_an_event_held_is_not_kept_unless_asked_for(tmp_path: Path) -> None:
    """By default a line holds place, reason, size and hash; no part of the event can be read from it."""
    path = tmp_path / "dead.jsonl"
    event = b'{"ssn": "078-05-1120"'
    DeadLetterFile(path, MAX_BYTES, ManualClock(7), hash_key=b"key").append([_letter(9, event)])
    assert json.loads(path.read_bytes()) == {
        "refused_at": 7,
        "reason": "not_json",
        "detail": "no JSON",
        "kind": "prediction",
        "topic": "predictions",
        "partition": 3,
        "offset": 9,
        "bytes": 21,
        "hash": hashlib.blake2b(event, digest_size=16, key=b"key").hexdigest(),
    }
    (kept,) = read_dead_letters(path)
    assert (kept.letter.head, kept.n_bytes) == (b"", 21)


def test_a_letter_shows_nothing_of_its_event() -> None:
    """What is printed of a letter, by a log or a failed test, has neither head nor payload."""
    assert "ssn" not in repr(_letter(9, b'{"ssn": 1}'))


def test_lines_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    """A line without size, hash and kind, but with a head, is the letter that it was."""
    path = tmp_path / "dead.jsonl"
    old = {"refused_at": 7, "reason": "not_json", "detail": "d", "topic": "t", "partition": 0, "offset": 1}
    path.write_text(json.dumps(old | {"text": "{}", "head": "e30="}) + "\n")
    (kept,) = read_dead_letters(path)
    assert (kept.letter.head, kept.n_bytes, kept.digest, kept.letter.kind) == (b"{}", None, "", "prediction")


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    """Heads, where kept, may hold personal data, so the file is closed to group and others."""
    path = tmp_path / "dead.jsonl"
    DeadLetterFile(path, MAX_BYTES, ManualClock()).append([_letter(1)])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_newest_are_kept_within_the_budget(tmp_path: Path) -> None:
    """However many come, both files together stay within max_bytes and hold an unbroken run up to the last."""
    path = tmp_path / "dead.jsonl"
    file = DeadLetterFile(path, MAX_BYTES, ManualClock())
    for start in range(0, 200, 8):
        file.append([_letter(offset) for offset in range(start, start + 8)])
        assert sum(each.stat().st_size for each in tmp_path.iterdir()) <= MAX_BYTES
    offsets = [kept.letter.offset for kept in read_dead_letters(path)]
    assert offsets == list(range(offsets[0], 200))
    line_bytes = len(path.read_bytes().splitlines(keepends=True)[0])
    assert len(offsets) >= MAX_BYTES // 2 // line_bytes


def test_a_letter_that_no_file_can_hold_is_dropped(tmp_path: Path) -> None:
    """A line larger than half of the budget is counted as dropped and the others are kept."""
    file = DeadLetterFile(tmp_path / "dead.jsonl", MAX_BYTES, ManualClock())
    huge = replace(_letter(2), detail="x" * MAX_BYTES)
    file.append([_letter(1), huge, _letter(3)])
    assert [kept.letter.offset for kept in read_dead_letters(tmp_path / "dead.jsonl")] == [1, 3]
    assert file.statistics() == {"written": 2, "dropped": 1, "write_failures": 0}


def test_a_failure_is_counted_and_not_raised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where nothing can be written the letters are dropped, counted and told once; later ones are kept again."""
    path = tmp_path / "state" / "dead.jsonl"
    path.parent.touch()  # a file where the directory should be
    file = DeadLetterFile(path, MAX_BYTES, ManualClock())
    file.append([_letter(1), _letter(2)])
    file.append([_letter(3)])
    assert [record.getMessage() for record in caplog.records] == ["dead_letters_not_written"]
    path.parent.unlink()
    file.append([_letter(4)])
    assert [kept.letter.offset for kept in read_dead_letters(path)] == [4]
    assert file.statistics() == {"written": 1, "dropped": 3, "write_failures": 2}


def test_no_file_means_no_letters(tmp_path: Path) -> None:
    """Nothing was ever refused: that is no error."""
    assert list(read_dead_letters(tmp_path / "dead.jsonl")) == []


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"head": "!"}'])
def test_a_foreign_line_is_named(tmp_path: Path, line: str) -> None:
    """A line that is no dead letter is an error that names file and line."""
    path = tmp_path / "dead.jsonl"
    DeadLetterFile(path, MAX_BYTES, ManualClock()).append([_letter(1)])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(CorruptArtifactError, match=r"dead\.jsonl, line 2: not a dead letter"):
        list(read_dead_letters(path))
