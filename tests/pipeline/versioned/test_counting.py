"""A batch is counted whole, once, by whatever machine; what is published is what one undisturbed pipeline counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyarrow.fs import LocalFileSystem

from sentinel.errors import CorruptArtifactError, FatalError, StoreError
from sentinel.events.batch import DeadLetter, EventBatch, Reason
from sentinel.pipeline.follower import Follower
from sentinel.pipeline.partition import PartitionPipeline
from sentinel.pipeline.store.lmdb_store import LmdbJoinStore
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.pipeline.versioned import counting, opened
from sentinel.pipeline.versioned.counting import BATCHES, MOST_LETTERS, CountedBatch, Locate, count_batch
from sentinel.pipeline.versioned.files import VersionFiles
from sentinel.pipeline.versioned.opened import Place
from sentinel.pipeline.versioned.outbox import read_outbox
from tests.pipeline import streams

PARTITION = 5
MAX_BYTES = 64 << 20
Ledger = dict[bytes, bytes]
Machine = Callable[[int], Path]


@pytest.fixture
def files(tmp_path: Path) -> VersionFiles:
    """The shared storage of one partition."""
    return VersionFiles(LocalFileSystem(), str(tmp_path / "shared"))


@pytest.fixture
def parts() -> list[EventBatch]:
    """A stream cut into batches, with everything in it that a partition counts."""
    rng = np.random.default_rng(20_261_121)
    events = streams.recounted(rng, streams.orderly(rng, 600))
    return list(streams.batches(streams.split(rng, events, 90)))


def place(files: VersionFiles, local: Path) -> Place:
    """A working copy on a machine."""
    return Place(files, local, streams.ROW_BYTES, MAX_BYTES)


def located(batch: EventBatch) -> Iterator[tuple[EventBatch, Locate]]:
    """One batch as the counting function is given it."""
    yield batch, lambda letter: letter


def count(files: VersionFiles, local: Path, number: int, batch: EventBatch) -> CountedBatch:
    """Count one batch of the stream."""
    return count_batch(place(files, local), PARTITION, number, streams.PLANS, located(batch), outcomes_behind=False)


def publish(files: VersionFiles, number: int, ledger: Ledger) -> None:
    """Write what a batch has to say."""
    for key, value in read_outbox(files, PARTITION, number, writer="test", now_us=1).records.items():
        if value is None:
            ledger.pop(key, None)
        else:
            ledger[key] = value


def seen(ledger: Ledger) -> tuple[streams.Fingerprint, bytes]:
    """What an evaluator adds up of a ledger."""
    follower = Follower(streams.LAYOUTS)
    follower.apply(ledger.items())
    view = follower.view()
    return streams.fingerprint(view.series.values()), view.tally.to_bytes()


def undisturbed(parts: list[EventBatch]) -> tuple[streams.Fingerprint, bytes]:
    """What one pipeline counts that is never stopped."""
    pipeline = PartitionPipeline(PARTITION, MemoryJoinStore(streams.ROW_BYTES), streams.PLANS)
    for batch in parts:
        pipeline.process(batch)
    return streams.counted(pipeline)


def run(files: VersionFiles, parts: list[EventBatch], machine: Machine) -> Ledger:
    """Count and publish every batch, each on the machine that is named for it."""
    ledger: Ledger = {}
    for number, batch in enumerate(parts):
        assert not count(files, machine(number), number, batch).repeated
        publish(files, number, ledger)
    return ledger


def test_what_is_published_is_what_one_pipeline_counts(
    files: VersionFiles, parts: list[EventBatch], tmp_path: Path
) -> None:
    """Panes and tally of the ledger have the very bytes of a pipeline that was left alone."""
    ledger = run(files, parts, lambda _: tmp_path / "local")
    assert seen(ledger) == undisturbed(parts)
    follower = Follower(streams.LAYOUTS)
    follower.apply(ledger.items())
    assert follower.partitions[PARTITION].positions[BATCHES] == len(parts)
    assert follower.partitions[PARTITION].writer == "test"


@pytest.mark.parametrize("machines", [2, 1_000])
def test_any_machine_can_count_the_next_batch(
    files: VersionFiles, parts: list[EventBatch], tmp_path: Path, machines: int
) -> None:
    """Working copies that are some batches behind, or not there at all, are brought up to date from the files."""
    assert seen(run(files, parts, lambda n: tmp_path / f"machine-{n % machines}")) == undisturbed(parts)


def test_snapshots_take_the_place_of_changes(
    files: VersionFiles, parts: list[EventBatch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a snapshot every third batch no more than three batches' changes are kept, and new machines start there."""
    monkeypatch.setattr(opened, "_MOST_CHANGES", 3)
    ledger = run(files, parts, lambda n: tmp_path / f"machine-{n % 5}")
    assert seen(ledger) == undisturbed(parts)
    kinds = [version.kind for version in files.all()]
    assert kinds.count("snapshot") == 1
    assert kinds.count("changes") <= 3


