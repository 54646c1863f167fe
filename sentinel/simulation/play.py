"""Play a trial: offline rows, a trained model, production, and the truth about all of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.times import rfc3339_of
from sentinel.simulation import copies, drifts, frames, models, serving
from sentinel.simulation.causes import LATER_RATIOS, ONSET_RATIOS, VARIANTS, Mechanism, mechanism
from sentinel.simulation.law import HISTORY_DAYS, Law, Setting
from sentinel.simulation.leaks import FutureEncoding, FutureValue, WholeHistoryCount
from sentinel.simulation.learner import auc
from sentinel.simulation.rows import F64, Field, Mask, Rows
from sentinel.simulation.scenario import Availability, SimulatedStream, SplitProtocol, Truth
from sentinel.simulation.strength import GAPS
from sentinel.simulation.worlds import GENERATORS, NEGATIVE_BY_ABSENCE

if TYPE_CHECKING:
    from sentinel.simulation.leaks import Leak
    from sentinel.simulation.nuisances import Nuisances
    from sentinel.simulation.plan import TrialPlan

_WORLD, _LAW, _OFFLINE, _MODEL, _STREAM, _FINISH, _PLANT = range(7)
"""Each step has random numbers of its own, so that what one cause draws leaves the others as they were."""
_GAP_COLUMNS = 4
_BACKFILLED = 0.5
_ACTED_UPON = 0.2
"""Share of the predictions, the highest, that someone acts on."""
_FEWEST_OF_CLASS = 3
"""Rows of either outcome in each part."""
_LATEST = 0.7
"""Share of the history after which a split by time puts rows into validation."""


@dataclass(frozen=True, slots=True)
class _Planted:
    """One cause of this trial."""

    cause: str
    variant: str
    onset_ratio: float
    loss: float
    does: Mechanism
    rng: np.random.Generator


@dataclass(slots=True)
class _Offline:
    """What the team had before the launch."""

    law: Law
    fields: tuple[Field, ...]
    train: Rows
    validation: Rows
    leaks: list[Leak]
    uncopied: Rows | None = None
    """Validation rows before some became copies."""


@dataclass(slots=True)
class _Live:
    """What production brought."""

    rows: Rows
    recomputed: F64
    culprits: list[str]
    old: list[str]


def play(plan: TrialPlan) -> SimulatedStream:
    """Draw the world of a trial, train its model on what was planted, and score what production brings.

    Parameters
    ----------
    plan : TrialPlan

    Returns
    -------
    SimulatedStream
        The same for the same plan, bit for bit.

    Raises
    ------
    MissingExtraError
        If scikit-learn is not installed.
    """
    number = list(GENERATORS).index(plan.generator)
    rngs = [np.random.default_rng([plan.seed, number, 3, step]) for step in range(_PLANT + 1)]
    planted = _planted(plan, rngs[_PLANT])
    offline = _draw_offline(plan, planted, rngs)
    score = _train(plan.nuisances, planted, offline, rngs[_MODEL])
    live = _draw_live(plan.nuisances, planted, offline, score, rngs[_STREAM])
    return _finish(plan, planted, offline, live, score, rngs[_FINISH])


def _planted(plan: TrialPlan, rng: np.random.Generator) -> list[_Planted]:
    chosen = [(plan.cause, plan.variant, plan.onset_ratio)]
    if plan.second_cause is not None:
        variant = str(rng.choice(VARIANTS[plan.second_cause]))
        onset = float(rng.uniform(*ONSET_RATIOS)) if plan.second_cause in LATER_RATIOS else 0.0
        chosen.append((plan.second_cause, variant, onset))
    return [
        _Planted(c, v, onset, GAPS[plan.severity], mechanism(c, v, plan.severity, plan.nuisances, own), own)
        for (c, v, onset), own in zip(chosen, rng.spawn(len(chosen)), strict=True)
    ]


def _draw_offline(plan: TrialPlan, planted: list[_Planted], rngs: list[np.random.Generator]) -> _Offline:
    nuisances = plan.nuisances
    setting = Setting.of(nuisances)
    for item in planted:
        setting = item.does.prepare(setting) if item.does.prepare else setting
    law = Law(GENERATORS[plan.generator](nuisances, rngs[_WORLD]), nuisances, setting, rngs[_LAW])
    train, validation = _split(law, nuisances, rngs[_OFFLINE])
    offline = _Offline(law, law.fields, train, validation, [])
    for item in planted:
        if item.does.leak is not None:
            _add_leak(offline, item.does.leak(law), item.rng)
    hide = _hidden_columns(law, nuisances)
    offline.train = _hide(offline.train, hide, nuisances.missing_ratio, rngs[_OFFLINE])
    offline.validation = _hide(offline.validation, hide, nuisances.missing_ratio, rngs[_OFFLINE])
    for item in planted:
        if item.does.copies is not None:
            kind, ratio = item.does.copies
            offline.uncopied = offline.validation
            offline.train, offline.validation = copies.copy_rows(
                kind, ratio, offline.train, offline.validation, offline.fields, item.rng
            )
    return offline


def _split(law: Law, nuisances: Nuisances, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Draw training and validation rows as the setting's protocol has it, with both classes in each."""
    setting = law.setting
    is_time = setting.protocol == "time"
    edge = -HISTORY_DAYS * (1.0 - _LATEST) if is_time else 0.0
    entity = law.entities(nuisances.n_train, "train", rng)
    train = law.draw(rng.uniform(-HISTORY_DAYS, edge, nuisances.n_train), entity, rng)
    overlap = setting.overlap_ratio
    if overlap is None:
        overlap = 0.0 if setting.protocol == "group" else setting.returning_ratio
    n = setting.n_validation
    entity = law.entities(n, "validation", rng, train.entity, overlap)
    validation = law.draw(rng.uniform(edge if is_time else -HISTORY_DAYS, 0.0, n), entity, rng)
    return _both_classes(train), _both_classes(validation)


