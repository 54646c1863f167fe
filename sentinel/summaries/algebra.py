"""The Summary: a Layout and named count arrays that merge by addition, minimum, maximum or union.

Merge is associative and commutative, has a zero, and leaves its right side untouched; counts are integers. So any
split of the events over batches, restarts, partitions and engines gives the same Summary, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sentinel.errors import CorruptArtifactError, LayoutMismatchError
from sentinel.events.batch import I64
from sentinel.summaries import wire
from sentinel.summaries.layout import Layout, kept
from sentinel.summaries.rows import JOINED, Rows

Array = npt.NDArray[Any]
Arrays = dict[str, Array]

SUMMARY_KIND = "summary"
CHUNK_ROWS = 8192
"""Rows counted at a time: the codes of more no longer fit the cache."""
_MANY: Final = 4
"""Codes are many if so many times their number exceeds that of the cells."""

EVERY_TASK: Final = frozenset({"binary", "multiclass", "regression", "ranking"})
"""For kinds that read the question of yes or no (`sentinel.summaries.view`), or no outcome at all."""


class Reducer(StrEnum):
    """How two cells become one."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"
    OR = "or"

    @property
    def zero(self) -> int:
        """The cell that changes nothing (of int64 arrays; 0 for unions of flags)."""
        limits = np.iinfo(np.int64)
        return {Reducer.MIN: limits.max, Reducer.MAX: limits.min}.get(self, 0)

    def merge_into(self, left: Array, right: Array) -> None:
        """Reduce ``right`` into ``left``, in place."""
        ufunc = {
            Reducer.SUM: np.add,
            Reducer.MIN: np.minimum,
            Reducer.MAX: np.maximum,
            Reducer.OR: np.bitwise_or,
        }[self]
        ufunc(left, right, out=left)


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """One named array of a kind."""

    shape: tuple[int, ...]
    reducer: Reducer = Reducer.SUM
    dtype: str = "<i8"


class Cells(NamedTuple):
    """Where rows count in one array.

    Parameters
    ----------
    array : str
        Name of a SUM array.
    codes : int64, shape (n,) or (n, k)
        Flat indices of the one or k cells of each row.
    amounts : int64, shape (n,) or that of the codes, or None for 1
        What each row adds to each of its cells.

    A kind may write over its codes once the next cells are asked for.
    """

    array: str
    codes: I64
    amounts: I64 | None = None


@dataclass(frozen=True, slots=True)
class SummaryKind:
    """One thing that a Summary counts.

    ``arrays`` names its arrays under a layout. ``on_predictions(layout, arrays, rows)`` counts new predictions.
    ``on_outcomes(layout, rows)`` says in which cells rows count whose outcome arrived, and are taken back from when it
    is corrected; the outcome stands in ``rows['outcome']``. Only SUM arrays may depend on outcomes: minima, maxima and
    unions cannot be taken back. ``on_checks(layout, arrays, checked)`` counts what
    :mod:`sentinel.summaries.checks` found of new predictions; ``on_backfills(layout, arrays, rows, sign)`` counts rows
    that were backfilled, whatever is known of their outcome, or takes them back.
    """

    name: str
    tasks: frozenset[str]
    arrays: Callable[[Layout], Mapping[str, ArraySpec]]
    on_predictions: Callable[[Layout, Arrays, Rows], None] | None = None
    on_outcomes: Callable[[Layout, Rows], Iterable[Cells]] | None = None
    on_checks: Callable[[Layout, Arrays, Rows], None] | None = None
    on_backfills: Callable[[Layout, Arrays, Rows, int], None] | None = None


def kinds_for(layout: Layout) -> tuple[SummaryKind, ...]:
    """The registered kinds that count for the layout's task."""
    return kept(layout, "_kinds", _find_kinds)


def _find_kinds(layout: Layout) -> tuple[SummaryKind, ...]:
    from sentinel.summaries.registry import KINDS  # the registry imports the kinds, which import this module

    return tuple(kind for kind in KINDS if layout.task in kind.tasks)


def array_specs(layout: Layout) -> Mapping[str, ArraySpec]:
    """Every array of a Summary under this layout, by name."""
    return kept(layout, "_array_specs", _name_arrays)


def _name_arrays(layout: Layout) -> dict[str, ArraySpec]:
    return {name: spec for kind in kinds_for(layout) for name, spec in kind.arrays(layout).items()}


def outcome_cells(layout: Layout, rows: Rows) -> Iterator[Cells]:
    """Where rows with a known outcome count, in all kinds."""
    for kind in kinds_for(layout):
        if kind.on_outcomes is not None:
            yield from kind.on_outcomes(layout, rows)