def test_a_batch_that_is_run_again_is_skipped(files: VersionFiles, parts: list[EventBatch], tmp_path: Path) -> None:
    """The second run reads none of its events, changes nothing, and what it publishes is the same once more."""
    ledger = run(files, parts, lambda _: tmp_path / "local")
    before, last = dict(ledger), len(parts) - 1
    unread = located(parts[last])
    again = count_batch(place(files, tmp_path / "other"), PARTITION, last, streams.PLANS, unread, outcomes_behind=False)
    assert (again.repeated, again.n_events) == (True, 0)
    assert next(unread)[0] is parts[last]
    publish(files, last, ledger)
    assert ledger == before


def test_an_attempt_that_fails_half_way_leaves_nothing(
    files: VersionFiles, parts: list[EventBatch], tmp_path: Path
) -> None:
    """An error in the middle of every batch, and the attempt after it on the same machine, end in the same counts."""

    def broken(batch: EventBatch) -> Iterator[tuple[EventBatch, Locate]]:
        yield from located(batch)
        raise OSError("the executor lost its disk")

    ledger: Ledger = {}
    for number, batch in enumerate(parts):
        where = place(files, tmp_path / "local")
        with pytest.raises(OSError, match="lost its disk"):
            count_batch(where, PARTITION, number, streams.PLANS, broken(batch), outcomes_behind=False)
        assert not count(files, tmp_path / "local", number, batch).repeated
        publish(files, number, ledger)
    assert seen(ledger) == undisturbed(parts)


def test_of_two_attempts_at_once_one_counts(files: VersionFiles, parts: list[EventBatch], tmp_path: Path) -> None:
    """The slower attempt is refused, and its machine goes on from what the faster one wrote."""

    def overtaken(number: int, batch: EventBatch) -> Iterator[tuple[EventBatch, Locate]]:
        yield from located(batch)
        assert not count(files, tmp_path / "fast", number, batch).repeated

    ledger: Ledger = {}
    for number, batch in enumerate(parts):
        slow = place(files, tmp_path / "slow")
        with pytest.raises(StoreError, match="another attempt at this batch was faster"):
            count_batch(slow, PARTITION, number, streams.PLANS, overtaken(number, batch), outcomes_behind=False)
        assert count(files, tmp_path / "slow", number, batch).repeated
        publish(files, number, ledger)
    assert seen(ledger) == undisturbed(parts)


def test_a_working_copy_that_is_taken_is_not_waited_for(
    files: VersionFiles, parts: list[EventBatch], tmp_path: Path
) -> None:
    """While an attempt that was given up sits in the machine's copy, the next one makes its own and removes it."""
    count(files, tmp_path / "local", 0, parts[0])
    stuck = LmdbJoinStore.open(tmp_path / "local", streams.ROW_BYTES, MAX_BYTES, fsync=False)
    try:
        assert not count(files, tmp_path / "local", 1, parts[1]).repeated
    finally:
        stuck.close()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("local.")] == []


def test_a_working_copy_that_is_damaged_is_made_again(
    files: VersionFiles, parts: list[EventBatch], tmp_path: Path
) -> None:
    """Losing power may cost the working copy, which is only a copy."""
    count(files, tmp_path / "local", 0, parts[0])
    data = tmp_path / "local" / "data.mdb"
    data.write_bytes(b"\xff" * data.stat().st_size)
    count(files, tmp_path / "local", 1, parts[1])
    ledger: Ledger = {}
    for number in (0, 1):
        publish(files, number, ledger)
    assert seen(ledger) == undisturbed(parts[:2])