def _both_classes(rows: Rows) -> Rows:
    """Put the likeliest rows into a class that fewer than three are of; no estimate could be made otherwise."""
    outcome = rows.outcome.copy()
    order = np.argsort(rows.log_odds, kind="stable")
    if outcome.sum() < _FEWEST_OF_CLASS:
        outcome[order[-_FEWEST_OF_CLASS:]] = 1
    if (1 - outcome).sum() < _FEWEST_OF_CLASS:
        outcome[order[:_FEWEST_OF_CLASS]] = 0
    return replace(rows, outcome=outcome)


def _add_leak(offline: _Offline, leak: Leak, rng: np.random.Generator) -> None:
    train, validation = leak.offline(offline.train, offline.validation, rng)
    offline.train = replace(offline.train, x=np.column_stack([offline.train.x, train]))
    offline.validation = replace(offline.validation, x=np.column_stack([offline.validation.x, validation]))
    offline.fields = (*offline.fields, *leak.fields)
    offline.leaks.append(leak)


def _hidden_columns(law: Law, nuisances: Nuisances) -> tuple[int, ...]:
    """Columns with honest gaps: every third, but never a slice, so that slices stay what they are."""
    if not nuisances.missing_ratio:
        return ()
    names = law.world.slices
    return tuple(i for i, field in enumerate(law.fields) if field.name not in names)[::3][:_GAP_COLUMNS]


def _hide(rows: Rows, columns: tuple[int, ...], ratio: float, rng: np.random.Generator) -> Rows:
    x = rows.x.copy()
    for column in columns:
        x[rng.random(len(rows)) < ratio, column] = np.nan
    return replace(rows, x=x)


def _train(nuisances: Nuisances, planted: list[_Planted], offline: _Offline, rng: np.random.Generator) -> models.Score:
    train, validation = offline.train, offline.validation
    for item in planted:
        if item.does.n_candidates > 1:
            return models.choose(
                (train.x, train.outcome), (validation.x, validation.outcome), offline.fields,
                nuisances.learner, item.does.n_candidates, item.does.n_blended, item.rng,
            )  # fmt: skip
    if any(item.does.scales_on_all for item in planted):
        return _scaled_on_all(nuisances, offline, rng)
    seed = int(rng.integers(2**31))
    return models.fit(train.x, train.outcome, offline.fields, nuisances.learner, nuisances.capacity, seed)


