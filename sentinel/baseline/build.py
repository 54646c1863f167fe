"""Builds a baseline from validation rows, and from the training rows where they are given."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sentinel import __version__
from sentinel.baseline.artifact import Baseline, BaselineMeta
from sentinel.baseline.bloom import BloomFilter
from sentinel.baseline.checks import Facts, check
from sentinel.baseline.estimates import offline_estimates
from sentinel.baseline.manifest import read_manifest
from sentinel.baseline.plan import plan_layout
from sentinel.baseline.profile import DELAY, Profile, profile_table, role_names
from sentinel.baseline.reading import BATCH_ROWS, TableFile, open_table
from sentinel.baseline.sampling import RepeatedKeys
from sentinel.baseline.slicing import crossed_columns
from sentinel.config.model import Columns, Model
from sentinel.errors import BaselineError
from sentinel.events.batch import I64, DeadLetter
from sentinel.events.codecs.arrow import ArrowCodec, Labelled
from sentinel.events.codecs.arrow_columns import as_times, column_of
from sentinel.events.schema import EventSchema
from sentinel.events.times import BAD_TIME
from sentinel.summaries.algebra import Summary
from sentinel.summaries.fingerprints import fingerprint_columns, mix, row_fingerprints
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import LABELLED, bin_predictions

Progress = Callable[[int, int, str], None]

SECONDS_PER_DAY = 86_400.0
DEFAULT_HORIZON_SECONDS = 30 * SECONDS_PER_DAY
"""How long to wait for outcomes where the file does not tell when they were known."""
_HORIZON_PER_DELAY = 2.0
_SAMPLED_IDS = 1 << 15
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def build_baseline(
    model: Model,
    validation: Path,
    train: Path | None = None,
    manifest: Path | None = None,
    *,
    now_us: int,
    progress: Progress | None = None,
    batch_rows: int = BATCH_ROWS,
) -> Baseline:
    """Read the validation rows twice (what is there, then the counts) and the training rows once, in bounded memory.

    Parameters
    ----------
    model : Model
    validation : Path
        Parquet or CSV: scored rows with their outcomes, as offline evaluation saw them. Without a column for the
        time of the outcome, all outcomes count, and their delay is unknown.
    train : Path, optional
        The rows that the model was trained on; no score is needed.
    manifest : Path, optional
    now_us : int, microseconds since the epoch
        Goes into the artifact as its moment of creation.
    progress : callable, optional
        Told (rows done, rows in all, name of the phase).
    batch_rows : int
        Rows held at once; changes nothing else.

    Returns
    -------
    Baseline

    Raises
    ------
    BaselineError
        If a file cannot be read, lacks a column that is needed, or has no usable row.
    """
    columns = model.columns
    tell = progress or _quiet
    stated = read_manifest(manifest) if manifest is not None else {}
    text = (columns.prediction_id, columns.group)
    file = open_table(validation, batch_rows=batch_rows, text=text)
    train_file = open_table(train, batch_rows=batch_rows, text=text) if train is not None else None
    _require(file, columns)
    profile = profile_table(
        file,
        columns,
        model.features,
        crossed_columns(model.slices),
        lambda done: tell(done, file.n_rows, "reading columns"),
    )
    layout, identifiers = plan_layout(model, profile)
    trained = _Train() if train_file is None else _read_train(train_file, layout, columns, now_us, tell)
    counted = _count(file, layout, columns, trained, tell)
    if not counted.summary.n_predictions:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(counted.n_rejected.items()))
        raise BaselineError(f"{file.path}: none of {file.n_rows} rows is a valid prediction: {reasons}")
    if not counted.summary.n_outcomes:
        raise BaselineError(f"{file.path}: no row has an outcome, so there is nothing to estimate")
    meta = _meta(model, layout, profile, identifiers, stated, trained, counted, now_us)
    return Baseline(layout, counted.summary.freeze(), meta, trained.rows, trained.entities)


@dataclass(slots=True)
class _Train:
    """What the training rows leave behind."""

    rows: BloomFilter | None = None
    entities: BloomFilter | None = None
    n_rows: int | None = None
    first_us: int | None = None
    last_us: int | None = None


@dataclass(slots=True)
class _Counted:
    """What the second pass over the validation rows adds up."""

    summary: Summary
    n_rejected: Counter[str] = field(default_factory=Counter)
    repeated: RepeatedKeys = field(default_factory=lambda: RepeatedKeys(_SAMPLED_IDS))
    repeated_inputs: RepeatedKeys = field(default_factory=lambda: RepeatedKeys(_SAMPLED_IDS))
    max_delay_us: int | None = None
    n_before_train_end: int = 0
    n_row_overlap: int = 0
    n_entity_overlap: int = 0


def _quiet(done: int, total: int, phase: str) -> None:
    del done, total, phase


def _require(file: TableFile, columns: Columns) -> None:
    for part in ("prediction_id", "predicted_at", "score", "outcome"):
        name = getattr(columns, part)
        if name not in file.schema.names:
            there = ", ".join(file.schema.names[:12])
            raise BaselineError(
                f"{file.path}: there is no column {name!r} for {part}; name it under columns (there are: {there})"
            )


def _read_train(file: TableFile, layout: Layout, columns: Columns, now_us: int, tell: Progress) -> _Train:
    codec = ArrowCodec(layout.schema, columns)
    names = set(file.schema.names)
    wanted = [c.name for c in layout.schema.columns if c.name in names]
    wanted += [name for name in (columns.predicted_at, columns.group) if name in names]
    if not wanted:
        raise BaselineError(f"{file.path}: shares no feature column with the validation file")
    salt = _salt(layout, now_us)
    result = _Train(rows=BloomFilter.sized_for(file.n_rows, salt), n_rows=0)
    if columns.group in names:
        result.entities = BloomFilter.sized_for(file.n_rows, int(mix(np.array([salt], np.uint64))[0]))
    for table in file.batches(wanted):
        numeric, _, categorical = codec.inputs(table)
        if result.rows is not None:
            result.rows.add(fingerprint_columns(layout.schema, numeric, categorical))
        if result.entities is not None:
            groups = codec.groups(table)
            result.entities.add(groups[groups != 0])
        _extend(result, table, columns)
        result.n_rows = (result.n_rows or 0) + table.num_rows
        tell(result.n_rows, file.n_rows, "reading training rows")
    return result


def _salt(layout: Layout, now_us: int) -> int:
    """A salt of its own for each baseline, yet the same for the same inputs."""
    seed = hashlib.sha256(f"{layout.digest} {now_us}".encode()).digest()
    return int.from_bytes(seed[:8], "little")


def _extend(result: _Train, table: pa.Table, columns: Columns) -> None:
    column = column_of(table, columns.predicted_at)
    if column is None:
        return
    times = as_times(column)
    times = times[times != BAD_TIME]
    if len(times):
        first, last = int(times.min()), int(times.max())
        result.first_us = first if result.first_us is None else min(result.first_us, first)
        result.last_us = last if result.last_us is None else max(result.last_us, last)


def _count(file: TableFile, layout: Layout, columns: Columns, trained: _Train, tell: Progress) -> _Counted:
    codec = ArrowCodec(layout.schema, columns)
    inputs = {column.name for column in layout.schema.columns}
    roles = set(role_names(columns))
    wanted = [name for name in file.schema.names if name in inputs or name in roles]
    result = _Counted(Summary.zero(layout))
    n_done = 0
    for table in file.batches(wanted):
        labelled, refused = codec.labelled(_with_outcome_times(table, columns), first_offset=n_done)
        n_done += table.num_rows
        result.n_rejected.update(_reasons(refused))
        if labelled is not None:
            _add(result, layout, labelled)
            _compare(result, labelled, trained)
        tell(n_done, file.n_rows, "counting")
    return result


def _with_outcome_times(table: pa.Table, columns: Columns) -> pa.Table:
    """Let an outcome without a time stand at its prediction: offline, all outcomes are known."""
    if columns.outcome_at in table.schema.names:
        return table
    return table.append_column(columns.outcome_at, table.column(columns.predicted_at))


def _reasons(refused: list[DeadLetter]) -> Counter[str]:
    return Counter(letter.reason.value for letter in refused)


def _add(result: _Counted, layout: Layout, labelled: Labelled) -> None:
    """Count as the pipeline does: predictions first, then those whose outcome is known."""
    rows = bin_predictions(layout, labelled.predictions)
    result.summary.observe_predictions(rows)
    known = labelled.known
    joined = rows if known.all() else rows[known]
    joined["state"] = LABELLED
    joined["outcome"] = labelled.outcomes[known]
    joined["outcome_at"] = labelled.outcome_at[known]
    result.summary.observe_outcomes(joined)
    if len(joined):
        delay = int((joined["outcome_at"] - joined["predicted_at"]).max())
        result.max_delay_us = delay if result.max_delay_us is None else max(result.max_delay_us, delay)


def _compare(result: _Counted, labelled: Labelled, trained: _Train) -> None:
    predictions = labelled.predictions
    outcomes = np.where(labelled.known, labelled.outcomes, -1.0)
    moments = predictions.predicted_at.view(np.uint64)
    content = mix(mix(moments ^ predictions.scores.view(np.uint64)) ^ outcomes.view(np.uint64))
    result.repeated.add(predictions.keys, content)
    if trained.last_us is not None:
        result.n_before_train_end += int((predictions.predicted_at <= trained.last_us).sum())
    if trained.rows is not None:
        inputs = row_fingerprints(predictions)
        result.repeated_inputs.add(inputs, inputs)
        result.n_row_overlap += int(trained.rows.contains(inputs).sum())
    if trained.entities is not None:
        groups = predictions.groups
        result.n_entity_overlap += int(trained.entities.contains(groups[groups != 0]).sum())


def _meta(
    model: Model,
    layout: Layout,
    profile: Profile,
    identifiers: tuple[str, ...],
    manifest: Mapping[str, Any],
    trained: _Train,
    counted: _Counted,
    now_us: int,
) -> BaselineMeta:
    repeated, repeated_different = counted.repeated.ratios()
    facts = Facts(
        summary=counted.summary,
        manifest=manifest,
        identifiers=identifiers,
        repeated_ratio=repeated,
        repeated_different_ratio=repeated_different,
        train_first_us=trained.first_us,
        train_last_us=trained.last_us,
        n_before_train_end=counted.n_before_train_end,
        n_rejected=counted.n_rejected,
        n_row_overlap=None if trained.rows is None else counted.n_row_overlap,
        row_overlap_by_chance_ratio=0.0 if trained.rows is None else trained.rows.false_positive_ratio(),
        repeated_inputs_ratio=counted.repeated_inputs.ratios()[0],
    )
    delays = _delays(profile, counted.max_delay_us)
    notes = dict(profile.notes) | dict.fromkeys(identifiers, "an identifier: most rows have a value of their own")
    return BaselineMeta(
        model=model.name,
        version=model.version,
        task=model.task,
        schema_version=_schema_version(layout.schema),
        created_at=rfc3339(now_us),
        generated_by=f"sentinel {__version__}",
        n_rows=counted.summary.n_predictions,
        n_train_rows=trained.n_rows,
        n_rejected=dict(sorted(counted.n_rejected.items())),
        validation_start=rfc3339(int(counted.summary["first_predicted_at"][0])),
        validation_end=rfc3339(int(counted.summary["last_predicted_at"][0])),
        train_start=None if trained.first_us is None else rfc3339(trained.first_us),
        train_end=None if trained.last_us is None else rfc3339(trained.last_us),
        manifest=dict(manifest),
        outcome_delay_seconds=delays,
        horizon_seconds=_horizon(model, delays),
        n_row_overlap=facts.n_row_overlap,
        n_entity_overlap=None if trained.entities is None else counted.n_entity_overlap,
        estimates=offline_estimates(counted.summary),
        ignored=notes,
        checks=check(facts),
    )


def _delays(profile: Profile, max_delay_us: int | None) -> dict[str, float] | None:
    delays = np.sort(profile.rows[DELAY].astype(np.float64))
    delays = delays[~np.isnan(delays)]
    if not len(delays) or max_delay_us is None:
        return None
    ranks: I64 = np.ceil(np.array([0.5, 0.9, 0.99]) * len(delays)).astype(np.int64) - 1
    quantiles = dict(zip(("p50", "p90", "p99"), delays[ranks].tolist(), strict=True))
    return {**quantiles, "max": max_delay_us / 1e6}


def _horizon(model: Model, delays: Mapping[str, float] | None) -> float:
    if model.outcome.horizon is not None:
        return float(model.outcome.horizon)
    if delays is None:
        return DEFAULT_HORIZON_SECONDS
    return max(SECONDS_PER_DAY, _HORIZON_PER_DELAY * delays["max"])


def _schema_version(schema: EventSchema) -> str:
    digest = hashlib.sha256()
    for column in schema.columns:
        digest.update(repr((column.name, column.kind, column.vocabulary)).encode())
    return digest.hexdigest()[:12]


def rfc3339(at_us: int) -> str:
    """Write an instant.

    Examples
    --------
    >>> rfc3339(1_500_000)
    '1970-01-01T00:00:01.500000Z'
    """
    moment = _EPOCH + timedelta(microseconds=at_us)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
