"""Panes: the same whatever the order, the batches and the restarts, and storage can follow every change."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.summaries import PaneBook, Summary
from sentinel.summaries.layout import FeatureBins, Layout
from sentinel.summaries.panes import PaneSeries, join_series
from sentinel.summaries.rows import Rows
from tests.support.layouts import START_US, draw_rows, small_layout

LAYOUT = small_layout(
    columns=(("age", "numeric", ()),),
    features=(FeatureBins(name="age", kind="numeric", edges=(0.0, 50.0, 100.0)),),
    slices=(),
)
WIDTH_US = 1_000_000

# Times in pane widths: dense clusters, sparse panes far apart, times before the epoch.
offsets = st.one_of(
    st.integers(0, 12), st.integers(0, 2_000), st.integers(-40, 40), st.sampled_from([0, 10**6, -(10**6)])
)
timelines = st.lists(offsets, max_size=30)
max_panes_drawn = st.integers(2, 9)


def rows_at(times: list[int], start_us: int = 0) -> Rows:
    """One row for each time, a few microseconds into its pane."""
    rows = draw_rows(LAYOUT, np.random.default_rng(len(times)), len(times))
    rows["predicted_at"] = np.array(times, np.int64) * WIDTH_US + np.arange(len(times)) + start_us
    return rows


def narrowest(rows: Rows, max_panes: int) -> int:
    """By definition: the least first width times 2^k under which the times occupy at most so many panes."""
    width = WIDTH_US
    while len(np.unique(rows["predicted_at"] // width)) > max_panes:
        width *= 2
    return width


def by_definition(rows: Rows, max_panes: int) -> tuple[int, dict[int, Summary]]:
    """Width and panes of all rows with their outcomes, computed at once from the definition."""
    width = narrowest(rows, max_panes)
    starts = rows["predicted_at"] // width * width
    panes = {}
    for start in np.unique(starts).tolist():
        pane = panes[start] = Summary.zero(LAYOUT)
        pane.observe_predictions(rows[starts == start])
        pane.observe_outcomes(rows[starts == start])
    return width, panes


def batches(rows: Rows, data: st.DataObject) -> list[Rows]:
    """The rows in any order, cut anywhere."""
    order = data.draw(st.permutations(range(len(rows))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=5)))
    return [rows[list(order[a:b])] for a, b in pairwise([0, *cuts, len(rows)])]


@settings(max_examples=200)
@given(timelines, max_panes_drawn, st.data())
def test_panes_depend_on_the_events_alone(times: list[int], max_panes: int, data: st.DataObject) -> None:
    """Any order and split of predictions and outcomes ends at the width and the panes of the definition."""
    rows = rows_at(times)
    book = PaneBook(LAYOUT, WIDTH_US, max_panes)
    steps: list[tuple[str, Rows]] = [("predictions", batch) for batch in batches(rows, data)]
    steps += [("outcomes", batch) for batch in batches(rows, data)]
    for what, batch in data.draw(st.permutations(steps)):
        (book.observe_predictions if what == "predictions" else book.observe_outcomes)(batch)
        assert len(book) <= max_panes
    width, panes = by_definition(rows, max_panes)
    assert book.width_us == width
    assert dict(book) == panes


def test_sparse_then_dense_is_dense_then_sparse() -> None:
    """Panes far apart that fill the book before a dense day comes lead to the same width as the other way round."""
    sparse, dense = rows_at([0, 1_000, 2_000, 3_000]), rows_at([10, 11, 12, 13])
    books = []
    for order in ((sparse, dense), (dense, sparse)):
        book = PaneBook(LAYOUT, WIDTH_US, 5)
        for batch in order:
            book.observe_predictions(batch)
        books.append(book)
    assert books[0].width_us == books[1].width_us == 8 * WIDTH_US  # 0..7, 8..15 and three far ones; 4 would need six
    assert dict(books[0]) == dict(books[1])


def test_one_batch_over_many_panes_never_holds_too_many() -> None:
    """The width grows before panes are made: a batch that spans ten thousand panes makes no more than the cap."""
    book = PaneBook(LAYOUT, WIDTH_US, 4)
    zeros: list[int] = []
    original = Summary.zero

    def counted(layout: Layout) -> Summary:
        zeros.append(1)
        return original(layout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Summary, "zero", counted)
        book.observe_predictions(rows_at(list(range(10_000))))
    assert len(zeros) == len(book) <= 4


@settings(deadline=None)
@given(timelines, max_panes_drawn, st.data())
def test_corrections_leave_the_panes_of_the_rest(times: list[int], max_panes: int, data: st.DataObject) -> None:
    """Outcomes counted and taken back, with coarsening between, leave the counts of the predictions alone."""
    rows = rows_at(times)
    corrected = PaneBook(LAYOUT, WIDTH_US, max_panes)
    for batch in batches(rows, data):
        corrected.observe_predictions(batch)
        corrected.observe_outcomes(batch)
    for batch in batches(rows, data):
        corrected.observe_outcomes(batch, -1)
    plain = PaneBook(LAYOUT, WIDTH_US, max_panes)
    plain.observe_predictions(rows)
    assert dict(corrected) == dict(plain)


class Storage:
    """What a checkpoint keeps: panes by start, and one width."""

    def __init__(self) -> None:
        self.panes: dict[int, bytes] = {}
        self.width_us = WIDTH_US

    def follow(self, book: PaneBook) -> None:
        """Write what changed and delete what is gone, as the pipeline does."""
        changed, dropped = book.take_changes()
        assert not changed.keys() & dropped
        self.panes.update({start: pane.to_bytes() for start, pane in changed.items()})
        for start in dropped:
            self.panes.pop(start, None)
        self.width_us = book.width_us

    def load(self, width_us: int, max_panes: int, order: list[int]) -> PaneBook:
        """A book with the stored panes, read in any order."""
        book = PaneBook(LAYOUT, width_us, max_panes)
        for start in order:
            book.restore(start, self.width_us, Summary.from_bytes(LAYOUT, self.panes[start]))
        return book

    def holds(self, book: PaneBook) -> bool:
        """Whether storage is what the book is."""
        return self.panes == {start: pane.to_bytes() for start, pane in book}


@settings(max_examples=150)
@given(timelines, max_panes_drawn, st.data())
def test_storage_can_follow_and_restart_anywhere(times: list[int], max_panes: int, data: st.DataObject) -> None:
    """Storage that applies each change equals the book; a restart at any moment changes nothing that follows."""
    rows = rows_at(times)
    storage, book = Storage(), PaneBook(LAYOUT, WIDTH_US, max_panes)
    for batch in batches(rows, data):
        book.observe_predictions(batch)
        book.observe_outcomes(batch)
        if data.draw(st.booleans()):
            storage.follow(book)
            assert storage.holds(book)
            if data.draw(st.booleans()):
                order = data.draw(st.permutations(sorted(storage.panes)))
                book = storage.load(WIDTH_US, max_panes, list(order))
                assert book.take_changes() == ({}, set())
    storage.follow(book)
    width, panes = by_definition(rows, max_panes)
    assert (book.width_us, dict(book)) == (width, panes)
    assert storage.holds(book)


@settings(max_examples=150)
@given(timelines, max_panes_drawn, max_panes_drawn, st.integers(0, 3), st.data())
def test_a_restart_under_another_configuration_keeps_every_count(
    times: list[int], before: int, after: int, doublings: int, data: st.DataObject
) -> None:
    """A wider first width or another cap regroups the stored panes, in any order; storage keeps no relics."""
    rows = rows_at(times)
    old = PaneBook(LAYOUT, WIDTH_US, before)
    old.observe_predictions(rows)
    old.observe_outcomes(rows)
    storage = Storage()
    storage.follow(old)
    order = data.draw(st.permutations(sorted(storage.panes)))
    new = storage.load(WIDTH_US << doublings, after, list(order))
    assert len(new) <= after
    storage.follow(new)
    assert storage.holds(new)
    expected = (
        max(narrowest(rows, before), narrowest(rows, after), WIDTH_US << doublings) if len(rows) else new.width_us
    )
    assert new.width_us == expected
    total = PaneSeries(LAYOUT, new.width_us, tuple(new)).total()
    assert total == PaneSeries(LAYOUT, old.width_us, tuple(old)).total()


def test_panes_at_mixed_widths_join_at_the_coarsest() -> None:
    """Stored panes of two widths, whichever is read first, end in panes of the coarser one."""
    fine = {start: Summary.zero(LAYOUT) for start in (0, WIDTH_US, 5 * WIDTH_US)}
    for pane in fine.values():
        pane.observe_predictions(rows_at([0]))
    coarse = Summary.zero(LAYOUT)
    coarse.observe_predictions(rows_at([8, 9, 10]))
    stored = [(start, WIDTH_US, pane) for start, pane in fine.items()] + [(8 * WIDTH_US, 4 * WIDTH_US, coarse)]
    for order in (stored, stored[::-1]):
        book = PaneBook(LAYOUT, WIDTH_US, 10)
        for start, width, pane in order:
            book.restore(start, width, pane.copy())
        assert book.width_us == 4 * WIDTH_US
        assert {start: pane.n_predictions for start, pane in book} == {0: 2, 4 * WIDTH_US: 1, 8 * WIDTH_US: 3}
        changed, dropped = book.take_changes()
        assert {*changed} >= {0, 4 * WIDTH_US}
        assert dropped == {WIDTH_US, 5 * WIDTH_US}


@given(timelines, max_panes_drawn, st.integers(1, 4), st.data())
def test_partitions_join_to_the_panes_of_one(times: list[int], max_panes: int, n: int, data: st.DataObject) -> None:
    """The series of several partitions add up, in any order, to all rows in panes of the coarsest width."""
    rows = rows_at(times)
    at = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=len(rows), max_size=len(rows))), np.int64)
    series = []
    for partition in range(n):
        book = PaneBook(LAYOUT, WIDTH_US, max_panes)
        book.observe_predictions(rows[at == partition])
        book.observe_outcomes(rows[at == partition])
        series.append(PaneSeries(LAYOUT, book.width_us, tuple((start, pane.copy().freeze()) for start, pane in book)))
    joined = join_series(LAYOUT, data.draw(st.permutations(series)))
    assert joined.width_us == max(one.width_us for one in series)
    assert [start for start, _ in joined.panes] == np.unique(
        rows["predicted_at"] // joined.width_us * joined.width_us
    ).tolist()
    whole = Summary.zero(LAYOUT)
    whole.observe_predictions(rows)
    whole.observe_outcomes(rows)
    assert joined.total() == whole


def test_no_series_join_to_nothing() -> None:
    """Before any partition reports there is a series without panes whose total is zero."""
    assert join_series(LAYOUT, []).total() == Summary.zero(LAYOUT)


def test_changes_are_reported_once() -> None:
    """A pane is reported after it changed, and not again until it changes."""
    book = PaneBook(LAYOUT, WIDTH_US, 4)
    book.observe_predictions(rows_at([1, 3], START_US))
    changed, dropped = book.take_changes()
    assert ([*changed], dropped) == ([START_US + WIDTH_US, START_US + 3 * WIDTH_US], set())
    assert book.take_changes() == ({}, set())
    book.observe_outcomes(rows_at([3], START_US))
    assert [*book.take_changes()[0]] == [START_US + 3 * WIDTH_US]
    book.observe_outcomes(rows_at([]))
    assert book.take_changes() == ({}, set())


@pytest.mark.parametrize("arguments", [(0, 2), (-1, 2), (1, 1)])
def test_panes_need_a_width_and_room_for_two(arguments: Any) -> None:
    """A width of nothing and a cap under two are refused."""
    with pytest.raises(ValueError, match="panes need a positive width"):
        PaneBook(LAYOUT, *arguments)