def _scaled_on_all(nuisances: Nuisances, offline: _Offline, rng: np.random.Generator) -> models.Score:
    """Standardise by means and spreads of all rows first: the harmless kind of preprocessing on all."""
    together = np.concatenate([offline.train.x, offline.validation.x])
    numbers = np.array([not field.categories for field in offline.fields])
    mean = np.where(numbers, np.nanmean(together, axis=0), 0.0)
    sd = np.where(numbers, np.maximum(np.nanstd(together, axis=0), 1e-9), 1.0)
    inner = models.fit(
        (offline.train.x - mean) / sd, offline.train.outcome, offline.fields, nuisances.learner,
        nuisances.capacity, int(rng.integers(2**31)),
    )  # fmt: skip
    return lambda x: inner((x - mean) / sd)


def _draw_live(
    nuisances: Nuisances, planted: list[_Planted], offline: _Offline, score: models.Score, rng: np.random.Generator
) -> _Live:
    law, n = offline.law, nuisances.n_stream
    tilts = any(item.does.inputs or item.does.factor != 1.0 for item in planted)
    n_pool = n * drifts.POOL_FACTOR if tilts else n
    entity = law.entities(n_pool, "stream", rng, offline.train.entity, law.setting.returning_ratio)
    rows = law.draw(rng.uniform(0.0, nuisances.stream_days, n_pool), entity, rng)
    rows = _drift_harmlessly(rows, law, nuisances)
    rows, culprits = _drifted(rows, planted, offline, score, nuisances, rng)
    rows = _hide(_both_classes(rows), _hidden_columns(law, nuisances), nuisances.missing_ratio, rng)
    rows, recomputed = _with_leaks(rows, offline, rng)
    culprits += [field.name for leak in offline.leaks for field in leak.fields]
    live = _Live(rows, recomputed, culprits, [])
    for item in planted:
        if item.does.fault is not None:
            _break(live, item, offline, score, nuisances)
    return live


def _drift_harmlessly(rows: Rows, law: Law, nuisances: Nuisances) -> Rows:
    """Shift up to two features that say nothing, the further the later."""
    x = rows.x.copy()
    for column in law.silent[:2]:
        if not law.fields[column].is_fine:
            x[:, column] += nuisances.harmless_drift * float(x[:, column].std()) * rows.at / nuisances.stream_days
    return replace(rows, x=x)


def _drifted(
    rows: Rows,
    planted: list[_Planted],
    offline: _Offline,
    score: models.Score,
    nuisances: Nuisances,
    rng: np.random.Generator,
) -> tuple[Rows, list[str]]:
    culprits: list[str] = []
    for item in planted:
        does = item.does
        if does.law is None and does.inputs is None and does.factor == 1.0:
            continue
        scores = score(_with_leaks(rows, offline, np.random.default_rng(rng.integers(2**31)))[0].x)
        pool = drifts.Pool(rows, scores, rows.at >= item.onset_ratio * nuisances.stream_days)
        if does.law is not None:
            rows = drifts.change_law(pool, offline.law, does.law, item.loss, item.rng)
        elif does.inputs is not None:
            kept, names = drifts.tilt_inputs(pool, offline.law, does.inputs, item.loss, nuisances.n_stream, item.rng)
            rows, culprits = rows.take(kept), [*culprits, *names]
        else:
            rows = rows.take(drifts.tilt_outcomes(pool, does.factor, nuisances.n_stream, item.rng))
    return rows, culprits


def _with_leaks(rows: Rows, offline: _Offline, rng: np.random.Generator) -> tuple[Rows, F64]:
    """Rows with the leaking columns as served, and all features as recomputed afterwards."""
    served, recomputed = [rows.x], [rows.x]
    for leak in offline.leaks:
        now, later = leak.live(rows, rng)
        served.append(now)
        recomputed.append(later)
    return replace(rows, x=np.column_stack(served)), np.column_stack(recomputed)


