"""Backfills join like outcomes: they find their prediction's row in the store, or wait for it there under a key beside.

The rules, exactly:

* A backfill counts for the prediction that is held under its id, whenever it comes: it has no time of its own.
* A later backfill of the same prediction replaces the earlier one, feature by feature; it is tallied as a duplicate.
* One that comes before its prediction waits as long as an outcome received at that moment would; what then has no
  prediction yet is orphaned. One that comes after its prediction was let go is orphaned in the same way.
* One that names no feature of the model is tallied as empty, and says nothing.

So the counts are the same for any batches and any interleaving of the topics, as long as each backfill is read while
its prediction is held, and all backfills of one prediction come by one topic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sentinel.events.batch import I64, U64, Backfills, Bool
from sentinel.pipeline import tally as results
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.protocol import JoinStore, U8Matrix
from sentinel.pipeline.stored_rows import rounds, rows_of
from sentinel.pipeline.tally import Tally
from sentinel.summaries.backfilled import note_backfill, pack_bits, recomputed_bins, unpack_bits
from sentinel.summaries.fingerprints import mix
from sentinel.summaries.panes import PaneBook
from sentinel.summaries.rows import HEADER, JOINED, PENDING, RECOMPUTED, SPENT, Rows, row_dtype

KIND = "backfill"
_MARK = 1 << 16
"""Stands for a layout number, above all of them. A waiting backfill has a row for each version and one more, the mark,
that the tally counts: so it is counted once, whatever versions are configured when it comes, is met, or is let go."""
_N_REPEATS, _IS_MARK = "score_bin", "spare"
"""Fields that a mark has no other use for: repeats, for the version that is not known before the prediction comes."""

Binned = Mapping[int, tuple[npt.NDArray[np.uint8], Bool]]


class BackfillJoin:
    """The part of one partition's join that backfills take; shares its store, its panes and its tally.

    Parameters
    ----------
    store : JoinStore
    tally : Tally
    plans : mapping of layout number to ModelPlan
    books : mapping of layout number to PaneBook
    keep_by_model : mapping of model to microseconds
        How long what came ahead of its prediction waits.
    widen : callable
        Pads rows to the store's width.
    """

    def __init__(
        self,
        store: JoinStore,
        tally: Tally,
        plans: Mapping[int, ModelPlan],
        books: Mapping[int, PaneBook],
        keep_by_model: Mapping[str, int],
        widen: Callable[[Rows], U8Matrix],
    ) -> None:
        self._store, self._tally, self._plans, self._books = store, tally, plans, books
        self._keep_by_model, self._widen = keep_by_model, widen

    def apply(self, groups: Sequence[Backfills]) -> None:
        """Take backfills in, group by group, each in the order of its topic."""
        for group in groups:
            binned = self._binned(group)
            named = np.zeros(len(group), np.bool_)
            for _, given in binned.values():
                named |= given.any(axis=1)
            self._tally.count(KIND, results.EMPTY, int((~named).sum()))
            for members in rounds(group.keys[named]):
                self._apply_unique(group, np.flatnonzero(named)[members], binned)

    def meet(self, layout_id: int, keys: U64, rows: Rows, newest: I64) -> None:
        """Give new predictions the backfills that waited for them, in place, and count those.

        Parameters
        ----------
        layout_id : int
        keys : uint64 array, shape (n,)
        rows : shape (n,), of that layout
            Counted as predictions, not yet with an outcome.
        newest : int64 array, shape (n,), microseconds since the epoch, UTC
            The latest prediction time when each was logged: what had waited too long by then is orphaned, whether or
            not a batch ended in between.
        """
        if not self._tally.n_backfills_waiting:
            return
        plan = self._plans[layout_id]
        marks, marked = self._waiting(keys, _MARK, HEADER)
        waiting, waits = self._waiting(keys, layout_id, row_dtype(plan.layout))
        at = np.flatnonzero(marked & waits)
        if not len(at):
            return
        self._spend(keys[at], plan.layout.model)
        self._tally.n_backfills_waiting -= len(at)
        on_time = marks["outcome_at"][at] + self._keep_by_model[plan.layout.model] >= newest[at]
        self._tally.count(KIND, results.ORPHANED, int((~on_time).sum()))
        at = at[on_time]
        here, came = rows[at], waiting[at]
        given = unpack_bits(came["given"], len(plan.layout.features)).astype(np.bool_)
        note_backfill(plan.layout, here, came["features"], given)
        rows[at] = here
        self._books[layout_id].observe_backfills(here)
        self._tally.count(KIND, results.JOINED, len(at), plan.key)
        self._tally.note(plan.key, f"{KIND}_{results.DUPLICATE}", int(marks[_N_REPEATS][at].sum()))

    def settle(self, headers: Rows) -> None:
        """Count waiting backfills whose time is over: their prediction never came."""
        gone = int(((headers["state"] == RECOMPUTED) & (headers[_IS_MARK] == 1)).sum())
        self._tally.n_backfills_waiting -= gone
        self._tally.count(KIND, results.ORPHANED, gone)

    def _binned(self, group: Backfills) -> Binned:
        """Bins and named features under each configured layout of the model."""
        layouts = {plan.key: layout_id for layout_id, plan in self._plans.items()}
        numbers = [(layouts.get((one.schema.model, one.schema.version)), one) for one in group.inputs]
        return {n: recomputed_bins(self._plans[n].layout, one) for n, one in numbers if n is not None}

    def _apply_unique(self, group: Backfills, at: I64, binned: Binned) -> None:
        """Apply backfills of distinct predictions."""
        found, stored = self._store.get(group.keys[at])
        headers = rows_of(stored)
        held = found & ((headers["state"] == PENDING) | (headers["state"] == JOINED))
        for layout_id in np.unique(headers["layout"][held]).tolist():
            some = np.flatnonzero(held & (headers["layout"] == layout_id))
            if layout_id not in binned:  # predicted under a baseline that is no longer configured
                self._tally.count(KIND, results.STALE, len(some))
                continue
            bins, given = binned[layout_id]
            self._compare(layout_id, group.keys[at[some]], stored[some], bins[at[some]], given[at[some]])
        early = at[~held]
        if len(early):
            self._wait(group, early, binned)

    def _compare(self, layout_id: int, keys: U64, stored: U8Matrix, bins: npt.NDArray[np.uint8], given: Bool) -> None:
        plan, book = self._plans[layout_id], self._books[layout_id]
        rows = rows_of(stored, row_dtype(plan.layout))
        again = rows["backfilled"] == 1
        if again.any():
            book.observe_backfills(rows[again], -1)
        note_backfill(plan.layout, rows, bins, given)
        book.observe_backfills(rows)
        self._store.update(keys, stored)
        self._tally.count(KIND, results.JOINED, int((~again).sum()), plan.key)
        self._tally.count(KIND, results.DUPLICATE, int(again.sum()), plan.key)

    def _wait(self, group: Backfills, at: I64, binned: Binned) -> None:
        """Keep backfills whose prediction is not here: a row for each version that may prove to be the one."""
        received_at = group.received_at[at]
        until = received_at + self._keep_by_model[group.model]
        marks, again = self._waiting(group.keys[at], _MARK, HEADER)
        marks[~again] = np.zeros(1, HEADER)
        marks["state"], marks[_IS_MARK], marks["outcome_at"] = RECOMPUTED, 1, received_at
        marks[_N_REPEATS] += again & (marks[_N_REPEATS] < np.iinfo(np.uint16).max)
        self._store.put(_beside(group.keys[at], _MARK), until, self._widen(marks))
        self._tally.n_backfills_waiting += int((~again).sum())
        self._tally.count(KIND, results.DUPLICATE, int(again.sum()))
        for layout_id, (bins, given) in binned.items():
            rows, waits = self._waiting(group.keys[at], layout_id, row_dtype(self._plans[layout_id].layout))
            rows[~(again & waits)] = np.zeros(1, rows.dtype)
            rows["state"] = RECOMPUTED
            rows["features"] = np.where(given[at], bins[at], rows["features"])
            rows["given"] |= pack_bits(given[at])
            self._store.put(_beside(group.keys[at], layout_id), until, self._widen(rows))

    def _waiting(self, keys: U64, layout_id: int, dtype: np.dtype[np.void]) -> tuple[Rows, Bool]:
        """Rows beside some predictions, and which of them are backfills that wait."""
        found, stored = self._store.get(_beside(keys, layout_id))
        rows = rows_of(stored, dtype)
        return rows, found & (rows["state"] == RECOMPUTED)

    def _spend(self, keys: U64, model: str) -> None:
        """Mark waiting backfills as used: they go when their time is over."""
        configured = [layout_id for layout_id, plan in self._plans.items() if plan.layout.model == model]
        for layout_id in (_MARK, *configured):
            beside = _beside(keys, layout_id)
            _, stored = self._store.get(beside)
            rows_of(stored)["state"] = SPENT
            self._store.update(beside, stored)


def _beside(keys: U64, layout_id: int) -> U64:
    """Where a prediction's backfill waits for it: a key of its own for each layout."""
    return mix(keys + mix(np.array([layout_id + 1], np.uint64)))
