"""The log of accepted events: what it keeps, what it refuses, and what damage costs."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sentinel.clock import ManualClock
from sentinel.errors import CorruptArtifactError, StoreError
from sentinel.ingest import http_log
from sentinel.ingest.http import TOPICS, HttpSource
from sentinel.ingest.http_log import End, EventLog, EventLogError
from sentinel.ingest.http_reader import LogReader
from sentinel.ingest.http_records import HEAD_BYTES, MAGIC, Posted, decode, encode, is_whole, joined, read_head
from sentinel.ingest.http_segments import segments_in
from tests.ingest.http_logs import WAIT_SECONDS, add, everything, open_log, posted
from tests.ingest.logs import NOW_US, codec, outcome, prediction
from tests.support.process import wait_until

HEADERS = st.lists(st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=8)), max_size=3)
ROWS = st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=40), HEADERS), min_size=1, max_size=8)
QUIET = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _posted(rows: list[tuple[int, bytes, list[tuple[str, bytes | None]]]], *, headers: bool) -> Posted:
    return Posted(bytes(r for r, _, _ in rows), [p for _, p, _ in rows], [h for _, _, h in rows] if headers else ())


@given(rows=ROWS, headers=st.booleans(), offset=st.integers(0, 2**63), seed=st.integers(0, 2**32 - 1))
def test_a_record_is_read_back(
    rows: list[tuple[int, bytes, list[tuple[str, bytes | None]]]], headers: bool, offset: int, seed: int
) -> None:
    """Roles, payloads, headers, offset and time come back as they were written."""
    some = _posted(rows, headers=headers)
    data = encode(some, offset, 3, NOW_US, seed)
    head = read_head(data)
    assert head is not None
    assert (head.offset, head.n_outcomes, head.received_at, head.n_bytes) == (offset, 3, NOW_US, len(data))
    assert is_whole(data, head, seed)
    assert decode(data, head) == some
    assert some.n_bytes >= len(data) - HEAD_BYTES


@given(rows=ROWS, seed=st.integers(0, 2**32 - 1), data=st.data())
def test_an_altered_record_is_none(
    rows: list[tuple[int, bytes, list[tuple[str, bytes | None]]]], seed: int, data: st.DataObject
) -> None:
    """Cut anywhere, or with any bit flipped, or under another seed, a record does not pass for a whole one."""
    whole = encode(_posted(rows, headers=True), 5, 0, NOW_US, seed)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    at = data.draw(st.integers(0, 8 * len(whole) - 1))
    flipped = bytearray(whole)
    flipped[at // 8] ^= 1 << at % 8
    for altered, with_seed in ((cut, seed), (bytes(flipped), seed), (whole, seed ^ 1)):
        head = read_head(altered)
        assert head is None or not is_whole(altered, head, with_seed)


def test_lengths_that_do_not_add_up_are_refused() -> None:
    """A record whose checksum is right and whose lengths are not is of another program, and says so."""
    whole = bytearray(encode(posted([b"abc"]), 0, 0, NOW_US, 0))
    whole[HEAD_BYTES + 1] = 200
    head = read_head(bytes(whole))
    assert head is not None
    with pytest.raises(CorruptArtifactError):
        decode(bytes(whole), head)


def test_requests_are_joined_in_order() -> None:
    """Headers stay with their messages where only some requests have any."""
    both = joined([posted([b"a"], [0]), Posted(b"\0", [b"b"], [[("x", b"y")]])])
    assert both == Posted(b"\1\0", [b"a", b"b"], [(), [("x", b"y")]])


@QUIET
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=6), cut=st.integers(1, 10_000))
def test_a_torn_tail_is_cut_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], cut: int
) -> None:
    """However much of the end is missing: the writes before it are there, the torn one is not, and offsets go on."""
    directory = tmp_path_factory.mktemp("log")
    events = open_log(directory)
    ends = []
    for number, n in enumerate(sizes):
        add(events, posted([b"%d-%d" % (number, i) for i in range(n)], [0]))
        ends.append((events.statistics().n_bytes, events.end))
    events.close()
    (segment,) = segments_in(directory)
    left = max(0, ends[-1][0] - cut)
    os.truncate(segment.path, left)
    kept = [end for n_bytes, end in ends if n_bytes <= left]
    again = open_log(directory)
    assert again.end == (kept[-1] if kept else End(0, 0))
    assert len(everything(again)) == again.end.offset
    assert add(again, posted([b"next"])) == again.end.offset - 1
    assert everything(again)[again.end.offset - 1] == b"next"
    again.close()


@QUIET
@given(bit=st.integers(0, 10**6))
@example(bit=0)
def test_a_flipped_bit_costs_one_write(tmp_path_factory: pytest.TempPathFactory, bit: int) -> None:
    """Wherever the disk alters a bit, the writes before and after are read, at their offsets, and the loss is told."""
    directory = tmp_path_factory.mktemp("log")
    events = open_log(directory)
    written = {add(events, posted([b"a%d" % i, b"b%d" % i])): i for i in range(5)}
    events.close()
    (segment,) = segments_in(directory)
    content = bytearray(segment.path.read_bytes())
    place = bit % (8 * len(content))
    content[place // 8] ^= 1 << place % 8
    segment.path.write_bytes(content)
    hit = place // 8 // (len(content) // 5)
    expected = {offset + k: b"%c%d" % (b"ab"[k], i) for offset, i in written.items() if i != hit for k in (0, 1)}
    again = open_log(directory)
    reader = LogReader(again, 0)
    found = {run.offset + i: text for run in reader.read(99, 1 << 20) for i, text in enumerate(run.posted.payloads)}
    assert found == expected
    n_lost = 0 if hit == 4 else 2  # the last write cannot be told from one that was never finished
    assert again.statistics().damaged == n_lost
    reader.close()
    again.close()


def test_bytes_of_a_client_never_pass_for_a_record(tmp_path: Path) -> None:
    """A payload that looks like a record is not taken for one, also where the record around it is damaged."""
    fake = encode(posted([b"forged"]), 1, 0, NOW_US, 0)
    events = open_log(tmp_path)
    add(events, posted([fake]))
    add(events, posted([b"after"]))
    events.close()
    (segment,) = segments_in(tmp_path)
    content = segment.path.read_bytes()
    assert content.count(MAGIC) == 3
    segment.path.write_bytes(b"\0" + content[1:])
    again = open_log(tmp_path)
    assert everything(again) == {1: b"after"}
    again.close()


def test_offsets_rise_across_restarts_and_released_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When all was counted and every old segment is gone, a restart goes on where the last process ended."""
    monkeypatch.setattr(http_log, "MAX_SEGMENT_BYTES", 200)
    offsets = []
    for _ in range(4):
        events = open_log(tmp_path)
        offsets += [add(events, posted([b"x" * 60, b"y"], [1])) for _ in range(5)]
        events.release(events.end.offset)
        wait_until(lambda: len(segments_in(tmp_path)) == 1, WAIT_SECONDS, "all but the newest to be gone")
        assert events.end.n_outcomes == events.end.offset // 2
        events.close()
    assert offsets == list(range(0, 40, 2))