def _break(live: _Live, item: _Planted, offline: _Offline, score: models.Score, nuisances: Nuisances) -> None:
    fault = cast("serving.Fault", item.does.fault)
    honest = len(offline.law.fields)
    taken = set(offline.law.world.slices)
    eligible = [
        i for i in range(honest)
        if not offline.fields[i].is_fine and (fault != "stale" or not offline.fields[i].is_static)
    ]  # fmt: skip
    eligible = [i for i in eligible if offline.fields[i].name not in taken] or eligible
    planned = serving.plan_fault(fault, item.loss, live.rows, offline.fields, tuple(eligible), score, item.rng)
    active = live.rows.at >= item.onset_ratio * nuisances.stream_days
    live.rows = replace(live.rows, x=serving.apply_fault(planned, live.rows, offline.fields, active, item.rng))
    names = [offline.fields[i].name for i in planned.columns]
    live.culprits += names
    if fault == "stale":
        live.old += names


def _finish(
    plan: TrialPlan,
    planted: list[_Planted],
    offline: _Offline,
    live: _Live,
    score: models.Score,
    rng: np.random.Generator,
) -> SimulatedStream:
    nuisances, fields = plan.nuisances, offline.fields
    train, validation, rows = offline.train, offline.validation, live.rows
    scores = [score(part.x) for part in (train, validation, rows)]
    for item in planted:
        live.rows = rows = _acted_upon(rows, scores[2], item.does.acts_on_ratio, item.rng)
    slower = max(item.does.delay_factor for item in planted)
    delays = [
        frames.delays_us(len(part), nuisances.delay, nuisances.delay_hours * factor, rng)
        for part, factor in ((train, 1.0), (validation, 1.0), (rows, slower))
    ]
    absence_is_negative = plan.generator in NEGATIVE_BY_ABSENCE and nuisances.absence_is_negative
    reported = _reported(rows, scores[2], absence_is_negative, planted, rng)
    starts = (0, len(train), len(train) + len(validation))
    parts = [
        frames.frame(part, fields, scores[i], delays[i], starts[i], reported=reported if i == 2 else None)
        for i, part in enumerate((train, validation, rows))
    ]
    return SimulatedStream(
        train=parts[0],
        validation=parts[1],
        stream=parts[2],
        truth=_truth(plan, planted, offline, live, score, scores),
        manifest=_manifest(plan, offline, parts[0]),
        scenario=f"{plan.generator}:{plan.cause}:{plan.variant}",
        model=offline.law.world.model,
        slices=offline.law.world.slices,
        feature_times=_feature_times(nuisances, offline, live, parts, rng) if nuisances.has_feature_times else None,
        backfills=_backfills(live, fields, parts[2], rng) if nuisances.has_backfills else None,
        absence="negative" if absence_is_negative else "missing",
        availability=_availability(nuisances, offline) if nuisances.declares_availability else {},
        train_file_given=nuisances.gives_train,
    )


def _acted_upon(rows: Rows, scores: F64, ratio: float, rng: np.random.Generator) -> Rows:
    """Positives among the highest scores that were prevented because of their score."""
    if not ratio:
        return rows
    is_high = scores >= np.quantile(scores, 1.0 - _ACTED_UPON)
    prevented = is_high & (rows.outcome == 1) & (rng.random(len(rows)) < ratio)
    return _both_classes(replace(rows, outcome=np.where(prevented, 0, rows.outcome)))


def _reported(
    rows: Rows, scores: F64, absence_is_negative: bool, planted: list[_Planted], rng: np.random.Generator
) -> Mask | None:
    """Live rows whose outcome is told; None: all."""
    told = np.ones(len(rows), np.bool_)
    if any(item.does.selects_outcomes for item in planted):
        rank = np.argsort(np.argsort(scores, kind="stable"), kind="stable") / len(scores)
        told = rng.random(len(rows)) < 0.25 + 0.75 * rank
    if absence_is_negative:
        told &= rows.outcome == 1
    return None if told.all() else told


