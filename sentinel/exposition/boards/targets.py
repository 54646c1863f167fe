"""Queries about the processes that are scraped: each by itself, or added up over those that are chosen."""

from __future__ import annotations

from typing import Final, Literal

from sentinel.exposition.boards.common import RATE, TARGETS, legend_of
from sentinel.exposition.panels import Query

INSTANCE: Final = "{{instance}}"


def of_each(name: str, legend: str = INSTANCE, *, pick: Literal["sum", "min", "max"] = "sum") -> Query:
    """A gauge of each process; ``sum`` where a process has several series of it."""
    return Query(f"{pick} by (instance) ({name}{{{TARGETS}}})", legend)


def age_of_each(name: str) -> Query:
    """Seconds since the instant that a gauge tells."""
    return Query(f"time() - max by (instance) ({name}{{{TARGETS}}})", INSTANCE)


def per_second(labels: str, name: str, legend: str = "") -> Query:
    """How fast a counter rises."""
    return Query(f"sum by ({labels}) (rate({name}{{{TARGETS}}}{RATE}))", legend or legend_of(labels))


def rise(labels: str, name: str, legend: str = "", *, matchers: str = "") -> Query:
    """By how much a counter rose in the latest interval."""
    return Query(f"sum by ({labels}) (increase({name}{{{TARGETS}{matchers}}}{RATE}))", legend or legend_of(labels))
