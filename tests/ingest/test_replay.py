"""The order in which files are replayed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.columns import Columns
from sentinel.errors import FatalError
from sentinel.events.batch import EventBatch
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.ingest.replay import PREDICTIONS, ReplaySource
from sentinel.ingest.replay_schedules import BACKFILLS, OUTCOMES, ScheduledBackfills
from tests.ingest.logs import SCHEMA, Delivery, key_of

BASE = 1_764_000_000


def _predictions(times: list[int]) -> pa.Table:
    numbers = range(len(times))
    return pa.table(
        {
            "prediction_id": [f"id-{number}" for number in numbers],
            "predicted_at": [float(BASE + at) for at in times],
            "score": [0.5] * len(times),
        }
    )


def _outcomes(times: dict[int, int]) -> pa.Table:
    return pa.table(
        {
            "prediction_id": [f"id-{number}" for number in times],
            "outcome": [1.0] * len(times),
            "outcome_at": [float(BASE + at) for at in times.values()],
        }
    )


def _source(predictions: Path, outcomes: Path, rows_per_batch: int = 2) -> ReplaySource:
    return ReplaySource(predictions, outcomes, ArrowCodec(SCHEMA, Columns()), Columns(), rows_per_batch=rows_per_batch)


def _two_files(directory: Path, predicted: list[int], known: dict[int, int]) -> tuple[Path, Path]:
    paths = directory / "p.parquet", directory / "o.parquet"
    pq.write_table(_predictions(predicted), paths[0])
    pq.write_table(_outcomes(known), paths[1])
    return paths


def _drain(source: ReplaySource, positions: dict[str, int] | None = None) -> list[EventBatch]:
    source.start_at(0, positions or {})
    batches: list[EventBatch] = []
    while not source.exhausted():
        batches += source.poll(0.0)
    return batches


def test_an_outcome_comes_when_it_was_known(tmp_path: Path) -> None:
    """After each slice come the outcomes known by its latest prediction, in their order; after the last, the rest."""
    # Slices of two rows end at times 1, 3 and 5. Outcomes 3 and 1 share a time and keep their rows' order.
    files = _two_files(tmp_path, [0, 1, 2, 3, 4, 5], {0: 1, 3: 3, 1: 3, 2: 2, 4: 900, 5: 800})
    batches = _drain(_source(*files))
    assert [Delivery([batch]).predictions for batch in batches] == [
        [key_of(0), key_of(1)],
        [key_of(2), key_of(3)],
        [key_of(4), key_of(5)],
    ]
    assert [Delivery([batch]).outcomes for batch in batches] == [
        [key_of(0)],
        [key_of(2), key_of(3), key_of(1)],
        [key_of(5), key_of(4)],
    ]
    assert [dict(batch.positions) for batch in batches] == [
        {PREDICTIONS: 2, OUTCOMES: 1},
        {PREDICTIONS: 4, OUTCOMES: 4},
        {PREDICTIONS: 6, OUTCOMES: 6},
    ]


def test_the_clock_of_a_replay_never_steps_back(tmp_path: Path) -> None:
    """In a file that is not sorted, an outcome is due once any earlier slice was later than it."""
    files = _two_files(tmp_path, [9, 9, 1, 1, 2, 2], {0: 20, 1: 20, 2: 5, 3: 9, 4: 10, 5: 10})
    batches = _drain(_source(*files))
    assert Delivery([batches[0]]).outcomes == [key_of(2), key_of(3)]
    assert Delivery([batches[1]]).outcomes == []


def test_the_rest_comes_in_slices(tmp_path: Path) -> None:
    """Outcomes known after the last prediction come rows_per_batch at a time, so memory stays bounded."""
    files = _two_files(tmp_path, [0], dict.fromkeys(range(5), 100))
    source = _source(*files)
    batches = _drain(source)
    assert [len(Delivery([batch]).outcomes) for batch in batches] == [2, 2, 1]
    assert source.fraction() == 1.0


def test_fraction_counts_both_files(tmp_path: Path) -> None:
    """Progress is the share of rows of both files that were emitted."""
    source = _source(*_two_files(tmp_path, [0, 1, 2, 3], {0: 1, 1: 100, 2: 100, 3: 100}))
    source.start_at(0, {})
    assert source.fraction() == 0.0
    source.poll(0.0)
    assert source.fraction() == 3 / 8


@pytest.mark.parametrize("row_group_size", [1, 3, 5, 100])
def test_every_resumption_gives_the_same_batches(tmp_path: Path, row_group_size: int) -> None:
    """From the positions of any batch, however the file is laid out, the batches after it come bit for bit."""
    path = tmp_path / "stream.parquet"
    n = 23
    table = _predictions(list(range(n))).append_column("outcome", pa.array([1.0] * n))
    known = [float(BASE + 3 * number % 31) for number in range(n)]
    pq.write_table(table.append_column("outcome_at", pa.array(known)), path, row_group_size=row_group_size)
    whole = _drain(_source(path, path, 4))
    positions: dict[str, int] = {}
    for index, batch in enumerate(whole):
        positions |= batch.positions
        rest = _drain(_source(path, path, 4), dict(positions))
        assert [Delivery([each]).counts for each in rest] == [Delivery([each]).counts for each in whole[index + 1 :]]
        assert [each.positions for each in rest] == [each.positions for each in whole[index + 1 :]]


def test_csv_is_the_same_as_parquet(tmp_path: Path) -> None:
    """The same rows as CSV give the same batches."""
    parquet = _two_files(tmp_path, [0, 1, 2], {0: 1, 2: 50})
    csv = tmp_path / "p.csv", tmp_path / "o.csv"
    for source, target in zip(parquet, csv, strict=True):
        pa.csv.write_csv(pq.read_table(source), target)
    assert [Delivery([b]).counts for b in _drain(_source(*csv))] == [
        Delivery([b]).counts for b in _drain(_source(*parquet))
    ]


def test_predictions_without_any_outcome_are_replayed(tmp_path: Path) -> None:
    """A stream whose outcomes are not known yet, or not even a column, ends with its predictions."""
    path = tmp_path / "p.parquet"
    pq.write_table(_predictions([0, 1, 2]), path)
    delivery = Delivery(_drain(_source(path, path)))
    assert len(delivery.predictions) == 3
    assert delivery.outcomes == []


def test_an_empty_file_is_exhausted_at_once(tmp_path: Path) -> None:
    """No rows, no batches, no error."""
    source = _source(*_two_files(tmp_path, [], {}))
    assert _drain(source) == []
    assert source.fraction() == 1.0


def test_positions_of_other_files_are_refused(tmp_path: Path) -> None:
    """A checkpoint that lies behind the end of the files belongs to others, and the message says what to do."""
    source = _source(*_two_files(tmp_path, [0], {0: 1}))
    with pytest.raises(
        FatalError, match=r"\(5 predictions, 0 outcomes\) lie behind .* \(1, 1\).*empty state directory"
    ):
        source.start_at(0, {PREDICTIONS: 5})


@pytest.mark.parametrize(("name", "kind"), [("a.parquet", "Parquet"), ("b.csv", "CSV")])
def test_an_unreadable_file_is_named(tmp_path: Path, name: str, kind: str) -> None:
    """A file that is not there or is no table stops the start with its path and the format that was tried."""
    with pytest.raises(FatalError, match=rf"{name} cannot be read as {kind}"):
        _source(tmp_path / name, tmp_path / name)
    (tmp_path / name).write_bytes(b'"')
    with pytest.raises(FatalError, match=rf"{name} cannot be read as {kind}"):
        _source(tmp_path / name, tmp_path / name)


def test_times_are_those_of_the_file(tmp_path: Path) -> None:
    """Event times pass through in microseconds."""
    (batch,) = _drain(_source(*_two_files(tmp_path, [3], {0: 3})))
    expected = (BASE + 3) * MICROSECONDS_PER_SECOND
    assert batch.predictions[0].predicted_at.tolist() == batch.outcomes[0].outcome_at.tolist() == [expected]


def _with_backfills(directory: Path, ids: list[int]) -> tuple[tuple[Path, Path], Path]:
    files = _two_files(directory, [0, 1, 2, 3, 4], {0: 1, 3: 3})
    backfills = directory / "b.parquet"
    first = SCHEMA.numeric[0].name
    pq.write_table(pa.table({"prediction_id": [f"id-{i}" for i in ids], first: [float(i) for i in ids]}), backfills)
    return files, backfills


def _backfilled(batches: list[EventBatch]) -> list[list[float]]:
    """The values that each batch carries."""
    return [[v for group in batch.backfills for v in group.inputs[0].numeric[0].tolist()] for batch in batches]


def test_backfills_come_with_their_predictions(tmp_path: Path) -> None:
    """Each slice brings the backfills of its rows, in the file's order; the last one those of no prediction too."""
    files, path = _with_backfills(tmp_path, [3, 9, 1, 0, 1])
    scheduled = ScheduledBackfills(path, ArrowCodec(SCHEMA, Columns()))
    source = ReplaySource(*files, ArrowCodec(SCHEMA, Columns()), Columns(), rows_per_batch=2, backfills=scheduled)
    batches = _drain(source)
    assert _backfilled(batches)[:3] == [[1.0, 0.0, 1.0], [3.0], [9.0]]
    assert [batch.positions.get(BACKFILLS) for batch in batches[:3]] == [3, 4, 5]
    assert source.statistics()["messages"] == 5 + 2 + 5


