"""`sentinel dead-letters` without a broker: lists, explanations, and what stands in the way of a replay."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sentinel.app.journal import Journal
from sentinel.app.letters import Resend, try_letters
from sentinel.cli import main
from sentinel.clock import ManualClock
from sentinel.config.kafka import KafkaSource, Topics
from sentinel.errors import CorruptArtifactError
from sentinel.events import Column, EventSchema
from sentinel.events.batch import DeadLetter, Reason
from sentinel.events.codecs.json import JsonCodec
from sentinel.ingest.dead_letters import DeadLetterFile, KeptDeadLetter
from sentinel.ingest.kafka_originals import REPLAYED_FROM, Original, Place
from sentinel.ingest.refusal_reasons import EXPLANATIONS

NOW_US = 1_795_694_400_000_000  # 2026-11-26T12:00:00Z
CONFIG = """apiVersion: sentinel/v1
models: [{name: churn, version: "7"}]
source:
  kafka: {bootstrap_servers: ["localhost:9092"], topics: {predictions: p, outcomes: o}}
state: {directory: state}
"""
KAFKA = KafkaSource(bootstrap_servers=["localhost:9092"], topics=Topics(predictions="p", outcomes="o"))
CODEC = JsonCodec([EventSchema("churn", "7", (Column("age", "numeric"),))])
GOOD = b'{"model": "churn", "version": "7", "prediction_id": "a", "predicted_at": "2026-11-26T12:00:00Z", "score": 0.5}'


def _letter(offset: int, reason: Reason = Reason.UNKNOWN_VERSION, topic: str = "p") -> DeadLetter:
    return DeadLetter(reason, "a detail", topic, 1, offset, b"", payload=b"{}")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration whose state directory holds four letters, two of them a day older."""
    path = tmp_path / "sentinel.yaml"
    path.write_text(CONFIG)
    clock = ManualClock(NOW_US - 86_400_000_000)
    file = DeadLetterFile(tmp_path / "state" / "dead-letters.jsonl", 1 << 20, clock)
    file.append([_letter(1), _letter(2, Reason.NOT_JSON)])
    clock.advance(86_400.0)
    file.append([_letter(3), _letter(4, Reason.DUPLICATE, "o")])
    return path


