"""Replay: files through the same loop, store contract and judge as the daemon, as fast as it goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from sentinel.app.judge import Judge
from sentinel.app.models import WatchedModel, row_bytes
from sentinel.clock import Clock
from sentinel.diagnosis.report import Report
from sentinel.events.batch import DeadLetter
from sentinel.ingest.protocol import Source
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.loop_status import PartitionView
from sentinel.pipeline.store.memory_store import MemoryJoinStore

ROWS_PER_LOOK = 200
"""Predictions read between two looks: an alert is stamped no coarser than this."""


def replay(
    model: WatchedModel,
    source: Source,
    clock: Clock,
    *,
    on_dead_letters: Callable[[Iterable[DeadLetter]], None] = lambda _: None,
    on_look: Callable[[Report], None] = lambda _: None,
    outcomes_per_look: int = 1,
) -> Report:
    """Run a stream to its end.

    Parameters
    ----------
    model : WatchedModel
    source : Source
        Ends by being exhausted.
    clock : Clock
    on_dead_letters : callable
        Takes what was refused.
    on_look : callable
        Takes each report as the stream goes on, for progress.
    outcomes_per_look : int, >= 1
        Outcomes that must have joined since the last evaluation before the next.

    Returns
    -------
    Report
        The last one; its alerts and timeline tell the way there.
    """
    judge = Judge(model)
    width = row_bytes({model.key: model})
    loop = Loop(
        source,
        lambda _: MemoryJoinStore(width),
        [model.plan],
        clock,
        checkpoint_seconds=math.inf,
        on_dead_letters=on_dead_letters,
    )
    joined = 0
    while not source.exhausted():
        loop.turn(poll_seconds=0.0)
        now_joined = loop.n_joined
        if now_joined - joined >= outcomes_per_look:
            joined = now_joined
            loop.checkpoint()
            on_look(judge.report(_views(loop)))
    loop.checkpoint()
    report = judge.report(_views(loop))
    loop.close()
    return report


def _views(loop: Loop) -> list[PartitionView]:
    return list(loop.status.views.values())
