"""One input partition: predictions wait for their outcomes, joined pairs are counted, and all of it is one transaction.

Whether an event counts is decided by event times and by the order of its own topic, so that re-reading the log gives
the same counts however it is cut into batches and however the two topics interleave. What is promised, exactly:

* Predictions: which are refused (expired, duplicate) depends on the predictions topic alone.
* Outcomes: the Summaries are the same as long as each on-time outcome is read while its prediction is held, which is
  the horizon and a grace of event time; and with at most two outcomes read ahead of one prediction.
* Tallies: the same, too, but for outcomes that come when their prediction is about to be let go (late or orphaned, by
  where a batch ends) and for late ones among several read ahead of their prediction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sentinel.events.batch import (
    F64,
    I64,
    U64,
    Bool,
    DeadLetter,
    EventBatch,
    Origin,
    Outcomes,
    Predictions,
    Reason,
)
from sentinel.events.rankings import RELEVANCE, Relevances
from sentinel.pipeline import tally as results
from sentinel.pipeline.ahead import GRADED_HEADER, N_CORRECTED, N_DUPLICATE, orphans, remember, settle_for
from sentinel.pipeline.backfills import BackfillJoin
from sentinel.pipeline.backlog import OutcomeBacklog
from sentinel.pipeline.checkpoint import put_checkpoint, read_checkpoint
from sentinel.pipeline.halves import HalfJoin
from sentinel.pipeline.hold import NEVER
from sentinel.pipeline.layout_books import LayoutBooks
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.protocol import JoinStore, U8Matrix
from sentinel.pipeline.stored_rows import rounds, rows_of
from sentinel.pipeline.tally import Tally
from sentinel.summaries.checks import check_dtype, check_predictions, has_findings
from sentinel.summaries.outcome import stored_values, with_outcomes, write_outcomes
from sentinel.summaries.panes import PaneSeries
from sentinel.summaries.rows import HEADER, JOINED, ORPHAN, PENDING, Rows, bin_predictions, row_dtype

EXPIRY_BATCH = 50_000

_FOREVER = 1 << 62


class PartitionPipeline:
    """The state of one input partition, owned by one thread.

    Parameters
    ----------
    partition : int
    store : JoinStore
        Restored from, and committed to; closed by the caller.
    plans : sequence of ModelPlan
        One for each (model, version).
    expire_until : callable
        From the watermark to the moment before which rows may expire; the watermark itself by default.
    """

    def __init__(
        self,
        partition: int,
        store: JoinStore,
        plans: Sequence[ModelPlan],
        expire_until: Callable[[int], int] = lambda watermark: watermark,
    ) -> None:
        self._expire_until = expire_until
        self._backlog = OutcomeBacklog()
        self.partition = partition
        self.tally = Tally()
        self.watermark = NEVER
        self.expired_until = self.joined_until = NEVER
        self.positions: dict[str, int] = {}
        self._store = store
        self._plans = {plan.key: plan for plan in plans}
        self._ahead = GRADED_HEADER if any(plan.layout.n_ranked for plan in plans) else HEADER
        self._keep_by_model: dict[str, int] = defaultdict(int)
        for plan in plans:
            model = plan.layout.model
            self._keep_by_model[model] = max(self._keep_by_model[model], plan.keep_us)
        self.layouts = self._restored_layouts()
        self._by_id, self._books = self.layouts.plans, self.layouts.books
        self._halves = HalfJoin(partition, store, self.tally)
        self._backfills = BackfillJoin(store, self.tally, self._by_id, self._books, self._keep_by_model, self._widen)

    # -- events in ----------------------------------------------------------------------------------------------

    def process(self, batch: EventBatch) -> list[DeadLetter]:
        """Count one batch. Nothing is durable before :meth:`checkpoint`.

        Returns
        -------
        list of DeadLetter
            All that were refused, by the codec or here (duplicate ids, predictions older than the horizon, requests
            whose response never came).
        """
        completed, unpaired = self._halves.take(batch.halves)
        self.tally.refuse(batch.dead_letters)
        for kind, n in batch.passed_over.items():
            self.tally.count(kind, results.PASSED_OVER, n)
        refused = [*unpaired, *self._predictions([g for g in (*batch.predictions, *completed) if len(g)])]
        self.tally.refuse(refused)
        self._outcomes([group for group in batch.outcomes if len(group)])
        self._backfills.apply(batch.backfills)
        self.positions.update(batch.positions)
        self._expire(self._backlog.until(self.watermark, batch))
        return [*batch.dead_letters, *refused]

    def _predictions(self, groups: Sequence[Predictions]) -> list[DeadLetter]:
        if not groups:
            return []
        plans = [self._plans[g.schema.model, g.schema.version] for g in groups]
        sizes = [len(g) for g in groups]
        keys = np.concatenate([g.keys for g in groups])
        times = np.concatenate([g.predicted_at for g in groups])
        order = np.argsort(np.concatenate([g.origin.offsets for g in groups]), kind="stable")
        newest = np.empty_like(times)  # the latest prediction time up to and with each row, in log order
        newest[order] = np.maximum.accumulate(np.maximum(times[order], self.watermark))
        self.watermark = int(newest[order[-1]])
        expired = times + np.repeat([plan.keep_us for plan in plans], sizes) < newest
        duplicate = np.zeros(len(keys), np.bool_)
        stored = np.concatenate([self._binned(plan, g) for plan, g in zip(plans, groups, strict=True)])
        checked = self._checked(plans, groups)
        alive = order[~expired[order]]
        for members in rounds(keys[alive]):
            at = alive[members]
            duplicate[at] = self._admit(keys[at], stored[at], newest[at], checked[at])
        return self._refused(groups, expired, duplicate)

    def _binned(self, plan: ModelPlan, group: Predictions) -> U8Matrix:
        layout_id = self.layouts.numbers[plan.layout.digest]
        return self._widen(bin_predictions(plan.layout, group, layout_id, plan.trained_on))

    @staticmethod
    def _checked(plans: Sequence[ModelPlan], groups: Sequence[Predictions]) -> U8Matrix:
        """The check rows of all groups one after the other; of width 0 where nothing can be found."""
        parts = [check_predictions(plan.layout, group) for plan, group in zip(plans, groups, strict=True)]
        found = any(part is not None for part in parts)
        width = max(check_dtype(plan.layout).itemsize for plan in plans) if found else 0
        result = np.zeros((sum(map(len, groups)), width), np.uint8)
        start = 0
        for group, part in zip(groups, parts, strict=True):
            if part is not None:
                result[start : start + len(part), : part.dtype.itemsize] = part.view(np.uint8).reshape(len(part), -1)
            start += len(group)
        return result

    def _admit(self, keys: U64, stored: U8Matrix, newest: I64, checked: U8Matrix) -> Bool:
        """Take predictions of distinct ids in; True where the id is already counted."""
        layouts = rows_of(stored)["layout"]
        found, held = self._store.get(keys)
        ahead = rows_of(held, self._ahead)
        if found.any():
            found &= ~self._let_go(found, held, layouts, newest)
        early = found & (ahead["state"] == ORPHAN)
        duplicate: Bool = found & ~early
        for layout_id in np.unique(layouts[~duplicate]).tolist():
            at = np.flatnonzero(~duplicate & (layouts == layout_id))
            self._count_checks(layout_id, checked[at])
            self._accept(layout_id, keys[at], stored[at], np.flatnonzero(early[at]), ahead[at], newest[at])
        return duplicate

    def _let_go(self, found: Bool, held: U8Matrix, layouts: npt.NDArray[np.uint16], newest: I64) -> Bool:
        """Settle held rows whose time was over when the new prediction of their id was logged.

        Batches end somewhere, and rows expire at their ends; the counts must not show where that was.
        """
        headers = rows_of(held)
        orphans = headers["state"] == ORPHAN
        predicted_until = headers["predicted_at"] + self._keep_us[np.minimum(headers["layout"], len(self._keep_us) - 1)]
        until = np.where(orphans, headers["outcome_at"] + self._keep_ahead_us[layouts], predicted_until)
        over: Bool = found & (until < newest)
        if over.any():
            self._settle(held[over])
        return over

    def _count_checks(self, layout_id: int, checked: U8Matrix) -> None:
        if checked.shape[1]:
            rows = rows_of(checked, check_dtype(self._by_id[layout_id].layout))
            self._books[layout_id].observe_checks(rows[has_findings(rows)])

    def _accept(self, layout_id: int, keys: U64, stored: U8Matrix, early: I64, ahead: Rows, newest: I64) -> None:
        """Count new predictions of one layout; those at ``early`` have outcomes waiting in ``ahead``."""
        plan, book = self._by_id[layout_id], self._books[layout_id]
        rows = rows_of(stored, row_dtype(plan.layout))
        book.observe_predictions(rows)
        self._backfills.meet(layout_id, keys, rows, newest)
        if len(early):
            settled = settle_for(ahead[early], rows["predicted_at"][early] + plan.horizon_us)
            at, settled = early[settled.on_time], settled.take(settled.on_time)
            rows[at] = with_outcomes(plan.layout, rows[at], settled.values, settled.times, settled.graded)
            book.observe_outcomes(rows[at])
            self.joined_until = max(self.joined_until, int(settled.times.max(initial=NEVER)))
            self.tally.n_waiting -= len(early)
            self.tally.count("outcome", results.JOINED, len(at), plan.key)
            self.tally.count("outcome", results.LATE, len(early) - len(at), plan.key)
            self.tally.note(plan.key, results.JOINED, len(at))
            for name, seen in ((results.DUPLICATE, N_DUPLICATE), (results.CORRECTED, N_CORRECTED)):
                self.tally.note(plan.key, f"outcome_{name}", int(ahead[seen][early].sum()))
        self._store.put(keys, rows["predicted_at"] + plan.keep_us, stored)
        self.tally.count("prediction", results.ACCEPTED, len(rows), plan.key)

    def _refused(self, groups: Sequence[Predictions], expired: Bool, duplicate: Bool) -> list[DeadLetter]:
        refused: list[DeadLetter] = []
        start = 0
        for group in groups:
            part = slice(start, start + len(group))
            start = part.stop
            key = group.schema.model, group.schema.version
            self.tally.note(key, "prediction_expired", int(expired[part].sum()))
            self.tally.note(key, "prediction_duplicate", int(duplicate[part].sum()))
            gone = np.flatnonzero(expired[part] | duplicate[part]).tolist()
            refused.extend(_refuse(group.origin, row, expired=bool(expired[part][row])) for row in gone)
        return refused

    def _outcomes(self, groups: Sequence[Outcomes]) -> None:
        if not groups:
            return
        order = np.argsort(np.concatenate([g.origin.offsets for g in groups]), kind="stable")
        keys = np.concatenate([g.keys for g in groups])[order]
        values = np.concatenate([g.outcomes for g in groups])[order]
        times = np.concatenate([g.outcome_at for g in groups])[order]
        keep_us = np.repeat([self._keep_by_model[g.model] for g in groups], [len(g) for g in groups])[order]
        graded = self._graded(groups)
        graded = None if graded is None else graded[order]
        for members in rounds(keys):
            some = None if graded is None else graded[members]
            self._unique_outcomes(keys[members], values[members], times[members], keep_us[members], some)

    def _graded(self, groups: Sequence[Outcomes]) -> Relevances | None:
        """Grades of items of all outcomes, none for those of other tasks; None where no model is a ranking."""
        if self._ahead is HEADER:
            return None
        return np.concatenate([np.zeros(len(g), RELEVANCE) if g.relevances is None else g.relevances for g in groups])

    def _unique_outcomes(self, keys: U64, values: F64, times: I64, keep_us: I64, graded: Relevances | None) -> None:
        """Apply outcomes of distinct predictions."""
        found, stored = self._store.get(keys)
        headers = rows_of(stored, self._ahead)
        known = found & (headers["state"] == ORPHAN)
        self._start_waiting(keys, values, times, keep_us, np.flatnonzero(~found), graded)
        self._go_on_waiting(keys, values, times, keep_us, np.flatnonzero(known), headers, graded)
        joining = np.flatnonzero(found & ~known)
        layouts = headers["layout"][joining]
        for layout_id in np.unique(layouts).tolist():
            at = joining[layouts == layout_id]
            if layout_id not in self._by_id:  # predicted under a baseline that is no longer configured
                self.tally.count("outcome", results.STALE, len(at))
                continue
            self._join(layout_id, keys[at], stored[at], values[at], times[at], None if graded is None else graded[at])

    def _start_waiting(
        self, keys: U64, values: F64, times: I64, keep_us: I64, at: I64, graded: Relevances | None
    ) -> None:
        if len(at):
            self.tally.n_waiting += len(at)
            rows = orphans(values[at], times[at], None if graded is None else graded[at])
            self._store.put(keys[at], times[at] + keep_us[at], self._widen(rows))

    def _go_on_waiting(
        self, keys: U64, values: F64, times: I64, keep_us: I64, at: I64, headers: Rows, graded: Relevances | None
    ) -> None:
        """Note more outcomes of predictions that are not here."""
        if not len(at):
            return
        rows = headers[at]
        same = int((rows["outcome"] == values[at]).sum())
        self.tally.count("outcome", results.DUPLICATE, same)
        self.tally.count("outcome", results.CORRECTED, len(at) - same)
        remember(rows, values[at], times[at], None if graded is None else graded[at])
        self._store.put(keys[at], rows["outcome_at"] + keep_us[at], self._widen(rows))

    def _join(
        self, layout_id: int, keys: U64, stored: U8Matrix, values: F64, times: I64, graded: Relevances | None
    ) -> None:
        plan, book = self._by_id[layout_id], self._books[layout_id]
        rows = rows_of(stored, row_dtype(plan.layout))
        late = times - rows["predicted_at"] > plan.horizon_us
        known = ~late & (rows["state"] == JOINED)
        agrees = stored_values(plan.layout, rows) == values
        fresh, corrected, repeated = ~late & ~known, known & ~agrees, known & agrees
        redone = corrected | (repeated & (times < rows["outcome_at"]))  # of equal outcomes the earlier time counts
        if redone.any():
            book.observe_outcomes(rows[redone], -1)
        write = fresh | redone
        if write.any():
            write_outcomes(plan.layout, rows, write, values, times, graded)
            book.observe_outcomes(rows if write.all() else rows[write])
            self._store.update(keys[write], stored[write])
            self.joined_until = max(self.joined_until, int(times[write].max()))
        for name, mask in (
            (results.JOINED, fresh),
            (results.CORRECTED, corrected),
            (results.DUPLICATE, repeated),
            (results.LATE, late),
        ):
            self.tally.count("outcome", name, int(mask.sum()), plan.key)
        self.tally.note(plan.key, results.JOINED, int(fresh.sum()))

    def _expire(self, until: int) -> None:
        until = NEVER if self.watermark == NEVER else min(until, self._expire_until(self.watermark))
        if until == NEVER:
            return
        self.expired_until = max(self.expired_until, until)
        while True:
            gone = self._store.expire(until, EXPIRY_BATCH)
            if len(gone):
                self._settle(gone)
            if len(gone) < EXPIRY_BATCH:
                return

    def _settle(self, gone: U8Matrix) -> None:
        """Count rows whose time is over."""
        headers = rows_of(gone)
        lone = headers["state"] == ORPHAN
        self.tally.n_waiting -= int(lone.sum())
        self.tally.count("outcome", results.ORPHANED, int(lone.sum()))
        self._backfills.settle(headers)
        predicted = (headers["state"] == PENDING) | (headers["state"] == JOINED)
        for layout_id in np.unique(headers["layout"][predicted]).tolist():
            members = predicted & (headers["layout"] == layout_id)
            unjoined = members & (headers["state"] == PENDING)
            key = self.layouts.names[layout_id]
            plan = self._by_id.get(layout_id)
            if plan is None:  # predicted under a baseline that is no longer configured: says nothing of this one
                self.tally.note(key, results.RETIRED, int(unjoined.sum()))
                continue
            self.tally.note(key, results.MATURED, int(members.sum()))
            self.tally.note(key, results.UNJOINED, int(unjoined.sum()))
            if plan.absence == "negative" and unjoined.any():
                rows = rows_of(gone[unjoined], row_dtype(plan.layout))
                rows["outcome"], rows["state"] = 0.0, JOINED
                rows["outcome_at"] = rows["predicted_at"] + plan.horizon_us
                self._books[layout_id].observe_outcomes(rows)
                self.tally.note(key, results.ASSUMED_NEGATIVE, len(rows))

    def _widen(self, rows: Rows) -> U8Matrix:
        wide = np.zeros((len(rows), self._store.row_bytes), np.uint8)
        wide[:, : rows.dtype.itemsize] = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
        return wide

    # -- state out ----------------------------------------------------------------------------------------------

    @property
    def n_pending(self) -> int:
        """Predictions that wait for their outcome."""
        return (
            self._noted("prediction_accepted")
            - self.n_joined
            - self._noted(results.UNJOINED)
            - self._noted(results.RETIRED)
        )

    def save_halves(self) -> None:
        """Write the halves that wait into the open transaction, as :meth:`checkpoint` does; the caller commits."""
        self._halves.save()

    @property
    def n_joined(self) -> int:
        """Predictions whose outcome came."""
        return self._noted(results.JOINED)

    def _noted(self, wanted: str) -> int:
        return sum(n for (_, _, name), n in self.tally.models.items() if name == wanted)

    def publish(self) -> dict[tuple[str, str], PaneSeries]:
        """All panes by (model, version), frozen for evaluation on another thread."""
        return self.layouts.publish()

    def checkpoint(self) -> dict[tuple[str, str], PaneSeries]:
        """Make everything counted so far durable, with the offsets that it covers, in one transaction.

        Returns
        -------
        dict
            The panes as committed, by (model, version).

        Raises
        ------
        StoreError
            If the store is full; nothing of the open transaction is durable then.
        """
        series = self.layouts.publish()
        self.layouts.save()
        self._halves.save()
        meta = self.layouts.meta(
            dict(sorted(self.positions.items())),
            self.watermark,
            expired_until=self.expired_until,
            joined_until=self.joined_until,
        )
        put_checkpoint(self._store, meta, self.tally)
        self._store.commit()
        self.layouts.note_commit()
        return series

    def _restored_layouts(self) -> LayoutBooks:
        """Take up what the store says of its last commit."""
        meta, self.tally = read_checkpoint(self._store, self.partition) or (None, Tally())
        if meta is not None:
            self.positions, self.watermark = meta.positions, meta.watermark
            self.expired_until, self.joined_until = meta.expired_until, meta.joined_until
        layouts = LayoutBooks(self._store, self._plans.values(), meta)
        n_layouts = len(layouts.numbers)
        self._keep_us = np.full(n_layouts + 1, _FOREVER)  # by layout; rows of others go when the store says so
        self._keep_ahead_us = np.full(n_layouts + 1, _FOREVER)
        for number, plan in layouts.plans.items():
            self._keep_us[number] = plan.keep_us
            self._keep_ahead_us[number] = self._keep_by_model[plan.layout.model]
        return layouts


def _refuse(origin: Origin, row: int, *, expired: bool) -> DeadLetter:
    if expired:
        return origin.dead_letter(row, Reason.EXPIRED, "predicted longer ago than the outcome horizon and its grace")
    return origin.dead_letter(
        row, Reason.DUPLICATE, "a prediction with this id is already counted; the first one stays"
    )