def test_what_is_not_counted_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release keeps every segment that holds a message at or after its offset."""
    monkeypatch.setattr(http_log, "MAX_SEGMENT_BYTES", 100)
    events = open_log(tmp_path)
    for number in range(6):
        add(events, posted([b"%d" % number * 60]))
    starts = [segment.offset for segment in segments_in(tmp_path)]
    assert starts == list(range(6))
    events.release(3)
    assert sorted(everything(events, 3)) == [3, 4, 5]
    assert [segment.offset for segment in segments_in(tmp_path)] == [3, 4, 5]
    events.release(99)
    assert add(events, posted([b"6" * 60])) == 6
    assert everything(events, 6) == {6: b"6" * 60}
    events.close()


def test_a_full_log_refuses_until_something_was_counted(tmp_path: Path) -> None:
    """Above the bound nothing is taken, nothing is lost, and a release makes room."""
    events = open_log(tmp_path, max_bytes=8_000)
    n_taken = 0
    while events.statistics().n_bytes + 505 <= 8_000:
        add(events, posted([b"z" * 500]))
        n_taken += 1
    with pytest.raises(EventLogError) as refused:
        events.append(posted([b"z" * 500]))
    assert refused.value.full
    assert len(everything(events)) == n_taken
    assert events.statistics().n_bytes <= 8_000
    events.release(n_taken // 2)
    assert add(events, posted([b"z" * 500])) == n_taken
    events.close()


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_failed_write_is_acknowledged_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """On a full or failing disk the request fails, its events are never read, and the next one takes their offsets."""
    events = EventLog(tmp_path, 1 << 20, ManualClock(NOW_US))
    events.open()
    events.take_from(0)
    add(events, posted([b"before"]))

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            with pytest.raises(EventLogError, match="No space left") as failed:
                add(events, posted([b"lost"]))
        assert failed.value.full
    assert add(events, posted([b"after"])) == 1
    assert everything(events) == {0: b"before", 1: b"after"}
    assert events.statistics().write_failures == 3
    events.close()
    again = open_log(tmp_path)
    assert everything(again) == {0: b"before", 1: b"after"}
    again.close()


def test_a_write_that_failed_and_comes_back_after_a_power_failure_replaces_nothing(tmp_path: Path) -> None:
    """What was acknowledged under its offsets is read, though the cut of its remains had not reached the disk."""
    events = EventLog(tmp_path, 1 << 20, ManualClock(NOW_US))
    events.open()
    events.take_from(0)
    add(events, posted([b"before"]))
    before = events.segments()[-1]
    remains = encode(posted([b"refused", b"refused too"]), 1, 0, NOW_US, before.seed)
    events._uncut = True
    assert add(events, posted([b"acknowledged"])) == 1
    events.close()
    with before.path.open("ab") as file:
        file.write(remains)
    again = open_log(tmp_path)
    assert add(again, posted([b"after"])) == 2
    assert everything(again) == {0: b"before", 1: b"acknowledged", 2: b"after"}
    assert again.statistics().damaged == 0
    again.close()


@pytest.mark.parametrize("seed", ["00000000", "ffffffff"])
def test_an_empty_segment_that_comes_back_hides_nothing(tmp_path: Path, seed: str) -> None:
    """Of two segments that begin at the same offset the one that holds something is read, and gone on with."""
    events = open_log(tmp_path)
    add(events, posted([b"acknowledged"]))
    events.close()
    (tmp_path / f"{0:020d}-{0:020d}-{seed}.log").touch()
    again = open_log(tmp_path)
    assert add(again, posted([b"after"])) == 1
    assert everything(again) == {0: b"acknowledged", 1: b"after"}
    again.close()


def test_a_request_that_is_cut_off_while_it_waits_stops_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is given up before or during its write leaves the writer at work: all others are answered."""
    events = EventLog(tmp_path, 1 << 20, ManualClock(NOW_US))
    events.open()
    events.take_from(0)
    begun, go_on = threading.Event(), threading.Event()
    sync = os.fdatasync

    def slow(descriptor: int) -> None:
        begun.set()
        go_on.wait(WAIT_SECONDS)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    written = events.append(posted([b"during"]))
    assert begun.wait(WAIT_SECONDS)
    waiting = events.append(posted([b"before"]))
    assert waiting.cancel()
    assert not written.cancel()
    go_on.set()
    assert written.result(WAIT_SECONDS) == 0
    assert add(events, posted([b"after"])) == 1
    assert everything(events) == {0: b"during", 1: b"after"}
    events.close()


