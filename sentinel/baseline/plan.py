"""From the profile of the validation rows to the Layout that everything is counted under."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from sentinel.baseline.arrival import plan_ages
from sentinel.baseline.edges import feature_edges, predicted_edges, score_edges, slice_edges
from sentinel.baseline.pairs import choose_pairs
from sentinel.baseline.profile import OUTCOME, SCORE, ColumnProfile, Profile, class_key
from sentinel.baseline.sampling import Column
from sentinel.baseline.scale import high_ratios, outcome_scale
from sentinel.baseline.slicing import built_in_slices, most_frequent, slice_layout
from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.model import Feature, Model
from sentinel.errors import BaselineError
from sentinel.events.schema import Kind
from sentinel.summaries.layout import MAX_CLASSES, FeatureBins, Layout, OutcomeScale, SliceColumn

MAX_VOCABULARY = 10_000
"""Categories with a code of their own; rarer ones count as never seen."""
N_BUCKETS, N_BUCKETS_OF_CLASSES = 32, 16
"""Entity-hash buckets; fewer where every class has its own histogram in each."""
MAX_CATEGORY_BINS = 64
"""Categories with a bin of their own; the others share 'seen, but rare'."""
IDENTIFIER = "an identifier: most rows have a value of their own"
FREE_TEXT = "free text: no word of it is kept (as a category if features says kind: categorical)"


def parts_of_the_audit(model: Model) -> dict[str, str]:
    """Columns that the offline audit alone looks at, and why they are no features here.

    Examples
    --------
    >>> from sentinel.config.audit import Audit
    >>> parts_of_the_audit(Model(name="m", version="1", audit=Audit(text=["note"])))
    {'note': 'free text (audit.text): no word of it is kept'}
    """
    audit = model.audit
    return {
        **dict.fromkeys(audit.text, "free text (audit.text): no word of it is kept"),
        **dict.fromkeys(audit.images, "an image, or the path of one (audit.images)"),
        **dict.fromkeys(audit.embeddings, "a vector (audit.embeddings)"),
        **dict.fromkeys(audit.attributions.values(), "what a feature contributed to the score (audit.attributions)"),
        **dict.fromkeys(audit.known_at.values(), "when a feature came to be known (audit.known_at)"),
    }


def plan_layout(model: Model, profile: Profile) -> tuple[Layout, dict[str, str]]:
    """Fix bins, vocabularies and slices.

    Returns
    -------
    (Layout, left_out)
        The columns left out as features for what they hold, and why: identifiers, and free text.

    Raises
    ------
    BaselineError
        If a slice cannot be cut as the configuration asks.
    """
    left_out = {
        name: IDENTIFIER if column.is_identifier else FREE_TEXT
        for name, column in profile.columns.items()
        if (column.is_identifier or column.is_text) and not _is_asked_for(model, name)
    }
    slices = (*slice_layout(model.slices, profile), *built_in_slices(model, profile))
    _check_classes(model, profile)
    edges, scale = _score_bins(model, profile)
    columns = tuple(
        (column.name, column.kind, _vocabulary(column))
        for column in profile.columns.values()
        if column.name not in left_out or _is_sliced(column.name, slices)
    )
    features = tuple(
        _declared(_feature_bins(column, profile.rows), model.features.get(column.name))
        for column in profile.columns.values()
        if column.name not in left_out
    )
    maturity_us, twin_horizons_us = plan_ages(model.outcome, profile)
    layout = Layout(
        model=model.name,
        version=model.version,
        task=model.task,
        columns=columns,
        features=features,
        slices=slices,
        score_edges=edges,
        slice_score_edges=slice_edges(edges),
        threshold=model.threshold,
        maturity_us=maturity_us,
        twin_horizons_us=twin_horizons_us if model.task == "binary" else (),
        outcome_scale=scale,
        classes=profile.classes,
        class_edges=_class_edges(profile),
        n_ranked=model.ranks if model.task == "ranking" else 0,
        rank_ratios=profile.rank_ratios,
        n_buckets=N_BUCKETS_OF_CLASSES if profile.classes else N_BUCKETS,
        pairs=choose_pairs(features, profile) if model.task == "binary" else (),
    )
    return layout, left_out


def _class_edges(profile: Profile) -> tuple[tuple[float, ...], ...]:
    """Edges of the bins of each class's probability."""
    outcomes = profile.rows[OUTCOME]
    columns = [profile.rows[class_key(c)].astype(np.float64) for c in range(len(profile.classes))]
    return tuple(slice_edges(score_edges(column, column[outcomes == c])) for c, column in enumerate(columns))


def _check_classes(model: Model, profile: Profile) -> None:
    if model.task == "multiclass" and not 2 <= len(profile.classes) <= MAX_CLASSES:
        raise BaselineError(
            f"the validation rows hold the probabilities of {len(profile.classes)} classes; a multiclass task has 2 to "
            f"{MAX_CLASSES}, in a struct column {model.columns.scores!r} or in columns {model.columns.scores}.CLASS"
        )


def _score_bins(model: Model, profile: Profile) -> tuple[tuple[float, ...], OutcomeScale | None]:
    """Edges of the score bins, and the scale of a regression's outcomes."""
    if model.task == "ranking":  # of the rank asked about, how many stand below it
        return tuple(rank - 0.5 for rank in range(1, model.ranks)), None
    scores = profile.rows[SCORE].astype(np.float64)
    if model.task != "regression":
        return score_edges(scores, profile.positive_scores), None
    outcomes = profile.rows[OUTCOME].astype(np.float64)
    scale = outcome_scale(outcomes, scores)
    high = outcomes >= scale.split
    edges = predicted_edges(scores, scores[high])
    usable = np.isfinite(scores) & np.isfinite(outcomes)
    return edges, msgspec.structs.replace(scale, high_ratios=high_ratios(edges, scores[usable], high[usable]))


def _is_asked_for(model: Model, name: str) -> bool:
    return name in model.features and model.features[name].kind == "categorical"


def _is_sliced(name: str, slices: tuple[SliceColumn, ...]) -> bool:
    return any(name in spec.columns for spec in slices)


def _vocabulary(column: ColumnProfile) -> tuple[str, ...]:
    return tuple(most_frequent(column.counts, MAX_VOCABULARY)) if column.kind == "categorical" else ()


def _declared(bins: FeatureBins, feature: Feature | None) -> FeatureBins:
    """Add what the owner of a feature expects of it."""
    if feature is None:
        return bins
    low, high = feature.range or (None, None)
    if feature.range is not None and bins.kind != "numeric":
        raise BaselineError(
            f"the feature {bins.name!r} has a range in the configuration, but its values are no numbers"
        )
    max_age_us = 0 if feature.max_age is None else round(float(feature.max_age) * MICROSECONDS_PER_SECOND)
    return msgspec.structs.replace(bins, low=low, high=high, max_age_us=max_age_us)


def _feature_bins(column: ColumnProfile, rows: Mapping[str, Column]) -> FeatureBins:
    kind: Kind = column.kind
    if kind == "categorical":
        return FeatureBins(name=column.name, kind=kind, n_kept=min(len(column.counts), MAX_CATEGORY_BINS))
    edges = feature_edges(rows[column.name].astype(np.float64), column.minimum, column.maximum)
    return FeatureBins(name=column.name, kind=kind, edges=edges)
