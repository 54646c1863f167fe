"""What a Summary counts: bin edges, vocabularies and slices, fixed by the baseline and identified by a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal, TypeVar, cast

import msgspec
import numpy as np

from sentinel.errors import CorruptArtifactError
from sentinel.events.batch import F64, I64
from sentinel.events.schema import Column, EventSchema, Kind

T = TypeVar("T")

N_SPECIAL = 4
"""Every feature starts with four bins of its own for what is no ordinary value."""
BIN_MISSING, BIN_INVALID, BIN_BELOW, BIN_ABOVE = range(N_SPECIAL)
BIN_UNSEEN, BIN_OTHER = BIN_BELOW, BIN_ABOVE
"""Categories have no order: their two out-of-range bins are 'never seen offline' and 'seen, but rare'."""

SLICE_OTHER, SLICE_MISSING = "(other)", "(missing)"


class FeatureBins(msgspec.Struct, frozen=True, kw_only=True):
    """How one feature is binned.

    Numeric: ``edges`` e_0 < ... < e_k bound k bins [e_i, e_i+1), the last one closed; below e_0 and above e_k are
    out of range. Categorical: the first ``n_kept`` categories of the column's vocabulary have a bin each.
    """

    name: str
    kind: Kind
    edges: tuple[float, ...] = ()
    n_kept: int = 0

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
        One column, or two for a cross.
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


class Layout(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The frame that every Summary of one model version shares. Two Summaries merge only under one Layout.

    Parameters
    ----------
    score_edges : tuple of float
        Inner edges: score bin i is [edges[i-1], edges[i]).
    slice_score_edges : tuple of float
        A subset of ``score_edges``: slices are counted more coarsely.
    threshold : float
        Decision threshold of the confusion counts; at or above is positive.
    n_buckets : int
        Entity-hash buckets of the jackknife.
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

    @cached_property
    def schema(self) -> EventSchema:
        """What the codecs decode for this layout."""
        columns = tuple(Column(name, kind, vocabulary) for name, kind, vocabulary in self.columns)
        return EventSchema(self.model, self.version, columns)

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
