"""What a Summary counts: bin edges, vocabularies and slices, fixed by the baseline and identified by a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal, TypeVar, cast

import msgspec
import numpy as np

from sentinel.errors import CorruptArtifactError
from sentinel.events.batch import F64, I64, Bool
from sentinel.events.schema import Column, EventSchema, Kind

T = TypeVar("T")

N_SPECIAL = 4
"""Every feature starts with four bins of its own for what is no ordinary value."""
BIN_MISSING, BIN_INVALID, BIN_BELOW, BIN_ABOVE = range(N_SPECIAL)
BIN_UNSEEN, BIN_OTHER = BIN_BELOW, BIN_ABOVE
"""Categories have no order: their two out-of-range bins are 'never seen offline' and 'seen, but rare'."""

N_CLASS_BINS = 32
"""Bins of each class's probability: the area is then within .01."""
MAX_CLASSES = 32
"""What a row has room for; a pane of so many is a megabyte."""

SLICE_OTHER, SLICE_MISSING = "(other)", "(missing)"
OF_SCORE = "\0score"
"""The column of a slice that is cut by the score; no column of an event begins with a zero byte."""


class FeatureBins(msgspec.Struct, frozen=True, kw_only=True):
    """How one feature is binned.

    Numeric: ``edges`` e_0 < ... < e_k bound k bins [e_i, e_i+1), the last one closed; below e_0 and above e_k are
    out of range. Categorical: the first ``n_kept`` categories of the column's vocabulary have a bin each.

    ``low`` and ``high`` bound the numbers that its owner expects; ``max_age_us`` (microseconds; 0: not declared) is the
    oldest value that may be served. They change no bin: what breaks them is counted apart.
    """

    name: str
    kind: Kind
    edges: tuple[float, ...] = ()
    n_kept: int = 0
    low: float | None = None
    high: float | None = None
    max_age_us: int = 0

    @property
    def n_bins(self) -> int:
        """All bins, the special ones included."""
        regular = max(len(self.edges) - 1, 0) if self.kind == "numeric" else self.n_kept
        return N_SPECIAL + regular


class SliceColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One way to cut the traffic: by a column's values, by bins of a number, or by a cross of two columns.

    Parameters
    ----------
    name : str
        What reports call it: the column, or ``a*b`` for a cross.
    columns : tuple of str
        One column, two for a cross, or ``OF_SCORE``.
    values : tuple of str
        The slice values with a slot of their own, at most the configured cap. Others share ``(other)``,
        absent ones ``(missing)``. Those of a cross are written by :func:`cross_value`.
    edges : tuple of float
        Inner edges for a binned numeric column: value i is [edges[i-1], edges[i]).
    """

    name: str
    columns: tuple[str, ...]
    values: tuple[str, ...]
    edges: tuple[float, ...] = ()

    @property
    def slots(self) -> tuple[str, ...]:
        """Every slot's value, in order."""
        return (*self.values, SLICE_OTHER, SLICE_MISSING)


def cross_value(first: str, second: str) -> str:
    r"""The value of a cross: both values with a comma between.

    Backslashes and commas within them are escaped, so that no two pairs have one name.

    Examples
    --------
    >>> cross_value("EU", "pro")
    'EU,pro'
    >>> print(cross_value("Paris, FR", "pro"))
    Paris\, FR,pro
    """
    return ",".join(value.replace("\\", r"\\").replace(",", r"\,") for value in (first, second))


class FeaturePair(msgspec.Struct, frozen=True, kw_only=True):
    """Two features whose losses are counted by cell, in search of weak slices.

    Parameters
    ----------
    features : (int, int)
        Their places in ``Layout.features``.
    groups : for each feature, (first bin, end) of each of its groups, ascending
        Bins in no group make up one more, of no use but to be told apart.
    """

    features: tuple[int, int]
    groups: tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]

    @property
    def n_cells(self) -> int:
        """All pairs of groups, those of no use included."""
        return (len(self.groups[0]) + 1) * (len(self.groups[1]) + 1)


class OutcomeScale(msgspec.Struct, frozen=True, kw_only=True):
    """The scale on which numbers that were predicted are counted, from the offline outcomes of a regression.

    Parameters
    ----------
    centre, unit : float, finite, unit > 0
        Offline median and standard deviation: (outcome - centre) / unit and (prediction - outcome) / unit are counted.
    split : float
        Outcomes at or above count as high: the smallest above the offline median, or the median where that is the
        largest.
    error_limit : float, units, > 0
        Errors beyond count as this, and are counted apart.
    residual_edges : tuple of float, units, ascending
        Inner edges of the bins of errors, which ``residuals`` counts: see `sentinel.baseline.scale`.
    high_ratios : tuple of float, 0..1
        Share of high outcomes among offline rows of each score bin; empty: one half everywhere.
    """

    centre: float
    unit: float
    split: float
    error_limit: float
    residual_edges: tuple[float, ...] = ()
    high_ratios: tuple[float, ...] = ()


