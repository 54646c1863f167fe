"""What the messages of one topic decoded to, whatever their format; and the batch that topics make together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sentinel.events.batch import Backfills, DeadLetter, EventBatch, Outcomes, Predictions
from sentinel.events.halves import Halves, join_halves


@dataclass(slots=True)
class Decoded:
    """What one run of messages decoded to."""

    predictions: list[Predictions]
    outcomes: list[Outcomes]
    dead_letters: list[DeadLetter]
    backfills: list[Backfills] = field(default_factory=list)
    halves: Halves | None = None
    passed_over: Counter[str] = field(default_factory=Counter)


def assemble(
    partition: int, positions: Mapping[str, int], runs: Sequence[Decoded], *, outcomes_behind: bool
) -> EventBatch:
    """Join the decoded topics of one partition into the batch that the pipeline takes."""
    return EventBatch(
        partition=partition,
        positions=positions,
        predictions=tuple(p for run in runs for p in run.predictions),
        outcomes=tuple(o for run in runs for o in run.outcomes),
        dead_letters=tuple(d for run in runs for d in run.dead_letters),
        backfills=tuple(b for run in runs for b in run.backfills),
        outcomes_behind=outcomes_behind,
        halves=join_halves([run.halves for run in runs if run.halves is not None]),
        passed_over=sum((run.passed_over for run in runs), Counter()),
    )
