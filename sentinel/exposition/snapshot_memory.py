"""What one snapshot leaves to the next: text that need not be made again, and who was shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from sentinel.exposition.labels import FINDING
from sentinel.exposition.metrics.models.findings import FINDING_METRICS, OUTCOMES_BEHIND
from sentinel.exposition.rendering import labels_text
from sentinel.exposition.selection import Key

OUTCOME_SIDES: Final = ("offline", "online")
Numbers = tuple[float | None, ...]


class SnapshotMemory:
    """For one collector. What a snapshot does not use, the next forgets."""

    def __init__(self) -> None:
        self.shown_slices: frozenset[Key] = frozenset()
        self.shown_features: frozenset[Key] = frozenset()
        self._prefixes: dict[tuple[str, tuple[str, ...]], str] = {}
        self._prefixes_before = self._prefixes
        self.findings = _Rows(_finding_lines)
        self.outcomes = _Rows(_outcome_lines)

    def turn(self) -> None:
        """Start a snapshot."""
        self._prefixes_before, self._prefixes = self._prefixes, {}
        self.findings.turn()
        self.outcomes.turn()

    def prefix(self, name: str, labels: tuple[str, ...], values: tuple[str, ...]) -> str | None:
        """Name, labels and a space; None if this snapshot has had them already."""
        key = (name, values)
        if key in self._prefixes:
            return None
        text = self._prefixes_before.get(key)
        if text is None:
            text = f"{name}{labels_text(labels, values)} "
        self._prefixes[key] = text
        return text

    def __len__(self) -> int:
        return len(self._prefixes) + len(self.findings) + len(self.outcomes)


class _Rows:
    """The sample lines that slices have, by their labels."""

    def __init__(self, beginnings: Callable[[Iterable[str]], list[str]]) -> None:
        self._beginnings = beginnings
        self._now: dict[tuple[str, ...], _Row] = {}
        self._before = self._now

    def turn(self) -> None:
        """Start a snapshot."""
        self._before, self._now = self._now, {}

    def lines(self, labels: tuple[str, ...], numbers: Numbers) -> list[str | None] | None:
        """Lines with these numbers, None where there is no number; or None if this snapshot has had these labels."""
        if labels in self._now:
            return None
        row = self._before.get(labels)
        if row is None:
            row = _Row(self._beginnings(labels))
        self._now[labels] = row
        return row.show(numbers)

    def __len__(self) -> int:
        return len(self._now)


class _Row:
    """Lines that stand until their number changes: to write a number down is most of what a snapshot costs."""

    __slots__ = ("_beginnings", "_lines", "_numbers")

    def __init__(self, beginnings: list[str]) -> None:
        self._beginnings = beginnings
        self._numbers: Numbers = (None,) * len(beginnings)
        self._lines: list[str | None] = [None] * len(beginnings)

    def show(self, numbers: Numbers) -> list[str | None]:
        """The lines with these numbers."""
        if numbers != self._numbers:
            for n, (old, new) in enumerate(zip(self._numbers, numbers, strict=True)):
                if new != old:
                    self._lines[n] = None if new is None else f"{self._beginnings[n]}{new!s}"
            self._numbers = numbers
        return self._lines


def _finding_lines(labels: Iterable[str]) -> list[str]:
    text = labels_text(FINDING, tuple(labels))
    return [f"{metric.name}{text} " for metric in FINDING_METRICS]


def _outcome_lines(labels: Iterable[str]) -> list[str]:
    metric = OUTCOMES_BEHIND
    return [f"{metric.name}{labels_text(metric.labels, (*labels, side))} " for side in OUTCOME_SIDES]