class Layout(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The frame that every Summary of one model version shares. Two Summaries merge only under one Layout.

    Parameters
    ----------
    columns : tuple of (name, kind, vocabulary)
        Every column that is decoded; the vocabulary of a number is empty.
    features : tuple of FeatureBins
        The columns whose values are counted, in the order in which rows hold their bins.
    slices : tuple of SliceColumn
    score_edges : tuple of float
        Inner edges: score bin i is [edges[i-1], edges[i]).
    slice_score_edges : tuple of float
        A subset of ``score_edges``: slices are counted more coarsely.
    threshold : float
        Decision threshold of the confusion counts; at or above is positive.
    n_buckets : int
        Entity-hash buckets of the jackknife.
    maturity_us : int, microseconds
        Age at which a prediction's outcome is taken as settled; 0 where the offline rows do not tell.
    twin_horizons_us : tuple of int, microseconds, ascending
        Shorter ages at which both sides are held against each other too: fixed-horizon twins.
    outcome_scale : OutcomeScale or None
        Of a regression alone.
    classes : tuple of str
        Of a multiclass task alone, in the order in which rows hold them. Those of no class here are refused.
    class_edges : tuple of tuples of float
        For each class the inner edges of the bins of its probability, at most ``N_CLASS_BINS`` - 1.
    n_ranked : int
        Of a ranking alone: how many ranks count.
    rank_ratios : tuple of float, 0..1
        For each of these ranks, the last one first, how often its item was relevant offline; empty: one half.
    pairs : tuple of FeaturePair
        Crosses of features in which weak slices are looked for.
    """

    model: str
    version: str
    task: Literal["binary", "multiclass", "regression", "ranking"]
    columns: tuple[tuple[str, Kind, tuple[str, ...]], ...]
    features: tuple[FeatureBins, ...]
    slices: tuple[SliceColumn, ...]
    score_edges: tuple[float, ...]
    slice_score_edges: tuple[float, ...]
    threshold: float
    n_buckets: int = 32
    maturity_us: int = 0
    twin_horizons_us: tuple[int, ...] = ()
    outcome_scale: OutcomeScale | None = None
    classes: tuple[str, ...] = ()
    class_edges: tuple[tuple[float, ...], ...] = ()
    n_ranked: int = 0
    rank_ratios: tuple[float, ...] = ()
    pairs: tuple[FeaturePair, ...] = ()

    @cached_property
    def schema(self) -> EventSchema:
        """What the codecs decode for this layout."""
        columns = tuple(Column(name, kind, vocabulary) for name, kind, vocabulary in self.columns)
        return EventSchema(self.model, self.version, columns, self.task, self.classes, self.n_ranked)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that gives the counts their meaning, in hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def n_score_bins(self) -> int:
        """Score bins of the headline counts."""
        return len(self.score_edges) + 1

    @property
    def n_slice_score_bins(self) -> int:
        """Score bins of the counts per slice."""
        return len(self.slice_score_edges) + 1

    @cached_property
    def slice_names(self) -> tuple[str, ...]:
        """``column=value`` of every slice slot, in the order that arrays hold them."""
        return tuple(f"{s.name}={value}" for s in self.slices for value in s.slots)

    @property
    def n_slices(self) -> int:
        """Slice slots over all slice columns."""
        return len(self.slice_names)

    @cached_property
    def slice_offsets(self) -> I64:
        """First slot of each slice column, shape (n slice columns,)."""
        sizes = [len(s.slots) for s in self.slices]
        return np.cumsum([0, *sizes[:-1]], dtype=np.int64)[: len(sizes)]

    @cached_property
    def is_of_score(self) -> Bool:
        """Which slice slots are cut by the score, shape (n_slices,): an AUC within one says little of the model."""
        return np.array([s.columns == (OF_SCORE,) for s in self.slices for _ in s.slots], np.bool_)

    @cached_property
    def pair_offsets(self) -> I64:
        """First cell of each pair in the flat array of pair cells, and the total: shape (n pairs + 1,)."""
        return np.cumsum([0, *(pair.n_cells for pair in self.pairs)], dtype=np.int64)

    @cached_property
    def feature_offsets(self) -> I64:
        """First bin of each feature in the flat feature arrays, and the total: shape (n_features + 1,)."""
        return np.cumsum([0, *(f.n_bins for f in self.features)], dtype=np.int64)

    @property
    def n_feature_bins(self) -> int:
        """Bins over all features."""
        return int(self.feature_offsets[-1])

    @cached_property
    def coarse_bin(self) -> I64:
        """Slice score bin of each headline score bin, shape (n_score_bins,)."""
        lower = np.array([-np.inf, *self.score_edges])
        return np.searchsorted(np.array(self.slice_score_edges), lower, side="right").astype(np.int64)

    @cached_property
    def edges_array(self) -> F64:
        """``score_edges`` as an array."""
        return np.array(self.score_edges)

    def to_bytes(self) -> bytes:
        """Canonical encoding; equal layouts have equal bytes, whether their numbers were written 1 or 1.0."""
        canonical = msgspec.convert(msgspec.to_builtins(self, enc_hook=_plain_number), type(self))
        return msgspec.msgpack.encode(canonical)

    @classmethod
    def from_bytes(cls, data: bytes) -> Layout:
        """Read what :meth:`to_bytes` wrote.

        Raises
        ------
        CorruptArtifactError
            If the bytes are no Layout.
        """
        try:
            return msgspec.msgpack.decode(data, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise CorruptArtifactError(f"these bytes are no Layout: {error}") from error

    def describe(self) -> dict[str, Any]:
        """Sizes for logs and ``baseline show``."""
        return {
            "features": len(self.features),
            "feature_bins": self.n_feature_bins,
            "slices": self.n_slices,
            "score_bins": self.n_score_bins,
            "digest": self.digest[:12],
        }


def kept(layout: Layout, name: str, make: Callable[[Layout], T]) -> T:
    """What ``make`` derives from the layout, made once and kept where the layout keeps its other derived values."""
    derived = vars(layout)
    if name not in derived:
        derived[name] = make(layout)
    return cast(T, derived[name])


def _plain_number(value: object) -> object:
    """A numpy scalar as Python's: edges and thresholds come from arrays."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a Layout holds texts and numbers, not a {type(value).__name__}")