def test_nothing_is_taken_before_the_checkpoint_is_known(tmp_path: Path) -> None:
    """A log that is opened, or closed, refuses; what it refuses may be sent again."""
    events = open_log(tmp_path, taking_from=None)
    with pytest.raises(EventLogError, match="not taken yet"):
        events.append(posted([b"x"]))
    events.take_from(0)
    add(events, posted([b"x"]))
    events.close()
    events.close()
    with pytest.raises(EventLogError):
        events.append(posted([b"x"]))


def test_a_log_behind_its_checkpoint_goes_on_after_it(tmp_path: Path) -> None:
    """Where the log was removed and the checkpoint was not, no new event gets an offset that counts as read."""
    events = open_log(tmp_path, taking_from=1_000)
    assert add(events, posted([b"x"])) == 1_000
    source = HttpSource(events, codec(), ManualClock(NOW_US))
    source.start_at(0, dict.fromkeys(TOPICS.values(), 1_000))
    assert source.poll(1.0)[0].positions == dict.fromkeys(TOPICS.values(), 1_001)
    source.close(1.0)
    events.close()


def test_a_place_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    """The path and the setting that chooses another are named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"state\.directory"):
        EventLog(tmp_path / "file" / "log", 1 << 20, ManualClock()).open()


def test_requests_that_wait_share_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk is busy with one write, all that comes is made durable by the next."""
    events = EventLog(tmp_path, 1 << 20, ManualClock(NOW_US))
    events.open()
    events.take_from(0)
    gate: Future[None] = Future()
    real = os.fdatasync

    def slow(descriptor: int) -> None:
        gate.result(WAIT_SECONDS)
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    waiting = [events.append(posted([b"%d" % number])) for number in range(50)]
    gate.set_result(None)
    assert [done.result(WAIT_SECONDS) for done in waiting] == list(range(50))
    assert sum(events.statistics().syncs) <= 3
    events.close()


