"""Ways to split the rows anew, chosen by what they have: times, entities, classes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from sentinel.audit.check import SEED, Context
from sentinel.audit.estimates.refit import NEEDS, Measured, Pooled, mean_of, pooled, refit
from sentinel.audit.findings import Interval, SplitProposal
from sentinel.config.durations import Duration
from sentinel.errors import BaselineError, FatalError
from sentinel.events.batch import F64, I64
from sentinel.events.times import BAD_TIME
from sentinel.stats.estimate import NotEnough

N_SPLITS: Final = 5
"""Folds: each then validates on a fifth, the usual compromise of cost and bias."""
FEWEST_SPLITS: Final = 2
DATED: Final = 0.9
"""Share of rows that have to have a time before they are split by it."""
ROWS_PER_ENTITY: Final = 1.05
"""Mean from which entities come back often enough for their rows to be kept together."""
MOST_STRATIFIED: Final = 10_000
"""Entities that are placed one by one so that classes balance, which takes a second; more balance by themselves."""
MOST_PURGED: Final = 0.5
"""Share of the training rows that has to be left for a purged split to be the one to prefer: with fewer the model is
another one."""
DELAY_QUANTILE: Final = 0.99
"""Of the delays of outcomes, what a gap covers: by the longest of all, one that came a year late would widen it."""

Folds = list[tuple[I64, I64]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """One way: which rows of `pooled` are fitted to and which are scored, and the code that does it."""

    protocol: str
    why: str
    code: str
    folds: Folds


def propose_splits(context: Context) -> tuple[SplitProposal, ...]:
    """Propose splits, the one to prefer first, with the metric that a model fitted anew reaches under each.

    Parameters
    ----------
    context : Context
        With ``fit_with``, every fold is fitted and scored, and the split as it was made is measured by the same fit.

    Returns
    -------
    tuple of SplitProposal
        Sizes are those of the whole files; metrics those of the samples. Empty where the samples have fewer than two
        rows for each of the ``N_SPLITS + 1`` parts of a split by time.

    Raises
    ------
    FatalError
        If scikit-learn is not installed.
    """
    rows = pooled(context)
    if len(rows) < 2 * (N_SPLITS + 1):
        return ()
    weights = _weights(context, rows)
    return tuple(_measured(context, plan, weights) for plan in _plans(context, rows))


def check_installed() -> None:
    """Find before the work what would keep splits from being proposed after it.

    Raises
    ------
    FatalError
        If scikit-learn is not installed.
    """
    _splitter("KFold")


def _plans(context: Context, rows: Pooled) -> list[_Plan]:
    has_entities = _has_entities(rows)
    by_time = _by_time(context, rows)
    purged = _by_time_and_entity(context, rows) if has_entities else None
    plans = [plan for plan in (purged, by_time) if plan]
    if purged is not None and by_time is not None and _left(purged, by_time) < MOST_PURGED:
        plans.reverse()
    if has_entities:
        plans.append(_by_entity(context, rows))
    if not plans:
        plans.append(_at_random(context, rows))
    if context.fit_with is not None and rows.is_train.any() and not rows.is_train.all():
        plans.append(_as_given(rows))
    return plans


def _by_time(context: Context, rows: Pooled) -> _Plan | None:
    order = _order(rows)
    if order is None:
        return None
    name = str(context.columns.predicted_at)
    gap, said = _gap(context, rows, order)
    splitter = _splitter("TimeSeriesSplit", n_splits=_n_splits(len(order), gap), gap=gap)
    code = (
        f"{_import(splitter)}\n"
        f"# rows: one pandas frame of the rows of both files\n"
        f"rows = rows.dropna(subset=[{name!r}]).sort_values({name!r}, kind='stable', ignore_index=True)\n"
        f"folds = list({_full(context, rows, splitter)!r}.split(rows))\n"
    )
    folds = [(order[fitted], order[scored]) for fitted, scored in splitter.split(order)]
    why = (
        "Rows are dated, and live comes after training: validation that comes after it, too, shows what ageing costs "
        f"and cannot know the future.{said}"
    )
    return _Plan("time", why, code, folds)


def _by_time_and_entity(context: Context, rows: Pooled) -> _Plan | None:
    plan, order = _by_time(context, rows), _order(rows)
    if plan is None or order is None:
        return None
    entities = _entities(rows)
    folds = [(fitted[~np.isin(entities[fitted], entities[scored])], scored) for fitted, scored in plan.folds]
    if any(not len(fitted) for fitted, _ in folds):
        return None
    group = str(context.columns.group)
    code = (
        f"{plan.code.replace('folds = list(', 'by_time = list(')}"
        f"entities = rows[{group!r}]\n"
        "folds = []\n"
        "for train, validation in by_time:\n"
        "    met = entities.iloc[validation].dropna().unique()\n"
        "    folds.append((train[~entities.iloc[train].isin(met).to_numpy()], validation))\n"
    )
    why = (
        "Rows are dated and entities come back. Training rows of entities that are validated on are taken out "
        "(purged): what is left is what the model knows, later, of entities it has never met."
        f"{_gap(context, rows, order)[1]}"
    )
    purged = _Plan("time+group", why, code, folds)
    return replace(purged, why=f"{why} It leaves {_left(purged, plan):.0%} of the rows to train on.")


def _left(purged: _Plan, whole: _Plan) -> float:
    """Share of the training rows of the last fold that purging leaves."""
    return len(purged.folds[-1][0]) / max(len(whole.folds[-1][0]), 1)


def _by_entity(context: Context, rows: Pooled) -> _Plan:
    entities, classes = _entities(rows), _classes(context, rows)
    group, outcome = str(context.columns.group), str(context.columns.outcome)
    few = len(np.unique(entities)) <= MOST_STRATIFIED
    chosen = np.arange(len(rows)) if classes is None else np.flatnonzero(np.isfinite(rows.outcomes))
    lines = ["# rows: one pandas frame of the rows of both files"]
    if classes is not None and few:
        splitter = _splitter("StratifiedGroupKFold", n_splits=N_SPLITS, shuffle=True, random_state=SEED)
        protocol, balanced = "stratified+group", " and each class has its share in every fold"
        lines.append(f"rows = rows.dropna(subset=[{outcome!r}]).reset_index(drop=True)")
    else:
        splitter, chosen = _splitter("GroupKFold", n_splits=N_SPLITS), np.arange(len(rows))
        protocol, balanced = "group", ""
        lines.append("rows = rows.reset_index(drop=True)")
    lines.append(f"entities = rows[{group!r}].astype('string')")
    lines.append("entities = entities.mask(entities.isna(), 'row ' + rows.index.to_series().astype('string'))")
    asked = f"rows[{outcome!r}].astype('string'), " if protocol != "group" else "None, "
    lines.append(f"folds = list({splitter!r}.split(rows, {asked}groups=entities))")
    given = None if protocol == "group" or classes is None else classes[chosen]
    found = splitter.split(chosen, given, groups=np.unique(entities[chosen], return_inverse=True)[1])
    n_entities = len(np.unique(rows.groups[rows.groups != 0]))
    why = (
        f"{n_entities:,} entities come {len(rows) / max(n_entities, 1):.1f} times each. With all rows of one on one "
        f"side the metric is that of entities never met{balanced}: the one to trust if live is mostly about such."
    )
    code = "\n".join([_import(splitter), *lines]) + "\n"
    return _Plan(protocol, why, code, [(chosen[fitted], chosen[scored]) for fitted, scored in found])


def _at_random(context: Context, rows: Pooled) -> _Plan:
    classes, outcome = _classes(context, rows), str(context.columns.outcome)
    lines = ["# rows: one pandas frame of the rows of both files"]
    if classes is None:
        splitter = _splitter("KFold", n_splits=N_SPLITS, shuffle=True, random_state=SEED)
        lines.append(f"folds = list({splitter!r}.split(rows))")
        why = "Rows have neither times nor entities that come back, so chance may part them."
        code = "\n".join([_import(splitter), *lines]) + "\n"
        return _Plan("random", why, code, list(splitter.split(np.arange(len(rows)))))
    chosen = np.flatnonzero(np.isfinite(rows.outcomes))
    splitter = _splitter("StratifiedKFold", n_splits=N_SPLITS, shuffle=True, random_state=SEED)
    lines.append(f"rows = rows.dropna(subset=[{outcome!r}]).reset_index(drop=True)")
    lines.append(f"folds = list({splitter!r}.split(rows, rows[{outcome!r}].astype('string')))")
    found = splitter.split(chosen, classes[chosen])
    why = (
        "Rows have neither times nor entities that come back, so chance may part them; each class keeps its share in "
        "every fold, which takes noise out of the metric."
    )
    code = "\n".join([_import(splitter), *lines]) + "\n"
    return _Plan("stratified", why, code, [(chosen[fitted], chosen[scored]) for fitted, scored in found])


def _as_given(rows: Pooled) -> _Plan:
    """The split as it was made, for comparison by the same fit."""
    code = (
        "import numpy as np\nfrom sklearn.model_selection import PredefinedSplit\n"
        "# train, validation: the two pandas frames as they are\n"
        "folds = list(PredefinedSplit(np.repeat([-1, 0], [len(train), len(validation)])).split())\n"
    )
    why = "The split as it is, by the same fit, to compare with."
    return _Plan("as given", why, code, [(np.flatnonzero(rows.is_train), np.flatnonzero(~rows.is_train))])


def _measured(context: Context, plan: _Plan, weights: F64) -> SplitProposal:
    """The proposal with its metric; sizes are those of the last fold, the one with the most training rows."""
    fitted, scored = plan.folds[-1]
    measured = _metrics(context, plan, len(weights))
    usable = [one for one in measured if isinstance(one, Measured)]
    mean = mean_of(usable) if usable else None
    is_partial = 0 < len(usable) < len(measured)
    said = f" Of {len(measured)} folds {len(usable)} could be measured." if is_partial else ""
    reason = None
    if context.fit_with is None:
        reason = f"no way to fit the model anew was given ({NEEDS})"
    elif isinstance(mean, NotEnough) or not usable:
        lacking = next((one for one in (mean, *measured) if isinstance(one, NotEnough)), None)
        reason = "no fold could be measured" if lacking is None else lacking.reason
    return SplitProposal(
        protocol=plan.protocol,
        why=f"{plan.why}{said}",
        n_train=round(float(weights[fitted].sum())),
        n_validation=round(float(weights[scored].sum())),
        code=plan.code,
        metric_name=usable[0].metric if usable else None,
        metric=mean if isinstance(mean, Interval) else None,
        folds=tuple(one.value.value for one in usable),
        reason=reason,
    )


def _metrics(context: Context, plan: _Plan, n: int) -> list[Measured | NotEnough]:
    """The metric of each fold, as far as the fit goes: where it fails, the split is proposed all the same."""
    if context.fit_with is None:
        return []
    try:
        return [_metric(context, n, *fold) for fold in plan.folds]
    except BaselineError as error:
        return [NotEnough(str(error), 0, len(plan.folds))]


def _metric(context: Context, n: int, fitted: I64, scored: I64) -> Measured | NotEnough:
    masks = np.zeros((2, n), np.bool_)
    masks[0, fitted] = True
    masks[1, scored] = True
    return refit(context, masks[0], masks[1])


def _weights(context: Context, rows: Pooled) -> F64:
    """How many rows of the files each row of the samples stands for."""
    n_train = max(int(rows.is_train.sum()), 1)
    n_validation = max(int((~rows.is_train).sum()), 1)
    return np.where(rows.is_train, context.n_train / n_train, context.n_validation / n_validation)


def _order(rows: Pooled) -> I64 | None:
    """Places of the dated rows in time order; None where there is nothing to order."""
    dated: I64 = np.flatnonzero(rows.times != BAD_TIME)
    if len(dated) < DATED * len(rows) or len(np.unique(rows.times[dated])) <= N_SPLITS:
        return None
    order: I64 = dated[np.argsort(rows.times[dated], kind="stable")]
    return order


def _gap(context: Context, rows: Pooled, order: I64) -> tuple[int, str]:
    """Rows between training and validation whose outcome was not yet known, at most, and what to say of them."""
    sides = [side for side in (context.train, context.validation) if side is not None]
    known_at = np.concatenate([side.outcome_times for side in sides])[order]
    times = rows.times[order]
    delays = (known_at - times)[(known_at != BAD_TIME) & (known_at >= times)]
    if not len(delays):
        return 0, ""
    delay = float(np.quantile(delays, DELAY_QUANTILE))
    before = np.searchsorted(times, times - delay)
    cuts = np.linspace(0, len(order), N_SPLITS + 2)[1:-1].astype(np.int64)
    gap = int((cuts - before[cuts]).max())
    took = f" Outcomes take up to {Duration(delay / 1e6).rounded()}"
    if _n_splits(len(order), gap) < FEWEST_SPLITS:
        return (
            0,
            f"{took}, too long for a gap within these rows: training knows some outcomes earlier than it will live.",
        )
    if not gap:
        return 0, ""
    return gap, (
        f"{took}: the rows of that time before validation are left out, as they would have had no outcome yet when the "
        "model was fitted."
    )


def _n_splits(n: int, gap: int) -> int:
    """As many folds as leave the first of them at least half of a fold to fit to; 0 where none do."""
    for n_splits in range(N_SPLITS, FEWEST_SPLITS - 1, -1):
        size = n // (n_splits + 1)
        if n - n_splits * size - gap >= size // 2:
            return n_splits
    return 0


def _full(context: Context, rows: Pooled, splitter: Any) -> Any:
    """The same splitter for the whole files: a gap of rows grows with them."""
    scale = (context.n_train + context.n_validation) / len(rows)
    return _splitter("TimeSeriesSplit", n_splits=splitter.n_splits, gap=round(splitter.gap * scale))


def _has_entities(rows: Pooled) -> bool:
    named = rows.groups[rows.groups != 0]
    n = len(np.unique(named))
    return n >= 2 * N_SPLITS and len(named) >= ROWS_PER_ENTITY * n


def _entities(rows: Pooled) -> I64:
    """An entity for each row; one that names none is its own."""
    own = np.arange(len(rows), dtype=np.uint64)
    keys: I64 = np.unique(np.stack([rows.groups, np.where(rows.groups == 0, own, 0)]), axis=1, return_inverse=True)[1]
    return keys


def _classes(context: Context, rows: Pooled) -> I64 | None:
    """The class of each row, -1 where it is not known; None where there are none, or too few of one for the folds."""
    if not context.n_classes:
        return None
    known = np.isfinite(rows.outcomes)
    classes: I64 = np.where(known, rows.outcomes, -1.0).astype(np.int64)
    counts = np.unique(classes[known], return_counts=True)[1]
    return classes if len(counts) > 1 and counts.min() >= N_SPLITS else None


def _splitter(name: str, **settings: Any) -> Any:
    try:
        from sklearn import model_selection
    except ImportError as error:
        raise FatalError("proposals of splits need scikit-learn: pip install 'sentinel-leakage[audit]'") from error
    return getattr(model_selection, name)(**settings)


def _import(splitter: Any) -> str:
    return f"from sklearn.model_selection import {type(splitter).__name__}"