def test_a_copy_of_another_storage_is_not_believed(parts: list[EventBatch], tmp_path: Path) -> None:
    """A storage that was restored from a moment before is the truth: the working copy goes back to it."""
    before, after = (VersionFiles(LocalFileSystem(), str(tmp_path / name)) for name in ("before", "after"))
    for number in range(4):
        count(after, tmp_path / "local", number, parts[number])
    for number in range(2):
        count(before, tmp_path / "other", number, parts[number])
    ledger: Ledger = {}
    for number in range(2, len(parts)):
        count(before, tmp_path / "local", number, parts[number])
    for number in range(len(parts)):
        publish(before, number, ledger)
    assert seen(ledger) == undisturbed(parts)


def test_a_checkpoint_that_is_older_than_the_state_is_refused(
    files: VersionFiles, parts: list[EventBatch], tmp_path: Path
) -> None:
    """A batch before the newest one counted says that Spark's checkpoint and the state are of two moments."""
    for number in (3, 4):
        count(files, tmp_path / "local", number, parts[number])
    with pytest.raises(FatalError, match="partition 5 has counted batch 4, and is given batch 3"):
        count(files, tmp_path / "local", 3, parts[3])


@pytest.mark.parametrize("damage", ["cut", "altered", "missing"])
def test_files_that_are_not_what_was_written_are_refused(
    files: VersionFiles, parts: list[EventBatch], tmp_path: Path, damage: str
) -> None:
    """A machine that has to read a version which is cut off, altered or gone says so, and counts nothing."""
    for number in range(3):
        count(files, tmp_path / "local", number, parts[number])
    path = tmp_path / "shared" / "000000000001.changes"
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-8] if damage == "cut" else data[:60] + bytes([data[60] ^ 1]) + data[61:])
    with pytest.raises(CorruptArtifactError, match=r"00000000000[12]\.changes"):
        count(files, tmp_path / "elsewhere", 3, parts[3])


def test_rows_may_grow_wider(files: VersionFiles, parts: list[EventBatch], tmp_path: Path) -> None:
    """A wider layout reads what a narrower one wrote, and a machine told of narrower rows reads wide ones."""
    widths = [streams.ROW_BYTES, streams.ROW_BYTES + 32, streams.ROW_BYTES]
    ledger: Ledger = {}
    for number, batch in enumerate(parts):
        where = Place(files, tmp_path / f"machine-{number % 4}", widths[number % 3], MAX_BYTES)
        count_batch(where, PARTITION, number, streams.PLANS, located(batch), outcomes_behind=False)
        publish(files, number, ledger)
    assert seen(ledger) == undisturbed(parts)


def test_nothing_expires_while_outcomes_are_behind(
    files: VersionFiles, parts: list[EventBatch], tmp_path: Path
) -> None:
    """Rows whose time is over wait until it is known that their outcomes have been read."""
    for number, batch in enumerate(parts[:-1]):
        where = place(files, tmp_path / "local")
        count_batch(where, PARTITION, number, streams.PLANS, located(batch), outcomes_behind=True)
    ledger: Ledger = {}
    for number in range(len(parts) - 1):
        publish(files, number, ledger)
    follower = Follower(streams.LAYOUTS)
    follower.apply(ledger.items())
    assert not any(n for (_, _, name), n in follower.view().tally.models.items() if name == "matured")


def test_dead_letters_name_their_messages_and_are_bounded(files: VersionFiles, tmp_path: Path) -> None:
    """All are counted; a thousand are handed on, found by where they came from, and no more than some MiB of them."""
    whole = b"x" * (counting.MOST_LETTER_BYTES // 4)
    letters = tuple(
        DeadLetter(Reason.NOT_JSON, "no", "outcomes", -1, row, b"x", payload=whole) for row in range(MOST_LETTERS + 5)
    )

    def refused() -> Iterator[tuple[EventBatch, Locate]]:
        yield EventBatch(PARTITION, {}, dead_letters=letters), lambda letter: replace(letter, partition=7)

    counted = count_batch(
        place(files, tmp_path / "local"), PARTITION, 0, streams.PLANS, refused(), outcomes_behind=False
    )
    assert counted.n_refused == MOST_LETTERS + 5
    handed_on = read_outbox(files, PARTITION, 0, writer="test", now_us=1).letters
    assert [letter.offset for letter in handed_on] == list(range(MOST_LETTERS))
    assert {letter.partition for letter in handed_on} == {7}
    assert sum(letter.payload is not None for letter in handed_on) == 4
