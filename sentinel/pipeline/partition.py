"""One input partition: predictions wait for their outcomes, joined pairs are counted, and all of it is one transaction.

Whether an outcome counts is decided by event times alone, never by how far processing has come, so that re-reading the
log gives the same counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from sentinel.events.batch import (
    F64,
    I64,
    U64,
    DeadLetter,
    EventBatch,
    Origin,
    Outcomes,
    Predictions,
    Reason,
)
from sentinel.pipeline import tally as results
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.protocol import JoinStore, U8Matrix
from sentinel.pipeline.tally import Tally
from sentinel.summaries.algebra import Summary
from sentinel.summaries.panes import PaneBook, PaneSeries
from sentinel.summaries.rows import HEADER, LABELLED, ORPHAN, PENDING, Rows, bin_predictions, row_dtype

EXPIRY_BATCH = 50_000
_NO_LAYOUT = 0xFFFF
_NEVER = np.iinfo(np.int64).min

STATE_META, STATE_TALLY = "meta", "tally"


class _Meta(msgspec.Struct):
    """The checkpoint's small part."""

    positions: dict[str, int]
    watermark: int
    layouts: dict[str, int]
    widths: dict[int, int]


class PartitionPipeline:
    """The state of one input partition, owned by one thread.

    Parameters
    ----------
    partition : int
    store : JoinStore
        Restored from, and committed to; closed by the caller.
    plans : sequence of ModelPlan
        One for each (model, version).
    """

    def __init__(self, partition: int, store: JoinStore, plans: Sequence[ModelPlan]) -> None:
        self.partition = partition
        self.tally = Tally()
        self.watermark = _NEVER
        self.positions: dict[str, int] = {}
        self._store = store
        self._plans = {plan.key: plan for plan in plans}
        self._keep_by_model: dict[str, int] = defaultdict(int)
        for plan in plans:
            model = plan.layout.model
            self._keep_by_model[model] = max(self._keep_by_model[model], plan.keep_us)
        self._layout_ids: dict[str, int] = {}
        self._books: dict[int, PaneBook] = {}
        self._by_id: dict[int, ModelPlan] = {}
        self._published: dict[int, dict[int, Summary]] = defaultdict(dict)
        self._unsaved: dict[int, set[int]] = defaultdict(set)
        self._vanished: dict[int, set[int]] = defaultdict(set)
        self._restore()

    # -- events in ----------------------------------------------------------------------------------------------

    def process(self, batch: EventBatch) -> list[DeadLetter]:
        """Count one batch. Nothing is durable before :meth:`checkpoint`.

        Returns
        -------
        list of DeadLetter
            All that were refused, by the codec or here (duplicate ids, predictions older than the horizon).
        """
        self.tally.refuse(batch.dead_letters)
        self.tally.count("backfill", results.IGNORED, batch.n_backfills)
        refused = self._predictions(batch.predictions) if batch.predictions else []
        self.tally.refuse(refused)
        if batch.outcomes:
            self._outcomes(batch.outcomes)
        self.positions.update(batch.positions)
        if not batch.outcomes_behind:
            self._expire()
        return [*batch.dead_letters, *refused]

    def _predictions(self, groups: Sequence[Predictions]) -> list[DeadLetter]:
        refused: list[DeadLetter] = []
        keep = self._fresh_rows(groups, refused)
        for key, members in _by_model_version(groups).items():
            plan = self._plans[key]
            layout_id = self._layout_ids[plan.layout.digest]
            rows = np.concatenate([bin_predictions(plan.layout, groups[g], layout_id)[keep[g]] for g in members])
            keys = np.concatenate([groups[g].keys[keep[g]] for g in members])
            if len(rows):
                self._wait_or_join(plan, layout_id, keys, rows)
        return refused

    def _fresh_rows(self, groups: Sequence[Predictions], refused: list[DeadLetter]) -> list[npt.NDArray[np.bool_]]:
        """Which rows of each group are neither repeated nor too old; the first of equal ids wins, in log order."""
        sizes = np.cumsum([len(g) for g in groups])[:-1]
        keys = np.concatenate([g.keys for g in groups])
        times = np.concatenate([g.predicted_at for g in groups])
        keeps = np.concatenate([np.full(len(g), self._plans[g.schema.model, g.schema.version].keep_us) for g in groups])
        offsets = np.concatenate([g.origin.offsets for g in groups])
        order = np.argsort(offsets, kind="stable")
        newest = np.empty_like(times)  # the latest prediction time up to and with each row, in log order
        newest[order] = np.maximum.accumulate(np.maximum(times[order], self.watermark))
        self.watermark = int(newest[order[-1]])
        expired = times + keeps < newest
        duplicate = self._held(keys) | _repeated(keys, offsets)
        origins = [(g.origin, row) for g in groups for row in range(len(g))] if (expired | duplicate).any() else []
        gone = np.flatnonzero(expired | duplicate).tolist()
        refused.extend(_refuse(*origins[at], expired=bool(expired[at])) for at in gone)
        for g, dead in zip(groups, np.split(expired, sizes), strict=True):
            self.tally.note((g.schema.model, g.schema.version), "prediction_expired", int(dead.sum()))
        for g, dead in zip(groups, np.split(duplicate & ~expired, sizes), strict=True):
            self.tally.note((g.schema.model, g.schema.version), "prediction_duplicate", int(dead.sum()))
        return np.split(~(expired | duplicate), sizes)

    def _held(self, keys: U64) -> npt.NDArray[np.bool_]:
        found, stored = self._store.get(keys)
        predicted: npt.NDArray[np.bool_] = found & (_headers(stored)["state"] != ORPHAN)
        return predicted

    def _wait_or_join(self, plan: ModelPlan, layout_id: int, keys: U64, rows: Rows) -> None:
        found, stored = self._store.get(keys)
        if found.any():
            early = _headers(stored)
            rows["outcome"] = np.where(found, early["outcome"], 0.0)
            rows["outcome_at"] = np.where(found, early["outcome_at"], 0)
            on_time = found & (rows["outcome_at"] - rows["predicted_at"] <= plan.horizon_us)
            rows["state"] = np.where(on_time, LABELLED, PENDING)
            self.tally.note(plan.key, "outcome_late", int((found & ~on_time).sum()))
        book = self._books[layout_id]
        book.observe_predictions(rows)
        joined = rows[rows["state"] == LABELLED]
        if len(joined):
            book.observe_outcomes(joined)
        self._store.put(keys, rows["predicted_at"] + plan.keep_us, self._widen(rows))
        self.tally.count("prediction", results.ACCEPTED, len(rows), plan.key)
        self.tally.note(plan.key, results.JOINED, len(joined))

    def _outcomes(self, groups: Sequence[Outcomes]) -> None:
        keys = np.concatenate([g.keys for g in groups])
        order = np.argsort(np.concatenate([g.origin.offsets for g in groups]), kind="stable")
        values = np.concatenate([g.outcomes for g in groups])[order]
        times = np.concatenate([g.outcome_at for g in groups])[order]
        keep_us = np.concatenate([np.full(len(g), self._keep_by_model[g.model]) for g in groups])[order]
        for members in _rounds(keys[order]):
            self._unique_outcomes(keys[order][members], values[members], times[members], keep_us[members])

    def _unique_outcomes(self, keys: U64, values: F64, times: I64, keep_us: I64) -> None:
        """Apply outcomes of distinct predictions."""
        found, stored = self._store.get(keys)
        headers = _headers(stored)
        lone = ~found | (headers["state"] == ORPHAN)
        self._keep_orphans(keys[lone], values[lone], times[lone], keep_us[lone], found[lone], headers[lone])
        waiting = np.flatnonzero(~lone)
        for layout_id in np.unique(headers["layout"][waiting]).tolist():
            members = waiting[headers["layout"][waiting] == layout_id]
            if layout_id not in self._by_id:  # predicted under a baseline that is no longer configured
                self.tally.count("outcome", results.STALE, len(members))
                continue
            self._join(layout_id, keys[members], stored[members], values[members], times[members])

    def _keep_orphans(self, keys: U64, values: F64, times: I64, keep_us: I64, known: Any, headers: Rows) -> None:
        if not len(keys):
            return
        same = known & (headers["outcome"] == values)
        self.tally.count("outcome", results.DUPLICATE, int(same.sum()))
        self.tally.count("outcome", results.CORRECTED, int((known & ~same).sum()))
        self.tally.count("outcome", results.WAITING, int((~known).sum()))
        new = ~same
        rows = np.zeros(int(new.sum()), HEADER)
        rows["layout"], rows["state"] = _NO_LAYOUT, ORPHAN
        rows["outcome"], rows["outcome_at"] = values[new], times[new]
        self._store.put(keys[new], times[new] + keep_us[new], self._widen(rows))

    def _join(self, layout_id: int, keys: U64, stored: U8Matrix, values: F64, times: I64) -> None:
        plan, book = self._by_id[layout_id], self._books[layout_id]
        dtype = row_dtype(plan.layout)
        rows: Rows = np.ascontiguousarray(stored[:, : dtype.itemsize]).view(dtype)[:, 0]
        late = times - rows["predicted_at"] > plan.horizon_us
        labelled = rows["state"] == LABELLED
        same = labelled & (rows["outcome"] == values) & ~late
        changed = labelled & ~same & ~late
        fresh = ~labelled & ~late
        if changed.any():
            book.observe_outcomes(rows[changed], -1)
        write = changed | fresh
        rows["outcome"] = np.where(write, values, rows["outcome"])
        rows["outcome_at"] = np.where(write, times, rows["outcome_at"])
        rows["state"] = np.where(write, LABELLED, rows["state"])
        if write.any():
            book.observe_outcomes(rows[write])
            self._store.update(keys[write], self._widen(rows[write]))
        for name, mask in (
            (results.JOINED, fresh),
            (results.CORRECTED, changed),
            (results.DUPLICATE, same),
            (results.LATE, late),
        ):
            self.tally.count("outcome", name, int(mask.sum()), plan.key)
        self.tally.note(plan.key, results.JOINED, int(fresh.sum()))

    def _expire(self) -> None:
        if self.watermark == _NEVER:
            return
        while True:
            gone = self._store.expire(self.watermark, EXPIRY_BATCH)
            if len(gone):
                self._settle(gone)
            if len(gone) < EXPIRY_BATCH:
                return

    def _settle(self, gone: U8Matrix) -> None:
        """Count rows whose time is over."""
        headers = _headers(gone)
        orphans = headers["state"] == ORPHAN
        self.tally.count("outcome", results.ORPHANED, int(orphans.sum()))
        for layout_id in np.unique(headers["layout"][~orphans]).tolist():
            plan = self._by_id.get(layout_id)
            if plan is None:
                continue
            members = headers["layout"] == layout_id
            unlabelled = members & (headers["state"] == PENDING)
            self.tally.note(plan.key, results.MATURED, int(members.sum()))
            self.tally.note(plan.key, results.UNLABELLED, int(unlabelled.sum()))
            if plan.absence == "negative" and unlabelled.any():
                dtype = row_dtype(plan.layout)
                rows: Rows = np.ascontiguousarray(gone[unlabelled][:, : dtype.itemsize]).view(dtype)[:, 0]
                rows["outcome"], rows["state"] = 0.0, LABELLED
                rows["outcome_at"] = rows["predicted_at"] + plan.horizon_us
                self._books[layout_id].observe_outcomes(rows)
                self.tally.note(plan.key, results.ASSUMED_NEGATIVE, len(rows))

    def _widen(self, rows: Rows) -> U8Matrix:
        wide = np.zeros((len(rows), self._store.row_bytes), np.uint8)
        wide[:, : rows.dtype.itemsize] = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
        return wide

    # -- state out ----------------------------------------------------------------------------------------------

    @property
    def n_pending(self) -> int:
        """Predictions that wait for their outcome."""
        counts = self.tally.models
        accepted, joined, unlabelled = (
            sum(n for (_, _, name), n in counts.items() if name == wanted)
            for wanted in ("prediction_accepted", results.JOINED, results.UNLABELLED)
        )
        return accepted - joined - unlabelled

    def publish(self) -> dict[tuple[str, str], PaneSeries]:
        """Freeze what changed and give out all panes, for evaluation on another thread."""
        series = {}
        for layout_id, book in self._books.items():
            changed, dropped = book.take_changes()
            frozen = self._published[layout_id]
            for start in dropped:
                frozen.pop(start, None)
            frozen.update({start: pane.frozen() for start, pane in changed.items()})
            self._unsaved[layout_id] = (self._unsaved[layout_id] | changed.keys()) - dropped
            self._vanished[layout_id] = (self._vanished[layout_id] | dropped) - changed.keys()
            panes = tuple(sorted(frozen.items()))
            series[self._by_id[layout_id].key] = PaneSeries(book.layout, book.width_us, panes)
        return series

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
        series = self.publish()
        for layout_id, starts in self._unsaved.items():
            for start in starts:
                self._store.put_state(_pane_name(layout_id, start), self._published[layout_id][start].to_bytes())
        for layout_id, starts in self._vanished.items():
            for start in starts:
                self._store.put_state(_pane_name(layout_id, start), None)
        widths = {layout_id: book.width_us for layout_id, book in self._books.items()}
        meta = _Meta(dict(sorted(self.positions.items())), self.watermark, self._layout_ids, widths)
        self._store.put_state(STATE_META, msgspec.msgpack.encode(meta))
        self._store.put_state(STATE_TALLY, self.tally.to_bytes())
        self._store.commit()
        self._unsaved.clear()
        self._vanished.clear()
        return series

    def _restore(self) -> None:
        widths: dict[int, int] = {}
        stored = self._store.get_state(STATE_META)
        if stored is not None:
            meta = msgspec.msgpack.decode(stored, type=_Meta)
            self.positions, self.watermark = meta.positions, meta.watermark
            self._layout_ids, widths = meta.layouts, meta.widths
            self.tally = Tally.from_bytes(self._store.get_state(STATE_TALLY) or Tally().to_bytes())
        for plan in self._plans.values():
            layout_id = self._layout_ids.setdefault(plan.layout.digest, len(self._layout_ids))
            self._by_id[layout_id] = plan
            book = self._books[layout_id] = PaneBook(plan.layout, plan.pane_width_us, plan.max_panes)
            prefix = _pane_name(layout_id)
            for name in self._store.state_names(prefix):
                pane = Summary.from_bytes(plan.layout, self._store.get_state(name) or b"")
                book.restore(int(name.removeprefix(prefix)), widths.get(layout_id, plan.pane_width_us), pane)


