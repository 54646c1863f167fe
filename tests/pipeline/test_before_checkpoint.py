"""What has to be done elsewhere before a checkpoint: refused events stand in their topic before it covers them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sentinel.clock import ManualClock
from sentinel.events.batch import DeadLetter, EventBatch, Reason
from sentinel.pipeline.loop import Loop
from tests.pipeline import streams
from tests.pipeline.scripted import ScriptedSource
from tests.pipeline.test_loop import KeptStore, stream


def test_letters_are_settled_before_the_store_commits() -> None:
    """Each commit, the last one and that of a partition which is taken away included, comes after the settling."""
    steps: list[str] = []

    class Store(KeptStore):
        def commit(self) -> None:
            """Commit, and say so."""
            steps.append("commit")
            super().commit()

    def take(letters: Iterable[DeadLetter]) -> None:
        steps.extend("letter" for _ in letters)

    def with_letter(batch: EventBatch) -> EventBatch:
        return replace(batch, dead_letters=(DeadLetter(Reason.NOT_JSON, "d", "p", 0, 5, b"{"),))

    source = ScriptedSource({0: stream(16)[:10]})
    source.transform = with_letter
    loop = Loop(
        source,
        lambda _: Store(),
        streams.PLANS,
        ManualClock(),
        on_dead_letters=take,
        before_checkpoint=lambda: steps.append("settle"),
    )
    loop.run()
    assert "letter" in steps
    assert steps[-2:] == ["settle", "commit"]
    assert all(steps[i - 1] == "settle" for i, step in enumerate(steps) if step == "commit")