def _truth(
    plan: TrialPlan,
    planted: list[_Planted],
    offline: _Offline,
    live: _Live,
    score: models.Score,
    scores: list[F64],
) -> Truth:
    onset = None
    if plan.cause != "none":
        onset = datetime.fromtimestamp(frames.LAUNCH_US // MICROSECONDS_PER_SECOND, UTC) + timedelta(
            days=plan.nuisances.stream_days * plan.onset_ratio
        )
    return Truth(
        cause=plan.cause,
        culprits=tuple(dict.fromkeys(live.culprits)),
        offline_auc=auc(offline.validation.outcome, scores[1]),
        online_auc=auc(live.rows.outcome, scores[2]),
        onset=onset,
        variant=plan.variant,
        severity=plan.severity,
        second_cause=planted[1].cause if len(planted) > 1 else None,
        honest_auc=_honest_auc(plan, offline, score),
    )


def _honest_auc(plan: TrialPlan, offline: _Offline, score: models.Score) -> float | None:
    """AUC on the validation rows as they would be without the overlap that is the cause, where that can be had."""
    rows = offline.uncopied if plan.cause == "duplicate_leakage" else None
    if plan.cause == "group_leakage":
        rows = offline.validation.take(np.flatnonzero(~np.isin(offline.validation.entity, offline.train.entity)))
    if rows is None or not 0 < rows.outcome.sum() < len(rows):
        return None
    return auc(rows.outcome, score(rows.x))


def _manifest(plan: TrialPlan, offline: _Offline, train: pd.DataFrame) -> dict[str, Any]:
    """What the team states, as far as it does, and as far as it knows."""
    nuisances = plan.nuisances
    manifest: dict[str, Any] = {}
    if nuisances.states_protocol:
        protocols: tuple[SplitProtocol, ...] = ("random", "time", "group")
        stated = offline.law.setting.protocol
        if nuisances.protocol_is_wrong:
            stated = protocols[(protocols.index(stated) + 1) % 3]
        manifest["split"] = {"protocol": stated, "seed": plan.seed}
        times = train["predicted_at"]
        manifest["train"] = {
            "rows": len(train),
            "start": rfc3339_of(times.min()),
            "end": rfc3339_of(times.max()),
        }
    if nuisances.states_candidates:
        chosen = plan.variant.removeprefix("best_of_") if plan.cause == "selection_optimism" else ""
        manifest["candidates"] = int(chosen) if chosen else nuisances.candidates
    return manifest


def _late_names(offline: _Offline) -> frozenset[str]:
    """Features that are settled after the prediction: all that leak, except by selection or encoding on all rows."""
    late = (leak for leak in offline.leaks if isinstance(leak, FutureValue | WholeHistoryCount | FutureEncoding))
    return frozenset(field.name for leak in late for field in leak.fields)


def _feature_times(
    nuisances: Nuisances, offline: _Offline, live: _Live, parts: list[pd.DataFrame], rng: np.random.Generator
) -> pd.DataFrame:
    late = _late_names(offline) if nuisances.stamps_are_right else frozenset[str]()
    ids = pd.concat([parts[1]["prediction_id"], parts[2]["prediction_id"]], ignore_index=True)
    at_us = frames.times_us(np.concatenate([offline.validation.at, live.rows.at]))
    is_offline = np.arange(len(ids)) < len(offline.validation)
    missing = np.isnan(np.concatenate([offline.validation.x, live.rows.x]))
    return frames.feature_times(ids, at_us, is_offline, offline.fields, late, frozenset(live.old), missing, rng)


def _backfills(live: _Live, fields: tuple[Field, ...], stream: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    chosen = np.flatnonzero(rng.random(len(stream)) < _BACKFILLED)
    values = frames.features(live.recomputed[chosen], fields)
    return pd.DataFrame({"prediction_id": stream["prediction_id"].to_numpy(object)[chosen], **values})


def _availability(nuisances: Nuisances, offline: _Offline) -> dict[str, Availability]:
    """What the team declares: the truth where its stamps are right, else that all is there in time."""
    declared: dict[str, Availability] = {field.name: "at_prediction" for field in offline.fields}
    late = _late_names(offline) if nuisances.stamps_are_right else frozenset[str]()
    for leak in offline.leaks:
        when: Availability = "after_outcome" if isinstance(leak, FutureValue) else "after_prediction"
        declared |= {field.name: when for field in leak.fields if field.name in late}
    return declared