def test_a_replay_with_backfills_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """From the positions after any batch, another source emits exactly the rest."""
    files, path = _with_backfills(tmp_path, [3, 9, 1, 0, 1])

    def source() -> ReplaySource:
        scheduled = ScheduledBackfills(path, ArrowCodec(SCHEMA, Columns()))
        return ReplaySource(*files, ArrowCodec(SCHEMA, Columns()), Columns(), rows_per_batch=2, backfills=scheduled)

    whole = _drain(source())
    positions: dict[str, int] = {}
    for done, batch in enumerate(whole, 1):
        positions |= batch.positions
        assert _backfilled(_drain(source(), positions)) == _backfilled(whole)[done:]


def test_backfills_without_an_id_are_reported_once(tmp_path: Path) -> None:
    """A row that names no prediction is a dead letter of its kind, at the beginning only."""
    files, path = _with_backfills(tmp_path, [1])
    pq.write_table(pa.table({"prediction_id": pa.array([None], pa.string()), "age": [1.0]}), path)
    codec = ArrowCodec(SCHEMA, Columns())
    source = ReplaySource(*files, codec, Columns(), backfills=ScheduledBackfills(path, codec))
    letters = [letter for batch in _drain(source) for letter in batch.dead_letters]
    assert [(letter.kind, letter.reason) for letter in letters] == [("backfill", "missing_id")]