def test_lag_is_told_by_kind(tmp_path: Path) -> None:
    """Predictions and outcomes that wait are counted apart, also when reading begins within a write."""
    events = open_log(tmp_path)
    add(events, posted([prediction(0), outcome(0), prediction(1), prediction(2), outcome(1)], [1, 4]))
    source = HttpSource(events, codec(), ManualClock(NOW_US), max_messages=2, linger_seconds=0.0)
    source.start_at(0, dict.fromkeys(TOPICS.values(), 1))
    (batch,) = source.poll(1.0)
    assert (len(batch.predictions[0]), len(batch.outcomes[0]), batch.outcomes_behind) == (1, 1, True)
    assert source.lag() == {("http.predictions", 0): 1, ("http.outcomes", 0): 1}
    (batch,) = source.poll(1.0)
    assert not batch.outcomes_behind
    assert set(source.lag().values()) == {0}
    source.close(1.0)
    events.close()


def test_reading_ends_where_it_is_told(tmp_path: Path) -> None:
    """Until an end nothing beyond it comes, in the midst of a write as well; the next start lifts the end."""
    events = open_log(tmp_path)
    for number in range(3):
        add(events, posted([prediction(number), outcome(number)], [1]))
    source = HttpSource(events, codec(), ManualClock(NOW_US), linger_seconds=0.0)
    assert not source.reached(0)
    source.start_at(0, {}, until={TOPICS["prediction"]: 3})
    assert not source.reached(0)
    (batch,) = source.poll(1.0)
    assert (set(batch.positions.values()), source.reached(0), source.poll(0.0)) == ({3}, True, [])
    source.start_at(0, batch.positions)
    assert set(source.poll(1.0)[0].positions.values()) == {6}
    assert not source.reached(7)
    source.close(1.0)
    events.close()


def test_a_moment_has_an_offset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first write that was accepted then or later is found, and how much is missing where older ones are gone."""
    monkeypatch.setattr(http_log, "MAX_SEGMENT_BYTES", 100)
    clock = ManualClock(NOW_US)
    events = open_log(tmp_path, clock=clock)
    for number in range(4):
        add(events, posted([b"%d" % number * 60, b"x"]))
        clock.advance(10.0)
    source = HttpSource(events, codec(), clock)

    def start(seconds: float) -> tuple[set[int], int]:
        found = source.offsets_at(0, NOW_US + round(seconds * 1_000_000))
        return set(found.positions.values()), found.missing_us

    assert [start(seconds) for seconds in (-5, 0, 5, 30, 31)] == [({0}, 0), ({0}, 0), ({2}, 0), ({6}, 0), ({8}, 0)]
    events.release(4)
    assert start(5) == ({4}, 15_000_000)
    assert start(25) == ({6}, 0)
    events.close()


def test_what_was_counted_does_not_stay_on_disk(tmp_path: Path) -> None:
    """Once all was counted, no byte of any event is left, at a restart as well; offsets go on."""
    events = open_log(tmp_path)
    add(events, posted([b"secret"]))
    events.release(1)
    wait_until(lambda: events.statistics().n_bytes == 0, WAIT_SECONDS, "the segment to be let go")
    assert [segment.path.stat().st_size for segment in segments_in(tmp_path)] == [0]
    reader = LogReader(events, 1)
    assert reader.read(9, 99) == []
    assert add(events, posted([b"next"])) == 1
    events.release(2)  # so soon after the first it has to wait
    assert [run.posted.payloads for run in reader.read(9, 99)] == [[b"next"]]
    reader.close()
    events.close()
    again = open_log(tmp_path, taking_from=2)
    wait_until(lambda: again.statistics().n_bytes == 0, WAIT_SECONDS, "the segment to be let go")
    assert add(again, posted([b"last"])) == 2
    again.close()
