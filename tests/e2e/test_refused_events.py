"""Refused events through a real Kafka: nothing of what they hold is kept or told, and what is mended is sent again."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaConsumer, TopicPartition

from sentinel.cli import main
from sentinel.simulation import simulate
from sentinel.simulation.events import Event, events
from sentinel.simulation.files import write_files
from tests.support.daemon import daemon_on, produce, write_config
from tests.support.kafka_broker import KafkaBroker, unique_name
from tests.support.process import wait_until

SECONDS = 180.0
N_PARTITIONS = 2
MARK = "jane-doe-0781120"
NUMBER = 918273.645
SMALL, LARGE = 2_048, 1 << 20
_MANY = 4


def _marked(event: Event) -> list[tuple[str, Event]]:
    """The event with a mark in each of its fields in turn, and garbage around it; why each is refused, or nothing."""
    plain = json.loads(event.payload)
    features = {name: NUMBER if isinstance(value, float) else MARK for name, value in plain["features"].items()}
    kept = {**plain, "prediction_id": f"{MARK}-id", "group": f"{MARK}-group", "features": features}
    made: list[tuple[str, dict[str, Any] | bytes]] = [
        ("", {**kept, "note": MARK, "attributions": {MARK: NUMBER}}),
        ("duplicate_prediction_id", kept),
        ("oversized", {**kept, "prediction_id": "large", "note": MARK * 200}),
        ("not_json", b'{"a": ' + MARK.encode()),
        ("not_json", MARK.encode() + b"\xff"),
        ("not_an_object", json.dumps([MARK, NUMBER]).encode()),
    ]
    wrong: dict[str, Sequence[tuple[str, Any]]] = {
        "model": [("unknown_model", f"{MARK} {MARK}"), ("wrong_type", [MARK])],
        "version": [("unknown_version", f"{MARK} {MARK}"), ("wrong_type", {MARK: MARK})],
        "kind": [("unknown_kind", f"{MARK} {MARK}")],
        "prediction_id": [("wrong_type", [MARK]), ("oversized", MARK * 40)],
        "predicted_at": [("bad_time", MARK), ("time_too_early", NUMBER), ("bad_time", {MARK: NUMBER})],
        "score": [("score_out_of_range", NUMBER), ("wrong_type", MARK), ("score_out_of_range", -NUMBER)],
        "features": [("wrong_type", MARK)],
        "slices": [("wrong_type", [MARK])],
        "group": [("wrong_type", {MARK: NUMBER})],
    }
    made += [(why, {**kept, "prediction_id": "x", name: value}) for name, some in wrong.items() for why, value in some]
    texts = [(why, one if isinstance(one, bytes) else json.dumps(one).encode()) for why, one in made]
    return [(why, event._replace(payload=text)) for why, text in texts]


def _traces() -> list[bytes]:
    """What a mark would look like wherever it landed."""
    escaped = json.dumps(MARK)[1:-1].encode()
    return [MARK.encode(), escaped, b"918273", struct.pack("<d", NUMBER), struct.pack("<f", NUMBER)]


def _assert_unmarked(what: str, content: bytes) -> None:
    for trace in _traces():
        assert trace not in content, f"{what} holds {trace!r}: {content[max(0, content.find(trace) - 200) :][:400]!r}"


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_nothing_of_an_event_is_kept_or_told_and_what_is_mended_is_sent_again(
    tmp_path: Path, kafka_broker: KafkaBroker, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    """Marks in every field are found nowhere; file and topic tell place and reason; a mended event goes again."""
    rng = random.Random(7)
    simulated = simulate("clean", seed=5, n_train=1_500, n_validation=1_500, n_stream=300)
    files = write_files(simulated, tmp_path / "data")
    baseline = tmp_path / "model.baseline"
    arguments = ["--quiet", "--config", str(files.config), "--validation", str(files.validation)]
    assert main(["baseline", "build", *arguments, "--output", str(baseline)]) == 0
    topics = (unique_name("predictions"), unique_name("outcomes"))
    for topic in topics:
        kafka_broker.create_topic(topic, N_PARTITIONS)
    letters = unique_name("letters")
    kafka_broker.create_topic(letters, 1)
    state = tmp_path / "state"
    path = write_config(
        tmp_path / "sentinel.yaml",
        baseline=baseline,
        state=state,
        broker=kafka_broker,
        topics=topics,
        group=unique_name("group"),
        slices=simulated.slices,
    )
    settings = msgspec.yaml.decode(path.read_bytes())
    settings["source"]["kafka"]["topics"]["dead_letters"] = letters
    settings["limits"] = {"max_event_bytes": SMALL}
    settings["log"] = {"level": "debug", "format": log_format}
    settings["state"]["hash_key"] = "".join(rng.choices("0123456789abcdef", k=64))
    path.write_bytes(msgspec.yaml.encode(settings))
    assert main(["baseline", "build", *arguments[:2], str(path), *arguments[3:], "--output", str(baseline)]) == 0

    queue = list(events(simulated.stream, model="churn", version="1", slices=simulated.slices))
    base = next(event for event in queue if event.kind == "prediction")
    marked = _marked(base)
    refused = [why for why, _ in marked if why]
    with daemon_on(tmp_path, path) as daemon:
        daemon.start()
        daemon.wait_ready()
        produce(kafka_broker, topics, [event for _, event in marked] + queue[:_MANY])
        place = state / "dead-letters.jsonl"
        wait_until(lambda: place.exists() and len(place.read_bytes().splitlines()) == len(refused), SECONDS, "letters")
        written = f'sentinel_dead_letters_stored_total{{place="topic",result="written"}} {len(refused)}'.encode()
        wait_until(lambda: written in daemon.get("/metrics"), SECONDS, "the topic")
        for page in ("/metrics", "/", "/models/churn/1", "/api/v1/models/churn/1/report", "/readyz?verbose"):
            _assert_unmarked(page, daemon.get(page))
        assert daemon.stop() == 0
    _assert_unmarked("the log", daemon.log_tail(1_000_000).encode())
    for file in state.rglob("*"):
        if file.is_file():
            _assert_unmarked(str(file), file.read_bytes())
    with closing(KafkaConsumer(bootstrap_servers=kafka_broker.bootstrap, **kafka_broker.client_options)) as consumer:
        pair = TopicPartition(letters, 0)
        consumer.assign([pair])
        consumer.seek_to_beginning(pair)
        records: list[Any] = []
        while len(records) < len(refused):
            records += consumer.poll(5_000)[pair]
    assert sorted(dict(record.headers)["sentinel.reason"].decode() for record in records) == sorted(refused)
    for record in records:
        _assert_unmarked("the topic", b"".join([record.key, record.value, *(value for _, value in record.headers)]))

    def command(*more: str) -> tuple[int, str]:
        capsys.readouterr()
        status = main(["dead-letters", more[0], "--config", str(path), *more[1:]])
        return status, capsys.readouterr().out

    as_json = ("list", "--format", "json", "--limit", "99", "--from")
    listed = [json.loads(command(*as_json, place)[1]) for place in ("file", "topic")]
    assert listed[0]["counts"] == listed[1]["counts"] == {why: refused.count(why) for why in refused}
    places = {(one["letter"], one["reason"], one["hash"]) for one in listed[0]["letters"]}
    assert places == {(one["letter"], one["reason"], one["hash"]) for one in listed[1]["letters"]}
    _assert_unmarked("the list", command("list")[1].encode())

    large = next(one["letter"] for one in listed[0]["letters"] if "exceed" in one["detail"])
    _, shown = command("show", large, "--fetch")
    _assert_unmarked("show --fetch", shown.encode())
    assert "note: a text of 3200 characters" in shown
    assert MARK in command("show", large, "--fetch", "--values")[1]

    settings["limits"]["max_event_bytes"] = LARGE  # mended
    path.write_bytes(msgspec.yaml.encode(settings))
    status, dry = command("replay")
    assert status == 0
    assert f"send  {large}  it is read without a fault now" in dry
    assert "duplicate_prediction_id: sending it again changes nothing" in dry
    assert f"1 of {len(refused)} would be sent again" in dry
    _assert_unmarked("replay", dry.encode())
    assert command("replay", "--yes") == (0, dry[: dry.rindex("1 of")] + "1 written\n")
    status, again = command("replay", "--yes", "--reason", "oversized", "--since", "1h")
    assert status == 0
    assert f"skip  {large}  it was sent before (written)" in again
    assert again.endswith("nothing to send\n")
    with daemon_on(tmp_path, path) as daemon:
        daemon.start()
        daemon.wait_ready()
        wait_until(lambda: daemon.report()["counts"]["predictions"] >= 2, SECONDS, "the event that was sent again")
        assert daemon.stop() == 0
