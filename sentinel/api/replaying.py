"""A stream of rows replayed against a baseline: the loop, the store contract and the judge of the command line."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import pyarrow as pa

from sentinel.api.baseline import Baseline, given_baseline
from sentinel.api.inspection import PREDICTION, inspect, outcome_part, repeated_ids, warn
from sentinel.api.progress import Progress
from sentinel.api.result import Result
from sentinel.api.rows import Given, as_rows
from sentinel.api.settings import with_settings
from sentinel.app.models import watch
from sentinel.app.replay import ROWS_PER_LOOK
from sentinel.app.replay import replay as run
from sentinel.clock import SystemClock
from sentinel.config.columns import Columns
from sentinel.config.model import Model
from sentinel.diagnosis.report import Report
from sentinel.errors import FatalError
from sentinel.events.batch import DeadLetter
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.events.schema import Task
from sentinel.ingest.replay import ReplaySource
from sentinel.ingest.replay_schedules import ScheduledBackfills

_REFUSED_KEPT: Final = 10_000
Rows: TypeAlias = Path | pa.Table


def replay(
    stream: Given,
    baseline: Baseline | str | os.PathLike[str],
    *,
    outcomes: Given | None = None,
    backfills: Given | None = None,
    columns: Mapping[str, str] | None = None,
    alerts: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Result:
    """Replay live rows as the daemon would have seen them, and judge them against a baseline.

    On the same rows the report is that of `sentinel replay`, byte for byte.

    Parameters
    ----------
    stream : DataFrame, Arrow table, or path
        Predictions in the order in which they were made: ``prediction_id``, ``predicted_at``, ``score``, the features,
        and unless ``outcomes`` are given ``outcome`` and ``outcome_at``. Rows without an outcome wait for it.
    baseline : Baseline or path
    outcomes : DataFrame, Arrow table, or path, optional
        ``prediction_id``, ``outcome`` and ``outcome_at`` of their own. The latest outcome of an id counts.
    backfills : DataFrame, Arrow table, or path, optional
        ``prediction_id`` and features recomputed afterwards for the moment of prediction.
    columns, alerts : mapping, optional
        In the place of those of the baseline.
    progress : callable, optional
        Told how much is done, 0 to 1.
    **settings
        Anything else that a configuration holds of a model and a baseline does not fix: ``outcome``, ``panes``, ...

    Returns
    -------
    Result

    Raises
    ------
    FatalError
        If the rows or the settings cannot be used; the message names the column and the mend.

    Warns
    -----
    DataWarning
        Of what was assumed, of rows that were refused, and of what the rows cannot tell.
    """
    held = given_baseline(baseline)
    chosen = with_settings(held.settings, {"columns": columns, "alerts": alerts, **settings})
    predictions, known, notes = _inspected(stream, outcomes, chosen)
    warn(notes)
    model = watch(chosen, held.artifact)
    codec = ArrowCodec(model.plan.layout.schema, chosen.columns)
    recomputed = None if backfills is None else as_rows(backfills, "backfill", {chosen.columns.prediction_id})
    source = ReplaySource(
        predictions,
        known,
        codec,
        chosen.columns,
        rows_per_batch=ROWS_PER_LOOK,
        backfills=None if recomputed is None else ScheduledBackfills(recomputed, codec),
    )
    refused: list[DeadLetter] = []

    def keep(letters: Iterable[DeadLetter]) -> None:
        refused.extend(itertools.islice(letters, _REFUSED_KEPT - len(refused)))

    def look(_: Report) -> None:
        if progress is not None:
            progress(source.fraction())

    report = run(model, source, SystemClock(), on_dead_letters=keep, on_look=look)
    warn(_shortfalls(report, refused))
    return Result(report, tuple(refused))


def _inspected(stream: Given, outcomes: Given | None, model: Model) -> tuple[Rows, Rows, list[str]]:
    """The rows of predictions and those of outcomes, one and the same where a stream holds both, and what to tell."""
    columns, task = model.columns, model.task
    roles = set(columns.roles(task).values())
    rows = as_rows(stream, "stream", roles)
    known = rows if outcomes is None else as_rows(outcomes, "outcome", roles)
    notes: list[str] = []
    if isinstance(rows, pa.Table):
        parts = [*PREDICTION[task], *(() if outcomes is not None else _outcome_parts(rows, columns, task))]
        notes += inspect(rows, "stream", columns, task, parts)
    if outcomes is not None and isinstance(known, pa.Table):
        notes += inspect(known, "outcome", columns, task, ("prediction_id", outcome_part(task), "outcome_at"))
        notes += repeated_ids(known, "outcome", columns.prediction_id, "the latest of each counts, as a correction")
    return rows, known, notes


def _outcome_parts(rows: pa.Table, columns: Columns, task: Task) -> tuple[str, ...]:
    """What a stream with outcomes has to hold; one of nulls alone has none yet, and its inputs are judged."""
    part = outcome_part(task)
    name = getattr(columns, part)
    if name not in rows.column_names:
        raise FatalError(
            f"the stream rows have no column {name!r} for {part}; mend: name it with columns={{{part!r}: ...}}, give "
            f"outcomes=FRAME, or to judge the inputs alone add an empty one: frame[{name!r}] = None"
        )
    if rows.column(name).null_count == rows.num_rows:
        return ()
    if columns.outcome_at not in rows.column_names:
        raise FatalError(
            f"the stream rows have no column {columns.outcome_at!r} for outcome_at: a replay has to know when each "
            f"outcome came; mend: name it with columns={{'outcome_at': ...}}, or add it: "
            f"frame[{columns.outcome_at!r}] = frame[{columns.predicted_at!r}] + pd.Timedelta(days=DELAY)"
        )
    return part, "outcome_at"


def _shortfalls(report: Report, refused: list[DeadLetter]) -> Iterator[str]:
    counts = report.counts
    first = f", such as row {refused[0].offset}: {refused[0].detail}" if refused else ""
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in report.dead_letters.items())
    if not counts.get("predictions", 0):
        raise FatalError(f"none of the stream rows is a valid prediction: {reasons}{first}")
    if reasons:
        yield f"rows were refused and are not counted: {reasons}{first}; Result.refused_frame() has them"
    waiting = counts.get("waiting_outcomes", 0)
    if waiting and not counts.get("joined", 0):
        yield (
            f"none of {waiting:,} outcomes met its prediction: are the ids of both the same, and do "
            "outcomes come after their predictions and within the horizon?"
        )