def _pane_name(layout_id: int, start: int | str = "") -> str:
    return f"pane/{layout_id}/{start}"


def _headers(stored: U8Matrix) -> Rows:
    rows: Rows = np.ascontiguousarray(stored[:, : HEADER.itemsize]).view(HEADER)[:, 0]
    return rows


def _by_model_version(groups: Sequence[Predictions]) -> Mapping[tuple[str, str], list[int]]:
    members: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, group in enumerate(groups):
        members[group.schema.model, group.schema.version].append(at)
    return members


def _repeated(keys: U64, offsets: I64) -> npt.NDArray[np.bool_]:
    """Marks every occurrence of a key but the first, in log order."""
    order = np.lexsort((offsets, keys))
    repeated = np.zeros(len(keys), np.bool_)
    repeated[order[1:]] = keys[order[1:]] == keys[order[:-1]]
    return repeated


def _rounds(keys: U64) -> list[I64]:
    """Split indices so that no round repeats a key and each key keeps its order; one round as a rule."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]]
    if first.all():
        return [np.arange(len(keys))]
    starts = np.flatnonzero(first)
    occurrence = np.arange(len(keys)) - np.repeat(starts, np.diff(np.r_[starts, len(keys)]))
    return [np.sort(order[occurrence == nth]) for nth in range(int(occurrence.max()) + 1)]


def _refuse(origin: Origin, row: int, *, expired: bool) -> DeadLetter:
    if expired:
        return origin.dead_letter(row, Reason.EXPIRED, "predicted longer ago than the outcome horizon and its grace")
    return origin.dead_letter(
        row, Reason.DUPLICATE, "a prediction with this id is already counted; the first one stays"
    )