def _run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    status = main(["dead-letters", *map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_list_counts_by_reason_and_names_each(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts of all that were chosen, then the newest, each with its place, reason, detail and size."""
    status, out, _ = _run(capsys, "list", "--config", config)
    assert status == 0
    assert out.splitlines()[:3] == [
        "         2  unknown_version",
        "         1  not_json",
        "         1  duplicate_prediction_id",
    ]
    assert out.splitlines()[-1] == "2026-11-26T12:00:00Z  o/1/4  duplicate_prediction_id  a detail  2 bytes"


@pytest.mark.parametrize(
    ("options", "offsets"),
    [
        ((), [1, 2, 3, 4]),
        (("--reason", "unknown_version"), [1, 3]),
        (("--reason", "unknown_version", "--reason", "not_json"), [1, 2, 3]),
        (("--topic", "o"), [4]),
        (("--since", "2026-11-26T00:00:00Z"), [3, 4]),
        (("--limit", "1"), [4]),
    ],
)
def test_options_choose(
    config: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], offsets: list[int]
) -> None:
    """By reason, topic and time; the limit shows fewer and counts all."""
    answer = json.loads(_run(capsys, "list", "--config", config, "--format", "json", *options)[1])
    assert [int(one["letter"].rpartition("/")[2]) for one in answer["letters"]] == offsets
    assert sum(answer["counts"].values()) == (4 if "--limit" in options else len(offsets))


def test_show_explains(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The reason's meaning and mend, and whether sending it again can help."""
    _, out, _ = _run(capsys, "show", "o/1/4", "--config", config)
    assert "meaning     A prediction with this id is counted already" in out
    assert "replay      no: sending it again changes nothing" in out
    assert "possible, once it is mended" in _run(capsys, "show", "p/1/3", "--config", config)[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show", "p/1/9"), "p/1/9 is not among the dead letters"),
        (("show", "p"), "'p' names no letter: TOPIC/PARTITION/OFFSET"),
        (("show", "p/1/3", "--values"), "--values shows what --fetch reads"),
        (("list", "--reason", "bad"), "--reason 'bad' is none; there are"),
        (("list", "--since", "soon"), "neither a duration such as 2h nor an RFC 3339 time"),
        (("list", "--from", "topic"), "source.kafka.topics.dead_letters is missing"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    config: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    """Each error says what to give instead."""
    status, _, err = _run(capsys, *arguments, "--config", config)
    assert status == 1
    assert says in err


def test_events_over_http_are_their_clients_to_send(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without Kafka there is nothing to fetch or to send again, and the error says who can."""
    path = tmp_path / "sentinel.yaml"
    path.write_text('apiVersion: sentinel/v1\nmodels: [{name: churn, version: "7"}]\n')
    status, _, err = _run(capsys, "replay", "--config", path)
    assert status == 1
    assert "only events that came from Kafka can be fetched again" in err


def test_every_reason_is_explained() -> None:
    """No reason is without meaning and mend."""
    assert set(EXPLANATIONS) == set(Reason)
    assert all(each.meaning and each.mend for each in EXPLANATIONS.values())


def _tried(letters: list[DeadLetter], found: Mapping[int, Original | None], sent: Mapping[Place, str]) -> list[Resend]:
    def fetch(places: Iterable[Place]) -> dict[Place, Original | None]:
        return {place: found.get(place.offset) for place in places}

    kept = [KeptDeadLetter(letter, NOW_US) for letter in letters]
    return try_letters(kept, KAFKA, CODEC, sent, fetch, ManualClock(NOW_US))


def _original(offset: int, value: bytes | None, headers: Any = ()) -> Original:
    return Original(Place("p", 1, offset), b"key", value, headers, NOW_US // 1_000)


def test_only_an_event_that_would_count_is_sent() -> None:
    """Each hindrance is named: the reason, the topic, retention, an earlier replay, and a fault that is still there."""
    letters = [
        _letter(1),
        _letter(1),  # the same letter twice, as after a crash
        _letter(2),
        _letter(3, Reason.DUPLICATE),
        _letter(4, topic="http"),
        _letter(5),
        _letter(6),
        _letter(7),
    ]
    found = {
        1: _original(1, GOOD),
        5: _original(5, b"{"),
        6: _original(6, GOOD, [(REPLAYED_FROM, b"p/1/2")]),
        7: _original(7, GOOD),
    }
    tried = _tried(letters, found, {Place("p", 1, 7): "written"})
    assert [each.kept.letter.offset for each in tried if each.ready] == [1]
    assert [each.why for each in tried[1:]] == [
        "it is no longer in its topic (retention)",
        "duplicate_prediction_id: sending it again changes nothing",
        "it did not come from a topic of this configuration (HTTP, or another one): its client has to send it",
        "it would be refused again: not_json: not JSON: Expecting property name enclosed in double quotes at line 1, "
        "column 2",
        "it is itself a replay, of p/1/2",
        "it was sent before (written)",
    ]


def test_a_journal_remembers_what_may_have_been_sent(tmp_path: Path) -> None:
    """What was sent, or may have been, is not sent again after a restart; what the broker refused may be."""
    path, clock = tmp_path / "journal.jsonl", ManualClock(NOW_US)
    journal = Journal(path)
    for offset, results in enumerate((["sending"], ["sending", "written"], ["sending", "refused"], ["unknown"])):
        for result in results:
            journal.note(Place("p", 0, offset), result, clock)
    expected = {Place("p", 0, 0): "sending", Place("p", 0, 1): "written", Place("p", 0, 3): "unknown"}
    assert dict(journal.sent) == dict(Journal(path).sent) == expected
    path.write_text("{}\n")
    with pytest.raises(CorruptArtifactError, match=r"journal\.jsonl, line 1: not a line of this journal"):
        Journal(path)


def test_a_line_that_a_crash_tore_hinders_no_replay(tmp_path: Path) -> None:
    """What was not yet on disk was not yet sent: the piece is cut off by the next line, and all others stand."""
    path = tmp_path / "journal.jsonl"
    clock = ManualClock(NOW_US)
    Journal(path).note(Place("p", 0, 1), "written", clock)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"topic": "p", "parti')
    journal = Journal(path)
    assert dict(journal.sent) == {Place("p", 0, 1): "written"}
    journal.note(Place("p", 0, 2), "sending", clock)
    assert path.read_bytes().startswith(whole)
    assert dict(Journal(path).sent) == {Place("p", 0, 1): "written", Place("p", 0, 2): "sending"}
