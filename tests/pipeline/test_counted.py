"""The counters of a process: what it counted itself, whatever its partitions held when they came and went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sentinel.ingest.protocol import Changes
from sentinel.pipeline.counted import Counted
from sentinel.pipeline.loop import Loop
from sentinel.pipeline.open_partitions import RETRY_SECONDS
from sentinel.pipeline.tally import Tally
from tests.pipeline.scripted import ScriptedSource
from tests.pipeline.shared_log import SharedLog
from tests.pipeline.test_loop import EVERY_SECONDS, Stage, stream
from tests.pipeline.test_takeover import Member, history
from tests.support.memory_ledger import MemoryLog


def counted(loops: Iterable[Loop]) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """What some processes counted, together."""
    events: Counter[tuple[str, str]] = Counter()
    letters: Counter[str] = Counter()
    for loop in loops:
        events.update(loop.status.counted.events)
        letters.update(loop.status.counted.dead_letters)
    return events, letters


def told(tally: Tally) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """What a tally holds."""
    return tally.events, tally.dead_letters


def test_a_takeover_brings_nothing_into_the_counters() -> None:
    """A rebuild counts nothing, what is read after it does, and all members together counted each event once."""
    log, ledger = SharedLog({0: history(21)}), MemoryLog()
    first = Member(log, ledger, end=300)
    first.finish()
    before = sum(first.status.counted.events.values())
    second = Member(log, ledger)
    second.turn(2)
    while second.status.rebuilding:
        assert sum(second.status.counted.events.values()) == 0
        second.turn()
    second.finish()
    whole = second.status.views[0].tally
    assert 0 < before < sum(whole.events.values())
    assert counted([first.loop, second.loop]) == told(whole)


def test_what_is_let_go_stays_counted() -> None:
    """The counters of a process do not fall when its partition goes, nor jump when it comes back."""
    stage = Stage(ScriptedSource({0: stream(22)}))
    stage.turn(3)
    stage.source.changes = [Changes(revoked=frozenset({0}))]
    stage.turn()
    held = dict(stage.loop.status.counted.events)
    assert sum(held.values()) > 0
    assert stage.loop.status.views == {}
    stage.source.changes = [Changes(gained=frozenset({0}))]
    stage.turn()
    assert stage.loop.status.counted.events == held
    stage.loop.run()
    assert counted([stage.loop]) == told(stage.view().tally)


def test_what_is_lost_before_its_checkpoint_is_counted_by_the_next() -> None:
    """A partition that is lost takes what was not durable with it; read again, it is counted once."""
    stage = Stage(ScriptedSource({0: stream(23)}))
    stage.turn(2)
    stage.source.changes = [Changes(lost=frozenset({0}))]
    stage.turn(1, seconds=EVERY_SECONDS)
    assert sum(stage.loop.status.counted.events.values()) == 0
    stage.source.changes = [Changes(gained=frozenset({0}))]
    stage.loop.run()
    assert counted([stage.loop]) == told(stage.view().tally)


def test_a_restart_begins_at_zero() -> None:
    """A process counts from its own start, whatever is stored: together they counted each event once."""
    events = stream(24)
    first = Stage(ScriptedSource({0: events}))
    first.turn(7, seconds=1.0)  # checkpoint after turn 5, two turns lost
    first.loop.close()
    second = Stage(ScriptedSource({0: events}, size=lambda: 7), first.stores)
    second.turn()
    assert sum(second.loop.status.counted.events.values()) == 0
    second.loop.run()
    assert counted([first.loop, second.loop]) == told(second.view().tally)


def test_a_full_disk_counts_nothing_twice() -> None:
    """What a store refused is rolled back, read again and then counted."""
    stage = Stage(ScriptedSource({0: stream(25)}))
    stage.turn(1, seconds=EVERY_SECONDS)
    stage.stores[0].commits_fail = 1
    stage.turn(1, seconds=EVERY_SECONDS)
    assert counted([stage.loop]) == told(stage.view().tally)
    stage.turn(1, seconds=RETRY_SECONDS)
    stage.loop.run()
    assert counted([stage.loop]) == told(stage.view().tally)


def test_a_new_configuration_counts_on() -> None:
    """The counters of the loop before are the beginning of the next one's, and stay as they were themselves."""
    tally, old = Tally(), Counted()
    old.begin(0, tally)
    tally.count("prediction", "accepted", 3)
    old.add(0, tally)
    new = Counted(old)
    new.begin(0, tally)
    tally.count("prediction", "accepted", 4)
    new.add(0, tally)
    assert new.events == {("prediction", "accepted"): 7}
    assert old.events == {("prediction", "accepted"): 3}
