"""What is followed of a ledger says what the partitions' own views say, whatever comes in whatever order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from sentinel.clock import ManualClock
from sentinel.pipeline.follower import CORRUPT, FOLLOWED, FOREIGN, FORGOTTEN, FollowedView, Follower
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.loop_status import PartitionView
from sentinel.pipeline.published import PaneKey, pane_key, progress_key, read_key
from sentinel.pipeline.store.memory_store import MemoryJoinStore
from sentinel.pipeline.tally import add_up
from sentinel.summaries.panes import PaneSeries, join_series
from tests.pipeline import streams
from tests.pipeline.scripted import ScriptedSource
from tests.support.join_oracle import Event
from tests.support.layouts import small_layout
from tests.support.ledger import Record, records_of


def counted(n_partitions: int, n: int = 150) -> dict[int, PartitionView]:
    """Views of partitions with streams of their own; every second one has seen so few that its panes are finer."""
    logs = {
        number: streams.orderly(np.random.default_rng(100 + number), n if number % 2 == 0 else 12)
        for number in range(n_partitions)
    }
    loop = Loop(ScriptedSource(logs), lambda _: MemoryJoinStore(streams.ROW_BYTES), streams.PLANS, ManualClock())
    loop.run()
    return loop.status.views


def all_records(views: dict[int, PartitionView]) -> list[Record]:
    """What all collectors have written."""
    return [record for number, view in views.items() for record in records_of(number, view)]


def expected(views: dict[int, PartitionView]) -> tuple[streams.Fingerprint, bytes]:
    """What the views of single partitions add up to."""
    series = [
        join_series(layout, [view.series[layout.model, layout.version] for view in views.values()])
        for layout in streams.LAYOUTS
    ]
    return streams.fingerprint(series), add_up(view.tally for view in views.values()).to_bytes()


def seen(view: FollowedView) -> tuple[streams.Fingerprint, bytes]:
    """A view as bytes."""
    return streams.fingerprint(view.series.values()), view.tally.to_bytes()


def widths(views: dict[int, PartitionView]) -> set[int]:
    """Pane widths of the first model."""
    return {view.series[streams.KEYS[0]].width_us for view in views.values()}


@pytest.mark.parametrize("n_partitions", [1, 2, 5])
def test_the_sum_is_that_of_the_views(n_partitions: int) -> None:
    """Panes, tallies and moments are those of the partitions' own views, though they coarsened differently."""
    views = counted(n_partitions)
    assert n_partitions == 1 or len(widths(views)) > 1
    follower = Follower(streams.LAYOUTS)
    follower.apply(all_records(views))
    view = follower.view()
    assert seen(view) == expected(views)
    for moment in ("watermark", "expired_until", "joined_until"):
        assert getattr(view, moment) == max(
            (at for one in views.values() if (at := getattr(one, moment)) is not None), default=None
        )
    assert set(follower.partitions) == set(views)


@pytest.mark.parametrize("seed", range(8))
def test_order_redelivery_and_looks_between_change_nothing(seed: int) -> None:
    """Records of three partitions in any order, some of them again, with looks in between, sum up to the same."""
    rng = np.random.default_rng(seed)
    views = counted(3)
    records = all_records(views)
    shuffled = [records[i] for i in rng.permutation(len(records))]
    shuffled += [shuffled[i] for i in rng.integers(0, len(shuffled), 20)]
    follower = Follower(streams.LAYOUTS)
    for start in range(0, len(shuffled), 7):
        follower.apply(shuffled[start : start + 7])
        if rng.random() < 0.3:
            follower.view()
    assert seen(follower.view()) == expected(views)


