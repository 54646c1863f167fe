"""Builds a baseline from validation rows, and from the training rows where they are given."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sentinel import __version__
from sentinel.audit.engine import Engine, Tell
from sentinel.audit.files.manifest import read_manifest, without_values
from sentinel.audit.files.reading import BATCH_ROWS, TableFile, held_table, open_table
from sentinel.audit.scan import Given
from sentinel.baseline.arrival import LONGEST_HORIZON_SECONDS, SECONDS_PER_DAY
from sentinel.baseline.artifact import Baseline, BaselineMeta
from sentinel.baseline.audited import audited, failures, informed
from sentinel.baseline.checks import Facts, check, worst_first
from sentinel.baseline.counting import Counted, answered, count_validation, read_offline_rows
from sentinel.baseline.encodings import Encodings
from sentinel.baseline.estimates import offline_estimates
from sentinel.baseline.evidence import AuditEvidence, RepairedEstimate
from sentinel.baseline.plan import IDENTIFIER, parts_of_the_audit, plan_layout
from sentinel.baseline.profile import DELAY, Profile, profile_table
from sentinel.baseline.repairs import Rescore, at_serving_defaults, without_copies, without_time_overlap
from sentinel.baseline.static import static_evidence
from sentinel.baseline.training import Training, read_training
from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.columns import Columns
from sentinel.config.model import Model
from sentinel.config.times import rfc3339
from sentinel.errors import BaselineError
from sentinel.events.batch import I64
from sentinel.events.codecs.arrow import ArrowCodec, OfflineRows
from sentinel.events.hash_key import HashKey
from sentinel.events.schema import EventSchema, Task
from sentinel.summaries.layout import Layout
from sentinel.summaries.rows import bin_predictions
from sentinel.summaries.trained import SEEN_ENTITY, SEEN_ROW, n_marked

DEFAULT_HORIZON_SECONDS = 30 * SECONDS_PER_DAY
"""How long to wait for outcomes where the file does not tell when they were known."""
_HORIZON_PER_DELAY = 2.0


def build_baseline(
    model: Model,
    validation: Path | pa.Table,
    train: Path | pa.Table | None = None,
    manifest: Path | Mapping[str, Any] | None = None,
    *,
    now_us: int,
    rescore: Rescore | None = None,
    progress: Tell | None = None,
    batch_rows: int = BATCH_ROWS,
    hash_key: HashKey | None = None,
    audit: bool = True,
    engine: Engine | None = None,
) -> Baseline:
    """Read the validation rows twice (what is there, then the counts) and the training rows once, in bounded memory.

    Parameters
    ----------
    model : Model
    validation : Path or Table
        Parquet, CSV, or a table in memory: scored rows with their outcomes, as offline evaluation saw them. Without
        a column for the time of the outcome, all outcomes count, and their delay is unknown.
    train : Path or Table, optional
        The rows that the model was trained on; no score is needed.
    manifest : Path or mapping, optional
        A mapping has been read already.
    now_us : int, microseconds since the epoch
        Goes into the artifact as its moment of creation.
    rescore : callable, optional
        The model. With it, the rows are scored again with each feature of the manifest's ``serving_defaults``, or with
        a ``serving_default`` in the configuration, at that value: what the offline estimate would have been, had the
        feature been served as it is live. Where both name a feature, the manifest wins.
    progress : callable, optional
        Told (rows done, rows in all, name of the phase).
    batch_rows : int
        Rows held at once; changes nothing else.
    hash_key : HashKey, optional
        Goes into the hashes of entities and rows; live events then need the same.
    audit : bool
        Whether to audit the files, where there are training rows; both are then read twice more.
    engine : Engine, optional
        Who reads the files: this process by default. Changes nothing but where the work is done; ``rescore`` is
        called in this process in any case.

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
    stated = read_manifest(manifest) if isinstance(manifest, Path) else dict(manifest or {})
    file = _opened(validation, "validation", columns, batch_rows)
    train_file = None if train is None else _opened(train, "train", columns, batch_rows)
    _require(file, columns, model.task)
    profile = profile_table(
        file,
        columns,
        model.features,
        lambda done: tell(done, file.n_rows, "reading columns"),
        model.task,
        model.ranks,
        engine,
        parts_of_the_audit(model),
    )
    layout, left_out = plan_layout(model, profile)
    encodings = Encodings.of(profile, layout)
    trained = Training(hash_key=hash_key)
    if train_file is not None:
        # Where silence is negative, only a prediction's age tells which training rows are.
        pooled = None if model.outcome.absence == "negative" else encodings
        trained = read_training(train_file, layout, columns, stated, tell, pooled, hash_key, engine)
    counted = count_validation(file, layout, model, trained, stated, tell, encodings, engine)
    if not counted.summary.n_predictions:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(counted.n_rejected.items()))
        raise BaselineError(f"{file.path}: none of {file.n_rows} rows is a valid prediction: {reasons}")
    if not counted.summary.n_outcomes:
        raise BaselineError(f"{file.path}: no row has an outcome, so there is nothing to estimate")
    repairs = _repairs(file, layout, model, counted, stated, rescore, tell)
    evidence = None
    if audit and train is not None:
        given = Given(model, validation, train, stated, hash_key=hash_key)
        evidence = audited(given, now_us=now_us, progress=tell, batch_rows=batch_rows, engine=engine)
    there = frozenset(file.schema.names)
    meta = _meta(model, layout, profile, left_out, stated, trained, counted, repairs, evidence, there, now_us)
    return Baseline(layout, counted.summary.freeze(), meta, trained.rows, trained.entities)