@dataclass(slots=True)
class Summary:
    """Counts of some events under one Layout: built by :meth:`zero`, grown by ``observe``, combined by ``merge``."""

    layout: Layout
    arrays: Arrays = field(default_factory=dict)

    @classmethod
    def zero(cls, layout: Layout) -> Summary:
        """The Summary of no events: merging it changes nothing."""
        return cls(layout, {n: np.full(s.shape, s.reducer.zero, s.dtype) for n, s in array_specs(layout).items()})

    def observe_predictions(self, rows: Rows) -> None:
        """Count new predictions."""
        for start in range(0, len(rows), CHUNK_ROWS):
            for kind in kinds_for(self.layout):
                if kind.on_predictions is not None:
                    kind.on_predictions(self.layout, self.arrays, rows[start : start + CHUNK_ROWS])

    def observe_checks(self, checked: Rows) -> None:
        """Count what was checked of new predictions: rows of :func:`sentinel.summaries.checks.check_dtype`."""
        for kind in kinds_for(self.layout):
            if kind.on_checks is not None:
                kind.on_checks(self.layout, self.arrays, checked)

    def observe_backfills(self, rows: Rows, sign: int = 1) -> None:
        """Count backfilled predictions, or take them back; those with an outcome by their outcome too."""
        for kind in kinds_for(self.layout):
            if kind.on_backfills is not None:
                kind.on_backfills(self.layout, self.arrays, rows, sign)
                joined = rows[rows["state"] == JOINED]
                for name, codes, amounts in kind.on_outcomes(self.layout, joined) if kind.on_outcomes else ():
                    add_counts(self.arrays[name], codes, sign, amounts)

    def observe_outcomes(self, rows: Rows, sign: int = 1) -> None:
        """Count predictions whose outcome arrived, or take them back with ``sign=-1``."""
        for start in range(0, len(rows), CHUNK_ROWS):
            for name, codes, amounts in outcome_cells(self.layout, rows[start : start + CHUNK_ROWS]):
                add_counts(self.arrays[name], codes, sign, amounts)

    def merge(self, other: Summary) -> Summary:
        """Add another Summary to this one, in place; ``other`` is left as it was.

        Raises
        ------
        LayoutMismatchError
            If the layouts differ.
        """
        if self.layout is not other.layout and self.layout.digest != other.layout.digest:
            raise LayoutMismatchError(
                f"a Summary of layout {other.layout.digest[:12]} ({other.layout.model} {other.layout.version}) cannot "
                f"be added to one of layout {self.layout.digest[:12]}: they were counted by different baselines"
            )
        for name, spec in array_specs(self.layout).items():
            spec.reducer.merge_into(self.arrays[name], other.arrays[name])
        return self

    def copy(self) -> Summary:
        """An independent Summary with the same counts."""
        return Summary(self.layout, {name: array.copy() for name, array in self.arrays.items()})

    def freeze(self) -> Summary:
        """Forbid any further writing, in place: what leaves the counting thread. Returns itself; copy to go on."""
        for array in self.arrays.values():
            array.flags.writeable = False
        return self

    @property
    def is_frozen(self) -> bool:
        """Whether :meth:`freeze` was called."""
        return any(not array.flags.writeable for array in self.arrays.values())

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Summary)
            and self.layout.digest == other.layout.digest
            and all(np.array_equal(self.arrays[name], other.arrays[name]) for name in array_specs(self.layout))
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def n_predictions(self) -> int:
        """Predictions counted."""
        return int(self.arrays["scores"].sum())

    @property
    def n_outcomes(self) -> int:
        """Predictions counted whose outcome is known."""
        return int(self.arrays["outcomes"].sum())

    def to_bytes(self) -> bytes:
        """Versioned, checksummed encoding; the Layout is named by its digest."""
        return wire.pack(SUMMARY_KIND, {"layout": self.layout.digest}, self.arrays)

    @classmethod
    def from_bytes(cls, layout: Layout, data: bytes) -> Summary:
        """Read what :meth:`to_bytes` wrote.

        Raises
        ------
        CorruptArtifactError
            If the bytes were altered or cut, or lack an array of the layout.
        LayoutMismatchError
            If they were counted under another Layout.
        """
        meta, arrays = wire.unpack(SUMMARY_KIND, data)
        if meta.get("layout") != layout.digest:
            raise LayoutMismatchError(
                f"stored counts belong to layout {str(meta.get('layout'))[:12]}, not {layout.digest[:12]}"
            )
        specs = array_specs(layout)
        wrong = [
            n for n, s in specs.items() if n not in arrays or arrays[n].shape != s.shape or arrays[n].dtype != s.dtype
        ]
        if wrong:
            raise CorruptArtifactError(f"stored counts lack or misshape the arrays {', '.join(sorted(wrong))}")
        return cls(layout, {name: arrays[name] for name in specs})


def add_counts(array: Array, codes: Array, weight: int = 1, amounts: I64 | None = None) -> None:
    """Add ``weight`` to the cell of each flat code, or ``weight`` times each row's amount.

    One pass of bincount where codes are many, scattered additions where they are few.

    Parameters
    ----------
    array : int64, any shape, contiguous
    codes : int array, any shape
        Flat indices into ``array``.
    weight : int, 1 or -1
    amounts : int64, shape (n,) or that of the codes, optional
        ``codes`` then has shape (n,) or (n, k).
    """
    flat = array.reshape(-1)
    if amounts is not None:
        signed = amounts if weight == 1 else weight * amounts
        per_code = signed if codes.ndim == signed.ndim else np.repeat(signed, codes.shape[1])
        np.add.at(flat, codes.reshape(-1), per_code.reshape(-1))
        return
    codes = codes.reshape(-1)
    if codes.size * _MANY > flat.size:
        counts = np.bincount(codes, minlength=flat.size)
        flat += counts if weight == 1 else weight * counts
    else:
        np.add.at(flat, codes, weight)