def test_the_latest_record_of_a_key_counts() -> None:
    """Cumulative records replace what was before them: checkpoint after checkpoint, as a collector writes them."""
    log = streams.orderly(np.random.default_rng(7), 200)
    loop = Loop(
        ScriptedSource({0: log}),
        lambda _: MemoryJoinStore(streams.ROW_BYTES),
        streams.PLANS,
        ManualClock(),
        checkpoint_seconds=0.0,
    )
    follower = Follower(streams.LAYOUTS)
    written: set[bytes] = set()
    n_widths = set()
    for _ in range(len(log) // 10):
        loop.turn(0.0)
        views = loop.status.views
        records = records_of(0, views[0])
        vanished = written - {key for key, _ in records}
        follower.apply([*((key, None) for key in vanished), *records])
        written = {key for key, _ in records}
        n_widths |= widths(views)
        assert seen(follower.view()) == expected(views)
    assert len(n_widths) > 1
    assert follower.records[FORGOTTEN] > 0
    loop.close()


@pytest.mark.parametrize("seed", range(4))
def test_sums_follow_single_partitions_exactly(seed: int) -> None:
    """Six partitions of which one or two publish between looks: each look says what their views add up to."""
    rng = np.random.default_rng(seed)
    logs = {number: streams.unhurried(np.random.default_rng(seed * 10 + number), 40) for number in range(6)}
    stories = {number: list(_checkpoints(number, log)) for number, log in logs.items()}
    follower = Follower(streams.LAYOUTS)
    current = {number: story.pop(0) for number, story in stories.items()}
    follower.apply(all_records(current))
    follower.view()
    while any(stories.values()):
        for number in rng.choice([n for n, story in stories.items() if story], 1).tolist():
            current[number] = stories[number].pop(0)
            follower.apply(records_of(number, current[number]))
        assert seen(follower.view()) == expected(current)


@pytest.mark.parametrize("anew", range(6))
def test_a_partition_that_is_counted_anew_takes_back_what_it_said(anew: int) -> None:
    """Earliest and latest moments and unions shrink with it, though sums over the other partitions stand."""
    views = {number: list(_checkpoints(number, stream))[-1] for number, stream in enumerate(_months(6))}
    follower = Follower(streams.LAYOUTS)
    follower.apply(all_records(views))
    follower.view()
    views[anew] = next(_checkpoints(anew, _months(6)[anew]))
    follower.apply(records_of(anew, views[anew]))
    assert seen(follower.view()) == expected(views)


def _months(n: int) -> list[list[Event]]:
    return [streams.unhurried(np.random.default_rng(number), 40) for number in range(n)]


def _checkpoints(number: int, log: list[Event]) -> Iterator[PartitionView]:
    """What a partition shows after every twenty events."""
    loop = Loop(
        ScriptedSource({number: log}, lambda: 20),
        lambda _: MemoryJoinStore(streams.ROW_BYTES),
        streams.PLANS,
        ManualClock(),
        checkpoint_seconds=0.0,
    )
    for _ in range(-(-len(log) // 20)):
        loop.turn(0.0)
        yield loop.status.views[number]
    loop.close()


def test_panes_of_another_width_are_of_the_past() -> None:
    """What a coarser checkpoint forgot to remove does not count, and neither does what has no progress."""
    views = counted(2)
    follower = Follower(streams.LAYOUTS)
    follower.apply(all_records(views))
    layout = streams.LAYOUTS[0]
    start, pane = views[0].series[layout.model, layout.version].panes[0]
    width = views[0].series[layout.model, layout.version].width_us
    stale = PaneKey(0, layout.model, layout.version, layout.digest, width // 2, start)
    unfinished = PaneKey(9, layout.model, layout.version, layout.digest, width, start)
    follower.apply([(pane_key(stale), pane.to_bytes()), (pane_key(unfinished), pane.to_bytes())])
    assert seen(follower.view()) == expected(views)


def test_a_removed_partition_no_longer_counts() -> None:
    """Tombstones of all keys of a partition leave the others."""
    views = counted(3)
    follower = Follower(streams.LAYOUTS)
    follower.apply(all_records(views))
    follower.view()
    follower.apply([(key, None) for key, _ in records_of(1, views[1])])
    assert seen(follower.view()) == expected({number: views[number] for number in (0, 2)})
    assert set(follower.partitions) == {0, 2}


def test_foreign_records_are_left_alone_and_counted() -> None:
    """Another baseline's panes, a pane under a name that is not its layout's, and an unknown kind change nothing."""
    views = counted(2)
    layout, other = streams.LAYOUTS[0], small_layout(version="9")
    follower = Follower(streams.LAYOUTS)
    follower.apply(all_records(views))
    follower.apply(
        [
            (pane_key(PaneKey(0, "churn", "9", other.digest, 1, 0)), b"x"),
            (pane_key(PaneKey(0, "else", layout.version, layout.digest, 1, 0)), b"x"),
            (b'["plan",1]', b"x"),
        ]
    )
    assert follower.records[FOREIGN] == 3
    assert seen(follower.view()) == expected(views)


def test_damaged_records_count_as_not_there(caplog: pytest.LogCaptureFixture) -> None:
    """A key, a progress and a pane that cannot be read are counted each time, logged once, and stop nothing."""
    views = counted(2)
    records = all_records(views)
    panes = [(key, value) for key, value in records if isinstance(read_key(key), PaneKey)]
    damaged = [
        (b"no json", b"x"),
        (progress_key(7), b"x"),
        (panes[0][0], (panes[0][1] or b"")[:-1] + b"?"),
    ]
    follower = Follower(streams.LAYOUTS)
    follower.apply([*records, *damaged])
    once = follower.view()
    assert follower.records[CORRUPT] == 3
    follower.apply(damaged)
    follower.view()
    assert follower.records[CORRUPT] == 6
    assert follower.records[FOLLOWED] == len(records) + 2
    assert sum("ledger_record_unreadable" in line.getMessage() for line in caplog.records) == 3
    follower.apply([panes[0]])
    assert seen(follower.view()) == expected(views)
    assert seen(once) != expected(views)


def test_a_progress_that_cannot_be_read_takes_its_partition_out() -> None:
    """Every follower says the same, also one that never saw the record before the damage."""
    views = counted(2)
    follower, late = Follower(streams.LAYOUTS), Follower(streams.LAYOUTS)
    records = all_records(views)
    follower.apply([*records, (progress_key(1), b"x")])
    late.apply([*(record for record in records if record[0] != progress_key(1)), (progress_key(1), b"x")])
    assert seen(follower.view()) == seen(late.view()) == expected({0: views[0]})


def test_views_stay_as_they_were() -> None:
    """A view that was handed out does not change when more records come, and cannot be written."""
    views = counted(2)
    follower = Follower(streams.LAYOUTS)
    follower.apply(records_of(0, views[0]))
    before = follower.view()
    series: PaneSeries = before.series[streams.KEYS[0]]
    fingerprint = streams.fingerprint(before.series.values())
    follower.apply(records_of(1, views[1]))
    follower.view()
    assert streams.fingerprint(before.series.values()) == fingerprint
    assert all(pane.is_frozen for _, pane in series.panes)


def test_nothing_followed_is_nothing_counted() -> None:
    """Before the first record every model has an empty series and no moment is known."""
    view = Follower(streams.LAYOUTS).view()
    assert [series.panes for series in view.series.values()] == [()] * len(streams.LAYOUTS)
    assert (view.watermark, view.expired_until, view.joined_until) == (None, None, None)