def _opened(rows: Path | pa.Table, name: str, columns: Columns, batch_rows: int) -> TableFile:
    if isinstance(rows, Path):
        return open_table(rows, batch_rows=batch_rows, text=(columns.prediction_id, columns.group))
    return held_table(rows, name, batch_rows=batch_rows)


def _quiet(done: int, total: int, phase: str) -> None:
    del done, total, phase


def _require(file: TableFile, columns: Columns, task: Task) -> None:
    said: Mapping[str, tuple[str, ...]] = {"multiclass": ("outcome",), "ranking": ("items", "relevance")}
    for part in ("prediction_id", "predicted_at", *said.get(task, ("score", "outcome"))):
        name = getattr(columns, part)
        if name not in file.schema.names:
            there = ", ".join(file.schema.names[:12])
            raise BaselineError(
                f"{file.path}: there is no column {name!r} for {part}; name it under columns (there are: {there})"
            )


def _repairs(
    file: TableFile,
    layout: Layout,
    model: Model,
    counted: Counted,
    manifest: Mapping[str, Any],
    rescore: Rescore | None,
    tell: Tell,
) -> tuple[RepairedEstimate, ...]:
    """The offline AUC with what these files allow taken out; overlaps are taken out when live is known."""
    found: list[RepairedEstimate] = []
    if counted.static.n_not_later:
        found.append(without_time_overlap(counted.summary["outcomes"], counted.static.later))
    if counted.static.has_copies:
        found.append(without_copies(counted.summary["outcomes"], counted.static.originals))
    defaults = _serving_defaults(file, model, manifest)
    if rescore is not None and defaults:
        codec = ArrowCodec(layout.schema, model.columns)

        def decode(table: pa.Table, first_offset: int) -> OfflineRows | None:
            offline = read_offline_rows(codec, layout, model, table, first_offset)[0]
            if offline is None:
                return None
            return answered(layout, offline, bin_predictions(layout, offline.predictions))

        found.extend(at_serving_defaults(file, layout, decode, rescore, defaults, tell))
    return tuple(found)


def _serving_defaults(file: TableFile, model: Model, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What features are served as: as configured, and as the manifest states, which was written for these rows."""
    configured = {name: feature.serving_default for name, feature in model.features.items()}
    known = {name: v for name, v in configured.items() if v is not None and name in file.schema.names}
    return known | dict(manifest.get("serving_defaults") or {})


def _meta(
    model: Model,
    layout: Layout,
    profile: Profile,
    left_out: Mapping[str, str],
    manifest: Mapping[str, Any],
    trained: Training,
    counted: Counted,
    repairs: tuple[RepairedEstimate, ...],
    evidence: AuditEvidence | None,
    there: frozenset[str],
    now_us: int,
) -> BaselineMeta:
    repeated, repeated_different = counted.repeated.ratios()
    static = informed(static_evidence(counted.static, counted.summary), evidence)
    delays = _delays(profile, counted.max_delay_us)
    facts = Facts(
        summary=counted.summary,
        manifest=manifest,
        identifiers=tuple(name for name, why in left_out.items() if why == IDENTIFIER),
        repeated_ratio=repeated,
        repeated_different_ratio=repeated_different,
        train_first_us=trained.first_us,
        train_last_us=trained.last_us,
        n_before_train_end=counted.static.n_not_later,
        n_rejected=counted.n_rejected,
        longest_delay_seconds=0.0 if delays is None else delays["max"],
        static=static,
        train_lacks=trained.lacking,
        repeated_inputs_ratio=counted.repeated_inputs.ratios()[0],
        declared=model.features,
        columns=there,
    )
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
        manifest=without_values(manifest),
        outcome_delay_seconds=delays,
        horizon_seconds=_horizon(model, delays),
        n_row_overlap=None if trained.rows is None else n_marked(counted.summary["marks"], SEEN_ROW),
        n_entity_overlap=None if trained.entities is None else n_marked(counted.summary["marks"], SEEN_ENTITY),
        estimates=offline_estimates(counted.summary),
        ignored={**profile.notes, **left_out},
        checks=worst_first((*check(facts), *failures(evidence))),
        static=static,
        repairs=repairs,
        hash_key=None if trained.hash_key is None else trained.hash_key.fingerprint,
        audit=evidence,
    )


def _delays(profile: Profile, max_delay_us: int | None) -> dict[str, float] | None:
    delays = np.sort(profile.rows[DELAY].astype(np.float64))
    delays = delays[~np.isnan(delays)]
    if not len(delays) or max_delay_us is None:
        return None
    ranks: I64 = np.ceil(np.array([0.5, 0.9, 0.99]) * len(delays)).astype(np.int64) - 1
    quantiles = dict(zip(("p50", "p90", "p99"), delays[ranks].tolist(), strict=True))
    return {**quantiles, "max": max_delay_us / MICROSECONDS_PER_SECOND}


def _horizon(model: Model, delays: Mapping[str, float] | None) -> float:
    if model.outcome.horizon is not None:
        return float(model.outcome.horizon)
    if delays is None:
        return DEFAULT_HORIZON_SECONDS
    return min(max(SECONDS_PER_DAY, _HORIZON_PER_DELAY * delays["max"]), LONGEST_HORIZON_SECONDS)


def _schema_version(schema: EventSchema) -> str:
    digest = hashlib.sha256()
    for column in schema.columns:
        digest.update(repr((column.name, column.kind, column.vocabulary)).encode())
    return digest.hexdigest()[:12]
